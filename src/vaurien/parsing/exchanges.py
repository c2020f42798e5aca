"""The exchanges of one connection: which response answers which request, and in which order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from operator import attrgetter
from typing import NamedTuple

from ..errors import ProtocolError
from ..values.actions import Close
from ..values.messages import NO_LABELS, Message
from .memory import memory_of
from .tally import Latency, Tally, count

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
    latency: Latency
    """Where the time that its response takes is added."""
    about: object = None
    """What the request parser noted for the response parser."""
    at: float = 0.0
    """When it was passed on, in seconds on the reactor's clock."""
    size: int = PENDING_SIZE
    """Bytes of memory that are kept for it."""
    labels: Mapping[str, str] | None = None
    """Its labels, if no rule acts on it or its response, and it was not cut out."""


ASKED, SIZE = attrgetter("at", "latency"), attrgetter("size")


class ReplyQueue(deque[tuple[int, QueuedReply, int]]):
    """Replies that wait for the responses to earlier requests: exchange, reply, size in bytes."""

    __slots__ = ("size", "stalled")

    def __init__(self) -> None:  # a new deque is empty without the other's
        self.size = 0
        """Bytes of all replies."""
        self.stalled = False
        """The client is perhaps not read, until fewer replies wait."""

    def put(self, exchange: int, reply: QueuedReply) -> None:
        """Queue a reply to the request of an exchange, or to what continues the one before."""
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
        "_counts",
        "_in_step",
        "_latencies",
        "begun",
        "encrypted",
        "encrypts",
        "newest",
        "opaque",
        "pending",
        "recalled",
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
        self.newest: Mapping[str, str] | None = None
        """The labels of the newest request, if no rule acts on its exchange."""
        self.recalled: dict[int, Mapping[str, str]] = {}
        """Exchanges on which no rule acts, and of which a message is cut out after all."""
        self.replies = ReplyQueue()
        self.opaque = False
        """Neither direction is parsed any more."""
        self.encrypts = False
        """Neither direction is parsed until both peers speak TLS ..."""
        self.encrypted = False
        """... as they do since."""
        self.tally = tally or Tally()
        self._counts = self.tally.exchanges
        self._latencies = self.tally.latencies
        self.tallied = tallied
        self._in_step = True  # responses can be matched to requests

    def begin(
        self,
        labels: Mapping[str, str] = NO_LABELS,
        about: object = None,
        at: float = 0.0,
        size: int = 0,
        passing: Mapping[str, str] | None = None,
    ) -> int:
        """Count a request that begins, and return its number.

        ``size``: it was passed on, so expect a response; these bytes of memory are kept for it.
        ``passing``: its labels, if no rule acts on the exchange.

        Raises:
            ProtocolError: the requests without a response take as much memory as they may.
        """
        if self.replies or self.remembered >= REMEMBERED_LIMIT:
            self._check_memory()
        kind = labels.get(self.tallied, "")
        try:
            self._counts[kind] += 1
        except KeyError:
            count(self._counts, kind)
        self.begun = begun = self.begun + 1
        self.newest = passing
        if size and self._in_step:
            latency = self._latencies.get(kind) or self.tally.latency_of(kind)
            # The same as Pending(...) in half the time: this runs for each request.
            self.pending.append(tuple.__new__(Pending, (begun, latency, about, at, size, passing)))
            self.remembered += size
        return begun

    def _check_memory(self) -> None:
        if self.remembered + PENDING_SIZE * len(self.replies) >= REMEMBERED_LIMIT:
            waiting = len(self.pending) + len(self.replies)
            raise ProtocolError(
                f"{waiting} requests without a response, which take {REMEMBERED_LIMIT >> 20} MiB"
            )

    def begin_all(self, kinds: Sequence[str], about: object, at: float) -> None:
        """Count small requests of these kinds, which were passed on, and expect responses.

        The same is noted about each.
        """
        if self.replies or self.remembered >= REMEMBERED_LIMIT:
            self._check_memory()
        self.newest = None
        latencies: dict[str, Latency] = {}
        for kind in set(kinds):
            count(self._counts, kind, kinds.count(kind))
            latencies[kind] = self.tally.latency_of(kind)
        first, self.begun = self.begun + 1, self.begun + len(kinds)
        if self._in_step:
            numbers = range(first, self.begun + 1)
            added = map(latencies.__getitem__, kinds)
            noted = zip(
                *(numbers, added, repeat(about), repeat(at), repeat(PENDING_SIZE), repeat(None)),
                strict=False,
            )
            self.pending.extend(map(tuple.__new__, repeat(Pending), noted))
            self.remembered += PENDING_SIZE * len(kinds)

    def expect_response(
        self,
        exchange: int,
        about: object = None,
        at: float = 0.0,
        size: int = PENDING_SIZE,
        kind: str = "",
    ) -> None:
        """Expect a response to a request that is passed on, if a parser has begun it.

        ``size``: the bytes of memory that are kept for it.
        """
        if self._in_step and 0 < exchange <= self.begun:
            latency = self.tally.latency_of(kind)
            self.pending.append(Pending(exchange, latency, about, at, size))
            self.remembered += size

    def pass_on(self, message: Message, at: float) -> None:
        """Expect a response to a message that is passed on, if it is a request that has one."""
        if message.to_backend and message.begins and message.expects_reply:
            size = DECIDED_SIZE + LABEL_SIZE * len(message.labels)
            if len(message.data) > SMALL:
                size += memory_of(message.labels) + memory_of(message.about)
            kind = message.labels.get(self.tallied, "")
            self.expect_response(message.exchange, message.about, at, size, kind)

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

    def answered(self, seconds: float | None) -> None:
        """The oldest pending request has its response, after ``seconds``; None: not to count."""
        if self.pending:
            _, latency, _, _, size, _ = self.pending.popleft()
            self.remembered -= size
            if seconds is not None:
                latency.add(seconds)

    def answer(self, at: float) -> None:
        """The oldest pending request is answered at this time."""
        _, latency, _, asked, size, _ = self.pending.popleft()
        self.remembered -= size
        latency.add(at - asked)

    def answer_all(self, count: int, at: float) -> None:
        """This many of the oldest pending requests are answered at once."""
        answered = [self.pending.popleft() for _ in range(count)]
        self.remembered -= sum(map(SIZE, answered))
        asked = list(map(ASKED, answered))
        for each in set(asked):
            passed_on, latency = each
            latency.add(at - passed_on, asked.count(each))

    def recall(self, exchange: int) -> None:
        """Note that a message of an exchange is cut out, if no rule acts on that."""
        labels = None
        if exchange == self.begun:
            labels, self.newest = self.newest, None
        for place in (0, -1):
            if self.pending and (request := self.pending[place]).exchange == exchange:
                labels = labels if request.labels is None else request.labels
                self.pending[place] = request._replace(labels=None)
        if labels is not None:
            self.recalled[exchange] = labels

    def recall_all(self) -> dict[int, Mapping[str, str]]:
        """Return the labels of the exchanges on which no rule acts, and forget that none does."""
        passing = {each.exchange: each.labels for each in self.pending}
        passing[self.begun] = passing.get(self.begun) or self.newest
        self.pending = deque(each._replace(labels=None) for each in self.pending)
        self.newest = None
        found = {exchange: labels for exchange, labels in passing.items() if labels is not None}
        found.update(self.recalled)
        self.recalled.clear()
        return found

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
