"""How the faults of MySQL and MariaDB are played.

Law: the session's state stays true.  An error that ends the server's transaction is told
after the backend has really rolled back, and no command is answered that a server leaves
unanswered.  Source: the client/server protocol in the documentation of both servers.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ...fault import Fault, Values
from ...values.actions import Actions, Close, Forward, Reply, Wait
from ...values.messages import Message
from ...values.options import Option
from ..checks import check_sqlstate

if TYPE_CHECKING:
    from ...behavior import Firing

HEADER_SIZE = 4
"""Of a packet: the size of its payload in 3 bytes, and its sequence id."""
LONGEST = 0xFFFFFF
"""Bytes of payload; a packet that has so many goes on in the next one."""
TEXT_SIZE = 512
"""Bytes to which servers cut an error's text (``MYSQL_ERRMSG_SIZE``)."""

PLACE = re.compile(r"\{(\w+)\}")

QUERY = 0x03
STMT_PREPARE = 0x16
STMT_EXECUTE = 0x17
STMT_RESET = 0x1A
NO_ATTRIBUTES = b"\x00\x01"
"""What a client that knows query attributes says before a statement that has none."""


class Form(enum.Enum):
    """Which packets a response is made of."""

    SINGLE = enum.auto()
    """One packet."""
    RESULTS = enum.auto()
    """Results, one after the other: OK, a result set, or a request for a local file."""
    ROWS = enum.auto()
    """Rows or columns, up to an EOF."""
    PREPARED = enum.auto()
    """A prepared statement: its number, and its parameters and columns."""
    LOGIN = enum.auto()
    """One step of authentication; all but OK and ERR ask for another."""


class Asked(NamedTuple):
    """What is noted of a request: for the parser of its response, and for faults."""

    form: Form
    sequence: int = 0
    """Of its first packet."""
    statement: str = ""
    """What is to be prepared."""
    attributes: bool = False
    """Statements on this connection are preceded by attributes."""
    mariadb: bool = False
    """It is MariaDB that is asked."""
    password: bool = True
    """Of a login: it comes with one."""


def packet(sequence: int, payload: bytes) -> bytes:
    """A payload of less than 16 MiB with its header."""
    return len(payload).to_bytes(3, "little") + bytes([sequence % 256]) + payload


def error_packet(sequence: int, errno: int, sqlstate: str, text: str) -> bytes:
    """An ERR packet; the SQLSTATE is '' as long as the client has not told its capabilities."""
    marker = f"#{sqlstate}" if sqlstate else ""
    head = b"\xff" + errno.to_bytes(2, "little") + marker.encode()
    return packet(sequence, head + text.encode()[:TEXT_SIZE])


def size_of(data: bytes) -> int:
    """The size of the payload that a header tells."""
    return int.from_bytes(data[:3], "little")


def sequence_after(request: Message) -> int:
    """The sequence id of the answer to a request, given the last piece of it."""
    packets = (request.offset + len(request.data)) // (HEADER_SIZE + LONGEST) + 1
    first = request.about.sequence if isinstance(request.about, Asked) else 0
    return (first + packets) % 256


def is_login(message: Message) -> bool:
    """It belongs to authentication, of which an error is the end."""
    return isinstance(message.about, Asked) and message.about.form is Form.LOGIN


def is_greeting(message: Message) -> bool:
    return message.labels.get("phase") == "greeting"


@dataclass(frozen=True, kw_only=True)
class Refusal(Fault):
    """An ERR packet in place of a response."""

    errno: int
    sqlstate: str
    text: str
    """Exactly what the server says; see ``filled``."""
    of_mariadb: str = ""
    """What MariaDB says instead, where it differs."""
    rolls_back: bool = False
    """The transaction is over; otherwise, at most the statement is undone."""
    closes: bool = False
    """The connection ends with it."""

    def __post_init__(self) -> None:
        message = Option("message", str, self.text, "what it says; {user}, {sql}, … are filled in")
        object.__setattr__(self, "parameters", (*self.parameters, message))

    @property
    def wire(self) -> str:
        state = "" if self.applies_to.get("phase") == "greeting" else f" ({self.sqlstate})"
        end = ", then FIN" if self.closes else ""
        return f"ERR packet: {self.errno}{state} {self.text}{end}"

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        if message.to_backend:
            yield from self._refuse(message, firing, values)
        elif message.begins:
            yield from self._replace(message, firing, values)

    def _refuse(self, message: Message, firing: Firing, values: Values) -> Actions:
        """The answer to a request that the backend does not hear; or hears as a rollback."""
        if not message.expects_reply:
            yield Forward(message)
            return
        if message.begins or message.ends:
            firing.kept.append(message)
        if not message.ends:
            return
        instead = self._instead(firing.kept[0])
        if instead:
            yield Forward(
                message._replace(
                    data=packet(0, instead), begins=True, offset=0, about=Asked(Form.SINGLE)
                )
            )
            return
        yield Reply(self._render(message, sequence_after(message), firing, values))
        if self._ends(message, values):
            yield Close()

    def _replace(self, message: Message, firing: Firing, values: Values) -> Actions:
        """An error where the backend has answered."""
        asked = firing.kept[-1] if firing.kept else None
        sequence = sequence_after(asked) if asked else message.data[3]
        told = self._render(asked or message, sequence, firing, values)
        yield Forward(message.with_data(told))
        if self._ends(message, values) or not message.final:
            yield Close()

    def _instead(self, request: Message) -> bytes:
        """What the backend is told in place of a request, given its first piece, to be in step."""
        asked, code = request.about, request.data[HEADER_SIZE : HEADER_SIZE + 1]
        if self.rolls_back and not is_login(request):
            known = isinstance(asked, Asked) and asked.attributes
            return bytes([QUERY]) + (NO_ATTRIBUTES if known else b"") + b"ROLLBACK"
        if code == bytes([STMT_PREPARE]):  # MariaDB must not take an older one for the newest
            return code + b"vaurien injects an error"
        if code == bytes([STMT_EXECUTE]):  # forgets the long data that was sent for it
            number = request.data[HEADER_SIZE + 1 : HEADER_SIZE + 5]
            return bytes([STMT_RESET]) + number
        return b""

    def _ends(self, message: Message, values: Values) -> bool:
        return self._closes(values) or is_greeting(message) or is_login(message)

    def _closes(self, values: Values) -> bool:
        del values
        return self.closes

    def _error(self, values: Values) -> tuple[int, str]:
        del values
        return self.errno, self.sqlstate

    def _render(self, message: Message, sequence: int, firing: Firing, values: Values) -> bytes:
        errno, sqlstate = self._error(values)
        text = str(values["message"])
        if text == self.text and self.of_mariadb and _of_mariadb(message):
            text = self.of_mariadb
        text = filled(text, message, firing)
        return error_packet(sequence, errno, "" if is_greeting(message) else sqlstate, text)


