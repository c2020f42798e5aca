"""TLS for tests: certificates made for them, and scripted peers that speak it."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.x509.oid import ExtendedKeyUsageOID

from scenario import Peer, World
from vaurien.authority.certificates import make_authority, make_leaf
from vaurien.net.simulated import SimulatedSystem
from vaurien.net.system import Socket

NAMES = ("proxy", "backend", "localhost", "127.0.0.1")


@dataclass(frozen=True)
class Certified:
    """The paths of an authority's certificate, and of a leaf with its key."""

    ca: str
    cert: str
    client_cert: str
    """A leaf for clients."""

    def client(self, *alpn: str) -> ssl.SSLContext:
        """What trusts the authority."""
        context = ssl.create_default_context(cafile=self.ca)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context

    def server(self, *alpn: str) -> ssl.SSLContext:
        """What shows the leaf."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context


def certify(folder: Path, *names: str) -> Certified:
    """Make an authority and a leaf for these names in a folder."""
    now = datetime.now(UTC)
    authority = make_authority("authority of a test", now)
    purpose = ExtendedKeyUsageOID.CLIENT_AUTH
    contents = {
        "ca.pem": authority.public_pem,
        "leaf.pem": make_leaf(authority, names or NAMES, now).pem,
        "client.pem": make_leaf(authority, ["client"], now, purpose=purpose).pem,
    }
    folder.mkdir(exist_ok=True)
    for name, content in contents.items():
        (folder / name).touch(mode=0o600)
        (folder / name).write_bytes(content)
    return Certified(*(str(folder / name) for name in contents))


class Talk:
    """TLS on a scripted peer: remembers what it hears, says what it is told to say."""

    def __init__(
        self,
        peer: Peer,
        context: ssl.SSLContext,
        name: str | None = None,
        answer: Callable[[Talk, bytes], None] | None = None,
    ) -> None:
        """``name`` is that of the server; without one, it is the server."""
        self.peer = peer
        self.answer = answer
        self.heard = bytearray()
        self.notified = False
        """The other side has sent a close_notify."""
        self.failure: ssl.SSLError | None = None
        self.done = False
        """The handshake is complete."""
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(
            self._incoming, self._outgoing, server_side=name is None, server_hostname=name
        )
        self._saying = b""
        self._finishing = self._finished = False
        peer.on_data = self._on_data
        if name is not None:
            self._go_on()

    def say(self, data: bytes) -> None:
        """Say it, once the handshake is complete."""
        self._saying += data
        self._go_on()

    def finish(self) -> None:
        """Send a close_notify and a FIN, after all else."""
        self._finishing = True
        self._go_on()

    def take_end(self) -> None:
        """Take the end of what is heard; OpenSSL complains if no close_notify was before it."""
        self._incoming.write_eof()
        with contextlib.suppress(ssl.SSLEOFError):
            self.tls.read(1)
        self.peer.say(self._outgoing.read())

    def _on_data(self, peer: Peer, data: bytes) -> None:
        del peer
        self._incoming.write(data)
        self._go_on()

    def _go_on(self) -> None:
        try:
            if not self.done:
                self.tls.do_handshake()
                self.done = True
            if self._saying:
                self.tls.write(self._saying)
                self._saying = b""
            while not self.notified and self._incoming.pending:
                self._hear()
            if self._finishing and not self._finished:
                self._finished = True
                with contextlib.suppress(ssl.SSLError):
                    self.tls.unwrap()
                self.peer.say(self._outgoing.read(), finish=True)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            self.failure = self.failure or error
        if said := self._outgoing.read():
            self.peer.say(said)

    def _hear(self) -> None:
        try:
            data = self.tls.read(65536)
        except ssl.SSLWantReadError:
            return  # it was a ticket
        except ssl.SSLZeroReturnError:
            data = b""
        if not data:
            self.notified = True
            return
        self.heard += data
        if self.answer is not None:
            self.answer(self, data)


def secure_backend(
    context: ssl.SSLContext, answer: Callable[[Talk, bytes], None] | None = None
) -> tuple[list[Talk], Callable[[Peer, bytes], None]]:
    """Return what a world's backend does with data, and the talks it has."""
    talks: list[Talk] = []

    def begin(peer: Peer, data: bytes) -> None:
        talk = Talk(peer, context, answer=answer)
        talks.append(talk)
        talk._on_data(peer, data)

    return talks, begin


def client_of(world: World, certified: Certified, *alpn: str, name: str = "proxy") -> Talk:
    """Return a client that speaks TLS to the proxy of a world, and asks for this name."""
    return Talk(world.client(), certified.client(*alpn), name)


def accepted(world: World) -> tuple[Peer, Socket]:
    """Return a client, and the socket of the connection that it has opened."""
    system = world.system
    assert isinstance(system, SimulatedSystem)
    listener = system.listen((2, ("here", 1)), 1)
    peer = Peer(world, system.connect((2, ("here", 1))))
    return peer, system.accept(listener, 2)
