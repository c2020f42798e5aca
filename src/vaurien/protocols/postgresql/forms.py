"""The forms of PostgreSQL's faults: error reports, and how a session takes them.

Law: what an error does to a session is the backend's own doing.  A statement that is to fail
is sent to the backend as one that can't but fail; of the answer, only the report is ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from struct import Struct
from typing import TYPE_CHECKING, ClassVar

from ...fault import Answer, Fault, Values
from ...values.actions import Actions, Close, Forward, Reply
from ...values.messages import Message
from ...values.options import Option
from ..checks import check_sqlstate

if TYPE_CHECKING:
    from ...behavior import Firing

LENGTH = Struct(">I")
NAME = b"vaurien\0"
"""Of the prepared statement and portal that take the place of the client's."""
ENDS_OF_TRANSACTIONS = ("COMMIT", "END")
READY_SIZE = 6
CLOSING = re.compile(
    rb"(?s)((?:S\x00\x00..[^\x00]*\x00[^\x00]*\x00|A\x00\x00.{6}[^\x00]*\x00[^\x00]*\x00)*"
    rb"Z\x00\x00\x00\x05[ITE])\Z"
)
"""ReadyForQuery, and the ParameterStatus and NotificationResponse right before it."""
CLOSING_LIMIT = 4_096
FATAL_SEVERITIES = ("FATAL", "PANIC")
WORDS = {"user": "postgres", "database": "postgres"}
"""What a text says where it is not known from labels."""
PLACE = re.compile(r"\{(\w+)\}")
OBJECT_WORDS = re.compile(
    r"(?is)\s*(CREATE|ALTER|DROP)\s+(?:(?:OR\s+REPLACE|GLOBAL|LOCAL|TEMP|TEMPORARY|UNLOGGED|UNIQUE"
    r"|RECURSIVE)\s+)*(MATERIALIZED\s+VIEW|FOREIGN\s+TABLE|[A-Z]+)"
)
COMMANDS = {
    "TRUNCATE": "TRUNCATE TABLE",
    "COPY": "COPY FROM",
    "REFRESH": "REFRESH MATERIALIZED VIEW",
    "LOCK": "LOCK TABLE",
    "SELECT": "SELECT FOR UPDATE",
}

Labels = Mapping[str, str]


def frame(kind: bytes, body: bytes = b"") -> bytes:
    """A message: its type, its length, which counts itself, and its body."""
    return kind + LENGTH.pack(len(body) + LENGTH.size) + body


def asked(message: Message) -> Labels:
    """The labels of the request that a message is, or answers."""
    return message.about if isinstance(message.about, Mapping) else message.labels


def command_of(labels: Labels) -> str:
    """A statement as the server names it where it refuses one: ``CREATE TABLE``."""
    verb = labels.get("verb", "")
    found = OBJECT_WORDS.match(labels.get("sql", ""))
    if found is not None:
        return " ".join(f"{found[1]} {found[2]}".upper().split())
    return COMMANDS.get(verb, verb)


