"""Rules in force on one proxy, what they have counted, and the decisions on exchanges.

Law: nothing here reads a clock or a hidden source of randomness.  Time is an argument, and each
draw is a function of the seed and of what it is for.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from types import MappingProxyType

from ..behavior import HOOKS, Behavior
from ..values.messages import NO_LABELS, TO_BACKEND, TO_CLIENT, Direction
from ..values.options import options_of
from .dice import SEED_LIMIT, Dice
from .firing import ConnectionView, Firing, Kept
from .plan import MARGIN, Rule


class ActiveRule:
    """A rule in force on one proxy: what it has counted, and its dice."""

    __slots__ = (
        "always",
        "applied_at",
        "certain",
        "chooses_since",
        "counts",
        "delaying",
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
        "step_size",
        "unsolicited",
        "updated_at",
    )

    def __init__(self, rule: Rule, dice: Dice, applied_at: float, since: int) -> None:
        self._set(rule)
        self.dice = dice
        self.applied_at = applied_at
        self.updated_at = 0.0  # when it came on again, or its values were changed
        self.on_since = applied_at  # when it last came on: what waited before has no credit
        self.since = since  # generation of the active plan under which it turned on ...
        self.chooses_since = since  # ... and under which it came to choose as it does
        self.seen = 0  # exchanges that it applies to
        self.fired = 0
        self.shared: Kept = {}  # what its behavior keeps for all connections

    def _set(self, rule: Rule) -> None:
        self.rule = rule
        self.name, self.scope, self.direction = rule.name, rule.scope, rule.direction
        self.directions = directions_of(rule)
        """Those of the messages that its behavior acts on."""
        ignores = rule.behavior.ignores_unsolicited
        self.unsolicited = TO_CLIENT in self.directions and not ignores
        """Whether its behavior may act on what the backend sends unsolicited."""
        self.always = not rule.match
        """Whether it applies to every exchange."""
        self.delaying = rule.behavior.delaying if not rule.ramps else None
        """Its behavior, if all that it does to messages is to delay them."""
        self.step_size = step_size_of(rule)
        """Bytes of a message that are a step of work on it."""
        self.certain = (rule.low, rule.high, rule.percent_ramp) == (0, 100, None)
        """Whether it fires whatever is drawn."""
        self.counts = (rule.after, rule.every, rule.times) != (0, 1, None)
        """Whether it fires on some of what it applies to only."""

    def update(self, rule: Rule, dice: Dice, now: float, generation: int) -> None:
        """Follow changed values: what it has counted, decided, kept and holds stays."""
        before, self.dice = self.rule, dice
        if rule.timing != before.timing:
            self.applied_at = now
        if rule.counts_anew_after(before):
            self.seen = self.fired = 0
        self.updated_at = now
        acted_in = self.directions
        self._set(rule)
        if rule.choice != before.choice or self.directions != acted_in:
            self.chooses_since = generation

    @property
    def ignores_messages(self) -> bool:
        """Whether it acts in other hooks only: nothing is drawn for messages then."""
        overrides = self.rule.behavior.overrides
        hooks = [hook for hook in HOOKS if hook != "on_message" and overrides(hook)]
        return bool(hooks) and not self.directions

    def seconds_on(self, now: float) -> float | None:
        """Return the seconds since it last turned on; None if it is off, paused or expired."""
        if self.rule.paused or self.is_expired(now):
            return None
        return self.rule.seconds_on(now - self.applied_at + MARGIN)

    def is_expired(self, now: float) -> bool:
        """Whether its time to live has passed."""
        ttl = self.rule.ttl
        return ttl is not None and now - self.applied_at + MARGIN >= ttl

    def is_over(self, now: float) -> bool:
        """Whether it has been on for the last time: it has expired, or its window has ended."""
        stop = self.rule.stop
        ended = stop is not None and now - self.applied_at + MARGIN >= stop
        return ended or self.is_expired(now)

    def next_edge(self, now: float) -> float | None:
        """Return when it next turns on or off, or expires, on the same clock as ``now``."""
        edge = self.rule.next_edge(now - self.applied_at + MARGIN)
        return None if edge is None else self.applied_at + edge

    def behavior(self, now: float, rule: Rule | None = None) -> Behavior:
        """Return its behavior with the options as they are now: a copy if they change.

        ``rule``: the values that it had, if they have been updated meanwhile.
        """
        rule = rule or self.rule
        behavior = rule.behavior
        if rule.ramps:
            behavior = copy.copy(behavior)
            self.follow_ramps(behavior, now, rule)
        return behavior

    def follow_ramps(self, behavior: Behavior, now: float, rule: Rule) -> None:
        """Set the options that change with time to their values now."""
        if not rule.ramps:
            return
        seconds = self.seconds_on(now) or 0.0
        known = options_of(type(behavior))
        for name, ramp in rule.ramps:
            value = ramp.at(seconds)
            setattr(behavior, name, round(value) if known[name].type is int else value)

    def is_due(self, decision: Decision, direction: Direction, *, framed: bool) -> bool:
        """Whether to decide on the rule now, which has not fired on the exchange.

        That is when it is new, or when it matches on responses and one has come.  When it is
        updated so that it chooses otherwise, it is asked again, except of an exchange of a
        framed protocol.  Unsolicited messages are left to the rules that may act on them.
        """
        if decision.exchange < 0 and not self.unsolicited:
            return False
        if self.rule.late:
            return direction is TO_CLIENT and self not in decision.asked_late
        if self.since > decision.generation:
            return True
        anew = not framed or decision.opaque or self.scope == "connection"
        return anew and self.chooses_since > decision.generation

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether the rule applies to an exchange with these labels."""
        for match in self.rule.match:  # noqa: SIM110 - a generator takes twice as long
            if not match.accepts(labels):
                return False
        return True

    def fire(
        self,
        view: ConnectionView,
        exchange: int,
        now: float,
        labels: Mapping[str, str],
        *,
        taken: bool = False,
    ) -> Firing | None:
        """Count an exchange that the rule applies to; None if it does not fire on it.

        ``labels``: those of the exchange, for rules that go by them.  ``taken``: another rule of
        its mix has fired on it.
        """
        del labels
        rule = self.rule
        self.seen += 1
        if self.counts:
            counted = self.seen - rule.after
            if counted <= 0 or counted % rule.every:
                return None
            if rule.times is not None and self.fired >= rule.times:
                return None
        if taken:
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

    def would_fire(
        self, view: ConnectionView, exchange: int, now: float, labels: Mapping[str, str]
    ) -> bool:
        """Whether it would fire on an exchange, which is not counted."""
        return ActiveRule.fire(copy.copy(self), view, exchange, now, labels) is not None

    def roll(self, connection: int, exchange: int) -> tuple[float, int]:
        """Return what is drawn for an exchange: a number below 100, and 64 random bits."""
        number = exchange % SEED_LIMIT if self.scope == "exchange" else 0
        return self.dice.roll(connection, number)

    @property
    def refuses(self) -> bool:
        """Whether it keeps every connection from being accepted."""
        return self.rule.behavior.refuses and self.certain and not self.counts


