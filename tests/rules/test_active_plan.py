"""What a plan in force decides when its rules are updated: a decision is made once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from acting import Stage
from lines import Lines
from vaurien.behavior import Behavior
from vaurien.behaviors.bandwidth import Bandwidth
from vaurien.behaviors.delay import Delay
from vaurien.behaviors.error import Error
from vaurien.behaviors.timeout import Timeout
from vaurien.protocol import Protocol
from vaurien.protocols.tcp import Tcp
from vaurien.rules.active import Decision
from vaurien.rules.active_plan import ActivePlan
from vaurien.rules.dice import Dice
from vaurien.rules.plan import Match, Plan, Rule
from vaurien.values.messages import NO_LABELS, Direction

FRAMED, STREAM = Lines(), Tcp()


def rule(behavior: Behavior | None = None, name: str = "rule", **keys: Any) -> Rule:
    return Rule(behavior=behavior or Delay(), name=name, **keys)


class Live:
    """A connection whose exchanges are decided on while plans follow each other."""

    def __init__(self, *rules: Rule, protocol: Protocol = STREAM) -> None:
        self.stage = Stage(protocol)
        self.plan = ActivePlan(Plan(rules), "proxy", 0.0)
        self.decisions: dict[int, Decision] = {}

    def apply(self, *rules: Rule) -> None:
        before = self.plan.generation
        self.plan = ActivePlan(Plan(rules), "proxy", 1.0, self.plan)
        self.stage.memory.forget(self.plan.includes, before)

    def fires_on(self, exchange: int, labels: Mapping[str, str] = NO_LABELS) -> list[str]:
        decision = self.decisions.setdefault(exchange, Decision(exchange))
        decision.labels = labels
        draws = self.stage.memory.connection_draws
        self.plan.decide(decision, self.stage, Direction.TO_BACKEND, draws, 1.0)
        return [active_rule.name for active_rule, _ in decision.firings]


@pytest.mark.parametrize("protocol", [FRAMED, STREAM], ids=["framed", "tcp"])
@pytest.mark.parametrize("scope", ["exchange", "connection"])
@pytest.mark.parametrize("narrower", [{"high": 0.0}, {"after": 100}, {"times": 1}])
def test_what_was_chosen_stays_chosen(
    protocol: Protocol, scope: str, narrower: dict[str, Any]
) -> None:
    live = Live(rule(scope=scope), protocol=protocol)
    assert live.fires_on(1) == ["rule"]
    live.apply(rule(Delay(sleep=3), scope=scope, **narrower))
    assert live.fires_on(1) == ["rule"]
    assert live.fires_on(2) == ["rule"] * (scope == "connection")


def test_an_exchange_of_a_framed_protocol_is_decided_on_once() -> None:
    live = Live(rule(high=0.0), protocol=FRAMED)
    assert live.fires_on(1) == []
    live.apply(rule())
    assert live.fires_on(1) == []
    assert live.fires_on(2) == ["rule"]


def test_what_no_exchange_holds_together_is_asked_about_again() -> None:
    live = Live(rule(high=0.0))
    assert live.fires_on(1) == []
    live.apply(rule())
    assert live.fires_on(1) == ["rule"]


@pytest.mark.parametrize("protocol", [FRAMED, STREAM], ids=["framed", "tcp"])
def test_a_connection_that_was_not_chosen_is_asked_about_again(protocol: Protocol) -> None:
    live = Live(rule(Bandwidth(), scope="connection", high=0.0), protocol=protocol)
    assert live.fires_on(1) == []
    live.apply(rule(Bandwidth(), scope="connection"))
    assert live.fires_on(1) == ["rule"]
    assert live.fires_on(2) == ["rule"]


def test_a_connection_is_asked_about_again_only_if_the_rule_chooses_otherwise() -> None:
    live = Live(rule(Bandwidth(), scope="connection", after=1))
    assert live.fires_on(1) == []
    live.apply(rule(Bandwidth(rate=1), scope="connection", after=1))
    assert live.fires_on(2) == []
    (active_rule,) = live.plan.rules
    assert active_rule.seen == 1


def test_another_scope_draws_as_it_would_have() -> None:
    live = Live(rule(scope="connection", high=0.0))
    assert live.fires_on(1) == []
    live.apply(rule())
    assert live.fires_on(2) == ["rule"]
    assert live.stage.memory.connection_draws == {}


def test_another_match_is_asked_of_what_begins_then() -> None:
    live = Live(rule(match=(Match("key", "a"),)), protocol=FRAMED)
    assert live.fires_on(1, {"key": "a"}) == ["rule"]
    live.apply(rule(match=(Match("key", "b"),)))
    assert live.fires_on(1, {"key": "a"}) == ["rule"]
    assert live.fires_on(2, {"key": "a"}) == []
    assert live.fires_on(3, {"key": "b"}) == ["rule"]


@pytest.mark.parametrize("scope", ["exchange", "connection"])
def test_of_a_mix_one_rule_fires_though_its_bands_move(scope: str) -> None:
    draw = Dice(0, "proxy", "m").roll(1, 1 if scope == "exchange" else 0)[0]
    live = Live(rule(mix="m", scope=scope, low=0.0, high=100.0))
    assert live.fires_on(1) == ["rule"]
    moved = rule(mix="m", scope=scope, low=100.0, high=100.0)
    live.apply(rule(Error(), "other", mix="m", scope=scope, low=0.0, high=100.0), moved)
    assert 0 <= draw < 100
    assert live.fires_on(1) == ["rule"]
    assert live.fires_on(2) == (["other"] if scope == "exchange" else ["rule"])


def test_a_rule_that_comes_into_a_mix_is_drawn_for_with_it() -> None:
    live = Live(rule(mix="one"))
    live.apply(rule(mix="two", high=50.0))
    dice = Dice(0, "proxy", "two")
    for exchange in range(1, 50):
        assert bool(live.fires_on(exchange)) is (dice.roll(1, exchange)[0] < 50)


def test_a_rule_that_begins_to_act_on_messages_does_so_at_once() -> None:
    passing = rule(Timeout(data="pass", idle=9), scope="connection")
    live = Live(passing)
    assert live.fires_on(1) == []
    live.apply(rule(Timeout(data="drop", idle=9), scope="connection"))
    assert live.fires_on(1) == ["rule"]


def test_connections_are_told_when_a_rule_may_have_to_begin_on_them() -> None:
    live = Live(rule(Timeout(), scope="connection"))
    for high, opens in [(100.0, False), (50.0, True), (50.0, False)]:
        live.apply(rule(Timeout(), scope="connection", high=high))
        assert live.plan.opens is opens


def test_a_paused_rule_is_off_and_keeps_what_it_has_counted() -> None:
    live = Live(rule(times=2))
    assert live.fires_on(1) == ["rule"]
    live.apply(rule(times=2, paused=True))
    assert live.plan.rules == ()
    assert not live.plan.acts_on_messages
    assert live.fires_on(1) == live.fires_on(2) == []
    live.apply(rule(times=2))
    assert [live.fires_on(exchange) for exchange in (3, 4)] == [["rule"], []]


def test_the_times_of_a_paused_rule_go_on() -> None:
    live = Live(rule(ttl=5.0, paused=True))
    assert live.plan.next_edge == 5.0
    assert ActivePlan(live.plan.plan, "proxy", 5.0, live.plan).expired == {"rule"}


def test_a_rule_that_is_started_anew_counts_anew() -> None:
    live = Live(rule(times=1, stop=5.0))
    assert live.fires_on(1) == ["rule"]
    assert live.fires_on(2) == []
    live.apply(rule(times=1, stop=5.0, restarts=1))
    assert live.fires_on(3) == ["rule"]
    assert live.plan.next_edge == 6.0
