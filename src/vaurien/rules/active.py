"""A plan at work on one proxy: what is on, what its rules have counted, what they decide.

Law: nothing here reads a clock or draws from a hidden source: time comes as an argument,
and every draw is a function of the seed and of what it is drawn for.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace

from ..behavior import HOOKS, Behavior
from ..values.messages import NO_LABELS, Direction
from ..values.options import options_of
from .dice import SEED_LIMIT, Dice
from .firing import ConnectionView, Firing, Kept
from .plan import MARGIN, Plan, Rule


class ActiveRule:
    """A rule on one proxy: what it has counted, and its dice."""

    __slots__ = (
        "always",
        "applied_at",
        "dice",
        "direction",
        "directions",
        "fired",
        "name",
        "rule",
        "scope",
        "seen",
        "shared",
        "since",
    )

    def __init__(self, rule: Rule, dice: Dice, applied_at: float, since: int) -> None:
        self.rule = rule
        self.name, self.scope, self.direction = rule.name, rule.scope, rule.direction
        ways = Direction if rule.direction is None else (rule.direction,)
        acts = rule.behavior.overrides("on_message")
        self.directions = tuple(way for way in ways if acts and rule.behavior.concerns(way))
        self.always = not rule.match
        """It is about every exchange."""
        self.dice = dice
        self.applied_at = applied_at
        self.since = since  # the generation in which it came on
        self.seen = 0
        self.fired = 0
        self.shared: Kept = {}  # what its behavior keeps for all connections

    @property
    def is_deaf(self) -> bool:
        """It acts in other hooks, and does nothing to messages: drawing for these is idle."""
        overrides = self.rule.behavior.overrides
        hooks = [hook for hook in HOOKS if hook != "on_message" and overrides(hook)]
        return bool(hooks) and not self.directions

    def seconds_on(self, now: float) -> float | None:
        """How long it has been on, this time; None if it is off, or gone."""
        if self.is_over(now):
            return None
        return self.rule.seconds_on(now - self.applied_at + MARGIN)

    def is_over(self, now: float) -> bool:
        """Whether its time to live has passed."""
        ttl = self.rule.ttl
        return ttl is not None and now - self.applied_at + MARGIN >= ttl

    def next_edge(self, now: float) -> float | None:
        """When it next comes on, or goes off; a moment on the clock."""
        edge = self.rule.next_edge(now - self.applied_at + MARGIN)
        return None if edge is None else self.applied_at + edge

    def behavior(self, now: float) -> Behavior:
        """The rule's behavior, its options as they are now; if they change, one of its own."""
        behavior = self.rule.behavior
        if self.rule.ramps:
            behavior = copy.copy(behavior)
            self.follow_ramps(behavior, now)
        return behavior

    def follow_ramps(self, behavior: Behavior, now: float) -> None:
        """Set the options that change with time to what they are now."""
        if not self.rule.ramps:
            return
        seconds = self.seconds_on(now) or 0.0
        known = options_of(type(behavior))
        for name, ramp in self.rule.ramps:
            value = ramp.at(seconds)
            setattr(behavior, name, round(value) if known[name].type is int else value)

    def is_asked(self, decision: Decision, direction: Direction) -> bool:
        """Whether it is the rule's turn, with this message: it is new, or the response is here."""
        if self.rule.late:
            return direction is Direction.TO_CLIENT and self not in decision.asked
        return self.since > decision.generation

    def applies(self, labels: Mapping[str, str]) -> bool:
        """Whether the rule is about an exchange with these labels."""
        return all(match.accepts(labels) for match in self.rule.match)

    def fire(self, view: ConnectionView, exchange: int, now: float) -> Firing | None:
        """Count an exchange that the rule applies to, and say whether it fires on it."""
        rule = self.rule
        self.seen += 1
        counted = self.seen - rule.after
        if counted <= 0 or counted % rule.every:
            return None
        if rule.times is not None and self.fired >= rule.times:
            return None
        number = exchange % SEED_LIMIT if rule.scope == "exchange" else 0
        draw, seed = self.dice.roll(view.number, number)
        high = rule.high
        if rule.percent_ramp is not None:
            high = rule.low + rule.percent_ramp.at(self.seconds_on(now) or 0.0)
        if not rule.low <= draw < high:
            return None
        self.fired += 1
        return Firing(self, view, max(exchange, 0), draw, self.fired, seed)

    @property
    def refuses(self) -> bool:
        """It is about every connection, and none of them shall get as far as being accepted."""
        rule = self.rule
        return rule.behavior.refuses and (
            rule.low,
            rule.high,
            rule.percent_ramp,
            rule.after,
            rule.every,
            rule.times,
        ) == (0, 100, None, 0, 1, None)


