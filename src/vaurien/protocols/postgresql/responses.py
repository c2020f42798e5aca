"""The backend's side of a PostgreSQL connection."""

from __future__ import annotations

import re
from collections.abc import Generator

from ...errors import ProtocolError
from ...protocol import Parser, Stream
from . import wire
from .statements import Labels, PgRequest, Session
from .wire import LENGTH, NONE, all_but, peek, skip_and_count, take_head, take_message

ERROR_LIMIT = 4_096  # bytes of an error report that are read; its code comes first
FATAL = re.compile(rb"(?:^S|\x00V)(?:FATAL|PANIC)\x00")  # S may be translated, V is not
SQLSTATE = re.compile(rb"\x00C([0-9A-Z]{5})\x00")

AUTHENTICATED = (0, 12)  # AuthenticationOk, and SASLFinal, which it follows at once
ASKING = (wire.AUTHENTICATION, wire.COPY_IN, wire.COPY_BOTH)
"""Types that may ask the client to continue its request."""
UNSOLICITED = b"AS"  # NotificationResponse and ParameterStatus never begin a response
KNOWN = b"123ACDHIKNSTVcdnstv"
"""Types of messages that a response may contain, besides those that end it or ask for more."""
STEP_ENDS = b"123nTCIs"
"""Types of which one ends the answer to each message of a batch."""
STOPS = all_but(KNOWN)
STOPS_IN_BATCH = all_but(bytes(set(KNOWN) - set(STEP_ENDS)))
STEPS = all_but(bytes(set(range(256)) - set(STEP_ENDS)))
READY = re.compile(rb"(?s)Z\x00\x00\x00\x05(.)")
NOT_CUT = bytes(kind == wire.READY_FOR_QUERY for kind in range(256))
"""Faults look for it in the last piece of a response."""


