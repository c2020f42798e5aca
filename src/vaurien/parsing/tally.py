"""What is counted of the messages of a proxy: plain integers, read when somebody asks."""

from __future__ import annotations

KINDS = 200
"""Different things that are counted by name; traffic must not make us remember more."""
OTHER = "(other)"
BUCKETS = 32


class Latency:
    """How long backends took, from a request that was passed on to the response's first byte.

    ``buckets[n]`` counts what took less than ``2**n`` microseconds, and not less than half
    of that; the last one counts whatever took longer.
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
    """The exchanges of one proxy."""

    __slots__ = ("errors", "exchanges", "injected", "latency")

    def __init__(self) -> None:
        self.exchanges: dict[str, int] = {}
        """Requests, by the label that the protocol counts them by."""
        self.errors: dict[str, int] = {}
        """Errors that backends answered with, by their codes."""
        self.injected: dict[str, int] = {}
        """Faults that rules have put in, by their names."""
        self.latency = Latency()


def count(counts: dict[str, int], kind: str) -> None:
    """Count one of a kind; too many kinds are counted together."""
    if kind in counts:
        counts[kind] += 1
    elif len(counts) < KINDS:
        counts[kind] = 1
    else:
        counts[OTHER] = counts.get(OTHER, 0) + 1
