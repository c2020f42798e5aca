"""postgresql: the parsers of requests and responses.

An exchange is whatever ends in one ReadyForQuery: a simple query, a function call, or all
messages of the extended protocol up to and including a Sync.  Here these are called a batch.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from struct import Struct
from typing import ClassVar, cast

from ...errors import ProtocolError
from ...fault import Catalogue
from ...protocol import Parser, Protocol, Stream
from ...values.actions import Forward, Reply
from ...values.messages import Message
from ...values.options import option
from . import wire
from .faults import CATALOGUE
from .statements import (
    SQL_SIZE,
    START_SIZE,
    TEXT_LIMIT,
    Labels,
    Statements,
    startup_labels,
    statement_labels,
)
from .wire import LENGTH, all_but, peek, skip_up_to, take_head, take_message

CANCEL_REQUEST, SSL_REQUEST, GSSENC_REQUEST = 80877102, 80877103, 80877104
MAJOR_VERSION = 3
TLS_HANDSHAKE = 22  # RFC 8446, section 5.1: what a direct TLS connection begins with
STARTUP_LIMIT = 10_000  # bytes: MAX_STARTUP_PACKET_LENGTH
ERROR_LIMIT = 4_096  # bytes of an error report that are read; its code comes first

STARTUP = Struct(">II")
SIMPLE_QUERY = re.compile(rb"(?s)Q(\x00\x00..)([^\x00]*)\x00")
WHOLE_SYNC = re.compile(rb"S\x00\x00\x00\x04")
WHOLE_READY = re.compile(rb"Z\x00\x00\x00\x05[ITE]")
FATAL = re.compile(rb"(?:^S|\x00V)(?:FATAL|PANIC)\x00")  # S may be translated, V is not
SQLSTATE = re.compile(rb"\x00C([0-9A-Z]{5})\x00")

AUTHENTICATED = (0, 12)  # AuthenticationOk, and SASLFinal, which it follows at once
UNSOLICITED = b"AS"  # NotificationResponse and ParameterStatus never begin a response
BATCH_ENDS = (wire.SYNC, wire.QUERY, wire.FUNCTION_CALL, wire.TERMINATE)  # a query acts as a Sync
ON_STATEMENTS = (wire.PARSE, wire.BIND, wire.DESCRIBE, wire.EXECUTE, wire.CLOSE)
BEGIN_VERBS = ("BEGIN", "START")
PREAMBLE = 8  # messages of a batch that may precede the statement it is labelled with
STOPS_IN_BATCH = all_but(b"DEHCdcf")
STOPS_IN_COPY = all_but(b"dHS")
STOPS_IN_RESPONSE = all_but(b"123ACDHIKNSTVcdnstv")

CANCEL_LABELS: Labels = {"phase": "cancel", "verb": "CANCEL"}
TERMINATE_LABELS: Labels = {"phase": "terminate", "verb": "TERMINATE"}
DIRECT_TLS_LABELS: Labels = {"phase": "encryption", "verb": "TLS"}
FUNCTION_LABELS: Labels = {"phase": "query", "verb": "FUNCTION", "mode": "function"}
ENCRYPTION_LABELS: Mapping[int, Labels] = {
    SSL_REQUEST: {"phase": "encryption", "verb": "SSLREQUEST"},
    GSSENC_REQUEST: {"phase": "encryption", "verb": "GSSENCREQUEST"},
}
BATCH_LABELS: Mapping[int, Labels] = {
    kind: {"phase": "query", "verb": verb, "mode": "extended"}
    for kind, verb in (
        (wire.BIND, "BIND"),
        (wire.DESCRIBE, "DESCRIBE"),
        (wire.EXECUTE, "EXECUTE"),
        (wire.CLOSE, "CLOSE"),
        (wire.FLUSH, "FLUSH"),
        (wire.SYNC, "SYNC"),
    )
}


class PostgreSQL(Protocol):
    """The frontend/backend protocol, versions 3.0 and 3.2; poolers speak it, too."""

    name = "postgresql"
    labels: ClassVar[Mapping[str, str]] = {
        "phase": "encryption, startup, query, cancel or terminate",
        "verb": "the first word of the statement in upper case, such as SELECT; "
        "STARTUP, CANCEL, SYNC, ... if there is no statement",
        "sql": f"the statement, cut at {TEXT_LIMIT:,} characters",
        "mode": "how the statement was sent: simple, extended or function",
        "user": "the user of a start-up",
        "database": "the database of a start-up",
    }
    response_labels: ClassVar[Mapping[str, str]] = {
        "error": "the SQLSTATE, if the response begins with an error"
    }
    tallied: ClassVar[str] = "verb"
    faults: ClassVar[Catalogue] = CATALOGUE
    tls: str = option(
        "refuse",
        "if a client requests encryption: refuse (tell it that there is none, so that messages "
        "stay readable) or pass (let it ask the backend; an encrypted connection is opaque)",
        choices=("refuse", "pass"),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self.adjusting = self.tls == "refuse"

    def adjust(self, message: Message) -> Forward | Reply:
        if message.labels in ENCRYPTION_LABELS.values():
            self.tell("a client requested encryption, which was refused (tls=refuse)")
            return Reply(b"N")
        if message.to_backend:
            self.adjusting = False  # the client continues without encryption
        return Forward(message)

    # Requests.

    def requests(self, stream: Stream) -> Parser:
        if (yield from self._startup(stream)):
            return
        statements = Statements()
        synced = False  # a Sync ended the last request
        while True:
            if (found := stream.match(SIMPLE_QUERY)) is not None:
                rest = LENGTH.unpack(found[1])[0] - LENGTH.size - len(found[2]) - 1
                labels = statement_labels(found[2][:SQL_SIZE], "simple")
                stream.begin(labels, about=labels, final=labels["verb"] != "COPY")
                if rest:  # none, if the length matches the text
                    yield from stream.skip(rest)
                stream.end()
                synced = False
                continue
            kind = (yield from peek(stream, 1))[0]
            if kind in (wire.COPY_DATA, wire.COPY_DONE, wire.COPY_FAIL):
                yield from _copy(stream, statements if synced else None)
            elif kind in BATCH_LABELS or kind == wire.PARSE:
                synced = yield from _batch(stream, statements, kind)
            else:
                synced = False
                yield from _single(stream)

    def _startup(self, stream: Stream) -> Generator[None, None, bool]:
        """Take the messages without a type; return whether nothing more is to be read."""
        while True:
            head = yield from stream.read(STARTUP.size)
            size, code = STARTUP.unpack(head)
            if code in ENCRYPTION_LABELS and size == STARTUP.size:
                stream.begin(ENCRYPTION_LABELS[code], about=ENCRYPTION_LABELS[code])
                stream.end()
            elif head[0] == TLS_HANDSHAKE and self.tls == "pass":
                stream.begin(DIRECT_TLS_LABELS, expects_reply=False)
                stream.end()
                stream.turn_opaque()
                return True
            elif head[0] == TLS_HANDSHAKE:
                raise ProtocolError("a direct TLS handshake, which needs tls=pass")
            elif code != CANCEL_REQUEST and code >> 16 != MAJOR_VERSION:
                raise ProtocolError(f"a start-up of {size} bytes with version {code:#x}")
            else:
                body = yield from stream.read(size - STARTUP.size, STARTUP_LIMIT)
                if code == CANCEL_REQUEST:
                    stream.begin(CANCEL_LABELS, expects_reply=False)
                    stream.end()
                    stream.turn_opaque()
                    return True
                stream.begin(labels := startup_labels(body), about=labels, final=False)
                stream.end()
                return False

    # Responses.

    def responses(self, stream: Stream) -> Parser:
        while True:
            kind = (yield from peek(stream, 1))[0]
            request = cast("Labels | None", stream.asked)
            if request is not None and request["phase"] == "encryption":
                if (yield from _encryption(stream)):
                    return
            elif request is None or kind in UNSOLICITED:
                yield from _unsolicited(stream)
            elif (yield from _awaits_client(stream, kind)):
                stream.begin(final=False)
                yield from take_message(stream)
                stream.end()
                if kind == wire.COPY_BOTH:  # replication, in which both peers send at any time
                    stream.turn_opaque()
                    return
            else:
                yield from _response(stream, kind)


# Requests.


def _single(stream: Stream) -> Parser:
    """Take a message of the client that is not part of a batch."""
    kind, size = yield from take_head(stream)
    if kind == wire.QUERY:
        text = yield from stream.read(min(size, START_SIZE))
        size -= len(text)
        labels = statement_labels(text.partition(b"\0")[0][:SQL_SIZE], "simple")
        stream.begin(labels, about=labels, final=labels["verb"] != "COPY")
    elif kind == wire.FUNCTION_CALL:
        stream.begin(FUNCTION_LABELS, about=FUNCTION_LABELS)
    elif kind == wire.TERMINATE:
        stream.begin(TERMINATE_LABELS, expects_reply=False)
    elif kind == wire.PASSWORD:
        stream.begin(continues=True)
    else:
        raise ProtocolError(f"a message of type {chr(kind)!r} to the backend")
    yield from stream.skip(size)
    stream.end()


def _batch(stream: Stream, statements: Statements, kind: int) -> Generator[None, None, bool]:
    """Take a batch, labelled with the statement of its first message.

    Return whether a Sync ended it.
    """
    first = kind
    labels, left = yield from statements.take(stream)
    for _ in range(PREAMBLE):  # drivers put a BEGIN before the first statement (pgjdbc)
        if left > START_SIZE or (labels is not None and labels["verb"] not in BEGIN_VERBS):
            break
        yield from stream.read(left)
        left = 0
        ahead = (yield from peek(stream, 1))[0]
        if ahead not in ON_STATEMENTS:
            break
        kind = ahead
        further, left = yield from statements.take(stream)
        labels = further or labels
    if labels is None:
        labels = BATCH_LABELS[first]
    stream.begin(labels, about=labels, final=labels["verb"] != "COPY")
    if left:
        yield from stream.skip(left)
    return (yield from _up_to_sync(stream, statements, kind))


def _up_to_sync(stream: Stream, statements: Statements, kind: int) -> Generator[None, None, bool]:
    """Take what follows a message of this type in a batch; return whether a Sync ended it."""
    while kind not in BATCH_ENDS:
        kind = yield from skip_up_to(stream, STOPS_IN_BATCH)
        if kind == wire.SYNC and stream.match(WHOLE_SYNC) is not None:
            break
        if kind in (wire.PARSE, wire.BIND):
            _, left = yield from statements.take(stream)
        elif kind in BATCH_ENDS:
            _, left = yield from take_head(stream)
        else:
            raise ProtocolError(f"a message of type {chr(kind)!r} before a Sync")
        if left:
            yield from stream.skip(left)
    stream.end()
    return kind == wire.SYNC


def _copy(stream: Stream, statements: Statements | None) -> Parser:
    """Take the data of a COPY, up to its end.

    In the extended protocol, the Sync after the data belongs to it; the backend ignores earlier
    ones.  After an error, a client may send something else instead of the end.
    ``statements``: given if a Sync ended the request for the COPY.
    """
    kind, size = yield from take_head(stream)
    stream.begin(continues=True)
    yield from stream.skip(size)
    if kind == wire.COPY_DATA:
        kind = yield from skip_up_to(stream, STOPS_IN_COPY)
        if kind not in (wire.COPY_DONE, wire.COPY_FAIL):
            stream.end()
            return
        yield from take_message(stream)
    if statements is not None:
        yield from _up_to_sync(stream, statements, kind)
    else:
        stream.end()


# Responses.


def _unsolicited(stream: Stream) -> Parser:
    """Take a message that answers no request: a notice, a notification, a fatal error."""
    kind, size = yield from take_head(stream)
    if kind == wire.ERROR_RESPONSE:
        _, labels, size = yield from _report(stream, size)
        stream.begin(labels, unsolicited=True)
    elif STOPS_IN_RESPONSE[kind] and kind != wire.READY_FOR_QUERY:
        raise ProtocolError(f"an unsolicited message of type {chr(kind)!r} to the client")
    else:
        stream.begin(unsolicited=True)
    yield from stream.skip(size)
    stream.end()


def _encryption(stream: Stream) -> Generator[None, None, bool]:
    """Take the answer to a request for encryption, one byte; return whether it was granted."""
    answer = yield from stream.read(1)
    if answer not in (b"S", b"G", b"N", b"E"):
        raise ProtocolError(f"{answer!r} in response to a request for encryption")
    stream.begin()
    if answer == b"E":  # a server that cannot fork sends its reason, and closes
        yield from stream.rest()
    stream.end()
    if answer == b"N":
        return False
    stream.turn_opaque()
    return True


def _awaits_client(stream: Stream, kind: int) -> Generator[None, None, bool]:
    """Whether a message asks the client to continue its request."""
    if kind == wire.AUTHENTICATION:
        ahead = yield from peek(stream, wire.HEAD_SIZE + LENGTH.size)
        code = LENGTH.unpack_from(ahead, wire.HEAD_SIZE)[0]
        return code not in AUTHENTICATED
    return kind in (wire.COPY_IN, wire.COPY_BOTH)


def _report(stream: Stream, size: int) -> Generator[None, None, tuple[bool, Labels, int]]:
    """Take the start of an error; return whether it is fatal, its labels, and the bytes left."""
    head = yield from stream.read(min(size, ERROR_LIMIT))
    found = SQLSTATE.search(head)
    code = found[1].decode("ascii") if found is not None else ""
    stream.error(code)
    return FATAL.search(head) is not None, {"error": code}, size - len(head)


def _response(stream: Stream, kind: int) -> Parser:
    """Take a response, up to ReadyForQuery, a fatal error, or a message that awaits the client."""
    if kind != wire.ERROR_RESPONSE:
        stream.begin()
    begun = kind != wire.ERROR_RESPONSE
    while kind != wire.READY_FOR_QUERY:
        if kind == wire.ERROR_RESPONSE:
            _, size = yield from take_head(stream)
            fatal, labels, size = yield from _report(stream, size)
            if not begun:
                stream.begin(labels)
                begun = True
            yield from stream.skip(size)
            if fatal:
                stream.end()
                return
        elif (yield from _awaits_client(stream, kind)):
            stream.end(final=False)
            return
        elif kind == wire.AUTHENTICATION:
            yield from take_message(stream)
        elif STOPS_IN_RESPONSE[kind]:
            raise ProtocolError(f"a message of type {chr(kind)!r} to the client")
        kind = yield from skip_up_to(stream, STOPS_IN_RESPONSE)
    if stream.match(WHOLE_READY) is None:  # uncut: faults look for it in the last piece
        yield from stream.read(wire.READY_SIZE)
    stream.end()
