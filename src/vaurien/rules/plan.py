"""Plans: which behaviors apply, and when.

Law: a plan is an immutable value, replaced as a whole.  What its rules count lives
in an ``ActivePlan``, the plan at work on one proxy.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from ..behavior import Behavior, Scope
from ..errors import OptionError
from ..values.messages import Direction
from ..values.ramps import Ramp

SCOPES: tuple[Scope, ...] = ("exchange", "connection")
NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
ROUNDING = 1e-9
"""What percentages may be off by, having been added up."""
MARGIN = 1e-6
"""Seconds that a clock may seem to be off by, having been added up."""
RULE_LIMIT = 1000
"""Rules of a plan: each exchange looks at all of them."""


@dataclass(frozen=True)
class Match:
    """A condition on one label: the same text, or a text that a regular expression finds."""

    label: str
    value: str
    regex: bool = False
    late: bool = False
    """The label is known with the response only."""

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(self.value)

    def accepts(self, labels: Mapping[str, str]) -> bool:
        text = labels.get(self.label)
        if text is None:
            return False
        return bool(self._pattern.search(text)) if self.regex else text == self.value


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A behavior with its options, and when it applies.

    Out of the exchanges that match, those after the first ``after`` count; of
    these each ``every``-th is drawn for, and fires if the draw falls into the
    band; ``times`` is how often the rule may fire in all.

    Times are in seconds since the rule was applied.  Outside of its window a rule does
    nothing, and lets go of what it holds.
    """

    behavior: Behavior
    name: str
    low: float = 0.0
    """The band of the draw in which the rule fires: from here, in percent ..."""
    high: float = 100.0
    """... up to here, not included."""
    mix: str = ""
    """Rules of one mix share one draw, and so exclude each other; '' for none."""
    direction: Direction | None = None
    """The only direction whose messages the behavior sees, if there is one."""
    scope: Scope = "exchange"
    """Whether it is drawn for each exchange, or once for each connection."""
    match: tuple[Match, ...] = ()
    after: int = 0
    every: int = 1
    times: int | None = None
    start: float = 0.0
    """Its window is from this moment on ..."""
    stop: float | None = None
    """... until this one ..."""
    on: float | None = None
    """... for so many seconds at a time ..."""
    off: float = 0.0
    """... with so many between them."""
    ramps: tuple[tuple[str, Ramp], ...] = ()
    """Options of the behavior that change with the time the rule has been on."""
    percent_ramp: Ramp | None = None
    """The same for its percentage; the band then is as wide as it ever gets."""
    ttl: float | None = None
    """After so long the rule is gone by itself, and lets go of what it holds."""

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise OptionError(key="name", given=self.name, allowed=NAME.pattern)
        if not 0 <= self.low <= self.high <= 100:
            raise OptionError(f"a band from {self.low} to {self.high} is not within 0 to 100")
        for key in ("after", "start"):
            if getattr(self, key) < 0:
                raise OptionError(key=key, given=getattr(self, key), allowed="at least 0")
        if self.every < 1:
            raise OptionError(key="every", given=self.every, allowed="at least 1")
        if self.stop is not None and self.stop <= self.start:
            allowed = f"more than start={self.start:g}"
            raise OptionError(key="stop", given=self.stop, allowed=allowed)

    @property
    def percent(self) -> float:
        return self.high - self.low

    def seconds_on(self, age: float) -> float | None:
        """How long it has been on at this age, this time; None outside of its window."""
        since = age - self.start
        if since < 0 or (self.stop is not None and age >= self.stop):
            return None
        if self.on is None:
            return since
        since %= self.on + self.off
        return since if since < self.on else None

    def next_edge(self, age: float) -> float | None:
        """The age at which it next begins to be on, or ceases to be; None: never again."""
        if self.ttl is not None and age >= self.ttl:
            return None
        edges = [moment for moment in (self.start, self.stop, self.ttl) if moment is not None]
        stopped = self.stop is not None and age >= self.stop
        if self.on is not None and age >= self.start and not stopped:
            within = (age - self.start) % (self.on + self.off)
            left = self.on - within if within < self.on else self.on + self.off - within
            edges.append(age + max(left, MARGIN))
        return min((edge for edge in edges if edge > age), default=None)

    @cached_property
    def late(self) -> bool:
        """It is decided on when the response comes."""
        return any(match.late for match in self.match)


@dataclass(frozen=True)
class Plan:
    """A frozen tuple of rules, with a generation and a seed."""

    rules: tuple[Rule, ...] = ()
    generation: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if len(self.rules) > RULE_LIMIT:
            raise OptionError(
                f"{len(self.rules)} rules are too many: a plan has up to {RULE_LIMIT}"
            )
        names: set[str] = set()
        for rule in self.rules:
            if rule.name in names:
                raise OptionError("is given to two rules", key="name", given=rule.name)
            names.add(rule.name)
        totals: dict[str, float] = {}
        for rule in self.rules:
            if rule.mix:
                totals[rule.mix] = totals.get(rule.mix, 0.0) + rule.percent
        if any(total > 100 + ROUNDING for total in totals.values()):
            raise OptionError("The behavior total needs to be 100 or less")
        object.__setattr__(self, "rules", _scoped(self.rules))


def _scoped(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """What acts on whole connections is drawn for once on each, and so is its mix."""
    whole = {_drawn_with(rule) for rule in rules if "exchange" not in rule.behavior.scopes}
    return tuple(
        replace(rule, scope="connection") if _drawn_with(rule) in whole else rule for rule in rules
    )


def _drawn_with(rule: Rule) -> tuple[str, str]:
    """What shares a draw."""
    return ("mix", rule.mix) if rule.mix else ("rule", rule.name)
