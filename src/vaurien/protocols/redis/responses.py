"""The backend's side of a Redis connection: responses in RESP2 and RESP3."""

from __future__ import annotations

import sys
from collections.abc import Generator

from ...errors import ProtocolError
from ...protocol import LINE_LIMIT, READ_LIMIT, Parser, Stream
from . import wire
from .commands import SUBSCRIPTIONS
from .session import (
    CONFIRMATIONS,
    PLAIN,
    PUBLISHED,
    RedisRequest,
    Session,
    Step,
    Subscriptions,
)
from .wire import NAME_LIMIT, size_of, text_of

NESTING_LIMIT = 100
"""Maximum depth of streamed aggregates."""
ENDLESS = sys.maxsize
REFUSAL_SIZE = 1024
"""Bytes of an error in which to look for what was refused."""
NULLS = (b"*-1\r\n", b"_\r\n")
NO_VALUES = (b"|", b">")
"""Types that are no value: an attribute describes the next one, a push stands between two."""


class ResponseParser:
    """The backend's side of one connection."""

    __slots__ = ("_monitors", "_receives_pushes", "_session", "_stream", "_subscriptions")

    def __init__(self, stream: Stream, session: Session) -> None:
        self._stream = stream
        self._session = session
        self._reset()

    def _reset(self) -> None:
        self._monitors = False
        self._subscriptions = Subscriptions()
        self._receives_pushes = False  # it monitors, or is subscribed

    def parse(self) -> Parser:
        stream = self._stream
        match, message = stream.match, stream.message
        session = self._session
        while True:
            if session.silence and (yield from self._breaks_silence()):
                stream.exchanges.expect_after_all(session.break_silence(), stream.at)
            about = stream.asked
            request = about if isinstance(about, RedisRequest) else PLAIN[2]
            if not request.special and not self._receives_pushes:
                found = match(wire.RESPONSE)
                if found is not None:
                    code = found[1]
                    if code is None:
                        session.welcome = True
                        if message():
                            yield
                        elif stream.watching:
                            self._run()
                    else:
                        self._error(code, request)
                    continue
            if stream.drained:
                yield
            elif (yield from self._response(request)):
                stream.turn_opaque()
                return

    def _run(self) -> None:
        """Take the responses that follow, as many as are short and answer plain requests."""
        stream, plain = self._stream, self._session.plain
        count = end = 0
        answers = stream.matches(wire.ANSWERS)
        for found, pending in zip(answers, stream.exchanges.pending, strict=False):
            if found[1] is None or pending.about is not plain:
                break
            count += 1
            end = found.end()
        if count:
            stream.messages([""] * count, end)

    def _breaks_silence(self) -> Generator[None, None, bool]:
        """Whether what comes next tells that the server has refused to be silent."""
        stream, silence = self._stream, self._session.silence
        answers = stream.exchanges.answers
        line = stream.at_hand(REFUSAL_SIZE)
        if not line or 0 < answers < silence[0][0]:
            return False
        while line[:1] == b"-" and b"\n" not in line and len(line) < REFUSAL_SIZE:
            yield
            line = stream.at_hand(REFUSAL_SIZE)
        if wire.REFUSED_SILENCE.match(line):
            return True
        if answers:  # what was asked later is answered
            silence.clear()
        return not answers and line[:1] == b"-"

    def _response(self, request: RedisRequest) -> Generator[None, None, bool]:
        """Take any message; return whether a replication stream follows, which is not RESP."""
        stream = self._stream
        if stream.match(wire.TYPED) is None:
            raise ProtocolError("not a type of RESP")
        line = yield from stream.readline(READ_LIMIT)
        kind = line[:1]
        self._session.welcome |= kind not in b"-!"
        if request.special == "HELLO" and request.asks is not None and kind not in b"-!":
            self._session.agree(request.asks)
        if kind == b"-":
            self._error(line[1:-2].partition(b" ")[0], request)
        elif request.special in ("SYNC", "PSYNC"):
            stream.begin()
            stream.end()
            return True
        elif kind == b"!":
            text = yield from stream.read(size_of(line, b"!") + 2, LINE_LIMIT)
            self._error(text[:-2].partition(b" ")[0], request)
        elif kind == b"+":
            self._status(line, request)
        elif kind == b"*" and request.special == "EXEC" and line not in NULLS:
            yield from self._executed(line, request)
        elif kind == b">" or (
            kind == b"*"  # RESP2 has no type for pushes
            and request.resp == 2
            and (self._receives_pushes or request.special in SUBSCRIPTIONS)
        ):
            yield from self._pushed(line, request)
        else:
            if line in NULLS:  # of EXEC: a watched key has changed
                self._refuse_version(request)
            stream.begin()
            yield from self._values(1, line)
            stream.end()
        return False

    def _error(self, code: bytes, request: RedisRequest) -> None:
        stream = self._stream
        text = text_of(code)
        self._refuse_version(request)
        if request.opens is not None:
            request.opens.refused = True
        stream.begin({"error": text})
        if not request.substituted:
            stream.error(text)
        stream.end()

    def _refuse_version(self, request: RedisRequest) -> None:
        """The command that asked for a version of RESP has failed."""
        if request.asks is not None:
            self._session.refuse(request.asks)

    def _status(self, line: bytes, request: RedisRequest) -> None:
        stream = self._stream
        if self._monitors and wire.MONITORED.match(line):
            stream.begin(unsolicited=True)
        else:
            if request.special == "RESET":
                self._reset()
                self._session.welcome = False
            elif request.special == "MONITOR":
                self._monitors = self._receives_pushes = True
            stream.begin()
        stream.end()

    def _pushed(self, line: bytes, request: RedisRequest) -> Parser:
        """Take an array or a push, whose first word says whether it is a reply."""
        stream = self._stream
        left, word, ahead = yield from self._first_word(line)
        name = CONFIRMATIONS.get(word, "")
        if name:
            requested = name == request.special
            stream.begin(unsolicited=not requested)
            last = yield from self._confirmed(name, request.total, left, ahead)
            stream.end(final=requested and last)
        else:
            stream.begin(unsolicited=word in PUBLISHED or line[:1] == b">")
            yield from self._values(left, ahead)
            stream.end()

    def _first_word(self, line: bytes) -> Generator[None, None, tuple[int, bytes, bytes]]:
        """Take the first word of an array or a push.

        Return how many values are left; the word; and the first line of the next value, if that
        was taken instead of a word.
        """
        stream = self._stream
        left = max(size_of(line), 0)
        word = ahead = b""
        if left:
            ahead = yield from stream.readline(READ_LIMIT)
            if ahead[:1] == b"$" and 0 <= (size := size_of(ahead)) <= NAME_LIMIT:
                word = (yield from stream.read(size + 2))[:-2]
                left, ahead = left - 1, b""
        return left, word, ahead

    def _confirmed(
        self, name: str, channels: int, left: int, ahead: bytes
    ) -> Generator[None, None, bool]:
        """Take the rest of a confirmation; return whether it is the last one.

        ``channels``: how many the request named, 0 for all.
        """
        yield from self._values(left - 1, ahead)
        total = size_of((yield from self._stream.readline(NAME_LIMIT)), b":")
        left = self._subscriptions.confirm(name, total)
        self._receives_pushes = self._monitors or bool(self._subscriptions)
        return self._subscriptions.is_last(channels, left)

    def _executed(self, line: bytes, request: RedisRequest) -> Parser:
        """Take the replies to the commands of a transaction.

        The array counts commands: a subscription to several channels counts once, but each is
        confirmed, in RESP2 by an array, in RESP3 by a push.
        """
        self._stream.begin()
        count = size_of(line)
        taken = 0
        for step in request.transaction.steps if request.transaction else ():
            if step.place >= count:
                break
            yield from self._values(step.place - taken)
            if step.command == "CLIENT":
                raise ProtocolError("a transaction with CLIENT REPLY, after which replies lack")
            if step.command == "HELLO":
                yield from self._executed_hello(request)
            else:
                yield from self._executed_step(step)
            taken = step.place + 1
        yield from self._values(count - taken)
        self._stream.end()

    def _executed_hello(self, request: RedisRequest) -> Parser:
        line = yield from self._stream.readline(READ_LIMIT)
        if line[:1] in (b"-", b"!"):
            self._refuse_version(request)
        elif request.asks is not None:
            self._session.agree(request.asks)
        yield from self._values(1, line)

    def _executed_step(self, step: Step) -> Parser:
        """Take the reply to a command that is answered by more than a value.

        That is confirmations, or messages to the client itself before the reply to PUBLISH.
        """
        while True:
            line = yield from self._stream.readline(READ_LIMIT)
            if line[:1] not in (b"*", b">"):
                yield from self._values(1, line)
                return
            left, word, ahead = yield from self._first_word(line)
            if CONFIRMATIONS.get(word) != step.command:
                yield from self._values(left, ahead)
            elif (yield from self._confirmed(step.command, step.channels, left, ahead)):
                return

    def _values(self, left: int, line: bytes = b"") -> Parser:
        """Take this many values; ``line``: the first line of the first one, if already taken.

        Nested values are counted rather than recursed into, so there is no limit on depth.
        """
        stream = self._stream
        match = stream.match
        outer: list[int] = []  # values left around each open streamed aggregate
        while left > 0:
            if not line:
                if left >= wire.RUN and match(wire.RESPONSES):
                    left -= wire.RUN
                    continue
                if match(wire.RESPONSE):
                    left -= 1
                    continue
                header = match(wire.HEADER)
                line = header[0] if header else (yield from stream.readline(READ_LIMIT))
            kind = line[:1]
            if kind in wire.LINES:
                left -= 1
            elif kind == b"." and outer:
                left = outer.pop()
            elif line[1:2] == b"?":
                if len(outer) >= NESTING_LIMIT:
                    raise ProtocolError(f"more than {NESTING_LIMIT} nested streamed aggregates")
                if kind == b"$":
                    yield from self._chunks()
                    left -= 1
                else:
                    outer.append(left - (kind not in NO_VALUES))
                    left = ENDLESS
            elif kind in wire.STRINGS:
                if (size := size_of(line)) >= 0:
                    yield from stream.skip(size + 2, last=left == 1)
                left -= 1
            elif kind in wire.AGGREGATES:
                left += max(size_of(line), 0) * wire.AGGREGATES[kind] - (kind not in NO_VALUES)
            else:
                raise ProtocolError(f"{kind!r} is not a type of RESP")
            line = b""

    def _chunks(self) -> Parser:
        """Take a streamed string, the last part of which is empty."""
        while size := size_of((yield from self._stream.readline(NAME_LIMIT)), b";"):
            yield from self._stream.skip(size + 2)
