"""Protocols: what the bytes of a connection mean.

A protocol is a pair of parsers, one for each direction.  They are generators
without I/O which read a ``Stream`` and mark where messages begin and end.  They
cannot change the bytes, nor lose any: messages are cut out of what arrived.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar

from .actions import Close
from .errors import ProtocolError
from .messages import NO_LABELS, Direction, Message
from .options import Configurable

if TYPE_CHECKING:
    from random import Random

Parser = Generator[None, None, None]
Answer = bytes | Close
"""What a client is told in place of a response: bytes, or the end."""

LINE_LIMIT = 64 * 1024
READ_LIMIT = 1024 * 1024
OWED_LIMIT = 100_000
ERROR_SIZE = 1000


class Exchanges:
    """Numbers the exchanges of one connection, and keeps its answers in turn.

    Requests are numbered as they begin; a response belongs to the oldest request
    that was passed on and is still owed one, and what comes while nothing is owed
    belongs to exchange 0.
    """

    __slots__ = ("_in_step", "_replies", "begun", "owed")

    def __init__(self) -> None:
        self.begun = 0
        self.owed: deque[int] = deque()
        self._in_step = True
        self._replies: deque[tuple[int, Answer]] = deque()

    def begin(self) -> int:
        """The number of the request that begins.

        Raises:
            ProtocolError: so many are unanswered that the parser must have misunderstood.
        """
        if len(self.owed) + len(self._replies) >= OWED_LIMIT:
            raise ProtocolError(f"{OWED_LIMIT} requests without a response")
        self.begun += 1
        return self.begun

    def owe(self, exchange: int) -> None:
        """A request is passed on which the backend will answer, if a parser has begun it."""
        if self._in_step and 0 < exchange <= self.begun:
            self.owed.append(exchange)

    def lose_step(self) -> None:
        """Responses can't be told apart any more: nobody waits for one."""
        self._in_step = False
        self.owed.clear()

    def reply(self, exchange: int, answer: Answer) -> None:
        """Answer a request in the backend's place, when its turn comes."""
        self._replies.append((exchange, answer))

    def due(self, before: int | None = None) -> Iterator[Answer]:
        """Answers whose turn has come: no earlier request is still owed a response.

        ``before``: the exchange whose response is about to leave, if there is one.
        """
        if before is None and self.owed:
            before = self.owed[0]
        while self._replies and (before is None or self._replies[0][0] <= before):
            yield self._replies.popleft()[1]


