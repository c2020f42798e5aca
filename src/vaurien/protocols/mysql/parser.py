"""mysql: the parsers of requests and responses.

Law: a message is what a user regards as one: a command with all its packets, or the whole
response, with all its result sets.  A sequence id of 0 marks a command; anything else that a
client sends continues a login, or is a file that the server asked for.
Source: the pages on connecting, commands and packets in the documentation of both servers.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import ClassVar

from ...errors import ProtocolError
from ...protocol import Parser, Protocol, Stream
from ...rules.kinds import Kind
from ...values.actions import Forward
from ...values.messages import Message
from ...values.options import option
from . import commands, wire
from .commands import COMMANDS, KINDS, MySqlCommand, MySqlRequest, ResponseKind
from .faults import CATALOGUE
from .responses import ResponseReader, is_labelled, labels_of
from .semantics import SEMANTICS
from .statements import ASKING, SQL_SIZE, statement_in, verb_of
from .wire import HEADER_SIZE, LONGEST, errno_of, size_of

GREETING_LIMIT = 4096
NAME_SIZE = 500
"""Characters of a name that labels hold."""
REQUEST_START = 4 * SQL_SIZE + 16
"""Bytes at the start of a request's payload that are read."""
SSL_REQUEST_SIZE = 32
STATEMENTS_LIMIT = 1000
"""Prepared statements of a connection whose text is known; the oldest are forgotten."""
LEAST_LIMIT = 1024
"""Smallest limit of servers on the size of a packet, in bytes (``max_allowed_packet``)."""
LAST_PREPARED = 0xFFFFFFFF
"""The statement that was prepared last, as a statement number of MariaDB."""

CONTINUED = frozenset({"LOAD", "CHANGE_USER"})
"""Verbs of requests that the server may ask to be continued: with a local file, a password."""
GREETING = {"phase": "greeting"}
NO_STATEMENTS: dict[int, str] = {}


