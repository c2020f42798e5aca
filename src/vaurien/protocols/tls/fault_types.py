"""How the faults of TLS are played.

All act on the exchange of the ClientHello.  Those that need later records have the protocol read
on: these records then belong to the same exchange, and it never turns opaque.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import cast

from ...errors import OptionError
from ...fault import Answer, Fault, Values
from ...parsing.client_hello import VERSIONS, ClientHello
from ...protocol import TlsServer
from ...rules.firing import Firing
from ...values.actions import Actions, Close, Forward, Hold, Note, Reply, Shake, Stage, Until, Wait
from ...values.messages import TO_CLIENT, Message
from ...values.options import Option
from .wire import (
    ALERT,
    CHANGE_CIPHER_SPEC,
    DATA,
    FATAL,
    HEADER,
    TLS_1_2,
    WARNING,
    TlsSession,
    alert,
    chosen_version,
    record,
    server_hello,
)

LEVELS: Mapping[str, int] = {"warning": WARNING, "fatal": FATAL}
AT = ("client-hello", "server-hello", "client-finished")
CIPHERS = (0x1301, 0xC013)
"""A cipher suite that nearly all clients know: of TLS 1.3, and of all versions before it."""
CLOSURE_SIZES = (HEADER + 19, HEADER + 11)
"""Sizes of a record of TLS 1.3 with an alert in it; they depend on the cipher suite's tag."""
CODES = {name: code for code, name in VERSIONS.items()}
LINGER = 0.2
"""Seconds for which a client may go on sending before its connection closes, which would reset it
then: it might miss why."""
GRACE = 0.2
"""Seconds within which something follows a record that is no close_notify."""


class Progress:
    """How far a handshake is."""

    def __init__(self) -> None:
        self.version = ""
        """Which the server has chosen."""
        self.answered = False
        """The server's first record has come."""
        self.client_encrypts = False
        self.server_encrypts = False
        self.over = False
        """What the server sends is not of the handshake any more."""
        self.broken = False
        """The fault has begun to act."""

    def follow(self, message: Message) -> None:
        """Follow a message; only the first piece of a record says more than those before."""
        if not message.begins:
            return
        kind = message.data[0]
        if message.to_backend:
            self.client_encrypts |= self.answered and kind == DATA
            return
        if not self.answered:
            self.answered, self.version = True, chosen_version(message.data)
        if self.version == "TLSv1.3":
            self.over = self.client_encrypts
        else:
            self.over = self.server_encrypts and kind in (ALERT, DATA)
            self.server_encrypts |= kind == CHANGE_CIPHER_SPEC


def session(firing: Firing) -> TlsSession:
    return cast(TlsSession, firing.protocol)


def is_first(message: Message) -> bool:
    """Whether it is the ClientHello."""
    return message.to_backend and not message.continues


@dataclass(frozen=True, kw_only=True)
class Alert(Answer):
    """An alert in the clear in place of the ServerHello; the backend does not see the client."""

    code: int
    closes: bool = True

    def __post_init__(self) -> None:
        level = "warning" if self.code == 0 else "fatal"
        self.derive(
            aliases=(str(self.code), *self.aliases),
            parameters=(Option("level", str, level, "level of the alert", choices=tuple(LEVELS)),),
        )

    @property
    def wire(self) -> str:
        return f"{alert(self.code).hex(' ')}, then FIN"

    def render(self, message: Message, firing: Firing, values: Values) -> bytes:
        del message, firing
        return alert(self.code, LEVELS[str(values["level"])])


@dataclass(frozen=True, kw_only=True)
class PlaintextAnswer(Answer):
    """Bytes that are not TLS at all, and the end of the connection."""

    answer: bytes
    closes: bool = True

    @property
    def wire(self) -> str:
        return f"{self.answer.splitlines()[0].decode()}, then FIN"

    def render(self, message: Message, firing: Firing, values: Values) -> bytes:
        del message, firing, values
        return self.answer


@dataclass(frozen=True, kw_only=True)
class WrongVersion(Answer):
    """A ServerHello of a version that the client has not offered."""

    high: bool
    """It is one that does not exist yet; otherwise the next below those that are offered."""

    @property
    def wire(self) -> str:
        return f"ServerHello that chooses a version {'above' if self.high else 'below'} all offered"

    def render(self, message: Message, firing: Firing, values: Values) -> bytes:
        del firing, values
        hello = cast(ClientHello, message.about)
        lists = "TLSv1.3" in hello.versions  # otherwise only the highest is known
        version = 0x0300
        if self.high:
            version = 0x0305 if lists else 0x0304
        elif lists:
            version = max(version, CODES[hello.versions[-1]] - 1)
        modern = version > TLS_1_2 and lists
        return server_hello(version, hello.session_id, CIPHERS[not modern], in_extension=modern)


