"""The kinds of MySQL faults, and how each is played.

Law: the state of the session stays true.  An error that ends the server's transaction is
sent after the backend has really rolled back, and a command that servers do not answer gets no
answer.  Source: the client/server protocol in the documentation of both servers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from ...fault import Fault, Values
from ...rules.firing import Firing
from ...values.actions import Actions, Close, Forward, Reply, Wait
from ...values.messages import Direction, Message
from ...values.options import Option
from ..checks import check_sqlstate
from ..texts import fill
from . import commands
from .commands import MySqlRequest, ResponseKind, is_login, request_of, sequence_after
from .sqlstates import sqlstate_of
from .statements import NO_ATTRIBUTES
from .wire import HEADER_SIZE, error_packet, packet, size_of

LARGEST = 65534
"""Largest error number; MariaDB's progress reports have the next one."""
SQLSTATE = Option("sqlstate", str, "", "the SQLSTATE; by default, that of the error number")
CLOSES = Option("closes", bool, False, "close the connection after it")

SUBSTITUTE = MySqlRequest(ResponseKind.SINGLE)
"""The request that the backend receives instead: its response is one packet."""


def is_greeting(message: Message) -> bool:
    return message.labels.get("phase") == "greeting"


class RefusedRequest:
    """What is kept of a request that gets an error."""

    first: Message | None = None
    """Its first piece."""
    last: Message | None = None
    """Its newest piece."""
    to_swallow: int = 0
    """Responses of the backend that come before the one that the error replaces."""


@dataclass(frozen=True, kw_only=True)
class ErrPacket(Fault):
    """An ERR packet in place of a response."""

    error: str
    """Error number, SQLSTATE and text of MySQL, as its programs print them.

    Labels and so on are filled in, see ``_text``.
    """
    errno: int = field(init=False)
    sqlstate: str = field(init=False)
    text: str = field(init=False)
    of_mariadb: str = ""
    """The text of MariaDB, if it differs."""
    rolls_back: bool = False
    """The transaction is rolled back; otherwise, at most the statement is."""
    closes: bool = False
    """The server closes the connection after it, as after all errors before the first command."""

    def __post_init__(self) -> None:
        number, state, text = self.error.split(" ", 2)
        message = Option("message", str, text, "the text; {user}, {sql}, … are filled in")
        before_commands = self.applies_to.get("phase") == "greeting" or self.refuses_logins
        self.derive(
            errno=int(number),
            sqlstate=state.strip("():"),
            text=text,
            closes=self.closes or before_commands,
            parameters=(*self.parameters, message),
            aliases=(number,),
        )

    @property
    def refuses_logins(self) -> bool:
        return "LOGIN" in self.applies_to.get("command", "")

    @property
    def wire(self) -> str:
        state = "" if self.applies_to.get("phase") == "greeting" else f" ({self.sqlstate})"
        end = ", then FIN" if self.closes else ""
        return f"ERR packet: {self.errno}{state} {self.text}{end}"

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        if message.to_backend:
            yield from self._refuse(message, firing, values)
        elif (refused := firing.of_exchange(RefusedRequest)).to_swallow:
            refused.to_swallow -= message.ends
        elif message.begins:
            yield from self._replace(message, firing, values)

    def _refuse(self, message: Message, firing: Firing, values: Values) -> Actions:
        """Answer a request that the backend does not receive, or receives as a substitute."""
        if not message.expects_reply:
            yield Forward(message)
            return
        refused = firing.of_exchange(RefusedRequest)
        if message.begins:
            refused.first = message
        refused.last = message
        if not message.ends:
            return
        substitutes = self._substitutes(refused.first or message, values)
        refused.to_swallow = max(0, len(substitutes) - 1)
        for number, payload in enumerate(substitutes):
            data = packet(0, payload)
            passed = message._replace(data=data, begins=True, offset=0, about=SUBSTITUTE)
            yield Forward(passed._replace(again=number > 0))
        if substitutes:
            return
        yield Reply(self._render(message, sequence_after(message), firing, values))
        if self._ends(message, values):
            yield Close()

    def _replace(self, message: Message, firing: Firing, values: Values) -> Actions:
        """Put the error in place of the backend's response."""
        last = firing.of_exchange(RefusedRequest).last
        sequence = sequence_after(last) if last else message.data[3]
        data = self._render(last or message, sequence, firing, values)
        yield Forward(message.with_data(data))
        if self._ends(last or message, values) or not message.final:
            yield Close()

    def _substitutes(self, first: Message, values: Values) -> list[bytes]:
        """The commands for the backend instead, given the request's first piece.

        The error replaces the response to the last of them.
        """
        code = int.from_bytes(first.data[HEADER_SIZE : HEADER_SIZE + 1])
        request = request_of(first)
        if is_login(first):  # a server that refuses another user has ended the session of the old
            survives = request is not None and not self._ends(first, values)
            return [bytes([commands.RESET_CONNECTION])] if survives else []
        found = []
        if self.rolls_back:
            attributes = NO_ATTRIBUTES if request and request.attributes else b""
            found.append(bytes([commands.QUERY]) + attributes + b"ROLLBACK")
        if code == commands.STMT_PREPARE:  # or MariaDB would take an older one for the last
            found.append(bytes([code]) + b"vaurien injects an error")
        if code == commands.STMT_EXECUTE:  # discard the long data that was sent for it
            number = first.data[HEADER_SIZE + 1 : HEADER_SIZE + 5]
            found.append(bytes([commands.STMT_RESET]) + number)
        return found

    def _ends(self, message: Message, values: Values) -> bool:
        """Whether the connection ends; MariaDB refuses to change the user, and continues."""
        closes = bool(values.get("closes", self.closes))
        if not is_login(message):
            return closes or is_greeting(message)
        request = request_of(message)
        continues = request is not None and request.mariadb and request.changes_user
        return not continues or (closes and not self.refuses_logins)

    def _render(self, message: Message, sequence: int, firing: Firing, values: Values) -> bytes:
        errno = int(values.get("errno", self.errno))
        sqlstate = "" if is_greeting(message) else self._sqlstate(values)
        return error_packet(sequence, errno, sqlstate, self._text(message, firing, values))

    def _sqlstate(self, values: Values) -> str:
        return self.sqlstate

    def _text(self, message: Message, firing: Firing, values: Values) -> str:
        """The text with labels, the session's user, and YES or NO to a password filled in."""
        request = request_of(message)
        text = str(values["message"])
        if text == self.text and self.of_mariadb and _is_mariadb(message, request):
            text = self.of_mariadb
        words = {
            "user": getattr(firing.protocol, "user", ""),
            "password": "YES" if request is None or request.password else "NO",
            **message.labels,
        }
        return fill(text, words)


