"""What was measured: samples by work, system and round; nothing here measures.

A sample maps the names of figures to numbers. A figure over several rounds is a
``Spread``. Two systems are compared within each round, because the machine's speed drifts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median

Sample = Mapping[str, float]


class Failure(Exception):
    """A run without a figure; the text gives the reason in one line."""


@dataclass(frozen=True)
class Spread:
    """The median of some numbers, with the lowest and the highest."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, numbers: Iterable[float]) -> Spread | None:
        """None if there are no numbers."""
        ordered = sorted(numbers)
        return cls(median(ordered), ordered[0], ordered[-1]) if ordered else None


@dataclass
class Results:
    """All findings of one run of the benchmark."""

    samples: dict[tuple[str, str], dict[int, Sample]] = field(default_factory=dict)
    """By (work, system), then by round."""
    failures: dict[tuple[str, str], str] = field(default_factory=dict)
    """The last failure of each (work, system) that had one."""
    skipped: dict[str, str] = field(default_factory=dict)
    """Works and systems that were skipped, and why."""
    cut_short: str = ""
    """Why not all rounds were run; empty if they were."""

    def add(self, work: str, system: str, turn: int, sample: Sample) -> None:
        self.samples.setdefault((work, system), {})[turn] = sample

    def of(self, work: str, system: str) -> list[Sample]:
        return list(self.samples.get((work, system), {}).values())

    def spread(self, work: str, system: str, figure: str) -> Spread | None:
        """A figure over all rounds that have it."""
        return Spread.of(s[figure] for s in self.of(work, system) if figure in s)

    def ratio(self, work: str, system: str, beside: str, figure: str) -> Spread | None:
        """A figure divided by another system's in the same round, over all rounds."""
        mine = self.samples.get((work, system), {})
        theirs = self.samples.get((work, beside), {})
        return Spread.of(
            mine[turn][figure] / theirs[turn][figure]
            for turn in mine.keys() & theirs.keys()
            if figure in mine[turn] and theirs[turn].get(figure)
        )
