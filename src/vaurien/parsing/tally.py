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

    __slots__ = ("buckets", "count", "longest", "total")

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0  # seconds
        self.longest = 0.0
        self.buckets = [0] * BUCKETS

    def add(self, seconds: float) -> None:
        self.count += 1
        self.total += seconds
        if seconds > self.longest:
            self.longest = seconds
        bucket = int(seconds * 1e6).bit_length()
        self.buckets[bucket if bucket < BUCKETS else -1] += 1


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


def count(counts: dict[str, int], kind: str) -> None:
    """Count one of a kind; kinds beyond ``KINDS`` are counted together."""
    if kind in counts:
        counts[kind] += 1
    elif len(counts) < KINDS:
        counts[kind] = 1
    else:
        counts[OTHER] = counts.get(OTHER, 0) + 1
