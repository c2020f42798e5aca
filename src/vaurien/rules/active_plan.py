"""A plan in force on one proxy: which rules are on, and what they decide.

Law: nothing here reads a clock or a hidden source of randomness.  Time is an argument, and each
draw is a function of the seed and of what it is for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property

from ..values.messages import Direction
from .active import ActiveRule, ConnectionDraws, Decision
from .dice import Dice
from .firing import ConnectionView, Firing
from .index import MatchIndex
from .plan import Plan, Rule

TURN = 32
"""Messages of a connection that are decided on before others have their turn ..."""
TURN_DECISIONS = 256
"""... or fewer, so that this many decisions on a rule are made at most."""


MakeRule = Callable[[Rule, Dice, float, int], ActiveRule]
"""Makes an active rule of a rule, its dice, when it is applied, and the generation of its plan."""


class ActivePlan:
    """A plan in force on one proxy, until the next plan, or until a rule turns on or off."""

    def __init__(
        self,
        plan: Plan,
        proxy: str,
        now: float,
        previous: ActivePlan | None = None,
        make: MakeRule | None = None,
    ) -> None:
        """``make`` makes all rules anew; otherwise those that there were keep what they counted."""
        self.plan = plan
        self._make: MakeRule = make or (previous._make if previous else ActiveRule)
        self.generation: int = 0 if previous is None else previous.generation + 1
        kept = {} if previous is None or make is not None else previous._kept_for(plan)
        self._updated: set[ActiveRule] = set()
        self._all: tuple[ActiveRule, ...] = tuple(
            self._activate(rule, kept.get(rule.name), proxy, now)
            for rule in plan.rules
            if not rule.behavior.inert
        )
        self._known = frozenset(self._all)
        self.rules = tuple(rule for rule in self._all if rule.seconds_on(now) is not None)
        """The rules that are on."""
        self.message_rules = tuple(rule for rule in self.rules if not rule.ignores_messages)
        self.acts_on_messages = bool(self.message_rules)
        """Whether any rule that is on may act on messages."""
        self.step_size: int = min((rule.step_size for rule in self.message_rules), default=0)
        """Bytes of a message that are a step of work for one of these rules; 0: there are none."""
        before = -1 if previous is None else previous.last_inert
        self.last_inert: int = before if self.acts_on_messages else self.generation
        """Generation of the newest active plan so far of which that is not so."""
        self._on = frozenset(self.rules)
        if previous is not None:
            self._note_new(previous, now)
        self.expired: frozenset[str] = frozenset(
            rule.rule.name for rule in self._all if rule.is_expired(now)
        )
        """The names of the rules whose time to live has passed."""
        self.next_edge = _next_edge(self._all, now)
        """When a rule next turns on or off, or expires, on the same clock as ``now``."""
        self.connecting = self._with("on_connect")
        self.greeting = self._with("on_hello")
        self.opening = self._with("on_open")
        opened = frozenset(() if previous is None else previous.opening) - self._updated
        self.opens = not opened.issuperset(self.opening)
        """Whether connections that are open may have to run ``on_open``."""
        self.ending = self._with("on_end")
        self.refuses = any(rule.refuses for rule in self.rules)
        """Whether no connection is to be accepted."""
        self.late = any(rule.rule.late for rule in self.rules)
        """Whether any rule is decided on when the response comes."""

    def _activate(self, rule: Rule, old: ActiveRule | None, proxy: str, now: float) -> ActiveRule:
        """Return an active rule for a rule: the old one of its name, if it is the same rule."""
        if old is not None and (old.rule is rule or old.rule == rule):
            return old
        if old is not None and old.rule.mix == rule.mix:
            dice = old.dice
        else:
            dice = Dice(self.plan.seed, proxy, rule.mix or rule.name)
        if old is None or not rule.updates(old.rule):
            return self._make(rule, dice, now, self.generation)
        old.update(rule, dice, now, self.generation)
        self._updated.add(old)
        return old

    def _note_new(self, previous: ActivePlan, now: float) -> None:
        """Note which rules have been off so far."""
        for rule in self.rules:
            if previous.includes(rule) and not previous.is_on(rule):
                rule.since, rule.on_since, rule.updated_at = self.generation, now, now

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
            and (active_rule.always or hook == "on_hello")
            and active_rule.rule.behavior.overrides(hook)
        )

    def by_name(self) -> dict[str, ActiveRule]:
        """Return all rules by their names, on or off; those of inert behaviors are left out."""
        return {active_rule.name: active_rule for active_rule in self._all}

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
        ``connection_draws``: what was drawn, once, for rules whose scope is the connection.
        """
        exchange = decision.exchange
        if self._alike and decision.generation < 0 < exchange:
            return self._decide_alike(decision, view, now)
        before = dict(decision.firings)
        firings = self._outlasting(decision) if decision.lasting else []
        new, rules = [], self.message_rules
        if (index := self._index) is not None and not before:
            rules = tuple(rules[place] for place in index.find(decision.labels))
        for active_rule in rules:
            if (firing := before.get(active_rule)) is not None:
                pass  # it stands
            elif (
                not active_rule.is_due(decision, direction, framed=view.protocol.framed)
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
                others = connection_draws if active_rule.scope == "connection" else before
                taken = active_rule.rule.mix != "" and self.is_taken(active_rule, others)
                firing = active_rule.fire(view, exchange, now, decision.labels, taken=taken)
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
    def _alike(self) -> bool:
        """Whether all rules are decided on for each exchange, when it begins, by themselves."""
        return all(
            rule.always
            and rule.scope == "exchange"
            and not rule.rule.mix
            and not rule.rule.behavior.per_connection
            and not rule.rule.behavior.needs_messages
            for rule in self.message_rules
        )

    def _decide_alike(
        self, decision: Decision, view: ConnectionView, now: float
    ) -> list[tuple[ActiveRule, Firing]]:
        """Make a new decision where all rules are alike."""
        new = []
        for rule in self.message_rules:
            firing = rule.fire(view, decision.exchange, now, decision.labels)
            if firing is not None:
                new.append((rule, firing))
        decision.update(self.generation, new)
        return new

    @cached_property
    def _index(self) -> MatchIndex | None:
        """Finds the rules that may match an exchange; None: all may."""
        index = MatchIndex(active_rule.rule.match for active_rule in self.message_rules)
        return index if index.rules_out else None

    @cached_property
    def turn(self) -> int:
        """Messages of a connection that are decided on before others have their turn."""
        index = None if self.late else self._index
        rules = len(self.message_rules) if index is None else index.most
        return max(1, min(TURN, TURN_DECISIONS // (rules or 1)))

    def rules_out(self, labels: Mapping[str, str]) -> bool:
        """Whether no rule can act on an exchange whose request has these labels."""
        index = self._index
        return not self.message_rules if index is None else index.excludes(labels)

    def is_taken(self, active_rule: ActiveRule, others: Mapping[ActiveRule, Firing | None]) -> bool:
        """Whether another rule of its mix has fired, perhaps when their bands were others."""
        mix = active_rule.rule.mix
        return any(
            firing is not None
            and other is not active_rule
            and (other.rule.mix, other.scope) == (mix, active_rule.scope)
            and other in self._on
            for other, firing in others.items()
        )

    def _outlasting(self, decision: Decision) -> list[tuple[ActiveRule, Firing]]:
        """Return the firings that act to the end of the exchange though their rules are off."""
        gone = set(decision.lasting) - self._on
        return [pair for pair in decision.firings if pair[0] in gone]


def _next_edge(rules: Iterable[ActiveRule], now: float) -> float | None:
    """Return when one of these rules next turns on or off, or expires."""
    edges = [edge for rule in rules if (edge := rule.next_edge(now)) is not None]
    return min(edges, default=None)
