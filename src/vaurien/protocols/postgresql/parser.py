"""postgresql: the frontend/backend protocol of PostgreSQL, versions 3.0 and 3.2.

Framing is that of the manual's chapter "Frontend/Backend Protocol": a type byte and a
length, and no type byte before the start-up.  An exchange is what ends in one ReadyForQuery:
a simple query, a function call, or everything of the extended protocol up to and with its Sync.
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
from .faults import CATALOGUE
from .messages import (
    COPY_BOTH,
    COPY_DATA,
    COPY_DONE,
    COPY_FAIL,
    COPY_IN,
    ERROR,
    HEAD_SIZE,
    LENGTH,
    NOTED_LIMIT,
    PASSWORD,
    READY_FOR_QUERY,
    REQUEST,
    SQL_SIZE,
    TEXT_LIMIT,
    B,
    C,
    D,
    E,
    F,
    H,
    Labels,
    P,
    Q,
    S,
    Statements,
    X,
    all_but,
    passing,
    peek,
    startup_labels,
    statement_labels,
    take_head,
    take_message,
)

CANCEL_REQUEST, SSL_REQUEST, GSSENC_REQUEST = 80877102, 80877103, 80877104
MAJOR_VERSION = 3
TLS_HANDSHAKE = 22  # RFC 8446, section 5.1: what a direct TLS connection begins with
STARTUP_LIMIT = 10_000  # bytes: MAX_STARTUP_PACKET_LENGTH
ERROR_LIMIT = 4_096  # bytes of an error report that are looked at; its code comes first

STARTUP = Struct(">II")
QUERY = re.compile(rb"(?s)Q(\x00\x00..)([^\x00]*)\x00")
SYNC = re.compile(rb"S\x00\x00\x00\x04")
READY_SIZE = 6
READY = re.compile(rb"Z\x00\x00\x00\x05[ITE]")
FATAL = re.compile(rb"(?:^S|\x00V)(?:FATAL|PANIC)\x00")  # S may be translated, V is not
SQLSTATE = re.compile(rb"\x00C([0-9A-Z]{5})\x00")

AUTHENTICATED = (0, 12)  # AuthenticationOk, and SASLFinal, after which it comes at once
SAID_UNASKED = b"AS"  # NotificationResponse and ParameterStatus are never an answer
ENDS_OF_BATCHES = (S, Q, F, X)  # a query does what a Sync would
OF_STATEMENTS = (P, B, D, E, C)
BEGINNINGS = ("BEGIN", "START")
PREAMBLE = 8  # messages of a batch that may come before the statement it is named after
WITHIN_BATCH = all_but(b"DEHCdcf")
WITHIN_COPY = all_but(b"dHS")
WITHIN_RESPONSE = all_but(b"123ACDHIKNSTVcdnstv")

CANCELLATION: Labels = {"phase": "cancel", "verb": "CANCEL"}
TERMINATION: Labels = {"phase": "terminate", "verb": "TERMINATE"}
DIRECT_TLS: Labels = {"phase": "encryption", "verb": "TLS"}
FUNCTION_CALL: Labels = {"phase": "query", "verb": "FUNCTION", "mode": "function"}
ENCRYPTIONS: Mapping[int, Labels] = {
    SSL_REQUEST: {"phase": "encryption", "verb": "SSLREQUEST"},
    GSSENC_REQUEST: {"phase": "encryption", "verb": "GSSENCREQUEST"},
}
STATEMENTLESS: Mapping[int, Labels] = {
    kind: {"phase": "query", "verb": verb, "mode": "extended"}
    for kind, verb in (
        (B, "BIND"),
        (D, "DESCRIBE"),
        (E, "EXECUTE"),
        (C, "CLOSE"),
        (H, "FLUSH"),
        (S, "SYNC"),
    )
}


class PostgreSQL(Protocol):
    """See the module."""

    name = "postgresql"
    labels: ClassVar[Mapping[str, str]] = {
        "phase": "encryption, startup, query, cancel or terminate",
        "verb": "the first word of the statement in upper case, such as SELECT; "
        "STARTUP, CANCEL, SYNC, ... where there is none",
        "sql": f"the text of the statement, its first {TEXT_LIMIT:,} characters",
        "mode": "how it was sent: simple, extended or function",
        "user": "of a start-up: who wants in",
        "database": "of a start-up: where to",
    }
    response_labels: ClassVar[Mapping[str, str]] = {
        "error": "the SQLSTATE of a response that begins with an error"
    }
    tallied: ClassVar[str] = "verb"
    faults: ClassVar[Catalogue] = CATALOGUE
    tls: str = option(
        "refuse",
        "where a client asks for encryption: tell it that there is none, so that messages stay "
        "visible, or let it ask the backend, and pass on what can't be read any more",
        choices=("refuse", "pass"),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self.adjusting = self.tls == "refuse"

    def adjust(self, message: Message) -> Forward | Reply:
        if message.labels in ENCRYPTIONS.values():
            self.tell("a client asked for encryption and was told that there is none (tls=refuse)")
            return Reply(b"N")
        if message.to_backend:
            self.adjusting = False  # the client has settled for none
        return Forward(message)

    # What clients say.

    def requests(self, stream: Stream) -> Parser:
        if (yield from self._startup(stream)):
            return
        statements = Statements()
        synced = False  # the newest request, by a Sync
        while True:
            if (found := stream.match(QUERY)) is not None:
                rest = LENGTH.unpack(found[1])[0] - LENGTH.size - len(found[2]) - 1
                labels = statement_labels(found[2][:SQL_SIZE], "simple")
                stream.begin(labels, about=labels, final=labels["verb"] != "COPY")
                if rest:  # there is none, where the length is true to the text
                    yield from stream.skip(rest)
                stream.end()
                synced = False
                continue
            kind = (yield from peek(stream, 1))[0]
            if kind in (COPY_DATA, COPY_DONE, COPY_FAIL):
                yield from _copy(stream, statements if synced else None)
            elif kind in (P, B, D, E, C, H, S):
                synced = yield from _batch(stream, statements, kind)
            else:
                synced = False
                yield from _single(stream)

    def _startup(self, stream: Stream) -> Generator[None, None, bool]:
        """What comes before anything has a type; gives whether no more is to be read."""
        while True:
            head = yield from stream.read(STARTUP.size)
            size, code = STARTUP.unpack(head)
            if code in ENCRYPTIONS and size == STARTUP.size:
                stream.begin(ENCRYPTIONS[code], about=ENCRYPTIONS[code])
                stream.end()
            elif head[0] == TLS_HANDSHAKE and self.tls == "pass":
                stream.begin(DIRECT_TLS, expects_reply=False)
                stream.end()
                stream.turn_opaque()
                return True
            elif head[0] == TLS_HANDSHAKE:
                raise ProtocolError("a TLS handshake at once, which only tls=pass lets through")
            elif code != CANCEL_REQUEST and code >> 16 != MAJOR_VERSION:
                raise ProtocolError(f"a start-up of {size} bytes and version {code:#x}")
            else:
                body = yield from stream.read(size - STARTUP.size, STARTUP_LIMIT)
                if code == CANCEL_REQUEST:
                    stream.begin(CANCELLATION, expects_reply=False)
                    stream.end()
                    stream.turn_opaque()
                    return True
                stream.begin(labels := startup_labels(body), about=labels, final=False)
                stream.end()
                return False

    # What the backend says.

    def responses(self, stream: Stream) -> Parser:
        while True:
            kind = (yield from peek(stream, 1))[0]
            asked = cast("Labels | None", stream.asked)
            if asked is not None and asked["phase"] == "encryption":
                if (yield from _encryption(stream)):
                    return
            elif asked is None or kind in SAID_UNASKED:
                yield from _unasked(stream)
            elif kind in (COPY_IN, COPY_BOTH, REQUEST) and (yield from _asks_back(stream, kind)):
                stream.begin(final=False)
                yield from take_message(stream)
                stream.end()
                if kind == COPY_BOTH:  # replication, in which both speak as they like
                    stream.turn_opaque()
                    return
            else:
                yield from _response(stream, kind)


# Requests.


def _single(stream: Stream) -> Parser:
    """A message of the client that is no part of a batch."""
    kind, size = yield from take_head(stream)
    if kind == Q:
        text = yield from stream.read(min(size, NOTED_LIMIT))
        size -= len(text)
        labels = statement_labels(text.partition(b"\0")[0][:SQL_SIZE], "simple")
        stream.begin(labels, about=labels, final=labels["verb"] != "COPY")
    elif kind == F:
        stream.begin(FUNCTION_CALL, about=FUNCTION_CALL)
    elif kind == X:
        stream.begin(TERMINATION, expects_reply=False)
    elif kind == PASSWORD:
        stream.begin(continues=True)
    else:
        raise ProtocolError(f"a message of type {chr(kind)!r} to the backend")
    yield from stream.skip(size)
    stream.end()


def _batch(stream: Stream, statements: Statements, kind: int) -> Generator[None, None, bool]:
    """The extended protocol, up to its end; named after the statement of its first message.

    Gives whether a Sync was that end.
    """
    labels, left = yield from statements.take(stream)
    first = kind
    for _ in range(PREAMBLE):  # drivers put a BEGIN before the first statement (pgjdbc)
        if left > NOTED_LIMIT or (labels is not None and labels["verb"] not in BEGINNINGS):
            break
        yield from stream.read(left)
        left = 0
        ahead = (yield from peek(stream, 1))[0]
        if ahead not in OF_STATEMENTS:
            break
        kind = ahead
        further, left = yield from statements.take(stream)
        labels = further or labels
    if labels is None:
        labels = STATEMENTLESS[first]
    stream.begin(labels, about=labels, final=labels["verb"] != "COPY")
    if left:
        yield from stream.skip(left)
    return (yield from _up_to_sync(stream, statements, kind))


def _up_to_sync(stream: Stream, statements: Statements, kind: int) -> Generator[None, None, bool]:
    """What follows a message of this type, to the end of a batch; whether a Sync was that."""
    while kind not in ENDS_OF_BATCHES:
        kind = yield from passing(stream, WITHIN_BATCH)
        if kind == S and stream.match(SYNC) is not None:
            break
        if kind in (P, B):
            _, left = yield from statements.take(stream)
        elif kind in ENDS_OF_BATCHES:
            _, left = yield from take_head(stream)
        else:
            raise ProtocolError(f"a message of type {chr(kind)!r} before a Sync")
        if left:
            yield from stream.skip(left)
    stream.end()
    return kind == S


def _copy(stream: Stream, statements: Statements | None) -> Parser:
    """The data of a COPY, up to its end.

    In the extended protocol, the Sync after that belongs to it; those before it the backend
    ignores.  A client that was told of an error may say something else instead.
    ``statements``: of the extended protocol, if a Sync ended the request for it.
    """
    kind, size = yield from take_head(stream)
    stream.begin(continues=True)
    yield from stream.skip(size)
    if kind == COPY_DATA:
        kind = yield from passing(stream, WITHIN_COPY)
        if kind not in (COPY_DONE, COPY_FAIL):
            stream.end()
            return
        yield from take_message(stream)
    if statements is not None:
        yield from _up_to_sync(stream, statements, kind)
    else:
        stream.end()


# Responses.


def _unasked(stream: Stream) -> Parser:
    """A message that answers no request: a notice, a notification, a last word."""
    kind, size = yield from take_head(stream)
    if kind == ERROR:
        _, labels, size = yield from _report(stream, size)
        stream.begin(labels, unsolicited=True)
    elif WITHIN_RESPONSE[kind] and kind != READY_FOR_QUERY:
        raise ProtocolError(f"a message of type {chr(kind)!r} to a client that asked for nothing")
    else:
        stream.begin(unsolicited=True)
    yield from stream.skip(size)
    stream.end()


def _encryption(stream: Stream) -> Generator[None, None, bool]:
    """The answer to a request for encryption, one byte; gives whether it comes about."""
    answer = yield from stream.read(1)
    if answer not in (b"S", b"G", b"N", b"E"):
        raise ProtocolError(f"{answer!r} in answer to a request for encryption")
    stream.begin()
    if answer == b"E":  # a server that can't even fork says why, and hangs up
        yield from stream.rest()
    stream.end()
    if answer == b"N":
        return False
    stream.turn_opaque()
    return True


def _asks_back(stream: Stream, kind: int) -> Generator[None, None, bool]:
    """Whether a message makes the client go on with its request."""
    if kind == REQUEST:
        code = LENGTH.unpack_from((yield from peek(stream, HEAD_SIZE + LENGTH.size)), HEAD_SIZE)[0]
        return code not in AUTHENTICATED
    return kind in (COPY_IN, COPY_BOTH)


def _report(stream: Stream, size: int) -> Generator[None, None, tuple[bool, Labels, int]]:
    """Take how an error report begins: whether it is the last word, labels, and bytes left."""
    head = yield from stream.read(min(size, ERROR_LIMIT))
    found = SQLSTATE.search(head)
    code = found[1].decode("ascii") if found is not None else ""
    stream.error(code)
    return FATAL.search(head) is not None, {"error": code}, size - len(head)


def _response(stream: Stream, kind: int) -> Parser:
    """A response, up to ReadyForQuery, a last word, or a message that asks the client back."""
    if kind != ERROR:
        stream.begin()
    begun = kind != ERROR
    while kind != READY_FOR_QUERY:
        if kind == ERROR:
            _, size = yield from take_head(stream)
            fatal, labels, size = yield from _report(stream, size)
            if not begun:
                stream.begin(labels)
                begun = True
            yield from stream.skip(size)
            if fatal:
                stream.end()
                return
        elif (yield from _asks_back(stream, kind)):
            stream.end(final=False)
            return
        elif kind == REQUEST:
            yield from take_message(stream)
        elif WITHIN_RESPONSE[kind]:
            raise ProtocolError(f"a message of type {chr(kind)!r} to the client")
        kind = yield from passing(stream, WITHIN_RESPONSE)
    if stream.match(READY) is None:  # never cut: faults look for it in the last piece
        yield from stream.read(READY_SIZE)
    stream.end()
