"""The client's side of a PostgreSQL connection.

Law: a message begins as soon as its labels are known.  The server may answer a message of a batch
at once, with an error, so none waits for the next one; except for a moment those that it hardly
ever answers by themselves: a Close, and the BEGIN that drivers put before the first statement
(pgjdbc).
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from struct import Struct

from ...errors import ProtocolError
from ...protocol import Parser, Stream
from . import wire
from .statements import (
    SQL_SIZE,
    START_SIZE,
    STATEMENTS_LIMIT,
    Labels,
    PgRequest,
    Session,
    Step,
    asks_for_more,
    startup_labels,
    statement_labels,
)
from .wire import LENGTH, all_but, body_size, peek, skip_up_to, take_head, take_message

CANCEL_REQUEST, SSL_REQUEST, GSSENC_REQUEST = 80877102, 80877103, 80877104
MAJOR_VERSION = 3
TLS_HANDSHAKE = 22  # RFC 8446, section 5.1: what a direct TLS connection begins with
STARTUP_LIMIT = 10_000  # bytes: MAX_STARTUP_PACKET_LENGTH

STARTUP = Struct(">II")
QUERY_HEAD = re.compile(rb"(?s)Q(\x00\x00..)")
QUERY_TEXT = re.compile(rb"([^\x00]*)\x00")
UNNAMED = re.compile(
    rb"(?s)(D\x00\x00\x00\x06[SP]\x00)?(E\x00\x00\x00\x09\x00.{4})?(S\x00\x00\x00\x04)?"
)
"""A Describe and an Execute of what has no name, and a Sync; any of them, in this order."""
WHOLE_SYNC = re.compile(rb"S\x00\x00\x00\x04")

BATCH_ENDS = (wire.SYNC, wire.QUERY, wire.FUNCTION_CALL, wire.TERMINATE)  # a query acts as a Sync
STEPS = (wire.PARSE, wire.BIND, wire.DESCRIBE, wire.EXECUTE, wire.CLOSE)
COPY_ENDS = (wire.COPY_DONE, wire.COPY_FAIL)
PREAMBLE = 8  # messages of a batch that may precede the statement it is labelled with
STOPS_IN_BATCH = all_but(b"Hd")
STOPS_IN_COPY = all_but(b"dH")
FOREIGN_IN_COPY = all_but(b"dHcf")

CANCEL_LABELS: Labels = {"phase": "cancel", "verb": "CANCEL"}
TERMINATE_LABELS: Labels = {"phase": "terminate", "verb": "TERMINATE"}
DIRECT_TLS_LABELS: Labels = {"phase": "encryption", "verb": "TLS"}
FUNCTION_LABELS: Labels = {"phase": "query", "verb": "FUNCTION", "mode": "function"}
ENCRYPTION_LABELS: Mapping[int, Labels] = {
    SSL_REQUEST: {"phase": "encryption", "verb": "SSLREQUEST"},
    GSSENC_REQUEST: {"phase": "encryption", "verb": "GSSENCREQUEST"},
}
TLS_LABELS = (ENCRYPTION_LABELS[SSL_REQUEST],)
"""Those of requests for TLS."""
BATCH_LABELS: Mapping[int, Labels] = {
    kind: {"phase": "query", "verb": verb, "mode": "extended"}
    for kind, verb in (
        (wire.PARSE, "PARSE"),
        (wire.BIND, "BIND"),
        (wire.DESCRIBE, "DESCRIBE"),
        (wire.EXECUTE, "EXECUTE"),
        (wire.CLOSE, "CLOSE"),
        (wire.FLUSH, "FLUSH"),
        (wire.SYNC, "SYNC"),
    )
}

BATCH_VERBS = frozenset(labels["verb"] for labels in BATCH_LABELS.values())
"""Verbs of batches without a statement."""


class RequestParser:
    """Parses what a client sends."""

    __slots__ = ("_newest", "_session", "_stream", "_tls")

    def __init__(self, stream: Stream, session: Session, *, tls: str) -> None:
        self._stream = stream
        self._session = session
        self._tls = tls
        self._newest: PgRequest | None = None

    def parse(self) -> Parser:
        stream = self._stream
        if (yield from self._startup()):
            return
        while True:
            if (found := stream.match(QUERY_HEAD)) is not None:
                yield from self._query(body_size(found[1]))
                continue
            while stream.drained:
                yield
            kind = stream.at_hand(1)[0]
            if kind in BATCH_LABELS:
                yield from self._batch(kind)
            elif kind in (wire.COPY_DATA, *COPY_ENDS):
                yield from self._copy()
            else:
                yield from self._single(kind)

    def _startup(self) -> Generator[None, None, bool]:
        """Take the messages without a type; return whether nothing more is to be read."""
        stream = self._stream
        while True:
            if (yield from peek(stream, 1))[0] == TLS_HANDSHAKE:
                if self._tls == "both":
                    yield from stream.encrypt()
                    continue
                if self._tls != "pass":
                    raise ProtocolError("a direct TLS handshake, which needs tls=pass or tls=both")
                stream.begin(DIRECT_TLS_LABELS, expects_reply=False)
                yield from stream.read(1)
                stream.end()
                stream.turn_opaque()
                return True
            size = LENGTH.unpack((yield from peek(stream, LENGTH.size)))[0]
            if not STARTUP.size <= size <= STARTUP_LIMIT + LENGTH.size:
                raise ProtocolError(f"a start-up of {size} bytes")
            _, code = STARTUP.unpack((yield from stream.read(STARTUP.size)))
            if code in ENCRYPTION_LABELS and size == STARTUP.size:
                self._begin(ENCRYPTION_LABELS[code])
                stream.end()
                continue
            if code != CANCEL_REQUEST and code >> 16 != MAJOR_VERSION:
                raise ProtocolError(f"a start-up of {size} bytes with version {code:#x}")
            if code == CANCEL_REQUEST:
                stream.begin(CANCEL_LABELS, expects_reply=False)
                yield from stream.skip(size - STARTUP.size)
                stream.end()
                stream.turn_opaque()
                return True
            body = yield from stream.read(size - STARTUP.size, STARTUP_LIMIT)
            self._begin(startup_labels(body), final=False)
            stream.end()
            return False

    def _begin(self, labels: Labels, *, final: bool = True) -> PgRequest:
        """Begin a request that the server answers, unless it ignores all up to a Sync."""
        request = PgRequest(labels)
        before, session = self._newest, self._session
        request.aborted = session.status == b"E" and (before is None or before.answered)
        request.failed = session.ignoring
        self._newest = request
        answered = request.extended or not session.ignoring
        self._stream.begin(labels, about=request, final=final, expects_reply=answered)
        return request

    def _query(self, size: int) -> Parser:
        """Take the body of a simple query."""
        stream = self._stream
        found = stream.match(QUERY_TEXT, size)
        if found is not None:
            text = found[1][:SQL_SIZE]
            size -= len(found[0])
        else:
            text = yield from stream.read(min(size, START_SIZE))
            size -= len(text)
            text = text.partition(b"\0")[0][:SQL_SIZE]
        labels = statement_labels(text, "simple")
        self._begin(labels, final=not asks_for_more(text)).over = True
        if size:  # none, if the length matches the text
            yield from stream.skip(size)
        stream.end()

    def _single(self, kind: int) -> Parser:
        """Take another message that is not part of a batch."""
        stream = self._stream
        if kind == wire.QUERY:
            _, size = yield from take_head(stream)
            yield from self._query(size)
            return
        if kind == wire.FUNCTION_CALL:
            self._begin(FUNCTION_LABELS).over = True
        elif kind == wire.TERMINATE:
            stream.begin(TERMINATE_LABELS, expects_reply=False)
        elif kind == wire.PASSWORD:
            stream.begin(continues=True)
        else:
            raise ProtocolError(f"a message of type {chr(kind)!r} to the backend")
        yield from take_message(stream)
        stream.end()

    # Batches.

    def _batch(self, kind: int) -> Parser:
        """Take a batch, labelled with the statement of its first message."""
        stream = self._stream
        if kind not in STEPS:
            request = self._begin(BATCH_LABELS[kind])
            yield from self._up_to_sync(request, asking=False)
            return
        steps = [(yield from self._session.statements.take(stream))]
        if steps[0].silent and self._may_look_ahead:
            yield from self._look_ahead(steps)
        labels = next((step.labels for step in reversed(steps) if step.labels), None)
        asking = labels is not None and labels["verb"] == "COPY"
        request = self._begin(labels or BATCH_LABELS[kind], final=not asking)
        for step in steps:
            self._add(step, request)
        if steps[-1].left:
            yield from stream.skip(steps[-1].left)
        yield from self._up_to_sync(request, asking=asking)

    @property
    def _may_look_ahead(self) -> bool:
        """No transaction is open, as far as the server has answered; so it does not refuse one."""
        before = self._newest
        idle = before is None or before.answered or before.labels["phase"] == "startup"
        return idle and self._session.status == b"I"

    def _look_ahead(self, steps: list[Step]) -> Parser:
        """Take messages, as long as the server answers none of them by itself."""
        while steps[-1].silent and not steps[-1].left and len(steps) < PREAMBLE:
            while self._stream.drained:
                if not (yield from self._stream.wait_briefly()):
                    return
            if self._stream.at_hand(1)[0] not in STEPS:
                return
            steps.append((yield from self._session.statements.take(self._stream)))

    def _add(self, step: Step, request: PgRequest) -> None:
        """Add a message to a batch."""
        request.steps += 1
        if step.change is not None and len(request.changes) < STATEMENTS_LIMIT:
            request.changes += (step.change._replace(step=request.steps),)
            if request.failed:
                self._session.statements.undo(request)

    def _up_to_sync(self, request: PgRequest, *, asking: bool) -> Parser:
        """Take what is left of a batch; ``asking``: the server may ask the client to continue."""
        stream, session = self._stream, self._session
        while True:
            found = stream.match(UNNAMED)
            if found is not None:
                describe, run, sync = found.groups()
                request.steps += (describe is not None) + (run is not None)
                if sync is not None:
                    kind = wire.SYNC
                    break
            kind = yield from skip_up_to(stream, STOPS_IN_BATCH)
            if kind == wire.SYNC:
                if stream.match(WHOLE_SYNC) is None:
                    yield from take_message(stream)
                break
            if kind in (wire.DESCRIBE, wire.EXECUTE):  # of what a Bind or a Parse has named
                request.steps += 1
                yield from take_message(stream)
                continue
            if kind in STEPS:
                step = yield from session.statements.take(stream)
                self._add(step, request)
                asking |= step.labels is not None and step.labels["verb"] == "COPY"
                yield from stream.skip(step.left)
                continue
            if kind in COPY_ENDS:
                request.copied = True
            elif kind not in BATCH_ENDS:
                raise ProtocolError(f"a message of type {chr(kind)!r} before a Sync")
            elif kind == wire.QUERY and not request.failed:
                asking |= yield from self._asks_in_query()
                break
            yield from take_message(stream)
            if kind == wire.TERMINATE or (kind == wire.FUNCTION_CALL and not request.failed):
                break
        request.over = True
        request.synced = kind == wire.SYNC
        if request.synced:
            session.unsynced, session.ignoring = None, False
        elif session.unsynced is None:
            session.unsynced = request
        stream.end(final=not asking)

    def _asks_in_query(self) -> Generator[None, None, bool]:
        """Take a query; return whether the server may ask the client to continue it."""
        _, size = yield from take_head(self._stream)
        text = yield from self._stream.read(min(size, START_SIZE))
        yield from self._stream.skip(size - len(text))
        return asks_for_more(text.partition(b"\0")[0][:SQL_SIZE])

    # COPY.

    def _copy(self) -> Parser:
        """Take the data of a COPY, up to its end.

        The server ignores a Sync amid the data, unless it has refused the COPY.  After an error,
        a client may send something else instead of the end.
        """
        stream, request = self._stream, self._newest
        stream.begin(continues=True)
        while True:
            kind = yield from skip_up_to(stream, STOPS_IN_COPY, FOREIGN_IN_COPY)
            if kind in COPY_ENDS:
                yield from take_message(stream)
                break
            if kind != wire.SYNC or request is None or request.answered:
                break
            request.extra_syncs += 1
            yield from take_message(stream)
        stream.end()