class Memory:
    """What a connection keeps of the rules that fire on it."""

    __slots__ = ("connection_draws", "own", "swallowers")

    def __init__(self) -> None:
        self.own: Kept = {}
        """What their behaviors keep; each key begins with the rule."""
        self.swallowers: list[ActiveRule] = []
        """Those that have swallowed a message."""
        self.connection_draws: ConnectionDraws = {}
        """Of those whose scope is the connection."""

    def forget(self, known: Callable[[object], bool]) -> None:
        """Keep nothing of rules that are not known any more."""
        for gone in [
            active_rule for active_rule in self.connection_draws if not known(active_rule)
        ]:
            del self.connection_draws[gone]
        for key in [key for key in self.own if not known(key[0])]:
            del self.own[key]


Firings = tuple[tuple[ActiveRule, Firing], ...]
"""Rules that fire on an exchange, in their order in the plan."""


class Decision:
    """Which rules fire on one exchange, under one active plan.

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
        self.asked: tuple[ActiveRule, ...] = ()  # late rules that have counted it
        self.begun: tuple[ActiveRule, ...] = ()  # lasting rules that have begun to act on it
        self.over = False  # the exchange has ended, for all we know
        self.firings: Firings = ()
        self.to_backend: Firings = ()  # those of them that see messages of this direction
        self.to_client: Firings = ()

    def firings_for(self, direction: Direction) -> Firings:
        """The firings whose behaviors want to see messages of a direction."""
        return self.to_backend if direction is Direction.TO_BACKEND else self.to_client

    def update(self, generation: int, firings: Firings) -> None:
        self.generation = generation
        if firings or self.firings:
            self.firings = firings
            self.to_backend = _seen_by(firings, Direction.TO_BACKEND)
            self.to_client = _seen_by(firings, Direction.TO_CLIENT)

    def begin(self, active_rule: ActiveRule) -> None:
        """A lasting rule acts on it."""
        if active_rule not in self.begun:
            self.begun += (active_rule,)


def _seen_by(firings: Firings, direction: Direction) -> Firings:
    """Those of them that see messages of a direction."""
    seen = [pair for pair in firings if direction in pair[0].directions]
    return firings if len(seen) == len(firings) else tuple(seen)


ConnectionDraws = dict[ActiveRule, Firing | None]


class ActivePlan:
    """A plan at work on one proxy, until the next plan, or until a rule comes on or goes off."""

    def __init__(
        self, plan: Plan, proxy: str, now: float, previous: ActivePlan | None = None
    ) -> None:
        """Rules that the previous plan had too, unchanged, keep what they have counted."""
        self.plan = plan
        self.generation: int = 0 if previous is None else previous.generation + 1
        kept: dict[str, ActiveRule] = {}
        if previous is not None and previous.plan.seed == plan.seed:
            # What is over begins anew, if it is asked for again.
            again = previous.expired if previous.plan is not plan else frozenset()
            kept = {
                active_rule.rule.name: active_rule
                for active_rule in previous._all
                if active_rule.rule.name not in again
            }

        def active_rule(rule: Rule) -> ActiveRule:
            old = kept.get(rule.name)
            if old is not None and (old.rule is rule or old.rule == rule):
                return old
            dice = Dice(plan.seed, proxy, rule.mix or rule.name)
            return ActiveRule(rule, dice, now, self.generation)

        self._all: tuple[ActiveRule, ...] = tuple(
            active_rule(rule) for rule in plan.rules if not rule.behavior.inert
        )
        self._known = frozenset(self._all)
        self.rules = tuple(rule for rule in self._all if rule.seconds_on(now) is not None)
        """Those that are on."""
        self._deciding = tuple(rule for rule in self.rules if not rule.is_deaf)
        self._alive = frozenset(self.rules)
        for rule in self.rules:
            if previous is not None and not previous.lives(rule):
                rule.since = self.generation
        self.expired: frozenset[str] = frozenset(
            rule.rule.name for rule in self._all if rule.is_over(now)
        )
        """The names of the rules whose time to live has passed."""
        edges = [edge for rule in self._all if (edge := rule.next_edge(now)) is not None]
        self.next_edge = min(edges, default=None)
        """When a rule next comes on, goes off, or is gone; a moment on the clock."""
        self.connecting = self._with("on_connect")
        self.opening = self._with("on_open")
        self.ending = self._with("on_end")
        self.refuses = any(rule.refuses for rule in self.rules)
        """Nobody is to listen."""
        self.late = any(rule.rule.late for rule in self.rules)
        """Some rules are decided on when responses come."""

    def _with(self, hook: str) -> tuple[ActiveRule, ...]:
        return tuple(
            active_rule
            for active_rule in self.rules
            if active_rule.rule.scope == "connection"
            and not active_rule.rule.match
            and active_rule.rule.behavior.overrides(hook)
        )

    def __bool__(self) -> bool:
        """Whether any rule is to be asked about messages now."""
        return bool(self._deciding)

    def lives(self, active_rule: ActiveRule) -> bool:
        """Whether the plan still has this rule, and it is on."""
        return active_rule in self._alive

    def knows(self, rule: object) -> bool:
        """Whether the plan still has this active rule, though it may be off."""
        return rule in self._known

    def decide(
        self,
        decision: Decision,
        view: ConnectionView,
        direction: Direction,
        connection_draws: ConnectionDraws,
        now: float,
        *,
        meaning: bool = True,
    ) -> list[tuple[ActiveRule, Firing]]:
        """Bring a decision up to date with this plan; gives the firings that are new in it.

        ``direction`` is that of the message which begins.  What was decided under an older
        plan stands for the rules that live on, and for what has begun and lasts.
        ``meaning=False``: it is about bytes that no framed protocol understands.
        ``connection_draws``: what was drawn for rules whose scope is the connection.  These are
        drawn for on the first exchange they apply to, and act on all that they apply to.
        """
        kept = dict(decision.firings) if decision.firings else None
        exchange = decision.exchange
        firings, news = self._outlived(decision), []
        for active_rule in self._deciding:
            if kept and active_rule in kept:
                firing: Firing | None = kept[active_rule]
            elif (
                not active_rule.is_asked(decision, direction)
                or not (active_rule.always or active_rule.applies(decision.labels))
                or not (meaning or not active_rule.rule.behavior.needs_messages)
            ):
                continue
            elif active_rule in connection_draws:
                known = connection_draws[active_rule]  # each exchange keeps messages of its own
                firing = known and replace(known, exchange=max(exchange, 0))
            elif active_rule.rule.behavior.per_connection:
                firing = None  # it came too late for this connection
            else:
                firing = active_rule.fire(view, exchange, now)
                if firing is not None:
                    news.append((active_rule, firing))
                if active_rule.rule.late:
                    decision.asked += (active_rule,)
                if active_rule.rule.scope == "connection":
                    connection_draws[active_rule] = firing
            if firing is not None:
                firings.append((active_rule, firing))
        decision.update(self.generation, tuple(firings))
        return news

    def _outlived(self, decision: Decision) -> list[tuple[ActiveRule, Firing]]:
        """The firings whose rules are gone, and what these began is not."""
        if not decision.begun:
            return []
        begun = set(decision.begun) - self._alive
        return [pair for pair in decision.firings if pair[0] in begun]
