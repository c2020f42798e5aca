"""Plans: which behaviors apply, and when.

Law: a plan is an immutable value, replaced as a whole.  What its rules count
lives in an ``Enactment``, the plan at work on one proxy.  Nothing here reads a
clock or draws from a hidden source: time comes as an argument, and every draw is
a function of the seed and of what it is drawn for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from struct import pack
from typing import Literal

from .behavior import Behavior, Firing
from .errors import OptionError
from .messages import NO_LABELS, Direction
from .protocol import Protocol

Scope = Literal["exchange", "connection"]
SCOPES: tuple[Scope, ...] = ("exchange", "connection")
NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
ROUNDING = 1e-9
"""What percentages may be off by, having been added up."""
SEED_LIMIT = 2**64
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
    band; ``times`` is how often the rule may fire in all.  Times are in seconds
    since the rule was applied.
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
    """It fires from this moment on ..."""
    stop: float | None = None
    """... and until this one."""
    ttl: float | None = None
    """After so long the rule is gone by itself, and lets go of what it holds."""

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise OptionError(f"name={self.name!r} is not allowed: it takes {NAME.pattern}")
        if not 0 <= self.low <= self.high <= 100:
            raise OptionError(f"a band from {self.low} to {self.high} is not within 0 to 100")
        for key in ("after", "start"):
            if getattr(self, key) < 0:
                raise OptionError(f"{key}={getattr(self, key)} is not allowed: at least 0")
        if self.every < 1:
            raise OptionError(f"every={self.every} is not allowed: at least 1")

    @property
    def percent(self) -> float:
        return self.high - self.low

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
                raise OptionError(f"two rules are named {rule.name!r}")
            names.add(rule.name)
        totals: dict[str, float] = {}
        for rule in self.rules:
            if rule.mix:
                totals[rule.mix] = totals.get(rule.mix, 0.0) + rule.percent
        if any(total > 100 + ROUNDING for total in totals.values()):
            raise OptionError("The behavior total needs to be 100 or less")
        object.__setattr__(self, "rules", _scoped(self.rules))


def _scoped(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """A behavior that serves whole connections is drawn for once on each, and so is its mix."""
    whole = {rule.mix or rule.name for rule in rules if rule.behavior.per_connection}
    return tuple(
        replace(rule, scope="connection") if (rule.mix or rule.name) in whole else rule
        for rule in rules
    )


class Dice:
    """Draws that depend on nothing but the seed and what they are drawn for.

    The generator is counter-based: BLAKE2b over (seed, proxy, what draws) keyed
    once, then over (connection, exchange).  So the same seed gives the same
    decisions however connections interleave, on every platform and version.
    """

    __slots__ = ("_keyed",)

    def __init__(self, seed: int, proxy: str, purpose: str) -> None:
        key = pack("<Q", seed % SEED_LIMIT)
        self._keyed = blake2b(f"{proxy}\0{purpose}\0".encode(), digest_size=16, key=key)

    def roll(self, connection: int, exchange: int) -> tuple[float, int]:
        """A draw from 0 up to 100 (not included), and 64 bits for further randomness."""
        keyed = self._keyed.copy()
        keyed.update(pack("<QQ", connection, exchange))
        digest = keyed.digest()
        # 53 bits: as many as a float holds, so that the draw never rounds up to 100.
        draw = (int.from_bytes(digest[:8], "little") >> 11) * (100 / 2**53)
        return draw, int.from_bytes(digest[8:], "little")


class RuleAtWork:
    """A rule on one proxy: what it has counted, and its dice."""

    __slots__ = ("always", "applied_at", "dice", "directions", "fired", "rule", "seen", "since")

    def __init__(self, rule: Rule, dice: Dice, applied_at: float, since: int) -> None:
        self.rule = rule
        ways = Direction if rule.direction is None else (rule.direction,)
        self.directions = tuple(way for way in ways if rule.behavior.concerns(way))
        self.always = not rule.match and not rule.start and rule.stop is None
        """It is about every exchange, at any time."""
        self.dice = dice
        self.applied_at = applied_at
        self.since = since  # the generation that brought it
        self.seen = 0
        self.fired = 0

    @property
    def expires_at(self) -> float | None:
        return None if self.rule.ttl is None else self.applied_at + self.rule.ttl

    def is_asked(self, decision: Decision, direction: Direction) -> bool:
        """Whether it is the rule's turn, with this message: it is new, or the response is here."""
        if self.rule.late:
            return direction is Direction.TO_CLIENT and self not in decision.asked
        return self.since > decision.generation

    def applies(self, labels: Mapping[str, str], now: float) -> bool:
        """Whether the rule is about an exchange with these labels, at this moment."""
        rule = self.rule
        for match in rule.match:
            if not match.accepts(labels):
                return False
        age = now - self.applied_at
        return age >= rule.start and (rule.stop is None or age < rule.stop)

    def fire(self, connection: int, exchange: int, protocol: Protocol) -> Firing | None:
        """Count an exchange that the rule applies to, and say whether it fires on it."""
        rule = self.rule
        self.seen += 1
        counted = self.seen - rule.after
        if counted <= 0 or counted % rule.every:
            return None
        if rule.times is not None and self.fired >= rule.times:
            return None
        number = exchange % SEED_LIMIT if rule.scope == "exchange" else 0
        draw, seed = self.dice.roll(connection, number)
        if not rule.low <= draw < rule.high:
            return None
        self.fired += 1
        return Firing(rule.name, connection, max(exchange, 0), draw, self.fired, seed, protocol)


