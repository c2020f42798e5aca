"""How the faults of memcached are played: what the client gets instead of a response.

Law: one fault serves text commands, meta commands and the binary protocol, and is rendered in
the form of the request.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ...fault import Fault, FirstPiece, Values
from ...rules.firing import Firing
from ...values.actions import Actions, Close, Forward, Reply
from ...values.messages import Message
from ...values.options import Option
from .wire import HEADER, RESPONSE, STATUSES, MemcacheRequest

DELETE = 0x04
NOOP = 0x0A
KEYED_OPCODES = frozenset({0x0C, 0x0D, 0x23, 0x24})
"""``getk``, ``getkq``, ``gatk``, ``gatkq``."""


def packet(request: MemcacheRequest, status: int, body: bytes, *, keyed: bool = False) -> bytes:
    """Return a binary response; ``keyed``: its body is the key."""
    _, opcode, _, _, _, _, _, opaque, _ = HEADER.unpack(request.header)
    size = len(body)
    return (
        HEADER.pack(RESPONSE, opcode, size if keyed else 0, 0, 0, status, size, opaque, bytes(8))
        + body
    )


# Requests that the backend gets instead of the one that fails.

OPAQUE = b"Ovaurien"


def noop(message: Message, request: MemcacheRequest) -> Message:
    """Return a request that changes nothing, and is answered after all requests before it."""
    if request.form == "binary":
        header = _header_like(request.header, NOOP)
        return _instead(message, header, MemcacheRequest("noop", "binary", header=header))
    return _instead(message, b"mn\r\n", MemcacheRequest("mn", "meta", after_quiet=True))


def delete(message: Message, first: Message, request: MemcacheRequest) -> Message:
    """Return a request that deletes the key of one whose first piece is ``first``."""
    if request.form == "binary":
        header = _header_like(request.header, DELETE, len(request.key))
        delete = MemcacheRequest("delete", "binary", header=header)
        return _instead(message, header + request.key, delete)
    if request.form == "meta":
        data = b"md %b %b%b\r\n" % (request.key, OPAQUE, b" b" if request.base64 else b"")
        delete = MemcacheRequest("md", "meta", after_quiet=True, tokens=(OPAQUE,))
        return _instead(message, data, delete)
    key = first.data.split(None, 2)[1]
    data = b"delete %b%b\r\n" % (key, b"" if first.expects_reply else b" noreply")
    delete = MemcacheRequest("delete", after_quiet=request.after_quiet)
    return _instead(message, data, delete, expects_reply=first.expects_reply)


def _instead(
    message: Message, data: bytes, request: MemcacheRequest, *, expects_reply: bool = True
) -> Message:
    """Return a whole request in place of a message, the last piece of another."""
    return message._replace(
        data=data, about=request, expects_reply=expects_reply, begins=True, offset=0
    )


def _header_like(header: bytes, opcode: int, key_size: int = 0) -> bytes:
    """Return a header with the same opaque, for a request whose body is a key of this size."""
    magic, *_, opaque, _ = HEADER.unpack(header)
    return HEADER.pack(magic, opcode, key_size, 0, 0, 0, key_size, opaque, bytes(8))


# Faults.

DEFAULTS = {
    "ERROR": (0x81, ""),
    "CLIENT_ERROR": (0x04, "bad command line format"),
    "SERVER_ERROR": (0x82, "out of memory"),
}
"""For each kind of error, the default binary status and message."""

KIND = Option("kind", str, "ERROR", "kind of error", choices=tuple(DEFAULTS))
STATUS = Option("status", int, 0, "binary status; 0: that of the kind", minimum=0, maximum=0xFFFF)
MESSAGE = Option(
    "message", str, "", "text of the error, with {key} filled in; '' for that of memcached"
)


@dataclass(frozen=True, kw_only=True)
class MemcacheFault(Fault):
    """A response that says why the server did not carry out a request.

    A request that wants no reply gets none.  After quiet requests, whose responses may be on
    their way, the backend gets a no-op instead, and the response to that is replaced.
    """

    parameters: tuple[Option, ...] = (MESSAGE,)
    line: str
    """The line that answers text commands."""
    lines: Mapping[str, str] = field(default_factory=dict)
    """The same for some commands: command -> line."""
    code: str = ""
    """The return code that answers meta commands; '': the line does."""
    status: int | None = 0
    """The status of binary requests; 0: that of its kind; None: the line answers those, too."""
    statuses: Mapping[str, int] = field(default_factory=dict)
    """The same for some commands: command -> status."""
    bodies: Mapping[str, str] = field(default_factory=dict)
    """The body that goes with the status, where it is not the usual one: command -> body."""
    keyed: bool = False
    """Where the request wants the key back (``getk``), the body is the key."""
    ordinary: bool = False
    """Quiet requests get no response."""
    closes: bool = False
    """The connection is closed after it."""
    closes_binary: bool = False
    """The same, for the binary protocol only."""
    forgets: bool = False
    """A ``set`` that fails deletes the old value, as on a real server."""

    def __post_init__(self) -> None:
        if self.status == 0:
            self.derive(status=DEFAULTS[self.line.split()[0]][0])

    @property
    def wire(self) -> str:
        forms = self.applies_to.get("form", "text, meta, binary")
        parts = []
        end = "" if self.closes or not self.closes_binary else ", then close"
        if "text" in forms:
            parts += [self.line, *self.lines.values()]
        if self.code:
            parts.append(f"meta: {self.code}")
        if "binary" in forms:
            parts += [
                f"binary: 0x{status:02x} {STATUSES[status].body}{end}"
                for status in (self.status, *self.statuses.values())
                if status is not None
            ]
        if self.closes:
            parts.append("then close")
        return "; ".join(dict.fromkeys(parts))

    def render(self, request: MemcacheRequest, values: Values) -> bytes:
        """Return the response, in the form of the request."""
        message = " ".join(str(values.get("message", "")).split())
        if request.form == "binary" and self.status is not None:
            status = self.statuses.get(request.command, self.status)
            if self.keyed and request.header[1] in KEYED_OPCODES:
                return packet(request, status, request.key, keyed=True)
            body = message or self.bodies.get(request.command, STATUSES[status].body)
            return packet(request, status, body.encode())
        if request.form == "meta" and self.code:
            return b" ".join((self.code.encode(), *_repeated_tokens(request))) + b"\r\n"
        line = self.lines.get(request.command, self.line)
        if message:
            line = f"{line.partition(' ')[0]} {message}"
        return line.encode() + b"\r\n"

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        refused = firing.of_exchange(FirstPiece)
        if refused.first is None and message.to_backend and message.begins:
            refused.first = message
        first = refused.first or message
        request = first.about
        values = _filled_in(values, first)
        under_way = message.to_backend and refused.first is None  # its start has been passed on
        if under_way or not isinstance(request, MemcacheRequest) or request.command == "quit":
            yield Forward(message)
        elif not message.to_backend:
            if message.begins:
                yield Forward(message.with_data(self.render(request, values)))
                yield from self._close(request)
        elif message.ends:
            yield from self._refuse(message, first, request, values)

    def _refuse(
        self, message: Message, first: Message, request: MemcacheRequest, values: Values
    ) -> Actions:
        """Act on the last piece of a request, ``message``."""
        answered = first.expects_reply or (request.quiet and not self.ordinary)
        stand_in = None
        if self.forgets and _replaces_value(first, request):
            stand_in = delete(message, first, request)
        elif answered and (request.quiet or request.after_quiet):
            stand_in = noop(message, request)
        if stand_in is not None:
            yield Forward(stand_in)
        elif answered:
            yield Reply(self.render(request, values))
        if stand_in is None or not stand_in.expects_reply:
            yield from self._close(request)

    def _close(self, request: MemcacheRequest) -> Actions:
        if self.closes or (self.closes_binary and request.form == "binary"):
            yield Close()


def _filled_in(values: Values, first: Message) -> Values:
    """Return the values, with the request's key for ``{key}`` in the message."""
    key = first.labels.get("key", "")
    return {**values, "message": str(values.get("message", "")).replace("{key}", key)}


