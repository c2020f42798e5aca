"""A plan in force on one proxy: which rules are on, what they have counted, what they decide.

Law: nothing here reads a clock or a hidden source of randomness.  Time is an argument, and each
draw is a function of the seed and of what it is for.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property

from ..behavior import HOOKS, Behavior
from ..values.messages import NO_LABELS, Direction
from ..values.options import options_of
from .dice import SEED_LIMIT, Dice
from .firing import ConnectionView, Firing, Kept
from .index import MatchIndex
from .plan import MARGIN, Plan, Rule

TURN = 32
"""Messages of a connection that are decided on before others have their turn ..."""
TURN_DECISIONS = 256
"""... or fewer, so that this many decisions on a rule are made at most."""


class ActiveRule:
    """A rule in force on one proxy: what it has counted, and its dice."""

    __slots__ = (
        "always",
        "applied_at",
        "certain",
        "dice",
        "direction",
        "directions",
        "fired",
        "name",
        "on_since",
        "rule",
        "scope",
        "seen",
        "shared",
        "since",
        "updated_at",
    )

    def __init__(self, rule: Rule, dice: Dice, applied_at: float, since: int) -> None:
        self._set(rule)
        self.dice = dice
        self.applied_at = applied_at
        self.updated_at = 0.0  # when its values were changed while it was in force
        self.on_since = applied_at  # when it last came on: what waited before has no credit
        self.since = since  # generation of the active plan under which it turned on
        self.seen = 0  # exchanges that it applies to
        self.fired = 0
        self.shared: Kept = {}  # what its behavior keeps for all connections

    def _set(self, rule: Rule) -> None:
        self.rule = rule
        self.name, self.scope, self.direction = rule.name, rule.scope, rule.direction
        acts = rule.behavior.overrides("on_message")
        self.directions = tuple(
            direction
            for direction in Direction
            if acts and rule.direction in (None, direction) and rule.behavior.concerns(direction)
        )
        """Those of the messages that its behavior acts on."""
        self.always = not rule.match
        """Whether it applies to every exchange."""
        self.certain = (rule.low, rule.high, rule.percent_ramp) == (0, 100, None)
        """Whether it fires whatever is drawn."""

    def update(self, rule: Rule, now: float) -> None:
        """Follow changed values: what it has counted, drawn, kept and holds stays."""
        if rule.timing != self.rule.timing:
            self.applied_at = now
        self.updated_at = now
        self._set(rule)

    def becomes(self, rule: Rule) -> bool:
        """Whether a rule is an update of this one: the same trouble for the same traffic."""
        behavior = self.rule.behavior
        return (
            type(behavior) is type(rule.behavior)
            and not behavior.per_connection
            and rule.traffic == self.rule.traffic
        )

    @property
    def ignores_messages(self) -> bool:
        """Whether it acts in other hooks only: nothing is drawn for messages then."""
        overrides = self.rule.behavior.overrides
        hooks = [hook for hook in HOOKS if hook != "on_message" and overrides(hook)]
        return bool(hooks) and not self.directions

    def seconds_on(self, now: float) -> float | None:
        """Return the seconds since it last turned on; None if it is off or expired."""
        if self.is_expired(now):
            return None
        return self.rule.seconds_on(now - self.applied_at + MARGIN)

    def is_expired(self, now: float) -> bool:
        """Whether its time to live has passed."""
        ttl = self.rule.ttl
        return ttl is not None and now - self.applied_at + MARGIN >= ttl

    def next_edge(self, now: float) -> float | None:
        """Return when it next turns on or off, or expires, on the same clock as ``now``."""
        edge = self.rule.next_edge(now - self.applied_at + MARGIN)
        return None if edge is None else self.applied_at + edge

    def behavior(self, now: float) -> Behavior:
        """Return the rule's behavior with its options as they are now: a copy if they change."""
        behavior = self.rule.behavior
        if self.rule.ramps:
            behavior = copy.copy(behavior)
            self.follow_ramps(behavior, now)
        return behavior

    def follow_ramps(self, behavior: Behavior, now: float) -> None:
        """Set the options that change with time to their values now."""
        if not self.rule.ramps:
            return
        seconds = self.seconds_on(now) or 0.0
        known = options_of(type(behavior))
        for name, ramp in self.rule.ramps:
            value = ramp.at(seconds)
            setattr(behavior, name, round(value) if known[name].type is int else value)

    def is_due(self, decision: Decision, direction: Direction) -> bool:
        """Whether to decide on the rule now.

        That is when it is new, or when it matches on responses and one has come.
        """
        if self.rule.late:
            return direction is Direction.TO_CLIENT and self not in decision.asked_late
        return self.since > decision.generation

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether the rule applies to an exchange with these labels."""
        for match in self.rule.match:  # noqa: SIM110 - a generator takes twice as long
            if not match.accepts(labels):
                return False
        return True

    def fire(self, view: ConnectionView, exchange: int, now: float) -> Firing | None:
        """Count an exchange that the rule applies to; None if it does not fire on it."""
        rule = self.rule
        self.seen += 1
        counted = self.seen - rule.after
        if counted <= 0 or counted % rule.every:
            return None
        if rule.times is not None and self.fired >= rule.times:
            return None
        rolled = None
        if not self.certain:
            rolled = self.roll(view.number, exchange)
            high = rule.high
            if rule.percent_ramp is not None:
                high = rule.low + rule.percent_ramp.at(self.seconds_on(now) or 0.0)
            if not rule.low <= rolled[0] < high:
                return None
        self.fired += 1
        return Firing(self, view, exchange, self.fired, rolled)

    def roll(self, connection: int, exchange: int) -> tuple[float, int]:
        """Return what is drawn for an exchange: a number below 100, and 64 random bits."""
        number = exchange % SEED_LIMIT if self.scope == "exchange" else 0
        return self.dice.roll(connection, number)

    @property
    def refuses(self) -> bool:
        """Whether it keeps every connection from being accepted."""
        rule = self.rule
        counts = (rule.after, rule.every, rule.times) != (0, 1, None)
        return rule.behavior.refuses and self.certain and not counts


class Memory:
    """What a connection keeps for the rules that fire on it."""

    __slots__ = ("connection_draws", "dropped_by", "own")

    def __init__(self) -> None:
        self.own: Kept = {}
        """What behaviors keep; each key begins with the rule."""
        self.dropped_by: set[ActiveRule] = set()
        """The rules that have dropped a message: the peers may be out of step."""
        self.connection_draws: ConnectionDraws = {}
        """What was drawn for rules whose scope is the connection."""

    def forget(self, known: Callable[[object], bool]) -> None:
        """Drop what is kept for rules that are no longer known."""
        for gone in [
            active_rule for active_rule in self.connection_draws if not known(active_rule)
        ]:
            del self.connection_draws[gone]
        for key in [key for key in self.own if not known(key[0])]:
            del self.own[key]


Firings = tuple[tuple[ActiveRule, Firing], ...]
"""Rules that fire on an exchange, in the order of the plan."""


class Decision:
    """Which rules fire on one exchange, under one active plan.

    All messages of the exchange share it; a new plan brings it up to date in place.
    """

    __slots__ = (
        "asked_late",
        "exchange",
        "finished",
        "firings",
        "generation",
        "labels",
        "lasting",
        "opaque",
        "to_backend",
        "to_client",
    )

    def __init__(self, exchange: int = 0, *, opaque: bool = False) -> None:
        """``exchange``: its number; unsolicited messages are counted down from -1.

        ``opaque``: its bytes belong to a framed protocol whose parser does not understand them.
        """
        self.exchange = exchange
        self.opaque = opaque
        self.generation = -1  # of the active plan that decided
        self.labels: Mapping[str, str] = NO_LABELS  # of the exchange, so far
        self.asked_late: tuple[ActiveRule, ...] = ()  # late rules that have counted it
        self.lasting: tuple[ActiveRule, ...] = ()  # those that act on it to its end
        self.finished = False  # the exchange seems to have ended
        self.firings: Firings = ()
        self.to_backend: Firings = ()  # those that act on messages of this direction
        self.to_client: Firings = ()

    def firings_for(self, direction: Direction) -> Firings:
        """Return the firings whose behaviors act on messages of a direction."""
        return self.to_backend if direction is Direction.TO_BACKEND else self.to_client

    def update(self, generation: int, firings: list[tuple[ActiveRule, Firing]]) -> None:
        """Replace the firings by what another active plan has decided."""
        self.generation = generation
        if not firings and not self.firings:
            return
        self.firings = pairs = tuple(firings)
        self.to_backend, self.to_client = (
            tuple([pair for pair in pairs if direction in pair[0].directions])
            for direction in (Direction.TO_BACKEND, Direction.TO_CLIENT)
        )


ConnectionDraws = dict[ActiveRule, Firing | None]


class ActivePlan:
    """A plan in force on one proxy, until the next plan, or until a rule turns on or off."""

    def __init__(
        self, plan: Plan, proxy: str, now: float, previous: ActivePlan | None = None
    ) -> None:
        """Rules that the previous plan included keep what they have counted."""
        self.plan = plan
        self.generation: int = 0 if previous is None else previous.generation + 1
        kept = {} if previous is None else previous._kept_for(plan)

        def active_rule(rule: Rule) -> ActiveRule:
            old = kept.get(rule.name)
            if old is not None and (old.rule is rule or old.rule == rule):
                return old
            if old is not None and old.becomes(rule):
                old.update(rule, now)
                return old
            dice = Dice(plan.seed, proxy, rule.mix or rule.name)
            return ActiveRule(rule, dice, now, self.generation)

        self._all: tuple[ActiveRule, ...] = tuple(
            active_rule(rule) for rule in plan.rules if not rule.behavior.inert
        )
        self._known = frozenset(self._all)
        self.rules = tuple(rule for rule in self._all if rule.seconds_on(now) is not None)
        """The rules that are on."""
        self.message_rules = tuple(rule for rule in self.rules if not rule.ignores_messages)
        self.acts_on_messages = bool(self.message_rules)
        """Whether any rule that is on may act on messages."""
        self.turn = max(1, min(TURN, TURN_DECISIONS // (len(self.message_rules) or 1)))
        """Messages of a connection that are decided on before others have their turn."""
        before = -1 if previous is None else previous.last_inert
        self.last_inert: int = before if self.acts_on_messages else self.generation
        """Generation of the newest active plan so far of which that is not so."""
        self._on = frozenset(self.rules)
        for rule in self.rules:
            if previous is not None and not previous.is_on(rule):
                rule.since, rule.on_since = self.generation, now
        self.expired: frozenset[str] = frozenset(
            rule.rule.name for rule in self._all if rule.is_expired(now)
        )
        """The names of the rules whose time to live has passed."""
        edges = [edge for rule in self._all if (edge := rule.next_edge(now)) is not None]
        self.next_edge = min(edges, default=None)
        """When a rule next turns on or off, or expires, on the same clock as ``now``."""
        self.connecting = self._with("on_connect")
        self.opening = self._with("on_open")
        self.ending = self._with("on_end")
        self.refuses = any(rule.refuses for rule in self.rules)
        """Whether no connection is to be accepted."""
        self.late = any(rule.rule.late for rule in self.rules)
        """Whether any rule is decided on when the response comes."""

    def _kept_for(self, plan: Plan) -> dict[str, ActiveRule]:
        """Return the rules that another plan may keep, by name."""
        if self.plan.seed != plan.seed:
            return {}
        # A rule that has expired starts afresh if another plan includes it.
        again = self.expired if self.plan is not plan else frozenset()
        return {rule.name: rule for rule in self._all if rule.name not in again}

    def _with(self, hook: str) -> tuple[ActiveRule, ...]:
        return tuple(
            active_rule
            for active_rule in self.rules
            if active_rule.rule.scope == "connection"
            and not active_rule.rule.match
            and active_rule.rule.behavior.overrides(hook)
        )

    def is_on(self, active_rule: ActiveRule) -> bool:
        """Whether the plan includes a rule, and it is on."""
        return active_rule in self._on

    def includes(self, rule: object) -> bool:
        """Whether the plan includes an active rule, on or off."""
        return rule in self._known

    def decide(
        self,
        decision: Decision,
        view: ConnectionView,
        direction: Direction,
        connection_draws: ConnectionDraws,
        now: float,
    ) -> list[tuple[ActiveRule, Firing]]:
        """Bring a decision up to date with this plan, and return the firings that are new in it.

        ``direction``: that of the message that begins.  What an older plan decided stands for
        the rules that are still on, and for those whose lasting behaviors have begun to act.
        ``connection_draws``: what was drawn for rules whose scope is the connection.  That is
        done on the first exchange they apply to, and stands for all that they apply to.
        """
        before = dict(decision.firings)
        exchange = decision.exchange
        firings = self._outlasting(decision) if decision.lasting else []
        new = []
        for active_rule in self.message_rules if before else self._candidates(decision):
            firing: Firing | None
            if active_rule in before:
                firing = before[active_rule]
            elif (
                not active_rule.is_due(decision, direction)
                or not (active_rule.always or active_rule.matches(decision.labels))
                or (decision.opaque and active_rule.rule.behavior.needs_messages)
            ):
                continue
            elif active_rule in connection_draws:
                drawn = connection_draws[active_rule]  # each exchange has its own memory
                firing = drawn and drawn.on_exchange(exchange)
            elif active_rule.rule.behavior.per_connection:
                firing = None  # the connection was open before the rule came
            else:
                firing = active_rule.fire(view, exchange, now)
                if firing is not None:
                    new.append((active_rule, firing))
                if active_rule.rule.late:
                    decision.asked_late += (active_rule,)
                if active_rule.scope == "connection":
                    connection_draws[active_rule] = firing
            if firing is not None:
                firings.append((active_rule, firing))
        decision.update(self.generation, firings)
        return new

    @cached_property
    def _index(self) -> MatchIndex:
        return MatchIndex(active_rule.rule.match for active_rule in self.message_rules)

    def _candidates(self, decision: Decision) -> Iterable[ActiveRule]:
        """Return the rules that may match an exchange, in the order of the plan."""
        rules, index = self.message_rules, self._index
        return [rules[place] for place in index.find(decision.labels)] if index else rules

    def _outlasting(self, decision: Decision) -> list[tuple[ActiveRule, Firing]]:
        """Return the firings that act to the end of the exchange though their rules are off."""
        gone = set(decision.lasting) - self._on
        return [pair for pair in decision.firings if pair[0] in gone]