class MySQL(Protocol):
    """The client/server protocol of MySQL and MariaDB."""

    name = "mysql"
    backend_first = True
    decrypting: ClassVar[Mapping[str, object]] = {"tls": "both"}
    labels: ClassVar[Mapping[str, str]] = {
        "phase": "greeting (the server's first message), login or command",
        "command": "QUERY, STMT_PREPARE, STMT_EXECUTE, PING, INIT_DB, ...; LOGIN for the login",
        "verb": "the first word of the SQL in upper case, such as SELECT; "
        "the command if there is no SQL",
        "sql": "the statement, also when a prepared one is executed; cut at 2,000 characters",
        "user": "the user who logs in",
        "database": "the database selected at login",
    }
    response_labels: ClassVar[Mapping[str, str]] = {
        "error": "the error number, if the response is an error"
    }
    kind_labels = ("phase", "command", "verb")
    tallied = "verb"
    semantics = SEMANTICS
    faults = CATALOGUE

    tls: str = option(
        "refuse",
        "if the server offers TLS: refuse (hide the offer from clients, so that messages "
        "stay readable), pass (a client that accepts it makes its connection opaque) or both "
        "(let it accept, and decrypt it: the proxy's tls says with what)",
        choices=("refuse", "pass", "both"),
    )
    compression: str = option(
        "refuse",
        "if the server offers compression: refuse (hide the offer from clients) or "
        "pass (a client that accepts it makes its connection opaque after the login)",
        choices=("refuse", "pass"),
    )

    user = ""  # who has logged in
    _offered = 0  # capabilities of the server
    _flags = 0  # capabilities of both peers
    _mariadb = False
    _requests = {kind: MySqlRequest(kind) for kind in ResponseKind}
    _statements = NO_STATEMENTS  # text of prepared statements, by number
    _last_prepared = ""  # its text

    @classmethod
    def kinds(cls) -> Sequence[Kind]:
        return KINDS

    def __post_init__(self) -> None:
        super().__post_init__()
        self.decrypts = self.tls == "both"
        self.adjusting = self.decrypts or "refuse" in (self.tls, self.compression)

    def adjust(self, message: Message) -> Forward:
        """Hide refused offers from clients."""
        if message.to_backend or message.labels.get("phase") != "greeting":
            return Forward(message)
        self.adjusting = self.decrypts  # until the client has said whether it wants TLS
        data = message.data
        if self.tls == "refuse":
            what = "the server offers TLS, hidden from clients (tls=refuse)"
            data = self._hide(data, wire.SSL, what)
        if self.compression == "refuse":
            what = "the server offers compression, hidden from clients (compression=refuse)"
            data = self._hide(data, wire.COMPRESS | wire.ZSTD, what)
        return Forward(message.with_data(data))

    def _hide(self, greeting: bytes, flags: int, what: str) -> bytes:
        positions = _positions_of_capabilities(greeting)
        changed = bytearray(greeting)
        for at, low in zip(positions, (0, 8, 16, 24), strict=False):
            changed[at] &= ~(flags >> low) & 0xFF
        if changed != greeting:
            self.tell(what)
        return bytes(changed)

    # Requests.

    def requests(self, stream: Stream) -> Parser:
        self._statements = {}
        labels, opaque = yield from self._login(stream)
        if opaque and self.decrypts:
            yield from stream.encrypt()
            labels, opaque = yield from self._login(stream, after=1)
        self.adjusting = False
        wraps = False  # the next packet has sequence id 0 but is no command
        while not opaque:
            head = yield from stream.read(HEADER_SIZE)
            size, sequence = size_of(head), head[3]
            continues = bool(sequence or wraps)
            if continues:
                stream.begin(labels, continues=True)
                left = size
            else:
                start = yield from self._start_of_command(stream, size)
                left = size - len(start)
                if start or not size:
                    labels, opaque = self._begin(stream, start, whole=not left)
                else:
                    labels = yield from self._begin_blindly(stream)
                    left -= 1
            sequence = yield from _skip_packets(stream, size, left, sequence)
            stream.end()
            wraps = continues and sequence == 255 and size > 0  # an empty packet ends a file
        stream.turn_opaque()

    def _start_of_command(self, stream: Stream, size: int) -> Generator[None, None, bytes]:
        """Take as much of a command as its labels need.

        A server answers the header of one that is too large for it, so less is taken if no more
        comes soon.
        """
        needed = min(size, REQUEST_START)
        while size > LEAST_LIMIT and len(start := stream.at_hand(needed)) < needed:
            if not (yield from stream.wait_briefly()):
                needed = len(start)
        return (yield from stream.read(needed))

    def _begin_blindly(self, stream: Stream) -> Generator[None, None, Mapping[str, str]]:
        """Begin a command of which only the header has come, and take its code.

        Raises:
            ProtocolError: its response is not like that to most commands.
        """
        labels = {"phase": "command"}
        stream.begin(labels, final=False, about=self._requests[ResponseKind.RESULTS])
        (code,) = yield from stream.read(1)
        command = COMMANDS.get(code)
        if command is None or command.response is not ResponseKind.RESULTS:
            raise ProtocolError(f"the command 0x{code:02X} came long after its header")
        return labels

    def _begin(
        self, stream: Stream, start: bytes, *, whole: bool
    ) -> tuple[Mapping[str, str], bool]:
        """Begin a command; return its labels, and whether a stream follows it.

        ``whole``: ``start`` is the whole payload.
        """
        if not start:
            raise ProtocolError("an empty command")
        command = COMMANDS.get(start[0]) or MySqlCommand(f"0x{start[0]:02X}")
        labels, request = self._command(command, start)
        asks = labels["verb"] in CONTINUED
        if start[0] == commands.QUERY:
            asks = not whole or ASKING.search(start) is not None
        stream.begin(labels, expects_reply=command.replies, final=not asks, about=request)
        return labels, command.opaque

    def _login(
        self, stream: Stream, after: int = 0
    ) -> Generator[None, None, tuple[Mapping[str, str], bool]]:
        """Take the client's first message; return its labels, and whether TLS follows.

        ``after``: the sequence id of the one before, which may be a request for TLS.
        """
        head = yield from stream.read(HEADER_SIZE)
        size = size_of(head)
        if size < SSL_REQUEST_SIZE or head[3] != after + 1:  # the server answers the header at once
            raise ProtocolError("no login")
        start = yield from stream.read(min(size, REQUEST_START))
        flags = int.from_bytes(start[:4], "little")
        if len(start) < SSL_REQUEST_SIZE or not flags & wire.PROTOCOL_41:
            raise ProtocolError("no login, or one older than MySQL 4.1")
        opaque = size == SSL_REQUEST_SIZE and bool(flags & wire.SSL)
        name = "SSL" if opaque else "LOGIN"
        labels = {"phase": "login", "command": name, "verb": name}
        password = False
        if not opaque:
            identity, password = _identity(flags, start[SSL_REQUEST_SIZE:])
            labels |= identity
            self.user = identity["user"]
            self._flags = flags & self._offered
            attributes = bool(self._flags & wire.QUERY_ATTRIBUTES)
            self._requests = {
                kind: MySqlRequest(kind, 0, "", attributes, self._mariadb) for kind in ResponseKind
            }
        request = MySqlRequest(
            ResponseKind.LOGIN, head[3], mariadb=self._mariadb, password=password, user=self.user
        )
        stream.begin(labels, expects_reply=not opaque, final=False, about=request)
        yield from _skip_packets(stream, size, size - len(start), head[3])
        stream.end()
        return labels, opaque

    def _command(
        self, command: MySqlCommand, start: bytes
    ) -> tuple[Mapping[str, str], MySqlRequest]:
        """The labels of a command, and what to remember of it."""
        code = start[0]
        request = self._requests[command.response]
        if code == commands.QUERY:
            sql = statement_in(start, attributes=request.attributes)
            return command.labels_with(sql, verb_of(sql) or command.name), request
        if code == commands.STMT_PREPARE:
            sql = self._last_prepared = statement_in(start, attributes=False)
            return command.labels_with(sql, command.name), request._replace(statement=sql)
        if code == commands.CHANGE_USER:
            identity, password = _identity(self._flags | wire.WITH_DATABASE, start[1:])
            request = request._replace(
                password=password, user=identity["user"], changes_user=True, resets=True
            )
            return {**command.labels, **identity}, request
        if code == commands.RESET_CONNECTION:
            return command.labels, request._replace(resets=True)
        number = int.from_bytes(start[1:5], "little")
        if code in {commands.STMT_EXECUTE, commands.BULK_EXECUTE}:
            sql = self._statements.get(number, "")
            if number == LAST_PREPARED:
                sql = self._last_prepared
            return command.labels_with(sql, verb_of(sql) or command.name), request
        if code == commands.STMT_CLOSE:
            self._statements.pop(number, None)
        return command.labels, request

    # Responses.

    def responses(self, stream: Stream) -> Parser:
        yield from self._greet(stream)
        while True:
            window = stream.at_hand()
            while not is_labelled(window):
                yield
                window = stream.at_hand()
            asked = stream.asked
            request = asked if isinstance(asked, MySqlRequest) else None
            kind = request.response if request else ResponseKind.SINGLE
            stream.begin(labels_of(window), unsolicited=request is None)
            response = ResponseReader(kind, self._flags)
            while True:
                size = response.take(window)
                yield from stream.skip(size)
                if response.taken:
                    break
                if not size:
                    stream.claim()
                    yield
                window = stream.at_hand()
            if response.error:
                stream.error(response.error)
                if request is not None and request.statement is self._last_prepared:
                    self._last_prepared = ""
            elif request is not None and response.final:
                self._note_success(request, response)
            stream.end(final=response.final)
            logged_in = kind is ResponseKind.LOGIN and response.final and not response.error
            if logged_in and self._flags & (wire.COMPRESS | wire.ZSTD):
                stream.turn_opaque()
                return

    def _greet(self, stream: Stream) -> Parser:
        """Take the server's first message, whole: its offers may have to be changed."""
        head = yield from stream.read(HEADER_SIZE)
        data = yield from stream.read(size_of(head), GREETING_LIMIT)
        labels = GREETING
        if data[:1] == bytes([wire.ERR]):
            labels = {**GREETING, "error": errno_of(data)}
            stream.error(labels["error"])
        elif data[:1] != b"\x0a":
            raise ProtocolError("the greeting is not of protocol version 10")
        else:
            positions = _positions_of_capabilities(head + data)
            flags = [(head + data)[at] for at in positions]
            self._offered = int.from_bytes(bytes(flags), "little")
            self._mariadb = b"MariaDB" in data
        stream.begin(labels, unsolicited=True)
        stream.end()

    def _note_success(self, request: MySqlRequest, response: ResponseReader) -> None:
        if response.statement is not None:
            self._remember(response.statement, request.statement)
        elif request.resets:
            self._statements.clear()
            self._last_prepared = ""
            self.user = request.user or self.user

    def _remember(self, number: int, sql: str) -> None:
        """Keep the text of a prepared statement."""
        self._statements.pop(number, None)
        if len(self._statements) >= STATEMENTS_LIMIT:
            del self._statements[next(iter(self._statements))]
        self._statements[number] = sql