def filled(text: str, message: Message, firing: Firing) -> str:
    """A text with what is in braces: labels, the session's user, YES or NO to a password."""
    password = not isinstance(message.about, Asked) or message.about.password
    words = {
        "user": getattr(firing.protocol, "user", ""),
        "password": "YES" if password else "NO",
        **message.labels,
    }
    return PLACE.sub(lambda place: words.get(place[1], place[0]), text)


def _of_mariadb(message: Message) -> bool:
    if is_greeting(message):
        return b"MariaDB" in message.data
    return isinstance(message.about, Asked) and message.about.mariadb


@dataclass(frozen=True, kw_only=True)
class AnyRefusal(Refusal):
    """An ERR packet of which all is told."""

    parameters: tuple[Option, ...] = (
        Option("errno", int, 1105, "the error's number", minimum=1, maximum=65534),
        Option("sqlstate", str, "HY000", "its SQLSTATE: five digits or capital letters"),
        Option("closes", bool, False, "end the connection with it"),
    )

    @property
    def wire(self) -> str:
        return "ERR packet: errno (sqlstate) message"

    def check(self, values: Values) -> None:
        check_sqlstate(values)

    def _error(self, values: Values) -> tuple[int, str]:
        return int(values["errno"]), str(values["sqlstate"])

    def _closes(self, values: Values) -> bool:
        return bool(values["closes"])


@dataclass(frozen=True, kw_only=True)
class Farewell(Refusal):
    """An ERR packet that nobody asked for, after a response, and the end."""

    parameters: tuple[Option, ...] = (
        Option("idle", float, 0.0, "seconds after the response", minimum=0),
    )

    @property
    def wire(self) -> str:
        text = f"{self.errno} ({self.sqlstate}) {self.text}"
        return f"after a response, unasked, with sequence id 0: ERR packet: {text}, then FIN"

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        if message.to_backend or not (message.ends and message.final):
            yield Forward(message)
            return
        yield Forward(message._replace(ends=False))
        yield Wait(message.at + float(values["idle"]))
        text = filled(str(values["message"]), message, firing)
        data = error_packet(0, self.errno, self.sqlstate, text)
        offset = message.offset + len(message.data)
        yield Forward(message._replace(data=data, begins=False, offset=offset))
        yield Close()


@dataclass(frozen=True, kw_only=True)
class Gone(Fault):
    """The connection turns out to be dead when it is used the next time."""

    @property
    def wire(self) -> str:
        return "RST after the response, while the client is idle"

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        del firing, values
        yield Forward(message)
        if not message.to_backend and message.ends and message.final:
            yield Close(reset=True)


@dataclass(frozen=True, kw_only=True)
class Lost(Fault):
    """The connection ends in place of a response."""

    @property
    def wire(self) -> str:
        return "the request is passed on; FIN in place of the response"

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        del firing, values
        if message.to_backend:
            yield Forward(message)
        elif message.begins:
            yield Close()


@dataclass(frozen=True, kw_only=True)
class Malformed(Fault):
    """A response that breaks the framing."""

    parameters: tuple[Option, ...] = (
        Option(
            "form",
            str,
            "truncated",
            "truncated (half a packet, then FIN) or sequence (a wrong sequence id)",
            choices=("truncated", "sequence"),
        ),
    )

    @property
    def wire(self) -> str:
        return "half of the first packet, then FIN; or a wrong sequence id"

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        del firing
        data = message.data
        if message.to_backend or not message.begins:
            yield Forward(message)
        elif values["form"] == "sequence":
            wrong = bytes([(data[3] + 100) % 256])
            yield Forward(message.with_data(data[:3] + wrong + data[HEADER_SIZE:]))
        else:
            yield Forward(message.with_data(data[: HEADER_SIZE + size_of(data) // 2]))
            yield Close()


def refusal(
    errno: int,
    name: str,
    sqlstate: str,
    text: str,
    *,
    meaning: str,
    exercises: str,
    applies_to: Mapping[str, str],
    of_mariadb: str = "",
    rolls_back: bool = False,
    closes: bool = False,
    typical: bool = False,
) -> Refusal:
    """A row of the catalogue: it answers to its symbol and its number."""
    return Refusal(
        name=name,
        aliases=(str(errno),),
        errno=errno,
        sqlstate=sqlstate,
        text=text,
        of_mariadb=of_mariadb,
        meaning=meaning,
        exercises=exercises,
        applies_to=applies_to,
        rolls_back=rolls_back,
        closes=closes,
        typical=typical,
    )