Cast = tuple[tuple[RuleAtWork, Firing], ...]
"""Rules that fire on an exchange, in their order in the plan."""


class Decision:
    """Which rules fire on one exchange, under one generation of the plan.

    All messages of the exchange share it; a new plan brings it up to date in place.
    """

    __slots__ = (
        "asked",
        "begun",
        "exchange",
        "firings",
        "generation",
        "labels",
        "over",
        "to_backend",
        "to_client",
    )

    def __init__(self, exchange: int = 0) -> None:
        """``exchange``: its number; what is said unasked is counted downwards from -1."""
        self.exchange = exchange
        self.generation = -1
        self.labels: Mapping[str, str] = NO_LABELS  # of the exchange, so far
        self.asked: tuple[RuleAtWork, ...] = ()  # late rules that have counted it
        self.begun: tuple[RuleAtWork, ...] = ()  # lasting rules that have begun to act on it
        self.over = False  # the exchange has ended, for all we know
        self.firings: Cast = ()
        self.to_backend: Cast = ()  # those of them that see messages of this direction
        self.to_client: Cast = ()

    def cast(self, direction: Direction) -> Cast:
        """The firings whose behaviors want to see messages of a direction."""
        return self.to_backend if direction is Direction.TO_BACKEND else self.to_client

    def update(self, generation: int, firings: Cast) -> None:
        self.generation = generation
        if firings or self.firings:
            self.firings = firings
            self.to_backend = _seen_by(firings, Direction.TO_BACKEND)
            self.to_client = _seen_by(firings, Direction.TO_CLIENT)

    def begin(self, at_work: RuleAtWork) -> None:
        """A lasting rule acts on it."""
        if at_work not in self.begun:
            self.begun += (at_work,)


def _seen_by(firings: Cast, direction: Direction) -> Cast:
    """Those of them that see messages of a direction."""
    seen = [pair for pair in firings if direction in pair[0].directions]
    return firings if len(seen) == len(firings) else tuple(seen)


Verdicts = dict[RuleAtWork, Firing | None]


