"""The exchanges of one connection: which response answers which request, and in which turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ..errors import ProtocolError
from ..values.actions import Close
from ..values.messages import NO_LABELS, Message
from .tally import Tally, count

QueuedReply = bytes | Close
"""What a client gets in place of a response, when its turn comes: bytes, or the end."""

OWED_LIMIT = 100_000


class Pending(NamedTuple):
    """A request that was passed on, and that the backend will answer."""

    exchange: int
    about: object = None
    at: float = 0.0
    """When it was passed on, in seconds on the reactor's clock."""


class Exchanges:
    """Numbers the exchanges of one connection, and keeps its answers in turn.

    Requests are numbered as they begin; a response belongs to the oldest request
    that was passed on and is still owed one, and what comes while nothing is owed
    belongs to exchange 0.
    """

    __slots__ = ("_in_step", "begun", "opaque", "pending", "replies", "tallied", "tally", "waiting")

    def __init__(self, tally: Tally | None = None, tallied: str = "") -> None:
        """``tallied``: the label by which exchanges are counted in ``tally``."""
        self.begun = 0
        self.pending: deque[Pending] = deque()
        self.opaque = False
        """Both directions have become bytes without meaning."""
        self.tally = tally or Tally()
        self.tallied = tallied
        self._in_step = True
        self.replies: deque[tuple[int, QueuedReply]] = deque()
        self.waiting = 0
        """Bytes of the replies whose turn has not come."""

    def begin(self, labels: Mapping[str, str] = NO_LABELS) -> int:
        """The number of the request that begins.

        Raises:
            ProtocolError: so many are unanswered that the parser must have misunderstood.
        """
        if len(self.pending) + len(self.replies) >= OWED_LIMIT:
            raise ProtocolError(f"{OWED_LIMIT} requests without a response")
        counts, kind = self.tally.exchanges, labels.get(self.tallied, "")
        if kind in counts:
            counts[kind] += 1
        else:
            count(counts, kind)
        self.begun = begun = self.begun + 1
        return begun

    def expect_response(self, exchange: int, about: object = None, at: float = 0.0) -> None:
        """A request is passed on which the backend will answer, if a parser has begun it."""
        if self._in_step and 0 < exchange <= self.begun:
            # What Owed(...) does, in half of the time: it is done for each request.
            self.pending.append(tuple.__new__(Pending, (exchange, about, at)))

    def pass_on(self, message: Message, at: float) -> None:
        """Expect a response to a message that is passed on, if it is a request that has one."""
        if message.to_backend and message.begins and message.expects_reply:
            self.expect_response(message.exchange, message.about, at)

    def answered(self, latency: float) -> None:
        """The oldest request that is owed a response has had it, so many seconds later."""
        if self.pending:
            self.pending.popleft()
            self.tally.latency.add(latency)

    def lose_step(self) -> None:
        """Responses can't be told apart any more: nobody waits for one."""
        self._in_step = False
        self.pending.clear()

    def reply(self, exchange: int, answer: QueuedReply) -> None:
        """Answer a request in the backend's place, when its turn comes."""
        self.replies.append((exchange, answer))
        self.waiting += size_of(answer)

    def due(self, before: int | None = None) -> Iterator[QueuedReply]:
        """Answers whose turn has come: no earlier request is still owed a response.

        ``before``: the exchange whose response is about to leave, if there is one.
        """
        if before is None and self.pending:
            before = self.pending[0].exchange
        while self.replies and (before is None or self.replies[0][0] <= before):
            answer = self.replies.popleft()[1]
            self.waiting -= size_of(answer)
            yield answer


def size_of(answer: QueuedReply) -> int:
    """How many bytes an answer has."""
    return len(answer) if isinstance(answer, bytes) else 0
