"""mysql: the client/server protocol of MySQL and MariaDB.

Law: a message is what belongs together for a user: a command with all its packets, or the
whole answer to it, with all its result sets.  Sequence ids tell commands, which begin with
0, from what else a client says: it goes on with a login, or sends a file it was asked for.
Source: the pages on connecting, commands and packets in both servers' documentation.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import ClassVar

from ...errors import ProtocolError
from ...protocol import Parser, Protocol, Stream
from ...values.actions import Forward
from ...values.messages import Message
from ...values.options import option
from .commands import BULK_EXECUTE, COMMANDS, SQL_SIZE, STMT_CLOSE, Command, statement_in, verb_of
from .faults import CATALOGUE
from .forms import HEADER_SIZE, LONGEST, QUERY, STMT_EXECUTE, STMT_PREPARE, Asked, Form, size_of
from .replies import ERR, PROTOCOL_41, Response, begins, errno_of, form_of, labels_of

WITH_DATABASE = 1 << 3
COMPRESS = 1 << 5
SSL = 1 << 11
SECURE_CONNECTION = 1 << 15
LENENC_AUTH = 1 << 21
ZSTD = 1 << 26
ATTRIBUTES = 1 << 27
"""Capabilities that matter here, besides those that matter to responses."""

GREETING_LIMIT = 4096
NAME_SIZE = 500
"""Characters of names that labels show."""
REQUEST_HEAD = 4 * SQL_SIZE + 16
"""Bytes of a request that are looked at."""
SSL_REQUEST_SIZE = 32
REMEMBERED = 1000
"""Prepared statements of a connection whose text is known; the oldest are forgotten."""
NEWEST = 0xFFFFFFFF
"""As the number of a statement, for MariaDB: the one that was prepared last."""

ASKED_BACK = frozenset({"LOAD", "CHANGE_USER"})
"""Verbs of requests that the server may ask more of: a local file, another password."""
GREETING = {"phase": "greeting"}
NO_STATEMENTS: dict[int, str] = {}


class MySQL(Protocol):
    """See the module."""

    name = "mysql"
    backend_first = True
    labels: ClassVar[Mapping[str, str]] = {
        "phase": "greeting (what the server says first), login or command",
        "command": "QUERY, STMT_PREPARE, STMT_EXECUTE, PING, INIT_DB, ...; LOGIN for the login",
        "verb": "the first word of the SQL, in upper case: SELECT, UPDATE, ...; "
        "the command, where it has none",
        "sql": "the statement, also where a prepared one is executed; cut at 2,000 characters",
        "user": "who logs in",
        "database": "the database that is chosen with the login",
    }
    response_labels: ClassVar[Mapping[str, str]] = {
        "error": "the number of the error that the response is"
    }
    tallied = "verb"
    faults = CATALOGUE

    tls: str = option(
        "refuse",
        "where the server offers TLS: refuse (the offer is hidden from clients, so messages "
        "stay visible) or pass (opaque once a client takes it)",
        choices=("refuse", "pass"),
    )
    compression: str = option(
        "refuse",
        "where the server offers compression: refuse (the offer is hidden from clients) or "
        "pass (opaque after the login of a client that takes it)",
        choices=("refuse", "pass"),
    )

    user = ""  # who has logged in
    _offered = 0  # capabilities of the server,
    _flags = 0  # and those that the client has as well
    _mariadb = False
    _asked = {form: Asked(form) for form in Form}
    _statements = NO_STATEMENTS  # text of prepared statements, by number
    _newest = ""  # text of the statement that was prepared last

    def __post_init__(self) -> None:
        super().__post_init__()
        self.adjusting = "refuse" in (self.tls, self.compression)

    def adjust(self, message: Message) -> Forward:
        """Hide from clients what is refused."""
        if message.to_backend or message.labels.get("phase") != "greeting":
            return Forward(message)
        self.adjusting = False
        data = message.data
        if self.tls == "refuse":
            data = self._hide(data, SSL, "TLS was offered, and is hidden from clients (tls)")
        if self.compression == "refuse":
            what = "compression was offered, and is hidden from clients (compression)"
            data = self._hide(data, COMPRESS | ZSTD, what)
        return Forward(message.with_data(data))

    def _hide(self, greeting: bytes, flags: int, what: str) -> bytes:
        places = _places_of_capabilities(greeting)
        changed = bytearray(greeting)
        for place, low in zip(places, (0, 8, 16, 24), strict=False):
            changed[place] &= ~(flags >> low) & 0xFF
        if changed != greeting:
            self.tell(what)
        return bytes(changed)

    # What the client says.

    def requests(self, stream: Stream) -> Parser:
        self._statements = {}
        labels, opaque = yield from self._log_in(stream)
        wraps = False  # the next sequence id is 0, and yet no command
        while not opaque:
            head = yield from stream.read(HEADER_SIZE)
            size, sequence = size_of(head), head[3]
            start = yield from stream.read(min(size, REQUEST_HEAD))
            continues = bool(sequence or wraps)
            if continues:
                stream.begin(labels, continues=True)
            else:
                if not start:
                    raise ProtocolError("a command of no bytes")
                command = COMMANDS.get(start[0]) or Command.unknown(start[0])
                labels, asked = self._understand(command, start)
                final = labels["verb"] not in ASKED_BACK
                stream.begin(labels, expects_reply=command.replies, final=final, about=asked)
                opaque = command.opaque
            if size == LONGEST or size > len(start):
                sequence = yield from _pass_packets(stream, size, size - len(start), sequence)
            stream.end()
            wraps = continues and sequence == 255 and size > 0  # nothing ends a file
        stream.turn_opaque()

    def _log_in(self, stream: Stream) -> Generator[None, None, tuple[Mapping[str, str], bool]]:
        """The first that a client says; gives its labels, and whether it turns to TLS."""
        head = yield from stream.read(HEADER_SIZE)
        size = size_of(head)
        start = yield from stream.read(min(size, REQUEST_HEAD))
        flags = int.from_bytes(start[:4], "little")
        if len(start) < SSL_REQUEST_SIZE or not flags & PROTOCOL_41:
            raise ProtocolError("a login older than MySQL 4.1, or none at all")
        opaque = size == SSL_REQUEST_SIZE and bool(flags & SSL)
        name = "SSL" if opaque else "LOGIN"
        labels = {"phase": "login", "command": name, "verb": name}
        password = False
        if not opaque:
            who, password = _who_logs_in(flags, start)
            labels |= who
            self.user = who["user"]
            self._flags = flags & self._offered
            attributes = bool(self._flags & ATTRIBUTES)
            self._asked = {form: Asked(form, 0, "", attributes, self._mariadb) for form in Form}
        asked = Asked(Form.LOGIN, head[3], mariadb=self._mariadb, password=password)
        stream.begin(labels, expects_reply=not opaque, final=False, about=asked)
        yield from _pass_packets(stream, size, size - len(start), head[3])
        stream.end()
        return labels, opaque

    def _understand(self, command: Command, start: bytes) -> tuple[Mapping[str, str], Asked]:
        """The labels of a command, and what is noted of it."""
        code = start[0]
        asked = self._asked[command.form]
        if code == QUERY:
            sql = statement_in(start, attributes=asked.attributes)
            return command.labelled(sql, verb_of(sql) or command.name), asked
        if code == STMT_PREPARE:
            sql = self._newest = statement_in(start, attributes=False)
            return command.labelled(sql, command.name), asked._replace(statement=sql)
        number = int.from_bytes(start[1:5], "little")
        if code in {STMT_EXECUTE, BULK_EXECUTE}:
            sql = self._newest if number == NEWEST else self._statements.get(number, "")
            return command.labelled(sql, verb_of(sql) or command.name), asked
        if code == STMT_CLOSE:
            self._statements.pop(number, None)
        return command.labels, asked

    # What the server says.

    def responses(self, stream: Stream) -> Parser:
        yield from self._greet(stream)
        while True:
            window = stream.at_hand()
            while not begins(window):
                yield
                window = stream.at_hand()
            asked = stream.asked
            form = form_of(asked)
            labels = labels_of(window)
            stream.begin(labels, unsolicited=asked is None)
            response = Response(form, self._flags)
            while True:
                size = response.take(window)
                yield from stream.skip(size)
                if response.taken:
                    break
                if not size:
                    yield
                window = stream.at_hand()
            if response.error:
                stream.error(response.error)
            elif response.statement is not None and isinstance(asked, Asked):
                self._remember(response.statement, asked.statement)
            stream.end(final=response.final)
            logged_in = form is Form.LOGIN and response.final and not response.error
            if logged_in and self._flags & (COMPRESS | ZSTD):
                stream.turn_opaque()
                return

    def _greet(self, stream: Stream) -> Parser:
        """The first that a server says: whole, as what it offers may have to be changed."""
        head = yield from stream.read(HEADER_SIZE)
        data = yield from stream.read(size_of(head), GREETING_LIMIT)
        labels = GREETING
        if data[:1] == bytes([ERR]):
            labels = {**GREETING, "error": errno_of(data)}
            stream.error(labels["error"])
        elif data[:1] != b"\x0a":
            raise ProtocolError("a greeting that is not of version 10 of the protocol")
        else:
            places = _places_of_capabilities(head + data)
            flags = [(head + data)[place] for place in places]
            self._offered = int.from_bytes(bytes(flags), "little")
            self._mariadb = b"MariaDB" in data
        stream.begin(labels, unsolicited=True)
        stream.end()

    def _remember(self, number: int, sql: str) -> None:
        """A statement has been prepared."""
        self._statements.pop(number, None)
        if len(self._statements) >= REMEMBERED:
            del self._statements[next(iter(self._statements))]
        self._statements[number] = sql


def _pass_packets(
    stream: Stream, size: int, left: int, sequence: int
) -> Generator[None, None, int]:
    """Let the rest of a packet pass, and those that go on with it; gives the last sequence id."""
    yield from stream.skip(left)
    while size == LONGEST:
        head = yield from stream.read(HEADER_SIZE)
        size, sequence = size_of(head), head[3]
        yield from stream.skip(size)
    return sequence


def _places_of_capabilities(greeting: bytes) -> tuple[int, ...]:
    """Where in a greeting, header included, the bytes of the capabilities are, lowest first.

    They follow the version, the connection's number, 8 bytes of salt and a zero; between the
    lower and the upper two are a character set and the status.
    """
    end = greeting.find(b"\0", HEADER_SIZE + 1)
    low = end + 1 + 4 + 8 + 1
    places = (low, low + 1, low + 5, low + 6)
    if greeting[HEADER_SIZE : HEADER_SIZE + 1] != b"\x0a" or end < 0:
        return ()
    return tuple(place for place in places if place < len(greeting))


def _who_logs_in(flags: int, login: bytes) -> tuple[dict[str, str], bool]:
    """User and, if one is chosen, database, in the payload of a login; whether with a password.

    Of no password, some clients send a zero.
    """
    user, _, rest = login[SSL_REQUEST_SIZE:].partition(b"\0")
    who = {"user": user.decode("utf-8", "replace")[:NAME_SIZE]}
    password = bool(rest) and not rest.startswith((b"\0", b"\1\0"))
    if flags & WITH_DATABASE:
        if flags & (LENENC_AUTH | SECURE_CONNECTION):
            rest = rest[1 + rest[0] :] if rest else b""
        else:
            rest = rest.partition(b"\0")[2]
        who["database"] = rest.partition(b"\0")[0].decode("utf-8", "replace")[:NAME_SIZE]
    return who, password
