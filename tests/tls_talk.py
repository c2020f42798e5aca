"""TLS in memory: clients and servers that know no socket, and what they say to each other."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache

from vaurien.authority.certificates import FLAWED, Identity, make_authority, make_leaf
from vaurien.net.tls import pem
from vaurien.net.tls.server import TlsServer
from vaurien.parsing.client_hello import ClientHello
from vaurien.values.messages import TO_BACKEND, TO_CLIENT, Direction

NAME = "db.example.com"
TLS_1_2, TLS_1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
VERSIONS = {"TLSv1.2": TLS_1_2, "TLSv1.3": TLS_1_3}
Relay = Callable[[Direction, bytes], bytes]


@cache
def authority() -> Identity:
    return make_authority("tests", datetime.now(UTC))


@cache
def server_context(version: str = "", alpn: Sequence[str] = ()) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    pem.load(
        context, make_leaf(authority(), [NAME, "localhost", "127.0.0.1"], datetime.now(UTC)).pem
    )
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return _of_version(context, version)


def flawed_server(hello: ClientHello, flaw: str = "", *, demand: bool = False) -> TlsServer:
    """What a fault has a proxy make, of the authority here."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    now, name = datetime.now(UTC), hello.sni or "localhost"
    shown = FLAWED[flaw](authority(), name, now) if flaw else make_leaf(authority(), [name], now)
    pem.load(context, shown.pem)
    context.verify_mode = ssl.CERT_REQUIRED if demand else ssl.CERT_NONE
    return TlsServer(context, hello.alpn)


def client_context(version: str = "", alpn: Sequence[str] = ()) -> ssl.SSLContext:
    """One that trusts the authority."""
    context = ssl.create_default_context(cadata=authority().public_pem.decode())
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return _of_version(context, version)


def _of_version(context: ssl.SSLContext, version: str) -> ssl.SSLContext:
    if version:
        context.minimum_version = context.maximum_version = VERSIONS[version]
    return context


class Peer:
    """A client or a server."""

    def __init__(
        self, context: ssl.SSLContext, *, server: bool = False, name: str | None = NAME
    ) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(
            self._incoming,
            self._outgoing,
            server_side=server,
            server_hostname=None if server else name,
        )
        self.ready = False
        self.received = b""
        self.error: ssl.SSLError | None = None

    def take(self, data: bytes) -> None:
        self._incoming.write(data)

    def end(self) -> None:
        self._incoming.write_eof()

    def move(self) -> bytes:
        """Go as far as possible, and return what the other peer is to get."""
        if self.error is not None:
            return b""
        try:
            if not self.ready:
                self.tls.do_handshake()
                self.ready = True
            while data := self.tls.read(65536):
                self.received += data
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            self.error = error
        return self.left()

    def left(self) -> bytes:
        """Return what has not been sent yet, such as an alert."""
        return self._outgoing.read()

    def say(self, data: bytes) -> bytes:
        self.tls.write(data)
        return self._outgoing.read()

    def close(self) -> bytes:
        """Return what comes first of an end: close_notify."""
        with contextlib.suppress(ssl.SSLError):
            self.tls.unwrap()
        return self._outgoing.read()


def hello_of(context: ssl.SSLContext | None = None, name: str | None = NAME) -> bytes:
    """The ClientHello of a client."""
    return Peer(context or client_context(), name=name).move()


@dataclass
class Talk:
    """What two peers have said to each other, in turns."""

    version: str = ""
    alpn: Sequence[str] = ()
    said: list[tuple[Direction, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client = Peer(client_context(self.version, self.alpn))
        self.server = Peer(server_context(self.version, tuple(self.alpn)), server=True)

    def shake_hands(self) -> Talk:
        while True:
            flight = self.client.move()
            self.pass_on(TO_BACKEND, flight)
            answer = self.server.move()
            self.pass_on(TO_CLIENT, answer)
            if not (flight or answer):
                return self

    def pass_on(self, direction: Direction, data: bytes) -> None:
        if data:
            self.said.append((direction, data))
            (self.client if direction is TO_CLIENT else self.server).take(data)

    def of(self, direction: Direction) -> bytes:
        """All that was said in a direction."""
        return b"".join(data for way, data in self.said if way is direction)


def records_of(data: bytes) -> list[bytes]:
    """The records in some bytes."""
    found = []
    while data:
        size = 5 + int.from_bytes(data[3:5], "big")
        found.append(data[:size])
        data = data[size:]
    return found
