"""Rules that note where they fire, for a journal that can be replayed.

Law: without a journal nobody counts this, so that it costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import NamedTuple

from ..values.events import Noted
from .active import ActiveRule
from .dice import Dice
from .firing import ConnectionView, Firing
from .plan import Rule

COUNTED = 100_000
"""Different labels that are counted."""
DIGIT, BEGINNING = 4, 16
"""Characters for the labels of an exchange; exchanges by which a connection is known again."""


class Asked(NamedTuple):
    """What tells an exchange that a rule applies to from others."""

    digest: str
    """Of its labels."""
    occurrence: int
    """Which one with these labels it is, on all connections; 0: not counted."""
    begins: str
    """How its connection has begun."""


class Count:
    """What a rule of a proxy has applied to; it outlives the rule, which may come again."""

    def __init__(self) -> None:
        self._occurrences: dict[str, int] = {}

    def note(self, rule: ActiveRule, view: ConnectionView, labels: Mapping[str, str]) -> Asked:
        """Count an exchange that the rule applies to."""
        digest = digest_of(labels)
        occurrences = self._occurrences
        before = occurrences.get(digest, 0)
        occurrence = before + 1 if before or len(occurrences) < COUNTED else 0
        if occurrence:
            occurrences[digest] = occurrence
        own, key = view.memory.own, (rule, Count)
        begins = str(own.get(key, ""))
        if len(begins) < DIGIT * BEGINNING:
            own[key] = begins = begins + digest[:DIGIT]
        return Asked(digest, occurrence, begins)


class CountedRule(ActiveRule):
    """A rule that notes where it fires."""

    __slots__ = ("count",)

    def __init__(self, rule: Rule, dice: Dice, at: float, since: int, count: Count) -> None:
        super().__init__(rule, dice, at, since)
        self.count = count

    def fire(
        self,
        view: ConnectionView,
        exchange: int,
        now: float,
        labels: Mapping[str, str],
        *,
        taken: bool = False,
    ) -> Firing | None:
        asked = self.count.note(self, view, labels)
        firing = super().fire(view, exchange, now, labels, taken=taken)
        if firing is not None:
            firing.noted = noted(firing, exchange, asked)
        return firing


class Counting:
    """Makes the rules of one proxy."""

    def __init__(self) -> None:
        self._counts: dict[str, Count] = {}

    def make(self, rule: Rule, dice: Dice, at: float, since: int) -> ActiveRule:
        """Return an active rule, which counts on where one of its name has ended."""
        return CountedRule(rule, dice, at, since, self.count(rule.name))

    def count(self, name: str) -> Count:
        """Return what the rule of this name has applied to."""
        return self._counts.setdefault(name, Count())


def noted(firing: Firing, exchange: int, asked: Asked) -> Noted:
    """Return what tells where a rule fires."""
    return Noted(exchange, asked.occurrence, asked.begins, firing.seed)


def digest_of(labels: Mapping[str, str]) -> str:
    """Return a digest of labels, the same in each process."""
    text = repr(sorted(labels.items()))
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