class Enactment:
    """A plan at work on one proxy."""

    def __init__(
        self, plan: Plan, proxy: str, now: float, previous: Enactment | None = None
    ) -> None:
        """Rules that the previous plan had too, unchanged, keep what they have counted."""
        self.plan = plan
        kept: dict[str, RuleAtWork] = {}
        if previous is not None and previous.plan.seed == plan.seed:
            kept = {at_work.rule.name: at_work for at_work in previous.rules}

        def at_work(rule: Rule) -> RuleAtWork:
            old = kept.get(rule.name)
            if old is not None and old.rule == rule:
                return old
            dice = Dice(plan.seed, proxy, rule.mix or rule.name)
            return RuleAtWork(rule, dice, now, plan.generation)

        self.rules: tuple[RuleAtWork, ...] = tuple(
            at_work(rule) for rule in plan.rules if not rule.behavior.inert
        )
        self._alive = frozenset(self.rules)
        self.late = any(at_work.rule.late for at_work in self.rules)
        """Some rules are decided on when responses come."""

    def __bool__(self) -> bool:
        """Whether any rule can ever act."""
        return bool(self.rules)

    def lives(self, at_work: RuleAtWork) -> bool:
        """Whether the plan still has this rule."""
        return at_work in self._alive

    @property
    def expires_at(self) -> float | None:
        """When the first rule is gone by itself."""
        moments = [at for rule in self.rules if (at := rule.expires_at) is not None]
        return min(moments, default=None)

    def without_expired(self, now: float) -> tuple[Rule, ...]:
        """The plan's rules, those left out whose time to live has passed."""
        gone = {
            at_work.rule.name
            for at_work in self.rules
            if at_work.expires_at is not None and at_work.expires_at <= now
        }
        return tuple(rule for rule in self.plan.rules if rule.name not in gone)

    def decide(
        self,
        decision: Decision,
        connection: int,
        direction: Direction,
        protocol: Protocol,
        verdicts: Verdicts,
        now: float,
        *,
        meaning: bool = True,
    ) -> list[tuple[RuleAtWork, Firing]]:
        """Bring a decision up to date with this plan; gives the firings that are new in it.

        ``direction`` is that of the message which begins.  What was decided under an older
        plan stands for the rules that live on, and for what has begun and lasts.
        ``meaning=False``: it is about bytes that no framed protocol understands.
        ``verdicts``: of rules whose scope is the connection.  These are drawn for on the first
        exchange they apply to, and act on all that they apply to.
        """
        kept = dict(decision.firings) if decision.firings else None
        exchange = decision.exchange
        if len(verdicts) > len(self.rules):
            self._forget_gone(verdicts)
        firings, news = self._outlived(decision), []
        for at_work in self.rules:
            if kept and at_work in kept:
                firing: Firing | None = kept[at_work]
            elif (
                not at_work.is_asked(decision, direction)
                or not (at_work.always or at_work.applies(decision.labels, now))
                or not (meaning or not at_work.rule.behavior.needs_messages)
            ):
                continue
            elif at_work in verdicts:
                known = verdicts[at_work]  # each exchange keeps messages of its own
                firing = known and replace(known, exchange=max(exchange, 0))
            elif at_work.rule.behavior.per_connection:
                firing = None  # it came too late for this connection
            else:
                firing = at_work.fire(connection, exchange, protocol)
                if firing is not None:
                    news.append((at_work, firing))
                if at_work.rule.late:
                    decision.asked += (at_work,)
                if at_work.rule.scope == "connection":
                    verdicts[at_work] = firing
            if firing is not None:
                firings.append((at_work, firing))
        decision.update(self.plan.generation, tuple(firings))
        return news

    def _forget_gone(self, verdicts: Verdicts) -> None:
        for gone in verdicts.keys() - self._alive:
            del verdicts[gone]

    def _outlived(self, decision: Decision) -> list[tuple[RuleAtWork, Firing]]:
        """The firings whose rules are gone, and what these began is not."""
        if not decision.begun:
            return []
        begun = set(decision.begun) - self._alive
        return [pair for pair in decision.firings if pair[0] in begun]
