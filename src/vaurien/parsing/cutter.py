"""Cuts messages, and pieces of them, out of the bytes of a stream.

Law: no byte is changed or lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..values.messages import NO_LABELS, Direction, Message
from .exchanges import DECIDED_SIZE, LABEL_SIZE, PENDING_SIZE, SMALL, Exchanges
from .memory import memory_of
from .reader import Parser, Reader

Sift = Callable[[Mapping[str, str]], bool]
"""Decides on the exchange that begins with a request, by its labels; True: nothing acts on it."""


class Cutter(Reader):
    """What has arrived, how much of it is in messages, and which of these are cut out."""

    __slots__ = (
        "_about",
        "_asks",
        "_begins",
        "_continues",
        "_cut",
        "_exchange",
        "_exchanges",
        "_expects_reply",
        "_final",
        "_labels",
        "_latency",
        "_offset",
        "_parser",
        "_passing",
        "_run",
        "_sift",
        "_start",
        "at",
        "direction",
        "passed",
        "waits",
        "watching",
    )

    def __init__(self, direction: Direction, exchanges: Exchanges) -> None:
        super().__init__()
        self.direction = direction
        self._asks = direction is Direction.TO_BACKEND
        self._exchanges = exchanges
        self._start = 0  # where in the buffer that begins which was neither cut nor passed on
        self._begins = True  # the next piece is the first of its message
        self._labels: Mapping[str, str] = NO_LABELS
        self._exchange = 0
        self._expects_reply = True
        self._final = True
        self._continues = False
        self._about: object = None
        self._latency = 0.0
        self._offset = 0  # bytes of the message under way that were cut already
        self.at = 0.0
        """When the newest bytes arrived."""
        self.watching = False
        """What arrives was passed on already: no messages are cut out of it, and of their labels
        only the one that is tallied matters."""
        self._cut: list[Message] = []
        self._passing = False  # nothing acts on the message under way: it is not cut out
        self._sift: Sift | None = None  # while nothing was cut out of what was fed
        self._run = 0  # where in the buffer that begins which passes in one piece
        self.passed: bytes = b""
        """What comes first of the bytes that were fed: nothing acts on it, and it is not cut."""
        self._parser: Parser | None = None
        self.waits = False
        """What was fed is the beginning of a message that the parser cannot begin yet."""

    @property
    def kept_back(self) -> int:
        """Bytes that have been fed, and are in no message yet."""
        return len(self._buffer) - self._start + len(self.aside)

    @property
    def announced(self) -> Message | None:
        """What is known of the message that begins with the bytes kept back: it has no data."""
        if self._announced is None or self._parser is None:
            return None
        labels, unsolicited = self._announced
        pending = self._exchanges.pending
        exchange = 0
        if self._asks:
            exchange = self._exchanges.begun + 1
        elif pending and not unsolicited:
            exchange = pending[0].exchange
        return Message(b"", self.direction, self.at, labels, exchange, ends=False)

    @property
    def lags(self) -> bool:
        """The parser has used up its turn, and not seen all that has arrived."""
        return bool(self.aside) or self.overdue

    def peek(self, start: int) -> bytes:
        """Return the bytes that are kept back, from an offset on; they stay."""
        return bytes(self._buffer[self._start + start :])

    def give_back(self) -> bytes:
        """Remove and return the bytes that are in no message: they are not for this parser."""
        data = self.peek(0) + self.take_aside()
        self._buffer = b""
        self._start = self._taken = self._claimed = 0
        self.waits = False
        return data

    @property
    def opaque(self) -> bool:
        """Whether nothing more is to be parsed."""
        return self._exchanges.opaque and not self.in_message

    def _compact(self) -> None:
        """Drop from the buffer what was cut and taken."""
        done = min(self._start, self._taken)
        if done == len(self._buffer):
            self._buffer = b""
        elif done or type(self._buffer) is bytes:
            self._buffer = bytearray(memoryview(self._buffer)[done:])
        self._taken -= done
        self._start -= done
        self._claimed = max(0, self._claimed - done)

    @property
    def _may_pass(self) -> bool:
        """Whether no rule acts on the exchange that is asked or answered at the moment."""
        if self._asks:
            return self._exchanges.newest is not None
        pending = self._exchanges.pending
        return bool(pending) and pending[0].labels is not None

    def _sifts(
        self, labels: Mapping[str, str], continues: bool = False, unsolicited: bool = False
    ) -> bool:
        """Whether no rule acts on a message that begins, so that it passes uncut."""
        sift, exchanges = self._sift, self._exchanges
        if self._asks and not continues:
            passes = sift is not None and sift(labels)
        else:
            passes = not unsolicited and self._may_pass
            if passes and sift is None:  # it is cut out for other reasons
                exchanges.recall(exchanges.begun if self._asks else exchanges.answers)
                passes = False
        if sift is not None and not passes:
            self._stop_sifting()
        return passes

    def _stop_sifting(self) -> None:
        """Cut what follows: what came before passes."""
        self._sift = None
        self.passed = bytes(self._buffer[self._run : self._start])

    def _size_kept(self, labels: Mapping[str, str] | None, about: object) -> int:
        """Return the bytes of memory that are kept for a request that passes."""
        size = PENDING_SIZE if labels is None else DECIDED_SIZE + LABEL_SIZE * len(labels)
        if self._taken - self._start - self._unseen > SMALL:
            size += memory_of(labels) + memory_of(about)
        return size

    def _cut_begun(self) -> None:
        """Cut out what there is of the message under way, or let it pass."""
        if not (self.watching or self._passing):
            self._slice(ends=False)
            return
        passed = max(self._start, self._taken, self._claimed)
        self._offset += passed - self._start
        self._start = passed
        self._begins = False

    def _slice(self, *, ends: bool) -> None:
        start, self._start = self._start, max(self._taken, self._claimed)
        self._cut.append(self._piece(bytes(self._buffer[start : self._start]), ends=ends))

    def _piece(self, data: bytes, *, ends: bool) -> Message:
        begins, self._begins = self._begins, False
        offset = self._offset
        self._offset = offset + len(data)
        return Message(
            data,
            self.direction,
            self.at,
            self._labels,
            self._exchange,
            begins,
            ends,
            self._expects_reply,
            self._final,
            self._continues,
            self._about,
            offset,
            self.skipping if self._sized and not ends else 0,
        )
