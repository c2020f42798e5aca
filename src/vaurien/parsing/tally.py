"""Counters of a proxy's messages: plain integers, read on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..values.messages import Message

KINDS = 200
"""Maximum names in one table of counters, so that traffic cannot exhaust memory."""
OTHER = "(other)"
"""Counts everything beyond that."""
BUCKETS = 32
HELD = 0.001
"""Seconds from which a message has been held; for less, it was only on its way."""


class Latency:
    """Times, such as those from passing on requests to the first bytes of their responses.

    ``buckets[n]`` counts times below ``2**n`` microseconds and not below half of that; the
    last one also counts all that are longer.
    """

    __slots__ = ("buckets", "longest", "total")

    def __init__(self) -> None:
        self.total = 0.0  # seconds
        self.longest = 0.0
        self.buckets = [0] * BUCKETS

    def merge(self, other: Latency) -> None:
        """Add what another one has counted."""
        self.total += other.total
        self.longest = max(self.longest, other.longest)
        self.buckets = list(map(sum, zip(self.buckets, other.buckets, strict=True)))

    @property
    def count(self) -> int:
        return sum(self.buckets)

    def add(self, seconds: float, times: int = 1) -> None:
        self.total += seconds * times
        if seconds > self.longest:
            self.longest = seconds
        try:
            self.buckets[int(seconds * 1e6).bit_length()] += times
        except IndexError:
            self.buckets[-1] += times


class Tally:
    """What is counted of the exchanges of one proxy."""

    __slots__ = ("errors", "exchanges", "held", "injected", "latencies")

    def __init__(self) -> None:
        self.exchanges: dict[str, int] = {}
        """Requests, by the label that the protocol names in ``tallied``: their kind."""
        self.latencies: dict[str, Latency] = {}
        """How long their responses took, by the same label."""
        self.errors: dict[str, int] = {}
        """Errors from backends, by code."""
        self.injected: dict[str, int] = {}
        """Faults that rules have injected, by name."""
        self.held = Latency()
        """How long rules have held messages, requests and responses alike."""

    def latency_of(self, kind: str) -> Latency:
        """Return where latencies of requests of a kind are added."""
        found = self.latencies.get(kind)
        if found is None:
            if len(self.latencies) >= KINDS:
                kind = OTHER
            found = self.latencies.setdefault(kind, Latency())
        return found

    def let_go(self, message: Message, now: float) -> None:
        """Count how long a message was held that is passed on now, by its beginning."""
        if message.begins and (seconds := now - message.at) >= HELD:
            self.held.add(seconds)

    @property
    def latency(self) -> Latency:
        """How long all responses took; later ones are not added to it."""
        merged = Latency()
        for latency in list(self.latencies.values()):
            merged.merge(latency)
        return merged


def count(counts: dict[str, int], kind: str, times: int = 1) -> None:
    """Count something of a kind; kinds beyond ``KINDS`` are counted together."""
    if kind not in counts and len(counts) >= KINDS:
        kind = OTHER
    counts[kind] = counts.get(kind, 0) + times
