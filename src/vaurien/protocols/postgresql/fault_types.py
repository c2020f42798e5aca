"""The kinds of PostgreSQL faults, and how each is played.

Law: the state of the session is the backend's own.  For a statement that is to fail, the backend
receives one that certainly fails; of its response, only the error report is replaced.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from ...fault import Answer, Fault, Values
from ...rules.firing import Firing
from ...values.actions import Actions, Close, Forward, Reply
from ...values.messages import Direction, Message
from ...values.options import Option
from ..checks import check_sqlstate
from ..texts import fill
from . import wire
from .positions import position_of, table_in
from .statements import Labels, PgRequest, request_labels, request_of
from .wire import encoded

NO_WORK = "BEGIN|START|ROLLBACK|ABORT|EMPTY|BIND|DESCRIBE|EXECUTE|CLOSE|FLUSH|SYNC"
STARTUP = {"phase": "startup"}
QUERIES = {"phase": "query"}
WORK = {**QUERIES, "verb": f"!~^({NO_WORK})$"}
"""Statements that access data, and commits: no others fail on a real server."""

NAME = b"vaurien\0"
"""Name of the prepared statement and the portal that replace the client's."""
COMMITS = ("COMMIT", "END")
ROLLBACK = (
    encoded(wire.PARSE, NAME + b"ROLLBACK\0" + bytes(2))
    + encoded(wire.BIND, NAME + NAME + bytes(6))
    + encoded(wire.EXECUTE, NAME + bytes(4))
    + encoded(wire.CLOSE, b"S" + NAME)
    + encoded(wire.FLUSH)
)
IN_FAILED_TRANSACTION = "25P02"
TAIL = re.compile(
    rb"(?s)((?:S\x00\x00..[^\x00]*\x00[^\x00]*\x00|A\x00\x00.{6}[^\x00]*\x00[^\x00]*\x00)*"
    rb"Z\x00\x00\x00\x05[ITE])\Z"
)
"""ReadyForQuery, and the ParameterStatus and NotificationResponse messages right before it."""
TAIL_SIZE = 4_096
"""Bytes at the end of a response in which to look for it."""
WORDS = {"user": "postgres", "database": "postgres"}
"""Words for placeholders without a label."""
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


def command_of(labels: Labels) -> str:
    """A statement as the server's errors name it: ``CREATE TABLE``."""
    verb = labels.get("verb", "")
    found = OBJECT_WORDS.match(labels.get("sql", ""))
    if found is not None:
        return " ".join(f"{found[1]} {found[2]}".upper().split())
    return COMMANDS.get(verb, verb)


def _is_true(message: Message) -> bool:
    """Whether a response tells that the backend did not look at the statement.

    Its transaction has failed, or it ignores everything up to the Sync that it answers.
    """
    if message.labels.get("error") == IN_FAILED_TRANSACTION:
        return True
    return message.ends and message.data[:1] == bytes([wire.READY_FOR_QUERY])


class ResponseTail:
    """What is kept of a response that an error report replaces."""

    data: bytes = b""
    """Its last bytes, up to ``TAIL_SIZE``."""
    is_true: bool = False
    """The backend has answered as it answers any statement: this is not replaced."""