class ResponseParser:
    """Parses what a backend sends."""

    __slots__ = ("_ignoring", "_session", "_stream", "_tls")

    def __init__(self, stream: Stream, session: Session, *, tls: str) -> None:
        self._stream = stream
        self._session = session
        self._tls = tls
        self._ignoring = False  # the server ignores requests, up to one with a Sync

    def parse(self) -> Parser:
        stream = self._stream
        while True:
            while stream.drained:
                yield
            kind = stream.at_hand(1)[0]
            request = self._asked()
            if request is not None and request.labels["phase"] == "encryption":
                if (yield from self._encryption(request)):
                    return
            elif request is None or kind in UNSOLICITED:
                yield from self._unsolicited()
            elif kind in ASKING and (yield from self._awaits_client(kind)):
                self._note_begin(request)
                request.copying |= kind == wire.COPY_IN
                stream.begin(final=False)
                yield from take_message(stream)
                stream.end()
                if kind == wire.COPY_BOTH:  # replication, in which both peers send at any time
                    stream.turn_opaque()
                    return
            else:
                self._note_begin(request)
                yield from self._response(request, kind)

    def _asked(self) -> PgRequest | None:
        """The request that is answered next; those that the server ignores are passed over."""
        while isinstance(request := self._stream.asked, PgRequest):
            if not self._ignoring:
                return request
            self._session.statements.undo(request)
            if request.synced or not request.over:
                request.failed = not request.over
                self._ignoring = False
                return request
            self._stream.ignored()
            request.answered = True
        return None

    def _note_begin(self, request: PgRequest) -> None:
        if not request.answering:
            request.answering = True
            request.aborted = self._session.status == b"E"

    def _end(self, request: PgRequest, *, final: bool = True) -> None:
        """End a response, or one of several to the same request."""
        if final:
            request.answered = True
            request.done = 0
            request.answering = False
        self._stream.end(final=final)

    def _unsolicited(self) -> Parser:
        """Take a message that answers no request: a notice, a notification, a fatal error."""
        stream = self._stream
        kind = stream.at_hand(1)[0]
        if kind == wire.ERROR_RESPONSE:
            _, size = yield from take_head(stream)
            _, labels, size = yield from self._report(size)
            stream.begin(labels, unsolicited=True)
            yield from stream.skip(size)
        elif STOPS[kind] and kind != wire.READY_FOR_QUERY:
            raise ProtocolError(f"an unsolicited message of type {chr(kind)!r} to the client")
        else:
            stream.begin(unsolicited=True)
            yield from take_message(stream)
        stream.end()

    def _encryption(self, request: PgRequest) -> Generator[None, None, bool]:
        """Take the answer to a request for encryption, a byte; return whether that is the last."""
        stream = self._stream
        answer = yield from stream.read(1)
        if answer not in (b"S", b"G", b"N", b"E"):
            raise ProtocolError(f"{answer!r} in response to a request for encryption")
        stream.begin()
        if answer == b"E":  # a server that cannot fork sends its reason, and closes
            yield from stream.rest()
        self._end(request)
        if answer == b"N":
            return False
        if answer == b"S" and self._tls == "both":
            yield from stream.encrypt()
            return False
        stream.turn_opaque()
        return True

    def _awaits_client(self, kind: int) -> Generator[None, None, bool]:
        """Whether a message asks the client to continue its request."""
        if kind == wire.AUTHENTICATION:
            ahead = yield from peek(self._stream, wire.HEAD_SIZE + LENGTH.size)
            code = LENGTH.unpack_from(ahead, wire.HEAD_SIZE)[0]
            return code not in AUTHENTICATED
        return kind in (wire.COPY_IN, wire.COPY_BOTH)

    def _report(self, size: int) -> Generator[None, None, tuple[bool, Labels, int]]:
        """Take the start of an error.

        Return whether it is fatal, its labels, and the bytes left.
        """
        head = yield from self._stream.read(min(size, ERROR_LIMIT))
        found = SQLSTATE.search(head)
        code = found[1].decode("ascii") if found is not None else ""
        self._stream.error(code)
        return FATAL.search(head) is not None, {"error": code}, size - len(head)

    def _response(self, request: PgRequest, kind: int) -> Parser:
        """Take a response.

        It ends with ReadyForQuery, a fatal error, a message that awaits the client, or where the
        server begins to ignore what the client sends up to its next Sync.
        """
        stream = self._stream
        batch = request.extended
        stops = STOPS_IN_BATCH if batch else STOPS
        counted = STEPS if batch and not request.copying else NONE
        begun = kind != wire.ERROR_RESPONSE
        if begun:
            stream.begin()
            if not STOPS[kind]:
                kind, count = yield from skip_and_count(stream, stops, NOT_CUT, counted)
                request.done += count
        while kind != wire.READY_FOR_QUERY:
            if kind == wire.ERROR_RESPONSE:
                _, size = yield from take_head(stream)
                fatal, labels, size = yield from self._report(size)
                self._session.statements.undo(request)
                if not begun:
                    stream.begin(labels)
                    begun = True
                yield from stream.skip(size)
                if fatal or self._is_last(request):
                    self._end(request)
                    return
            elif kind in STEP_ENDS:
                yield from take_message(stream)
                request.done += 1
                if kind == wire.COMMAND_COMPLETE and request.copying and _ignored_sync(request):
                    self._end(request)
                    return
            elif kind in ASKING and (yield from self._awaits_client(kind)):
                self._end(request, final=False)
                return
            elif kind == wire.AUTHENTICATION:
                yield from take_message(stream)
            elif STOPS[kind]:
                raise ProtocolError(f"a message of type {chr(kind)!r} to the client")
            kind, count = yield from skip_and_count(stream, stops, NOT_CUT, counted)
            request.done += count
        yield from self._ready(request)

    def _ready(self, request: PgRequest) -> Parser:
        """Take a ReadyForQuery, in one piece."""
        stream = self._stream
        while (ready := stream.match(READY)) is None:
            if len(stream.at_hand(wire.READY_SIZE)) >= wire.READY_SIZE:
                raise ProtocolError("a ReadyForQuery of another length")
            yield
        self._session.status = bytes(ready[1])
        refused = request.extra_syncs > 0 and not request.copying
        request.extra_syncs -= refused
        self._end(request, final=not refused)

    def _is_last(self, request: PgRequest) -> bool:
        """Whether no ReadyForQuery follows an error: the server waits for another Sync."""
        if not request.extended:
            return False
        if request.copying and _ignored_sync(request):
            return True
        if not request.over:
            request.failed = True
            return False
        if request.synced or request.done >= request.steps:
            return False
        self._ignoring = True
        self._session.ignoring = self._session.unsynced is not None
        return True


def _ignored_sync(request: PgRequest) -> bool:
    """Whether the server read the Sync of a batch while it waited for the data of a COPY."""
    return request.extended and request.synced and not request.copied