def _repeated_tokens(request: MemcacheRequest) -> Iterator[bytes]:
    """Yield the tokens of a meta request as the response repeats them."""
    for token in request.tokens:
        yield token
        if token.startswith(b"k") and request.base64:
            yield b"b"


def _replaces_value(first: Message, request: MemcacheRequest) -> bool:
    """Whether a request replaces the value of a key; a binary set may depend on a cas."""
    if not (request.key or (request.form == "text" and "key" in first.labels)):
        return False
    return request.command in ("set", "ms") or (
        request.form == "binary" and request.command == "cas"
    )


@dataclass(frozen=True, kw_only=True)
class ResultFault(MemcacheFault):
    """A result rather than an error: its text can't be changed."""

    parameters: tuple[Option, ...] = ()


@dataclass(frozen=True, kw_only=True)
class KindFault(MemcacheFault):
    """An error of the kind that ``line`` is; its status and text are parameters."""

    parameters: tuple[Option, ...] = (MESSAGE, STATUS)

    @property
    def wire(self) -> str:
        return f"{self.line} with any message; binary: any status, by default 0x{self.status:02x}"

    def render(self, request: MemcacheRequest, values: Values) -> bytes:
        kind = str(values.get("kind", self.line))
        status = int(values["status"]) or DEFAULTS[kind][0]
        message = " ".join(str(values["message"]).split())
        if request.form == "binary":
            known = STATUSES.get(status)
            return packet(request, status, (message or (known.body if known else "")).encode())
        return " ".join((kind, message or DEFAULTS[kind][1])).strip().encode() + b"\r\n"


@dataclass(frozen=True, kw_only=True)
class AnyErrorFault(KindFault):
    """An error whose kind is a parameter, too."""

    parameters: tuple[Option, ...] = (KIND, MESSAGE, STATUS)

    wire = "ERROR, CLIENT_ERROR or SERVER_ERROR with any message; binary: any status"