def step_size_of(rule: Rule) -> int:
    """Return how many bytes of a message are a step of a rule's work, at the least."""
    sizes = [rule.behavior.step_size]
    for name, ramp in rule.ramps:
        for value in ramp.values:
            behavior = copy.copy(rule.behavior)
            setattr(behavior, name, value)
            sizes.append(behavior.step_size)
    return max(1, min(sizes))


def directions_of(rule: Rule) -> tuple[Direction, ...]:
    """Return the directions of the messages that a rule acts on."""
    acts = rule.behavior.overrides("on_message")
    return tuple(
        direction
        for direction in Direction
        if acts and rule.direction in (None, direction) and rule.behavior.concerns(direction)
    )


class Memory:
    """What a connection keeps for the rules that fire on it."""

    __slots__ = ("connection_draws", "dropped_by", "own", "stopped_until")

    def __init__(self) -> None:
        self.own: Kept = {}
        """What behaviors keep; each key begins with the rule."""
        self.dropped_by: set[tuple[ActiveRule, Direction]] = set()
        """The rules that have dropped messages of a direction: the peers may be out of step."""
        self.connection_draws: ConnectionDraws = {}
        """What was drawn for rules whose scope is the connection."""
        self.stopped_until: dict[Direction, float] = {}
        """When messages of a direction could leave again after they could not."""

    def forget(self, known: Callable[[object], bool], generation: int) -> None:
        """Drop what is kept for rules that are no longer known.

        ``generation``: that of the plan so far.  The connection is drawn for again where it has
        not been chosen and the rule has since been updated so that it chooses otherwise.
        """
        for active_rule, firing in list(self.connection_draws.items()):
            chosen = firing is not None or active_rule.chooses_since <= generation
            if not (known(active_rule) and chosen and active_rule.scope == "connection"):
                del self.connection_draws[active_rule]
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
        self.lasting: Mapping[ActiveRule, Rule] = NONE_LASTING
        """Those that act on it to its end, with the values under which they have begun."""
        self.finished = False  # the exchange seems to have ended
        self.firings: Firings = ()
        self.to_backend: Firings = ()  # those that act on messages of this direction
        self.to_client: Firings = ()

    def firings_for(self, direction: Direction) -> Firings:
        """Return the firings whose behaviors act on messages of a direction."""
        return self.to_backend if direction is TO_BACKEND else self.to_client

    def update(self, generation: int, firings: list[tuple[ActiveRule, Firing]]) -> None:
        """Replace the firings by what another active plan has decided."""
        self.generation = generation
        if not firings and not self.firings:
            return
        self.firings = pairs = tuple(firings)
        if len(pairs) == 1 and not self.lasting:  # by far the most frequent
            directions = pairs[0][0].directions
            self.to_backend = pairs if TO_BACKEND in directions else ()
            self.to_client = pairs if TO_CLIENT in directions else ()
        else:
            self.to_backend = self._acting(TO_BACKEND)
            self.to_client = self._acting(TO_CLIENT)

    def _acting(self, direction: Direction) -> Firings:
        begun = self.lasting
        return tuple(
            [
                pair
                for pair in self.firings
                if direction in pair[0].directions
                or (pair[0] in begun and direction in directions_of(begun[pair[0]]))
            ]
        )


NONE_LASTING: Mapping[ActiveRule, Rule] = MappingProxyType({})
ConnectionDraws = dict[ActiveRule, Firing | None]
