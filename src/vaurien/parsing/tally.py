"""Counters of a proxy's messages: plain integers, read on demand."""

from __future__ import annotations

KINDS = 200
"""Maximum names in one table of counters, so that traffic cannot exhaust memory."""
OTHER = "(other)"
"""Counts everything beyond that."""
BUCKETS = 32


class Latency:
    """Time from passing on a request to the first byte of its response.

    ``buckets[n]`` counts latencies below ``2**n`` microseconds and not below half of that; the
    last one also counts all that are longer.
    """

    __slots__ = ("buckets", "longest", "total")

    def __init__(self) -> None:
        self.total = 0.0  # seconds
        self.longest = 0.0
        self.buckets = [0] * BUCKETS

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

    __slots__ = ("errors", "exchanges", "injected", "latency")

    def __init__(self) -> None:
        self.exchanges: dict[str, int] = {}
        """Requests, by the label that the protocol names in ``tallied``."""
        self.errors: dict[str, int] = {}
        """Errors from backends, by code."""
        self.injected: dict[str, int] = {}
        """Faults that rules have injected, by name."""
        self.latency = Latency()


def count(counts: dict[str, int], kind: str, times: int = 1) -> None:
    """Count something of a kind; kinds beyond ``KINDS`` are counted together."""
    if kind not in counts and len(counts) >= KINDS:
        kind = OTHER
    counts[kind] = counts.get(kind, 0) + times
