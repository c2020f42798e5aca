"""Runs by script: what rules decide on, on one proxy, and where they fire."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from acting import Stage
from vaurien.behaviors.delay import Delay
from vaurien.behaviors.reset import Reset
from vaurien.protocols.redis.parser import Redis
from vaurien.rules.active import ActiveRule, Decision
from vaurien.rules.active_plan import ActivePlan
from vaurien.rules.counted import Counting
from vaurien.rules.firing import Firing
from vaurien.rules.plan import Plan, Rule
from vaurien.rules.replay import Place, Replaying
from vaurien.values.messages import NO_LABELS, Direction

Asked = tuple[int, int, str]
"""A connection, an exchange, and the key that it asks for."""


def rule(name: str = "rule", **keys: Any) -> Rule:
    return Rule(behavior=Delay(), name=name, **keys)


def on_connections(name: str = "cut", **keys: Any) -> Rule:
    return Rule(behavior=Reset(), name=name, scope="connection", **keys)


def stream(connection: int, keys: str) -> list[Asked]:
    """A connection that asks for these keys, of one character each."""
    return [(connection, exchange, key) for exchange, key in enumerate(keys, 1)]


class Run:
    """One proxy."""

    def __init__(self, *rules: Rule, seed: int = 7, counting: Counting | None = None) -> None:
        self.counting = counting or Counting()
        plan = Plan(rules, seed=seed)
        self.active_plan = ActivePlan(plan, "proxy", 0.0, None, self.counting.make)
        self.stages: dict[int, Stage] = {}
        self.firings: list[tuple[Asked, Firing]] = []

    def again(self, *rules: Rule) -> None:
        """Put another plan in force."""
        self.active_plan = ActivePlan(Plan(rules), "proxy", 0.0, self.active_plan)

    def stage(self, connection: int) -> Stage:
        return self.stages.setdefault(connection, Stage(Redis(), number=connection))

    def ask(self, connection: int, exchange: int, key: str = "") -> list[str]:
        """Decide on an exchange; return the names of the rules that fire."""
        decision, stage = Decision(exchange), self.stage(connection)
        decision.labels = {"key": key} if key else NO_LABELS
        way = Direction.TO_BACKEND
        draws = stage.memory.connection_draws
        new = self.active_plan.decide(decision, stage, way, draws, 0.0)
        self.firings += [((connection, exchange, key), firing) for _, firing in new]
        return [firing.rule for _, firing in new]

    def open(self, connection: int) -> Firing | None:
        """Draw for the first rule before there is an exchange, as hooks do."""
        active_rule = self.active_plan.rules[0]
        return self.fire(active_rule, connection)

    def fire(self, active_rule: ActiveRule, connection: int) -> Firing | None:
        stage = self.stage(connection)
        firing = active_rule.fire(stage, 0, 0.0, NO_LABELS)
        stage.memory.connection_draws[active_rule] = firing
        if firing is not None:
            self.firings.append(((connection, 0, ""), firing))
        return firing

    def ask_all(self, asked: Iterable[Asked]) -> list[Asked]:
        """Decide on exchanges; return those on which a rule fires."""
        return [each for each in asked if self.ask(*each)]

    @property
    def places(self) -> dict[str, list[Place]]:
        """Where rules have fired, as a journal tells it."""
        found: dict[str, list[Place]] = {}
        for (connection, _, key), firing in self.firings:
            assert firing.noted is not None
            place = Place(
                labels={"key": key} if key else {},
                occurrence=firing.noted.occurrence,
                connection=connection,
                exchange=firing.noted.exchange,
                begins=firing.noted.begins,
                count=firing.count,
                rolled=(firing.draw, firing.seed),
            )
            found.setdefault(firing.rule, []).append(place)
        return found


def replayed(places: Mapping[str, Sequence[Place]], *rules: Rule, seed: int = 7) -> Run:
    """A run in which rules fire at these places."""
    return Run(*rules, seed=seed, counting=Replaying(places))


def left(run: Run) -> list[str]:
    """The places that were not found."""
    assert isinstance(run.counting, Replaying)
    return [f"{name}: {place}" for name, place in run.counting.left()]
