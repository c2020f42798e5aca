"""The exchanges of one connection: which response answers which request, and in which order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ..errors import ProtocolError
from ..values.actions import Close
from ..values.messages import NO_LABELS, Message
from .memory import memory_of
from .tally import Tally, count

QueuedReply = bytes | Close
"""What a client gets in place of a response: bytes, or the end of its connection."""

REMEMBERED_LIMIT = 8 * 1024 * 1024
"""Bytes of memory that unanswered requests may take before the parser is taken to have
misunderstood."""
PENDING_SIZE = 200
"""Bytes of memory that a pending request takes, about ..."""
DECIDED_SIZE = 250
"""... and one that was decided on ..."""
LABEL_SIZE = 56
"""... with each of its labels ..."""
SMALL = 256
"""... if it has up to this many bytes; what is noted of a larger one is measured."""


class Pending(NamedTuple):
    """A request that was passed on and expects a response."""

    exchange: int
    about: object = None
    """What the request parser noted for the response parser."""
    at: float = 0.0
    """When it was passed on, in seconds on the reactor's clock."""
    size: int = PENDING_SIZE
    """Bytes of memory that are kept for it."""


class ReplyQueue(deque[tuple[int, QueuedReply, int]]):
    """Replies that wait for the responses to earlier requests: exchange, reply, size in bytes."""

    __slots__ = ("size", "stalled")

    def __init__(self) -> None:
        super().__init__()
        self.size = 0
        """Bytes of all replies."""
        self.stalled = False
        """The client is perhaps not read, until fewer replies wait."""

    def put(self, exchange: int, reply: QueuedReply) -> None:
        """Queue a reply to the request of an exchange."""
        size = len(reply) if isinstance(reply, bytes) else 0
        self.append((exchange, reply, size))
        self.size += size

    def take(self, before: int | None) -> list[QueuedReply]:
        """Remove and return the replies up to an exchange; None for all."""
        taken = []
        while self and (before is None or self[0][0] <= before):
            _, reply, size = self.popleft()
            self.size -= size
            taken.append(reply)
        return taken


class Exchanges:
    """Number the exchanges of one connection, and keep its replies in order.

    Requests are numbered as they begin.  A response belongs to the oldest request that was
    passed on and is still without one; what comes while there is none belongs to exchange 0.
    """

    __slots__ = (
        "_in_step",
        "begun",
        "opaque",
        "pending",
        "remembered",
        "replies",
        "tallied",
        "tally",
    )

    def __init__(self, tally: Tally | None = None, tallied: str = "") -> None:
        """``tallied``: the label by which exchanges are counted in ``tally``."""
        self.begun = 0
        """Number of the newest request; requests are counted from 1."""
        self.pending: deque[Pending] = deque()
        """Requests that await a response, oldest first."""
        self.remembered = 0
        """Bytes of memory that is kept for these."""
        self.replies = ReplyQueue()
        self.opaque = False
        """Neither direction is parsed any more."""
        self.tally = tally or Tally()
        self.tallied = tallied
        self._in_step = True  # responses can be matched to requests

    def begin(self, labels: Mapping[str, str] = NO_LABELS) -> int:
        """Count a request that begins, and return its number.

        Raises:
            ProtocolError: the requests without a response take as much memory as they may.
        """
        if self.remembered + PENDING_SIZE * len(self.replies) >= REMEMBERED_LIMIT:
            waiting = len(self.pending) + len(self.replies)
            raise ProtocolError(
                f"{waiting} requests without a response, which take {REMEMBERED_LIMIT >> 20} MiB"
            )
        counts, kind = self.tally.exchanges, labels.get(self.tallied, "")
        if kind in counts:
            counts[kind] += 1
        else:
            count(counts, kind)
        self.begun = begun = self.begun + 1
        return begun

    def expect_response(
        self, exchange: int, about: object = None, at: float = 0.0, size: int = PENDING_SIZE
    ) -> None:
        """Expect a response to a request that is passed on, if a parser has begun it.

        ``size``: the bytes of memory that are kept for it.
        """
        if self._in_step and 0 < exchange <= self.begun:
            # The same as Pending(...) in half the time: this runs for each request.
            self.pending.append(tuple.__new__(Pending, (exchange, about, at, size)))
            self.remembered += size

    def pass_on(self, message: Message, at: float) -> None:
        """Expect a response to a message that is passed on, if it is a request that has one."""
        if message.to_backend and message.begins and message.expects_reply:
            size = DECIDED_SIZE + LABEL_SIZE * len(message.labels)
            if len(message.data) > SMALL:
                size += memory_of(message.labels) + memory_of(message.about)
            self.expect_response(message.exchange, message.about, at, size)

    @property
    def answers(self) -> int:
        """The oldest request that awaits a response; 0 if none does."""
        return self.pending[0].exchange if self.pending else 0

    def expect_after_all(self, requests: Iterable[tuple[int, object]], at: float) -> None:
        """Expect responses to requests, by exchange, that were begun without expecting any."""
        later = list(self.pending)
        self.pending.clear()
        for exchange, about in requests:
            while later and later[0].exchange < exchange:
                self.pending.append(later.pop(0))
            self.expect_response(exchange, about, at)
        self.pending.extend(later)

    def answered(self, latency: float | None) -> None:
        """The oldest pending request has its response; ``latency`` in seconds, None if ignored."""
        if self.pending:
            self.remembered -= self.pending.popleft().size
            if latency is not None:
                self.tally.latency.add(latency)

    def lose_step(self) -> None:
        """Responses can't be matched to requests any more: expect none."""
        self._in_step = False
        self.pending.clear()
        self.remembered = 0

    def due_replies(self, before: int | None = None) -> list[QueuedReply]:
        """Remove and return the replies that are due: no earlier request awaits a response.

        ``before``: the exchange whose response is about to be sent, if there is one.
        """
        if before is None and self.pending:
            before = self.pending[0].exchange
        return self.replies.take(before)