def _skip_packets(
    stream: Stream, size: int, left: int, sequence: int
) -> Generator[None, None, int]:
    """Skip the rest of a packet, and those that continue it; return the last sequence id."""
    yield from stream.skip(left)
    while size == LONGEST:
        head = yield from stream.read(HEADER_SIZE)
        size, sequence = size_of(head), head[3]
        yield from stream.skip(size)
    return sequence


def _positions_of_capabilities(greeting: bytes) -> tuple[int, ...]:
    """The positions of the capabilities' bytes in a greeting with its header, lowest first.

    They follow the version, the connection id, 8 bytes of salt and a zero byte; a character set
    and the status separate the lower two from the upper two.
    """
    end = greeting.find(b"\0", HEADER_SIZE + 1)
    low = end + 1 + 4 + 8 + 1
    positions = (low, low + 1, low + 5, low + 6)
    if greeting[HEADER_SIZE : HEADER_SIZE + 1] != b"\x0a" or end < 0:
        return ()
    return tuple(at for at in positions if at < len(greeting))


def _identity(flags: int, login: bytes) -> tuple[dict[str, str], bool]:
    """The labels in what follows the head of a login; and whether it has a password.

    Some clients send a zero byte in place of an empty password.
    """
    user, _, rest = login.partition(b"\0")
    labels = {"user": user.decode("utf-8", "replace")[:NAME_SIZE]}
    password = bool(rest) and not rest.startswith((b"\0", b"\1\0"))
    if flags & wire.WITH_DATABASE:
        if flags & (wire.LENENC_AUTH | wire.SECURE_CONNECTION):
            rest = rest[1 + rest[0] :] if rest else b""
        else:
            rest = rest.partition(b"\0")[2]
        labels["database"] = rest.partition(b"\0")[0].decode("utf-8", "replace")[:NAME_SIZE]
    return labels, password