@dataclass(frozen=True, kw_only=True)
class ErrorReport(Fault):
    """An error report.

    Placeholders such as ``{user}`` in its texts are filled in: labels, parameters, ``{command}``
    (see ``command_of``), and process and transaction ids.
    """

    error: str
    """SQLSTATE and message, as verbose programs print them."""
    detail: str = ""
    hint: str = ""
    objects: Labels = field(default_factory=dict)
    """Fields that name database objects, by code: s, t, c, n."""
    points_at: str = ""
    """The parameter whose word in the statement it gives the position of."""
    context: Labels = field(default_factory=dict)
    """Its CONTEXT, by verb; ``{table}`` is filled in as well."""
    source: str = ""
    """Where PostgreSQL 15 raises it: file, line, routine."""
    bare: bool = False
    """A pooler sends it, with severity, code and message only."""
    kind: int = wire.ERROR_RESPONSE
    severity: ClassVar[str] = "ERROR"

    def __post_init__(self) -> None:
        texts = (
            Option("message", str, self.text, "its message; {placeholders} are filled in"),
            Option("detail", str, self.detail, "its DETAIL; none if empty"),
            Option("hint", str, self.hint, "its HINT; none if empty"),
        )
        self.derive(parameters=(*texts, *self.parameters), aliases=(self.sqlstate, *self.aliases))

    @property
    def sqlstate(self) -> str:
        return self.error.partition(": ")[0]

    @property
    def text(self) -> str:
        return self.error.partition(": ")[2]

    @property
    def wire(self) -> str:
        what = "NoticeResponse" if self.kind == wire.NOTICE_RESPONSE else "ErrorResponse"
        return f"{what} {self.severity} {self.sqlstate} {self.text}"

    def report(
        self, message: Message, firing: Firing, values: Values, *, fatal: bool = False
    ) -> bytes:
        """The ErrorResponse or NoticeResponse; ``fatal``: raise an ERROR to FATAL."""
        words = self._words(message, firing, values)
        severity = str(values.get("severity", self.severity))
        if fatal and severity == "ERROR":
            severity = "FATAL"
        labels = request_labels(message)
        context = self.context.get(labels.get("verb", ""), "")
        file, line, routine = self.source.split() if self.source else ("", "", "")
        fields = {
            "S": severity,
            "V": "" if self.bare else severity,
            "C": str(values.get("sqlstate", self.sqlstate)),
            "M": fill(str(values["message"]), words),
            "D": fill(str(values["detail"]), words),
            "H": fill(str(values["hint"]), words),
            "P": self._position(labels, values),
            "W": fill(context, {"table": table_in(labels) or "accounts"}),
            **{code: fill(text, words) for code, text in self.objects.items()},
            "F": file,
            "L": line,
            "R": routine,
        }
        texts = (f"{code}{text}".replace("\0", "") for code, text in fields.items() if text)
        return encoded(self.kind, "\0".join(texts).encode() + b"\0\0")

    def _position(self, labels: Labels, values: Values) -> str:
        if not self.points_at:
            return ""
        return position_of(self.points_at, str(values.get(self.points_at, "")), labels)

    def _words(self, message: Message, firing: Firing, values: Values) -> Mapping[str, object]:
        labels = request_labels(message)
        random = firing.random()
        numbers = {
            "pid": random.randrange(1_000, 32_768),
            "other_pid": random.randrange(1_000, 32_768),
            "xid": random.randrange(750, 2**31),
        }
        numbers["other_xid"] = numbers["xid"] + 1
        return {**WORDS, **numbers, "command": command_of(labels), **labels, **values}

    # How it is played.

    def end_session(self, message: Message, firing: Firing, values: Values) -> Actions:
        """Send it in place of the response, and close the connection."""
        if message.to_backend:
            labels = request_labels(message)
            if message.continues:
                return
            if not message.expects_reply:
                yield Forward(message)
            elif message.begins if labels.get("mode") == "extended" else message.ends:
                yield Reply(self.report(message, firing, values, fatal=True))
                yield Close()
        elif message.begins:
            yield Forward(message.with_data(self.report(message, firing, values, fatal=True)))
            yield Close()

    def fail_statement(self, message: Message, firing: Firing, values: Values) -> Actions:
        """Send it in place of the response, up to its ReadyForQuery, which is the backend's.

        In a transaction that has failed before, the backend's own answer is the only true one.
        """
        request = request_of(message)
        if "mode" not in request.labels and not message.continues:
            yield from self.end_session(message, firing, values)  # any error ends a start-up
        elif message.to_backend:
            if request.aborted or not (message.expects_reply or message.continues):
                yield Forward(message)
            elif message.expects_reply:
                yield from self._substitute(message, request)
        else:
            tail = firing.of_exchange(ResponseTail)
            data = b""
            if message.begins:
                tail.data = b""
                tail.is_true = request.aborted or _is_true(message)
                data = self.report(message, firing, values)
            if tail.is_true:
                yield Forward(message)
                return
            tail.data = (tail.data + message.data)[-TAIL_SIZE:]
            if message.ends and (found := TAIL.search(tail.data)) is not None:
                data += found[1]
            if data:
                yield Forward(message.with_data(data))

    def _substitute(self, message: Message, request: PgRequest) -> Actions:
        """Send a request of the same mode that fails; in place of a COMMIT, a ROLLBACK.

        It fails when it is analyzed, as the server refuses it in a failed transaction only if
        it can be parsed.
        """
        commits = request.labels.get("verb") in COMMITS
        failing = f'SELECT "vaurien injects {self.name}"'.encode() + b"\0"
        if not request.extended:
            if message.ends:
                data = encoded(wire.QUERY, b"ROLLBACK\0" if commits else failing)
                yield Forward(message._replace(data=data, begins=True, offset=0))
            return
        fails = encoded(wire.PARSE, NAME + failing + bytes(2)) + encoded(wire.FLUSH)
        data = b""
        if message.begins:
            data = ROLLBACK if commits else fails
        if message.ends and request.synced:
            data += encoded(wire.SYNC)
        elif message.ends and commits:
            data += fails  # the server then ignores all up to a Sync, as after any error
        if data:
            yield Forward(message.with_data(data))

    def end_after_response(
        self, message: Message, firing: Firing, values: Values, states: bytes
    ) -> Actions:
        """End the session after a response that leaves it in one of these states."""
        over = not message.to_backend and message.ends and message.final
        if over and message.data[-1:] in states:
            data = message.data + self.report(message, firing, values, fatal=True)
            yield Forward(message.with_data(data))
            yield Close()
        else:
            yield Forward(message)


