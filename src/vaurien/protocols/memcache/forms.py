"""The forms of memcached's faults: what a client is told in place of a response.

Law: one fault serves the text commands, the meta commands and the binary protocol, and is
told in the words of the one that the client speaks.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from ...fault import Fault, Values
from ...values.actions import Actions, Close, Forward, Reply
from ...values.messages import Message
from ...values.options import Option

if TYPE_CHECKING:
    from ...behavior import Firing

HEADER = struct.Struct(">BBHBBHI4s8s")
"""Of a binary packet: magic, opcode, length of the key, of the extras, data type, status,
length of the body, opaque, cas (``protocol_binary.h``)."""
KEY_LIMIT = 250
"""Bytes; longer keys are refused, and their values are taken for commands."""
RESPONSE = 0x81
DELETE = 0x04
NOOP = 0x0A
KEYED_OPCODES = frozenset({0x0C, 0x0D, 0x23, 0x24})
"""``getk``, ``getkq``, ``gatk``, ``gatkq``."""

STATUSES = {
    0x00: "SUCCESS",
    0x01: "KEY_ENOENT",
    0x02: "KEY_EEXISTS",
    0x03: "E2BIG",
    0x04: "EINVAL",
    0x05: "NOT_STORED",
    0x06: "DELTA_BADVAL",
    0x20: "AUTH_ERROR",
    0x21: "AUTH_CONTINUE",
    0x81: "UNKNOWN_COMMAND",
    0x82: "ENOMEM",
    0x83: "NOT_SUPPORTED",
    0x84: "EINTERNAL",
    0x85: "EBUSY",
    0x86: "ETMPFAIL",
}
"""Binary statuses by the names of ``protocol_binary.h``."""
BODIES = {
    0x01: "Not found",
    0x02: "Data exists for key.",
    0x03: "Too large.",
    0x04: "Invalid arguments",
    0x05: "Not stored.",
    0x06: "Non-numeric server-side value for incr or decr",
    0x20: "Auth failure.",
    0x81: "Unknown command",
    0x82: "Out of memory",
    # memcached never says these; Couchbase does, in these words.
    0x83: "Not supported",
    0x84: "Internal error",
    0x85: "Server too busy",
    0x86: "Temporary failure",
}
"""What memcached says with them."""

Form = Literal["text", "meta", "binary"]


class Asked(NamedTuple):
    """What is to be known of a request when it is answered."""

    command: str
    form: Form = "text"
    quiet: bool = False
    """It is answered only if something is out of the ordinary: a ``q`` flag, a quiet opcode."""
    after_quiet: bool = False
    """Answers to quiet requests may come before its own."""
    key: bytes = b""
    """Of meta and binary requests."""
    base64: bool = False
    """Of meta requests: that is how the key is written."""
    tokens: tuple[bytes, ...] = ()
    """Of meta requests: what the response repeats, in its order (``O123``, ``kmykey``)."""
    header: bytes = b""
    """Of binary requests: the first 24 bytes."""

    def labels(self, key: bytes | None, *, quiet: bool) -> dict[str, str]:
        """The labels of such a request."""
        labels = {"command": self.command, "form": self.form, "quiet": "yes" if quiet else "no"}
        if key is not None:
            labels["key"] = key[:KEY_LIMIT].decode("utf-8", "backslashreplace")
        return labels


def packet(asked: Asked, status: int, body: bytes, *, keyed: bool = False) -> bytes:
    """A binary response; ``keyed``: its body is the key."""
    _, opcode, _, _, _, _, _, opaque, _ = HEADER.unpack(asked.header)
    size = len(body)
    return (
        HEADER.pack(RESPONSE, opcode, size if keyed else 0, 0, 0, status, size, opaque, bytes(8))
        + body
    )


# Requests that go to the backend in the place of the one that fails.


OPAQUE = b"Ovaurien"


class StandIn(NamedTuple):
    """A request that goes to the backend in the place of another."""

    data: bytes
    asked: Asked
    expects_reply: bool = True


def noop(asked: Asked) -> StandIn:
    """One that changes nothing, and is answered after all that came before it."""
    if asked.form == "binary":
        header = _header_like(asked.header, NOOP)
        return StandIn(header, Asked("noop", "binary", header=header))
    return StandIn(b"mn\r\n", Asked("mn", "meta", after_quiet=True))


def delete(request: Message, asked: Asked) -> StandIn:
    """One that deletes the key of the request."""
    if asked.form == "binary":
        header = _header_like(asked.header, DELETE, len(asked.key))
        return StandIn(header + asked.key, Asked("delete", "binary", header=header))
    if asked.form == "meta":
        data = b"md %b %b%b\r\n" % (asked.key, OPAQUE, b" b" if asked.base64 else b"")
        return StandIn(data, Asked("md", "meta", after_quiet=True, tokens=(OPAQUE,)))
    key = request.data.split(None, 2)[1]
    if not request.expects_reply:
        return StandIn(b"delete %b noreply\r\n" % key, Asked("delete"), expects_reply=False)
    return StandIn(b"delete %b\r\n" % key, Asked("delete", after_quiet=asked.after_quiet))


def _header_like(header: bytes, opcode: int, key: int = 0) -> bytes:
    """The header of a request with the same opaque."""
    magic, *_, opaque, _ = HEADER.unpack(header)
    return HEADER.pack(magic, opcode, key, 0, 0, 0, key, opaque, bytes(8))


# Forms.

DEFAULTS = {
    "ERROR": (0x81, ""),
    "CLIENT_ERROR": (0x04, "bad command line format"),
    "SERVER_ERROR": (0x82, "out of memory"),
}
"""Of each kind of error: the binary status and the words that are told if nothing else is."""

KIND = Option("kind", str, "ERROR", "which kind of error", choices=tuple(DEFAULTS))
STATUS = Option("status", int, 0, "the binary status; 0: by the kind", minimum=0, maximum=0xFFFF)
MESSAGE = Option(
    "message", str, "", "the server's words, with {key} filled in; otherwise those of memcached"
)


@dataclass(frozen=True, kw_only=True)
class Failure(Fault):
    """What a server says in place of doing what it was asked for.

    A request that wants no reply gets none.  Where quiet requests came before, whose
    answers may be on their way, a no-op goes to the backend, and its response makes room.
    """

    parameters: tuple[Option, ...] = (MESSAGE,)
    line: str
    """The line that text commands are answered with."""
    lines: Mapping[str, str] = field(default_factory=dict)
    """The same for some commands: command -> line."""
    code: str = ""
    """The return code of meta commands; without it they get the line too."""
    status: int | None
    """The binary status; without one the line is told there, too."""
    statuses: Mapping[str, int] = field(default_factory=dict)
    """The same for some commands: command -> status."""
    bodies: Mapping[str, str] = field(default_factory=dict)
    """What the server says with it, where that is not the usual: command -> body."""
    keyed: bool = False
    """Where the key was asked for, it is the body (``getk``)."""
    ordinary: bool = False
    """Quiet requests are not told."""
    closes: bool = False
    """The connection ends with it."""
    closes_binary: bool = False
    """The same, in the binary protocol alone."""
    forgets: bool = False
    """A ``set`` that fails so takes the old value with it, as it does on the real server."""

    @property
    def wire(self) -> str:
        forms = self.applies_to.get("form", "text, meta, binary")
        parts = []
        end = "" if self.closes or not self.closes_binary else ", then the end of the connection"
        if "text" in forms:
            parts += [self.line, *self.lines.values()]
        if self.code:
            parts.append(f"meta: {self.code}")
        if "binary" in forms:
            parts += [
                f"binary: 0x{status:02x} {BODIES[status]}{end}"
                for status in (self.status, *self.statuses.values())
                if status is not None
            ]
        if self.closes:
            parts.append("then the end of the connection")
        return "; ".join(dict.fromkeys(parts))

    def render(self, asked: Asked, values: Values) -> bytes:
        """What the client is told, in its form."""
        message = " ".join(str(values.get("message", "")).split())
        if asked.form == "binary" and self.status is not None:
            status = self.statuses.get(asked.command, self.status)
            if self.keyed and asked.header[1] in KEYED_OPCODES:
                return packet(asked, status, asked.key, keyed=True)
            body = message or self.bodies.get(asked.command, BODIES[status])
            return packet(asked, status, body.encode())
        if asked.form == "meta" and self.code:
            return b" ".join((self.code.encode(), *_repeated(asked))) + b"\r\n"
        line = self.lines.get(asked.command, self.line)
        if message:
            line = f"{line.partition(' ')[0]} {message}"
        return line.encode() + b"\r\n"

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        if message.to_backend and message.begins:
            firing.kept.append(message)
        request = firing.kept[0] if firing.kept else message
        asked = request.about
        values = _filled(values, request)
        if not isinstance(asked, Asked) or asked.command == "quit":
            yield Forward(message)
        elif not message.to_backend:
            if message.begins:
                yield Forward(message.with_data(self.render(asked, values)))
                yield from self._close(asked)
        elif message.ends:
            yield from self._refuse(request, asked, message, values)

    def _refuse(self, request: Message, asked: Asked, message: Message, values: Values) -> Actions:
        """``message`` is the last piece of the request, ``request`` its first."""
        told = request.expects_reply or (asked.quiet and not self.ordinary)
        stand_in = None
        if self.forgets and _sets(asked):
            stand_in = delete(request, asked)
        elif told and (asked.quiet or asked.after_quiet):
            stand_in = noop(asked)
        if stand_in is not None:
            yield Forward(
                message._replace(
                    data=stand_in.data,
                    about=stand_in.asked,
                    expects_reply=stand_in.expects_reply,
                    begins=True,
                    offset=0,
                )
            )
        elif told:
            yield Reply(self.render(asked, values))
        if stand_in is None or not stand_in.expects_reply:
            yield from self._close(asked)

    def _close(self, asked: Asked) -> Actions:
        if self.closes or (self.closes_binary and asked.form == "binary"):
            yield Close()


def _filled(values: Values, request: Message) -> Values:
    """The values, with ``{key}`` in the message being that of the request."""
    message = str(values.get("message", ""))
    if "{key}" not in message:
        return values
    return {**values, "message": message.replace("{key}", request.labels.get("key", ""))}


def _repeated(asked: Asked) -> Iterator[bytes]:
    """The tokens of a meta request as the response has them."""
    for token in asked.tokens:
        yield token
        if token.startswith(b"k") and asked.base64:
            yield b"b"


def _sets(asked: Asked) -> bool:
    """It replaces a value, whatever that was; binary sets may be bound to a cas."""
    return asked.command in ("set", "ms") or (asked.form == "binary" and asked.command == "cas")


@dataclass(frozen=True, kw_only=True)
class Result(Failure):
    """A failure that has one wording only."""

    parameters: tuple[Option, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AnyFailure(Failure):
    """A failure whose kind, status and words are the user's."""

    parameters: tuple[Option, ...] = (KIND, MESSAGE, STATUS)

    @property
    def wire(self) -> str:
        return "ERROR, CLIENT_ERROR or SERVER_ERROR with any message; binary: any status"

    def render(self, asked: Asked, values: Values) -> bytes:
        kind = str(values["kind"])
        status = int(values["status"]) or DEFAULTS[kind][0]
        message = " ".join(str(values["message"]).split())
        if asked.form == "binary":
            return packet(asked, status, (message or BODIES.get(status, "")).encode())
        return " ".join((kind, message or DEFAULTS[kind][1])).strip().encode() + b"\r\n"