@dataclass(frozen=True, kw_only=True)
class Report(Fault):
    """An error report: the first of ``aliases`` is its SQLSTATE.

    Its texts name labels and parameters in braces, as ``{user}``; besides ``{command}``, a
    statement as the server names it, and numbers of processes and transactions.
    """

    text: str
    detail: str = ""
    hint: str = ""
    objects: Labels = field(default_factory=dict)
    """Fields that name database objects, by their codes: s, t, c, n."""
    source: str = ""
    """Where PostgreSQL 15 reports it: file, line, routine."""
    bare: bool = False
    """A pooler reports it, which says no more than severity, code and message."""
    kind: bytes = b"E"
    severity: ClassVar[str] = "ERROR"

    def __post_init__(self) -> None:
        texts = (
            Option("message", str, self.text, "what it says; {words} are filled in"),
            Option("detail", str, self.detail, "its second line; none if empty"),
            Option("hint", str, self.hint, "its advice; none if empty"),
        )
        object.__setattr__(self, "parameters", (*texts, *self.parameters))

    @property
    def wire(self) -> str:
        code = self.aliases[0] if self.aliases else "<sqlstate>"
        what = "NoticeResponse" if self.kind == b"N" else "ErrorResponse"
        return f"{what} {self.severity} {code} {self.text}"

    def report(
        self, message: Message, firing: Firing, values: Values, *, fatal: bool = False
    ) -> bytes:
        """The message that tells of it; ``fatal``: even an error ends the session."""
        words = self._words(message, firing, values)

        def filled(text: object) -> str:
            return PLACE.sub(lambda place: str(words.get(place[1], place[0])), str(text))

        severity = str(values.get("severity", self.severity))
        if fatal and severity == "ERROR":
            severity = "FATAL"
        file, line, routine = self.source.split() if self.source else ("", "", "")
        fields = {
            "S": severity,
            "V": "" if self.bare else severity,
            "C": str(values.get("sqlstate", self.aliases[0] if self.aliases else "")),
            "M": filled(values["message"]),
            "D": filled(values["detail"]),
            "H": filled(values["hint"]),
            **{code: filled(text) for code, text in self.objects.items()},
            "F": file,
            "L": line,
            "R": routine,
        }
        texts = (f"{code}{text}".replace("\0", "") for code, text in fields.items() if text)
        return frame(self.kind, "\0".join(texts).encode() + b"\0\0")

    def _words(self, message: Message, firing: Firing, values: Values) -> Mapping[str, object]:
        labels = asked(message)
        random = firing.random()
        numbers = {
            "pid": random.randrange(1_000, 32_768),
            "other_pid": random.randrange(1_000, 32_768),
            "xid": random.randrange(750, 2**31),
        }
        numbers["other_xid"] = numbers["xid"] + 1
        return {**WORDS, **numbers, "command": command_of(labels), **labels, **values}

    # How a session takes it.

    def hang_up(self, message: Message, firing: Firing, values: Values) -> Actions:
        """Told in place of the response, and the connection is over."""
        if message.to_backend:
            if message.continues:
                return
            if not message.expects_reply:
                yield Forward(message)
            elif message.begins if asked(message).get("mode") == "extended" else message.ends:
                yield Reply(self.report(message, firing, values, fatal=True))
                yield Close()
        elif message.begins:
            yield Forward(message.with_data(self.report(message, firing, values, fatal=True)))
            yield Close()

    def fail(self, message: Message, firing: Firing, values: Values) -> Actions:
        """Told in place of the response, up to its ReadyForQuery, which is the backend's."""
        if "mode" not in asked(message) and not message.continues:
            yield from self.hang_up(message, firing, values)  # any error ends a start-up
        elif message.to_backend:
            if message.expects_reply:
                yield from self._stand_in(message)
        else:
            told = self.report(message, firing, values) if message.begins else b""
            tail = firing.kept.pop().data if firing.kept else b""
            tail = (tail + message.data)[-CLOSING_LIMIT:]
            if not message.ends:
                firing.kept.append(message.with_data(tail))
            elif (closing := CLOSING.search(tail)) is not None:
                told += closing[1]
            if told:
                yield Forward(message.with_data(told))

    def _stand_in(self, message: Message) -> Actions:
        """Send a request that fails, as it was asked; for COMMIT one that rolls back."""
        labels = asked(message)
        ending = labels.get("verb") in ENDS_OF_TRANSACTIONS
        text = f"{'ROLLBACK' if ending else f'vaurien injects {self.name}'}".encode() + b"\0"
        if labels["mode"] != "extended":
            if message.ends:
                yield Forward(message._replace(data=frame(b"Q", text), begins=True, offset=0))
            return
        data = b""
        if message.begins:
            data = (
                frame(b"P", NAME + text + bytes(2))
                + frame(b"B", NAME + NAME + bytes(6))
                + frame(b"E", NAME + bytes(4))
                + frame(b"C", b"S" + NAME)
                + frame(b"H")
            )
        if message.ends:
            data += frame(b"S")
        if data:
            yield Forward(message.with_data(data))

    def follow(self, message: Message, firing: Firing, values: Values, states: bytes) -> Actions:
        """Told when the response is over and leaves the session in one of these states."""
        over = not message.to_backend and message.ends and message.final
        if over and message.data[-1:] in states:
            told = message.data + self.report(message, firing, values, fatal=True)
            yield Forward(message.with_data(told))
            yield Close()
        else:
            yield Forward(message)


@dataclass(frozen=True, kw_only=True)
class Failure(Report):
    """A statement fails; the session goes on, in an aborted transaction if it was in one."""

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        yield from self.fail(message, firing, values)


@dataclass(frozen=True, kw_only=True)
class Ending(Report):
    """The session ends, or does not begin.

    With a parameter ``idle`` that is set, it ends while nobody asks for anything.
    """

    severity: ClassVar[str] = "FATAL"

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        if values.get("idle"):
            yield from self.follow(message, firing, values, b"ITE")
        else:
            yield from self.hang_up(message, firing, values)


@dataclass(frozen=True, kw_only=True)
class Crash(Ending):
    """The session ends with a mere notice, as there is no time for more."""

    kind: bytes = b"N"
    severity: ClassVar[str] = "WARNING"


@dataclass(frozen=True, kw_only=True)
class Timeout(Report):
    """The session ends some time after a response, unasked."""

    severity: ClassVar[str] = "FATAL"
    states: bytes = b"I"
    """In which state it ends: I for idle, T in a transaction, E in one that failed."""

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        yield from self.follow(message, firing, values, self.states)


@dataclass(frozen=True, kw_only=True)
class AnyReport(Report):
    """What the parameters ``sqlstate`` and ``severity`` say."""

    def check(self, values: Values) -> None:
        check_sqlstate(values)

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        if values["severity"] == "FATAL":
            yield from self.hang_up(message, firing, values)
        else:
            yield from self.fail(message, firing, values)


@dataclass(frozen=True, kw_only=True)
class RawAnswer(Answer):
    """Bytes that are no message."""

    answer: bytes

    @property
    def wire(self) -> str:
        return f"{self.answer!r} and no message" + (", then FIN" if self.closes else "")

    def render(self, message: Message, firing: Firing, values: Values) -> bytes:
        del message, firing, values
        return self.answer


@dataclass(frozen=True, kw_only=True)
class Setting(Fault):
    """A setting that the server reports changes, right before it is ready for more."""

    @property
    def wire(self) -> str:
        return f"ParameterStatus {self.name}=on before ReadyForQuery"

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        del firing
        if message.to_backend or not (message.ends and message.final):
            yield Forward(message)
            return
        told = frame(b"S", f"{self.name}\0{values['value']}\0".encode())
        place = max(0, len(message.data) - READY_SIZE)
        yield Forward(message.with_data(message.data[:place] + told + message.data[place:]))