@dataclass(frozen=True, kw_only=True)
class StatementError(ErrorReport):
    """A statement that fails; the session continues, an open transaction is aborted."""

    applies_to: Labels = field(default_factory=lambda: WORK)

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        yield from self.fail_statement(message, firing, values)


@dataclass(frozen=True, kw_only=True)
class SessionEnd(ErrorReport):
    """A session that ends in place of a response; with ``idle=true``, after it."""

    severity: ClassVar[str] = "FATAL"
    applies_to: Labels = field(default_factory=lambda: QUERIES)

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        if values.get("idle"):
            yield from self.end_after_response(message, firing, values, b"ITE")
        else:
            yield from self.end_session(message, firing, values)


@dataclass(frozen=True, kw_only=True)
class RefusedSession(SessionEnd):
    """A session that does not begin."""

    applies_to: Labels = field(default_factory=lambda: STARTUP)


@dataclass(frozen=True, kw_only=True)
class CrashNotice(SessionEnd):
    """A session that ends with a notice only: the server process exits at once."""

    kind: int = wire.NOTICE_RESPONSE
    severity: ClassVar[str] = "WARNING"


@dataclass(frozen=True, kw_only=True)
class SessionTimeout(ErrorReport):
    """A session that ends after a response, while the client is idle."""

    only: ClassVar[Direction | None] = Direction.TO_CLIENT

    severity: ClassVar[str] = "FATAL"
    applies_to: Labels = field(default_factory=lambda: QUERIES)
    states: bytes = b"I"
    """Transaction states in which it ends: I for idle, T in a transaction, E in a failed one."""

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        yield from self.end_after_response(message, firing, values, self.states)


@dataclass(frozen=True, kw_only=True)
class AnyErrorReport(ErrorReport):
    """An error with the SQLSTATE and severity that parameters give."""

    applies_to: Labels = field(default_factory=lambda: WORK)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.derive(aliases=())  # a parameter gives its SQLSTATE

    def check(self, values: Values) -> None:
        check_sqlstate(values)

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        if values["severity"] == "FATAL":
            yield from self.end_session(message, firing, values)
        else:
            yield from self.fail_statement(message, firing, values)


@dataclass(frozen=True, kw_only=True)
class RawBytes(Answer):
    """An answer of bytes that are not a message."""

    answer: bytes

    @property
    def wire(self) -> str:
        return f"{self.answer!r} and no message" + (", then FIN" if self.closes else "")

    def render(self, message: Message, firing: Firing, values: Values) -> bytes:
        return self.answer


@dataclass(frozen=True, kw_only=True)
class ParameterStatus(Fault):
    """A setting that is reported with another value, right before ReadyForQuery."""

    only: ClassVar[Direction | None] = Direction.TO_CLIENT

    applies_to: Labels = field(default_factory=lambda: STARTUP)

    @property
    def wire(self) -> str:
        return f"ParameterStatus {self.name}=on before ReadyForQuery"

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        if message.to_backend or not (message.ends and message.final):
            yield Forward(message)
            return
        status = encoded(wire.PARAMETER_STATUS, f"{self.name}\0{values['value']}\0".encode())
        end = max(0, len(message.data) - wire.READY_SIZE)
        yield Forward(message.with_data(message.data[:end] + status + message.data[end:]))