def _is_mariadb(message: Message, request: MySqlRequest | None) -> bool:
    if is_greeting(message):
        return b"MariaDB" in message.data
    return request is not None and request.mariadb


@dataclass(frozen=True, kw_only=True)
class AnyErrPacket(ErrPacket):
    """An ERR packet that is given by parameters."""

    parameters: tuple[Option, ...] = (
        Option("errno", int, 1105, "the error number", minimum=1, maximum=LARGEST),
        SQLSTATE,
        CLOSES,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self.derive(aliases=())  # 1105 is another entry of the catalogue

    wire = "ERR packet: errno (sqlstate) message"

    def check(self, values: Values) -> None:
        if values["sqlstate"]:
            check_sqlstate(values)

    def _sqlstate(self, values: Values) -> str:
        return str(values["sqlstate"]) or sqlstate_of(int(values.get("errno", self.errno)))


@dataclass(frozen=True, kw_only=True)
class IdleErrPacket(ErrPacket):
    """An unsolicited ERR packet while the client is idle, then the end of the connection."""

    only: ClassVar[Direction | None] = Direction.TO_CLIENT

    parameters: tuple[Option, ...] = (
        Option("idle", float, 0.0, "seconds after the response", minimum=0),
    )

    @property
    def wire(self) -> str:
        text = f"{self.errno} ({self.sqlstate}) {self.text}"
        return f"after a response, unsolicited, with sequence id 0: ERR packet: {text}, then FIN"

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        if message.to_backend or not (message.ends and message.final):
            yield Forward(message)
            return
        yield Forward(message._replace(ends=False))
        yield Wait(message.at + float(values["idle"]))
        text = self._text(message, firing, values)
        data = error_packet(0, self.errno, self.sqlstate, text)
        offset = message.offset + len(message.data)
        yield Forward(message._replace(data=data, begins=False, offset=offset))
        yield Close()


@dataclass(frozen=True, kw_only=True)
class ServerGone(Fault):
    """A connection that dies while idle, and is found dead at its next use."""

    only: ClassVar[Direction | None] = Direction.TO_CLIENT

    wire = "RST after the response, while the client is idle"

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        yield Forward(message)
        if not message.to_backend and message.ends and message.final:
            yield Close(reset=True)


@dataclass(frozen=True, kw_only=True)
class ServerLost(Fault):
    """A connection that ends in place of a response."""

    only: ClassVar[Direction | None] = Direction.TO_CLIENT

    wire = "the request is passed on; FIN in place of the response"

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        if message.to_backend:
            yield Forward(message)
        elif message.begins:
            yield Close()


@dataclass(frozen=True, kw_only=True)
class MalformedPacket(Fault):
    """A response that violates the framing."""

    only: ClassVar[Direction | None] = Direction.TO_CLIENT

    parameters: tuple[Option, ...] = (
        Option(
            "form",
            str,
            "truncated",
            "truncated (half a packet, then FIN) or sequence (a wrong sequence id)",
            choices=("truncated", "sequence"),
        ),
    )

    wire = "half of the first packet, then FIN; or a wrong sequence id"

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        data = message.data
        if message.to_backend or not message.begins:
            yield Forward(message)
        elif values["form"] == "sequence":
            wrong = bytes([(data[3] + 100) % 256])
            yield Forward(message.with_data(data[:3] + wrong + data[HEADER_SIZE:]))
        else:
            yield Forward(message.with_data(data[: HEADER_SIZE + size_of(data) // 2]))
            yield Close()
