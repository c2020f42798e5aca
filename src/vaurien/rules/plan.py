"""Plans: which behaviors apply, and when.

Law: a plan is an immutable value, replaced as a whole.  The counters of its rules are in an
``ActivePlan``, the plan in force on one proxy.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from ..behavior import Behavior, Scope
from ..errors import OptionError
from ..values.messages import Direction
from ..values.ramps import Ramp

if TYPE_CHECKING:
    from .pattern import Finds

SCOPES: tuple[Scope, ...] = ("exchange", "connection")
NAME_LENGTH = 255
NAME_ALLOWED = f"1 to {NAME_LENGTH} printable characters, but not . or .."
ROUNDING = 1e-9
"""Rounding error allowed in a sum of percentages."""
MARGIN = 1e-6
"""Rounding error allowed in a sum of seconds."""
RULE_LIMIT = 1000
"""Maximum number of rules in a plan: each exchange checks all of them."""


def is_name(text: str) -> bool:
    """Return whether a rule or a proxy may have this name.

    Browsers and other clients take ``.`` and ``..`` out of a path, also percent-encoded (WHATWG
    URL), so who asks for a rule of such a name would get its proxy.
    """
    return 0 < len(text) <= NAME_LENGTH and text.isprintable() and text not in {".", ".."}


@dataclass(frozen=True)
class Match:
    """A condition on one label, which must be there: a text that it equals, or a pattern."""

    label: str
    value: str
    """The text, or the pattern."""
    regex: bool = False
    """The pattern must be found in the label ..."""
    negated: bool = False
    """... or must not."""
    late: bool = False
    """The label is known only with the response."""

    @cached_property
    def _finds(self) -> Finds:
        from .pattern import compile_pattern

        return compile_pattern(self.value)

    @property
    def written(self) -> str:
        """The value as users write it."""
        sign = ("!~" if self.negated else "~") if self.regex else ""
        return f"{sign}{self.value}"

    def accepts(self, labels: Mapping[str, str]) -> bool:
        text = labels.get(self.label)
        if text is None:
            return False
        return self._finds(text) is not self.negated if self.regex else text == self.value


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A behavior with its options, and when it applies.

    Of the exchanges that match, the first ``after`` are skipped.  Of the rest, every
    ``every``-th is drawn for; the rule fires if the draw is within its band, and at most
    ``times`` times.

    Times are in seconds since the rule was applied.  Outside of its window a rule does
    nothing, and releases what it holds.
    """

    behavior: Behavior
    name: str
    low: float = 0.0
    """The band of draws on which the rule fires, in percent: from this number ..."""
    high: float = 100.0
    """... up to but not including this one."""
    mix: str = ""
    """The name of its mix, whose rules share one draw, so at most one fires; '' for none."""
    direction: Direction | None = None
    """The only direction whose messages the behavior sees; None for both."""
    scope: Scope = "exchange"
    """Whether there is a draw for each exchange, or one for each connection."""
    match: tuple[Match, ...] = ()
    after: int = 0
    every: int = 1
    times: int | None = None
    start: float = 0.0
    """Its window is from this moment on ..."""
    stop: float | None = None
    """... until this one ..."""
    on: float | None = None
    """... in cycles of this many seconds on ..."""
    off: float = 0.0
    """... and this many seconds off."""
    ramps: tuple[tuple[str, Ramp], ...] = ()
    """Options of the behavior that change with the seconds the rule has been on."""
    percent_ramp: Ramp | None = None
    """The same for its percentage; the band is as wide as the ramp's maximum."""
    ttl: float | None = None
    """Seconds until the rule expires, and releases what it holds."""
    paused: bool = False
    """Whether it is off until this is changed, whatever its times say; these keep running."""
    restarts: int = 0
    """How often it was started anew, with its counts and times from 0; not saved."""

    def __post_init__(self) -> None:
        if not is_name(self.name):
            raise OptionError(key="name", given=self.name, allowed=NAME_ALLOWED)
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

    @property
    def choice(self) -> tuple[object, ...]:
        """What says on which exchanges or connections it fires."""
        band = (self.low, self.high, self.percent_ramp, self.mix)
        return (*band, self.scope, self.match, self.after, self.every, self.times)

    def updates(self, other: Rule) -> bool:
        """Whether it is the same rule as another, with other values perhaps."""
        same_start = self.name == other.name and self.restarts == other.restarts
        return same_start and type(self.behavior) is type(other.behavior)

    def counts_anew_after(self, other: Rule) -> bool:
        """Whether it counts anew in the place of another: for other traffic, under no own name."""
        own = re.fullmatch(rf"{re.escape(self.behavior.name)}(-\d+)?", self.name) is None
        before = (other.direction, other.scope, other.match)
        return not own and (self.direction, self.scope, self.match) != before

    @property
    def timing(self) -> tuple[object, ...]:
        """What counts from when the rule was applied."""
        return (self.start, self.stop, self.on, self.off, self.ttl, self.ramps, self.percent_ramp)

    def seconds_on(self, age: float) -> float | None:
        """Return the seconds it has been on in this cycle, at this age; None if it is off."""
        since = age - self.start
        if since < 0 or (self.stop is not None and age >= self.stop):
            return None
        if self.on is None:
            return since
        since %= self.on + self.off
        return since if since < self.on else None

    def next_edge(self, age: float) -> float | None:
        """Return the age at which it next turns on or off, or expires; None: never again."""
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
        """Whether it is decided when the response begins."""
        return any(match.late for match in self.match)


@dataclass(frozen=True)
class Plan:
    """An immutable tuple of rules, with a generation and a seed."""

    rules: tuple[Rule, ...] = ()
    generation: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if len(self.rules) > RULE_LIMIT:
            raise OptionError(
                f"{len(self.rules)} rules are too many: a plan has at most {RULE_LIMIT}"
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
    """Set the scope of rules that act on whole connections, and of their mixes."""
    whole = {_drawn_with(rule) for rule in rules if "exchange" not in rule.behavior.scopes}
    return tuple(
        replace(rule, scope="connection") if _drawn_with(rule) in whole else rule for rule in rules
    )


def _drawn_with(rule: Rule) -> tuple[str, str]:
    """Return a key that is the same for rules that share a draw."""
    return ("mix", rule.mix) if rule.mix else ("rule", rule.name)