@dataclass(frozen=True, kw_only=True)
class BrokenHandshake(Fault):
    """The server goes on no more: after a ClientHello, or between two flights."""

    how: str
    """``stall``, or what the connection ends with: ``FIN``, ``RST``."""
    parameters: tuple[Option, ...] = (
        Option("at", str, AT[0], "the last flight that arrives, of which server", choices=AT),
    )

    @property
    def wire(self) -> str:
        return "nothing more" if self.how == "stall" else self.how

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        progress = firing.of_exchange(Progress)
        progress.follow(message)
        at = values["at"]
        if is_first(message):
            breaks = at == AT[0]
            session(firing).reads_on = not breaks
        elif message.to_backend:
            breaks = at == AT[2] and progress.answered
        else:
            breaks = False
        if breaks or progress.broken:
            progress.broken = True
            yield from self._break()
        yield Forward(message)
        if at == AT[1] and not message.to_backend and not progress.broken:
            progress.broken = True
            if self.how != "stall":
                yield from self._break()

    def greet(self, hello: Message, firing: Firing, values: Values) -> Actions:
        del hello, firing
        if values["at"] != AT[0]:
            yield Until(cast(Stage, values["at"]))
        yield from self._break()

    def _break(self) -> Actions:
        yield Hold() if self.how == "stall" else Close(reset=self.how == "RST", at_once=True)


class Played:
    """The server that the client talks to."""

    server: TlsServer | None = None


@dataclass(frozen=True, kw_only=True)
class ShownCertificate(Fault):
    """A server of vaurien's own shakes hands with the client; the backend does not see it.

    A client that finishes the handshake finds the connection closed.  It may still refuse what it
    was shown: some look at the name only then.
    """

    flaw: str = ""
    shown: str
    """The certificate, in words."""
    demands: bool = False
    """It wants a certificate of the client."""

    @property
    def wire(self) -> str:
        return f"a handshake with {self.shown}, then FIN"

    def check(self, values: Values) -> None:
        del values
        if find_spec("cryptography") is None:
            why = "needs certificates, which take the package cryptography"
            raise OptionError(why, key="fault", given=self.name, allowed="it with vaurien[tls]")

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        del values
        played = firing.of_exchange(Played)
        if is_first(message):
            hello = cast(ClientHello, message.about)
            played.server = session(firing).tls_server(hello, self.flaw, demand=self.demands)
        server = played.server
        if server is None:
            yield Forward(message)  # the server has answered already
        elif message.to_backend and not (server.accepted or server.refused):
            if answer := server.feed(message.data):
                yield Reply(answer)
            if server.accepted:
                session(firing).tell(
                    f"a client has finished the handshake in spite of the fault {self.name}"
                )
            if server.accepted or server.refused:
                yield Wait(message.at + LINGER)
                yield Close()

    def greet(self, hello: Message, firing: Firing, values: Values) -> Actions:
        """As above; but a client that accepts it is served."""
        del hello, firing, values
        yield Shake(flaw=self.flaw, demand=self.demands)
        yield Until("done")
        yield Note("accepted", self.name)


@dataclass(frozen=True, kw_only=True)
class AfterHandshake(Fault):
    """Acts on what the server sends after a handshake that succeeds."""

    def act(self, message: Message, firing: Firing, values: Values) -> Actions:
        """Act on a record of the server, or on a piece of one."""
        raise NotImplementedError

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        progress = firing.of_exchange(Progress)
        progress.follow(message)
        session(firing).reads_on = True
        if message.to_backend or not progress.over:
            yield Forward(message)
        else:
            yield from self.act(message, firing, values)


@dataclass(frozen=True, kw_only=True)
class BadRecord(AfterHandshake):
    """A record that no key decrypts, in place of the first one, and the end.

    Node reports the record only then.  A reset, which a server answers an alert with that has
    ended before, would hide it.
    """

    parameters: tuple[Option, ...] = (
        Option(
            "size", int, 64, "bytes of the record, without its header", minimum=1, maximum=16384
        ),
    )

    @property
    def wire(self) -> str:
        return "17 03 03, length, random bytes, then FIN"

    def act(self, message: Message, firing: Firing, values: Values) -> Actions:
        yield Forward(message.whole(self._junk(firing, values)))
        yield Wait(message.at + LINGER)
        yield Close()

    def greet(self, hello: Message, firing: Firing, values: Values) -> Actions:
        del hello
        yield Until("done")
        yield Reply(self._junk(firing, values))
        yield Wait(firing.now + LINGER)
        yield Close()

    def _junk(self, firing: Firing, values: Values) -> bytes:
        return record(DATA, firing.random().randbytes(int(values["size"])))


@dataclass(frozen=True, kw_only=True)
class NoCloseNotify(AfterHandshake):
    """Closes in place of a close_notify.

    With TLS 1.3 a record may be one that has its size.  If nothing follows within a moment, it is.
    """

    @property
    def wire(self) -> str:
        return "FIN without the alert close_notify before it"

    def act(self, message: Message, firing: Firing, values: Values) -> Actions:
        del values
        kept = firing.kept
        if not (kept or (message.begins and self._may_be_closure(message, firing))):
            yield Forward(message)
            return
        kept.append(message)
        if not message.ends:
            return
        if kept[0].data[0] != ALERT:
            yield Wait(message.at + GRACE)
        if kept[0].data[0] == ALERT or firing.heard_at(TO_CLIENT) <= message.at:
            yield Close()
            return
        for piece in kept:
            yield Forward(piece)
        kept.clear()

    def greet(self, hello: Message, firing: Firing, values: Values) -> Actions:
        del hello, firing, values
        yield Shake(notifies=False)

    def _may_be_closure(self, message: Message, firing: Firing) -> bool:
        if message.data[0] == ALERT:
            return True
        size = HEADER + int.from_bytes(message.data[3:HEADER], "big")
        return firing.of_exchange(Progress).version == "TLSv1.3" and size in CLOSURE_SIZES
