"""The samples of one proxy over time: those of the last minutes, and of the last hour.

Law: the memory of a track is bounded, less than 30 KB, and taken when there is first something to
keep.  Seconds in which nothing happens are not written; they are filled in later.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from math import ceil
from operator import add, sub
from typing import NamedTuple

from ..parsing.tally import BUCKETS

Counts = tuple[int, ...]
"""What a proxy has counted, in the order of ``Sample``, without what is open."""
Buckets = tuple[int, ...]
"""Times by size, as in ``parsing.tally.Latency``."""


class Sample(NamedTuple):
    """What a proxy has carried in a second."""

    open: int
    """Connections that are open at its end."""
    exchanges: int
    accepted: int
    """Connections that clients opened."""
    errors: int
    """Errors that the backend reported."""
    injected: int
    """Faults that rules injected."""
    fired: int
    """Times that rules fired."""
    bytes_to_backend: int
    bytes_to_client: int
    p50: float | None = None
    """Milliseconds to the first byte of a response; None if there was none."""
    p90: float | None = None
    p99: float | None = None
    held_p50: float | None = None
    """Milliseconds that rules held messages which were then passed on; None if there were none."""
    held_p99: float | None = None


QUANTILES, HELD_QUANTILES = (0.5, 0.9, 0.99), (0.5, 0.99)
CODES = len(QUANTILES) + len(HELD_QUANTILES)
NUMBERS = len(Sample._fields) - CODES
COUNTS = NUMBERS - 1
IDLE = Sample(*[0] * NUMBERS)
SPANS = {300: 1, 3600: 10}
"""Seconds that are kept, and in steps of how many."""
NO_TIMES: Buckets = (0,) * BUCKETS


class Tallied(NamedTuple):
    """What has been counted: until a moment, or in a time."""

    counts: Counts = (0,) * COUNTS
    latencies: Buckets = NO_TIMES
    held: Buckets = NO_TIMES

    def plus(self, other: Tallied) -> Tallied:
        return Tallied(*(tuple(map(add, *each)) for each in zip(self, other, strict=True)))

    def minus(self, before: Tallied) -> Tallied:
        return Tallied(*(tuple(map(sub, *each)) for each in zip(self, before, strict=True)))

    def codes(self) -> tuple[int, ...]:
        """Return the quantiles of its times, as ``codes`` does."""
        return codes(self.latencies, QUANTILES) + codes(self.held, HELD_QUANTILES)


NOTHING = Tallied()

STEPS_OF_OCTAVE = 8
NONE = 255
"""The code of no time."""
MILLISECONDS: Sequence[float | None] = (
    *(float(f"{2 ** (code / STEPS_OF_OCTAVE) / 1000:.3g}") for code in range(NONE)),
    None,
)
"""What the code of a time means."""


class Series(NamedTuple):
    """Values by name, oldest first."""

    step: int
    """Seconds between two values."""
    first: int
    """When the step of the first value ended, in seconds since 1970."""
    values: dict[str, list[float | None]]


def added(*tables: Sequence[int]) -> tuple[int, ...]:
    """Return the sums of what tables have in the same places."""
    return tuple(map(sum, zip(*tables, strict=True)))


def codes(buckets: Buckets, quantiles: Sequence[float]) -> tuple[int, ...]:
    """Return quantiles of times, each as the logarithm of its microseconds.

    They are exact but for the place within a bucket, which is as wide as its lower bound: there
    their logarithms are taken to be spread evenly.
    """
    if buckets == NO_TIMES:
        return (NONE,) * len(quantiles)
    below = list(accumulate(buckets))
    return tuple(_code(buckets, below, ceil(quantile * below[-1])) for quantile in quantiles)


def _code(buckets: Sequence[int], below: Sequence[int], rank: int) -> int:
    found = bisect_left(below, rank)
    within = 1 - (below[found] - rank + 0.5) / buckets[found]
    return min(NONE - 1, max(0, round(STEPS_OF_OCTAVE * (found - 1 + within))))


class Ring:
    """The last ``size`` steps: a table of numbers, and one of codes."""

    __slots__ = ("_at", "_codes", "_numbers", "_size", "_step", "_tallied")

    def __init__(self, size: int, step: int, before: int) -> None:
        """``before``: the last step in which there was nothing."""
        self._size = size
        self._step = step
        self._at = before
        self._numbers = array("f", bytes(4 * NUMBERS * size))
        self._codes = array("B", [NONE]) * (CODES * size)
        self._tallied = NOTHING

    @property
    def oldest(self) -> int:
        """The oldest step that is kept."""
        return self._at - self._size + 1

    def add(self, at: int, opened: int, tallied: Tallied, told: tuple[int, ...]) -> None:
        """Add what has been counted to a step, the present or a later one; ``told``: its codes."""
        self.advance(at)
        numbers, first = self._numbers, at % self._size * NUMBERS
        numbers[first] = opened
        for place, count in enumerate(tallied.counts, first + 1):
            if count:
                numbers[place] += count / self._step
        if self._tallied is NOTHING:
            self._tallied = tallied
        else:
            self._tallied = self._tallied.plus(tallied)
            told = self._tallied.codes()
        first = at % self._size * CODES
        self._codes[first : first + CODES] = array("B", told)

    def advance(self, at: int) -> None:
        """Make a step the present one; in those between, nothing has happened."""
        if at <= self._at:
            return
        size = self._size
        still = array("f", [self._numbers[self._at % size * NUMBERS], *[0.0] * COUNTS])
        silent = array("B", [NONE]) * CODES
        for step in range(max(self._at + 1, at - size + 1), at + 1):
            place = step % size
            self._numbers[place * NUMBERS : (place + 1) * NUMBERS] = still
            self._codes[place * CODES : (place + 1) * CODES] = silent
        self._at, self._tallied = at, NOTHING

    def columns(self, first: int, last: int) -> list[list[float | None]]:
        """Return the values of some steps, a list for each field of a sample."""
        places = [step % self._size for step in range(first, last + 1)]
        numbers, found = self._numbers, self._codes
        counted: list[list[float | None]] = [
            [_plain(numbers[at * NUMBERS + column]) for at in places] for column in range(NUMBERS)
        ]
        timed = [
            [MILLISECONDS[found[at * CODES + column]] for at in places] for column in range(CODES)
        ]
        return counted + timed


class Track:
    """The samples of a proxy, or of all together."""

    __slots__ = ("_begun", "_rings")

    def __init__(self, begun: int) -> None:
        """``begun``: the number of the last second before there were samples."""
        self._begun = begun
        self._rings: dict[int, Ring] = {}

    def add(self, number: int, opened: int, tallied: Tallied) -> Sample:
        """Add what was counted in a second; return its sample."""
        if not self._rings:
            self._rings = {
                # One more step than is told: the present one, which has not ended.
                span: Ring(span // step + 1, step, (number - 1) // step - 1)
                for span, step in SPANS.items()
            }
        told = tallied.codes()
        for span, ring in self._rings.items():
            ring.add((number - 1) // SPANS[span], opened, tallied, told)
        return Sample(opened, *tallied.counts, *(MILLISECONDS[code] for code in told))

    def read(self, span: int, number: int, at: int) -> Series:
        """Return the steps of a span that have ended by a second, which ended at a time."""
        step = SPANS[span]
        last = number // step - 1
        first = max(last + 1 - span // step, -(-self._begun // step))
        ring = self._rings.get(span)
        if ring is not None:
            first = max(first, ring.oldest)
        count = max(0, last + 1 - first)
        if ring is None:
            columns = [[0.0 if field < NUMBERS else None] * count for field in range(len(IDLE))]
        else:
            ring.advance(last)
            columns = ring.columns(first, last)
        begins = at - number + (first + 1) * step
        return Series(step, begins, dict(zip(Sample._fields, columns, strict=True)))


def _plain(number: float) -> float:
    """Return a number without what the precision of the table adds to it."""
    return int(number) if number.is_integer() else round(number, 2)