class Stream:
    """One direction of a connection, as a parser sees it.

    The parser takes bytes with ``yield from`` (``readline``, ``read``, ``skip``)
    and brackets each message between ``begin`` and ``end``.  Bytes it takes
    before ``begin`` belong to the message that begins; they are kept back until
    then, so it must not take many.
    """

    def __init__(self, direction: Direction, exchanges: Exchanges) -> None:
        self.direction = direction
        self._exchanges = exchanges
        self._buffer = bytearray()
        self._taken = 0  # of the buffer, by the parser
        self._skipping = 0  # bytes to come that the parser need not see
        self._open = False  # a message has begun and not ended
        self._labels: Mapping[str, str] = NO_LABELS
        self._exchange = 0
        self._expects_reply = True
        self._begins = True
        self._at = 0.0
        self._cut: list[Message] = []
        self._parser: Parser | None = None

    # For parsers.

    def readline(self, limit: int = LINE_LIMIT) -> Generator[None, None, bytes]:
        r"""Take bytes up to and with the next ``\n``.

        Raises:
            ProtocolError: the line is longer than the limit.
        """
        start = self._taken
        searched = 0
        while (end := self._buffer.find(b"\n", start + searched)) < 0:
            searched = len(self._buffer) - start
            if searched > limit:
                raise ProtocolError(f"a line of more than {limit} bytes")
            yield
            start = self._taken
        if end + 1 - start > limit:
            raise ProtocolError(f"a line of more than {limit} bytes")
        self._taken = end + 1
        return bytes(self._buffer[start : end + 1])

    def read(self, size: int, limit: int = READ_LIMIT) -> Generator[None, None, bytes]:
        """Take exactly so many bytes.

        Raises:
            ProtocolError: they are more than the limit; long bodies are for ``skip``.
        """
        if not 0 <= size <= limit:
            raise ProtocolError(f"{size} bytes to read, where {limit} are allowed")
        while len(self._buffer) - self._taken < size:
            yield
        start = self._taken
        self._taken += size
        return bytes(self._buffer[start : start + size])

    def skip(self, size: int) -> Parser:
        """Let exactly so many bytes pass, unseen and in pieces."""
        if size < 0:
            raise ProtocolError(f"{size} bytes to skip")
        self._skipping = size
        while True:
            step = min(self._skipping, len(self._buffer) - self._taken)
            self._taken += step
            self._skipping -= step
            if not self._skipping:
                return
            yield

    def rest(self) -> Parser:
        """Let all the bytes to come pass, as one message without an end."""
        while True:
            self._taken = len(self._buffer)
            yield

    def begin(
        self,
        labels: Mapping[str, str] = NO_LABELS,
        *,
        expects_reply: bool = True,
        unsolicited: bool = False,
    ) -> None:
        """A message begins, with the bytes taken since the last one ended.

        ``expects_reply=False``: a request that the backend will not answer.
        ``unsolicited``: the backend says it without having been asked (a push, a
        notification), so it answers no request.
        """
        if self._open:
            raise ProtocolError("the parser began a message inside another")
        exchanges = self._exchanges
        if self.direction is Direction.TO_BACKEND:
            self._exchange = exchanges.begin()
        else:
            self._exchange = exchanges.owed[0] if exchanges.owed and not unsolicited else 0
        self._labels = labels
        self._expects_reply = expects_reply
        self._open = True

    def end(self, *, final: bool = True) -> None:
        """The message ends.  ``final=False``: another response to the same request follows."""
        if not self._open:
            raise ProtocolError("the parser ended a message that had not begun")
        self._slice(ends=True)
        owed = self._exchanges.owed
        if final and self.direction is Direction.TO_CLIENT and self._exchange and owed:
            owed.popleft()
        self._open = False
        self._begins = True

    # For links.

    @property
    def kept_back(self) -> int:
        """Bytes that have been fed, and are not in any message yet."""
        return len(self._buffer)

    def peek(self, start: int) -> bytes:
        """Those of them from a place on; they stay where they are."""
        return bytes(self._buffer[start:])

    @property
    def in_message(self) -> bool:
        """A message has begun and not ended."""
        return self._open

    def parse_with(self, parser: Parser) -> None:
        """Have this parser look at what is fed; it starts with the first bytes."""
        self._parser = parser

    def feed(self, data: bytes, at: float) -> list[Message]:
        """The messages, and pieces of messages, that these bytes complete.

        Raises:
            Exception: whatever the parser raised; ``surrender`` then has the bytes.
        """
        self._at = at
        if self._open and not self._buffer and len(data) < self._skipping:
            self._skipping -= len(data)
            return [self._piece(data, ends=False)]
        self._buffer += data
        if self._parser is not None:
            try:
                next(self._parser)
            except StopIteration:
                raise ProtocolError("the parser returned") from None
        if self._open and self._taken:
            self._slice(ends=False)
        messages, self._cut = self._cut, []
        return messages

    def surrender(self) -> list[Message]:
        """What is left when a parser fails or a stream ends: messages, then all bytes kept back.

        Bytes of which no message had begun have no labels, and belong to exchange 0.
        """
        self._taken = len(self._buffer)
        if not self._open:
            self._labels, self._exchange, self._expects_reply = NO_LABELS, 0, True
        if self._taken:
            self._slice(ends=True)
        self._open = False
        messages, self._cut = self._cut, []
        self._parser = None
        return messages

    def _slice(self, *, ends: bool) -> None:
        data = bytes(memoryview(self._buffer)[: self._taken])
        del self._buffer[: self._taken]
        self._taken = 0
        self._cut.append(self._piece(data, ends=ends))

    def _piece(self, data: bytes, *, ends: bool) -> Message:
        begins, self._begins = self._begins, False
        return Message(
            data,
            self.direction,
            self._at,
            self._labels,
            self._exchange,
            begins,
            ends,
            self._expects_reply,
        )


class Protocol(Configurable):
    """The base class of protocols.

    Each connection has an instance of its own: ``requests`` and ``responses`` run
    side by side on it and may share attributes.
    """

    framed: ClassVar[bool] = True
    """It cuts messages out of the stream; otherwise each chunk is a message."""
    labels: ClassVar[Mapping[str, str]] = NO_LABELS
    """What its messages are labelled with, and so rules may match on: label -> help."""

    def requests(self, stream: Stream) -> Parser:
        """Parse what the client says; runs until the connection ends."""
        del stream
        raise NotImplementedError
        yield  # as every parser does

    def responses(self, stream: Stream) -> Parser:
        """Parse what the backend says; runs until the connection ends."""
        del stream
        raise NotImplementedError
        yield  # as every parser does

    def error(self, message: Message, random: Random) -> bytes:
        """A typical error in answer to a request; here, bytes that mean nothing."""
        del message
        return random.randbytes(ERROR_SIZE)
