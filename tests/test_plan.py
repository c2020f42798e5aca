"""Plans: which rules there may be, what they draw, and when they fire."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaurien.behavior import Behavior
from vaurien.behaviors.delay import Delay
from vaurien.behaviors.dummy import Dummy
from vaurien.behaviors.error import Error
from vaurien.behaviors.hang import Hang
from vaurien.errors import OptionError
from vaurien.messages import NO_LABELS, Direction
from vaurien.plan import (
    RULE_LIMIT,
    Decision,
    Dice,
    Enactment,
    Match,
    Plan,
    Rule,
    RuleAtWork,
    Verdicts,
)
from vaurien.protocols.tcp import Tcp

TCP = Tcp()
MANY = 10_000


def rule(behavior: Behavior | None = None, name: str = "rule", **keys: Any) -> Rule:
    return Rule(behavior=behavior or Delay(), name=name, **keys)


class Listing(Behavior):
    """Has a field of its own, beside options."""

    name: ClassVar[str] = "listing"
    items: list[str]

    def __init__(self, items: list[str]) -> None:
        super().__init__()
        self.items = items


class Traffic:
    """Exchanges on connections of one proxy, decided one after the other."""

    def __init__(self, *rules: Rule, seed: int = 0, now: float = 0.0) -> None:
        self.now = now
        self.enactment = Enactment(Plan(rules, 0, seed), "proxy", now)
        self.verdicts: dict[int, Verdicts] = {}
        self.decisions: dict[tuple[int, int], Decision] = {}

    def apply(self, *rules: Rule, seed: int = 0) -> None:
        plan = Plan(rules, self.enactment.plan.generation + 1, seed)
        self.enactment = Enactment(plan, "proxy", self.now, self.enactment)

    def decide(
        self,
        exchange: int,
        connection: int = 1,
        labels: Mapping[str, str] = NO_LABELS,
        direction: Direction = Direction.TO_BACKEND,
    ) -> list[str]:
        """The names of the rules that fire on an exchange now, and did not before."""
        decision = self.decisions.setdefault((connection, exchange), Decision(exchange))
        decision.labels = {**decision.labels, **labels}
        verdicts = self.verdicts.setdefault(connection, {})
        news = self.enactment.decide(decision, connection, direction, TCP, verdicts, self.now)
        return [firing.rule for _, firing in news]

    def fires_on(self, exchanges: int, connection: int = 1) -> list[int]:
        """Which of so many exchanges any rule fires on, counted from 1."""
        return [number for number in range(1, exchanges + 1) if self.decide(number, connection)]

    def firings(self, exchange: int, connection: int = 1) -> list[str]:
        """The names of the rules that stand for an exchange."""
        return [firing.rule for _, firing in self.decisions[connection, exchange].firings]


# What a rule matches.


def test_a_match_is_the_same_text() -> None:
    match = Match("command", "GET")
    assert match.accepts({"command": "GET"})
    assert not match.accepts({"command": "GETEX"})
    assert not match.accepts({"command": "get"})
    assert not match.accepts({"key": "GET"})


def test_a_match_is_a_text_that_an_expression_finds() -> None:
    match = Match("path", "^/user/[0-9]+", regex=True)
    assert match.accepts({"path": "/user/17/picture"})
    assert not match.accepts({"path": "/users"})
    assert not match.accepts({})


def test_a_rule_counts_the_exchanges_that_match_in_all() -> None:
    traffic = Traffic(
        rule(match=(Match("command", "GET"), Match("key", "a|b", regex=True)), after=1)
    )
    asked = [("GET", "a"), ("SET", "a"), ("GET", "c"), ("GET", "b"), ("GET", "a")]
    fired = [
        traffic.decide(number, labels={"command": command, "key": key})
        for number, (command, key) in enumerate(asked, 1)
    ]
    assert fired == [[], [], [], ["rule"], ["rule"]]


# Rules and plans that may not be.


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ({"name": ""}, "name='' is not allowed"),
        ({"name": "a b"}, "name='a b' is not allowed"),
        ({"name": "x" * 65}, "is not allowed"),
        ({"low": 1.0, "high": 0.5}, "a band from 1.0 to 0.5 is not within 0 to 100"),
        ({"low": -1.0}, "a band from -1.0"),
        ({"high": 101.0}, "to 101.0"),
        ({"low": float("nan")}, "a band from nan"),
        ({"after": -1}, "after=-1 is not allowed: at least 0"),
        ({"start": -0.1}, "start=-0.1 is not allowed: at least 0"),
        ({"every": 0}, "every=0 is not allowed: at least 1"),
    ],
)
def test_a_rule_that_may_not_be(keys: dict[str, Any], complaint: str) -> None:
    with pytest.raises(OptionError, match=complaint):
        rule(**keys)


def test_names_are_unique_in_a_plan() -> None:
    with pytest.raises(OptionError, match="two rules are named 'one'"):
        Plan((rule(name="one"), rule(name="two"), rule(name="one")))


def test_a_plan_has_so_many_rules_and_no_more() -> None:
    rules = [rule(name=f"rule-{number}") for number in range(RULE_LIMIT + 1)]
    assert len(Plan(tuple(rules[1:])).rules) == RULE_LIMIT
    with pytest.raises(OptionError, match="1001 rules are too many: a plan has up to 1000"):
        Plan(tuple(rules))


def test_the_rules_of_a_mix_are_a_hundred_percent_at_most() -> None:
    whole = [rule(name=f"r{n}", mix="m", low=n * 10.0, high=n * 10.0 + 10) for n in range(10)]
    Plan(tuple(whole))
    with pytest.raises(OptionError, match="total needs to be 100 or less"):
        Plan((*whole, rule(name="more", mix="m", low=0, high=1)))
    Plan((*whole, rule(name="more", mix="other"), rule(name="independent")))


# Draws.


@pytest.mark.parametrize(
    ("seed", "proxy", "purpose", "connection", "exchange", "draw", "bits"),
    [
        (0, "vaurien", "delay", 1, 1, 59.43794537236352, 5969765292417074260),
        (0, "vaurien", "delay", 1, 2, 73.2314312053981, 2176428275798634799),
        (0, "vaurien", "delay", 2, 1, 78.06142483992505, 13262298595823910164),
        (1, "vaurien", "delay", 1, 1, 50.49311909419143, 1143877515600052447),
        (0, "other", "delay", 1, 1, 42.25521745410409, 17277283542834402098),
        (0, "vaurien", "behavior", 1, 0, 37.998683220151655, 8897340010433829862),
        (2**64 - 1, "vaurien", "é", 2**64 - 1, 2**64 - 1, 46.05020121626284, 6802201253030936809),
    ],
)
def test_draws_are_the_same_in_every_version(
    seed: int, proxy: str, purpose: str, connection: int, exchange: int, draw: float, bits: int
) -> None:
    """Whoever wrote down a seed relies on these: never change them."""
    assert Dice(seed, proxy, purpose).roll(connection, exchange) == (draw, bits)


def test_a_seed_is_any_whole_number() -> None:
    assert Dice(2**64 + 7, "proxy", "rule").roll(1, 1) == Dice(7, "proxy", "rule").roll(1, 1)
    assert Dice(-1, "proxy", "rule").roll(1, 1) == Dice(2**64 - 1, "proxy", "rule").roll(1, 1)


@pytest.mark.parametrize(("connections", "exchanges"), [(1, MANY), (MANY, 1), (100, 100)])
def test_draws_are_uniform(connections: int, exchanges: int) -> None:
    dice = Dice(0, "proxy", "rule")
    draws = [
        dice.roll(connection, exchange)[0]
        for connection in range(1, connections + 1)
        for exchange in range(1, exchanges + 1)
    ]
    assert 0 <= min(draws) < max(draws) < 100
    expected = MANY / 100
    found = Counter(int(draw) for draw in draws)
    chi_squared = sum((found[percent] - expected) ** 2 / expected for percent in range(100))
    assert chi_squared < 149  # 99 degrees of freedom: passed in 1 of 1000 by chance


@pytest.mark.parametrize("other", [Dice(1, "p", "a"), Dice(0, "q", "a"), Dice(0, "p", "b")])
def test_draws_for_different_things_have_nothing_in_common(other: Dice) -> None:
    dice = Dice(0, "p", "a")
    both = sum(
        dice.roll(1, exchange)[0] < 50 and other.roll(1, exchange)[0] < 50
        for exchange in range(MANY)
    )
    assert abs(both - MANY / 4) < 4 * (MANY * 3 / 16) ** 0.5


@given(st.permutations([(connection, exchange) for connection in (1, 2) for exchange in range(6)]))
def test_draws_do_not_depend_on_how_connections_interleave(order: list[tuple[int, int]]) -> None:
    dice = Dice(3, "proxy", "rule")
    drawn = {asked: dice.roll(*asked) for asked in order}
    assert all(Dice(3, "proxy", "rule").roll(*asked) == drawn[asked] for asked in order)


# When a rule fires.


@pytest.mark.parametrize(
    ("keys", "fired"),
    [
        ({}, [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ({"after": 3}, [4, 5, 6, 7, 8, 9]),
        ({"every": 3}, [3, 6, 9]),
        ({"times": 2}, [1, 2]),
        ({"after": 2, "every": 2, "times": 2}, [4, 6]),
        ({"after": 100}, []),
        ({"high": 0.0}, []),
    ],
)
def test_triggers(keys: dict[str, Any], fired: list[int]) -> None:
    assert Traffic(rule(**keys)).fires_on(9) == fired


def test_counts_are_of_the_proxy_and_not_of_a_connection() -> None:
    traffic = Traffic(rule(after=2, times=2))
    fired = [traffic.fires_on(1, connection) for connection in range(1, 7)]
    assert fired == [[], [], [1], [1], [], []]


def test_a_window_of_time_counts_from_when_the_rule_was_applied() -> None:
    traffic = Traffic(rule(start=2.0, stop=4.0), now=100.0)
    fired = []
    for number, now in enumerate([100.0, 101.9, 102.0, 103.9, 104.0, 200.0], 1):
        traffic.now = now
        fired.append(bool(traffic.decide(number)))
    assert fired == [False, False, True, True, False, False]


def test_percent_is_of_the_exchanges_and_by_the_draw() -> None:
    dice = Dice(5, "proxy", "rule")
    expected = [number for number in range(1, 1001) if dice.roll(1, number)[0] < 12.5]
    assert Traffic(rule(high=12.5), seed=5).fires_on(1000) == expected
    assert 90 < len(expected) < 160


def test_a_firing_says_what_was_drawn_and_counted() -> None:
    at_work = RuleAtWork(rule(), Dice(5, "proxy", "rule"), 0.0, 0)
    for count in (1, 2):
        firing = at_work.fire(3, 10 + count, TCP)
        assert firing is not None
        assert (firing.rule, firing.connection, firing.exchange) == ("rule", 3, 10 + count)
        assert (firing.draw, firing.seed) == Dice(5, "proxy", "rule").roll(3, 10 + count)
        assert (firing.count, firing.protocol) == (count, TCP)


def test_independent_rules_draw_each_for_itself() -> None:
    one = rule(name="one", high=50.0)
    two = rule(Error(), name="two", high=50.0)
    traffic = Traffic(one, two)
    found = Counter(tuple(traffic.decide(number)) for number in range(1, 2001))
    assert set(found) == {(), ("one",), ("two",), ("one", "two")}
    assert all(400 < count < 600 for count in found.values())


def test_the_rules_of_a_mix_exclude_each_other() -> None:
    traffic = Traffic(
        rule(name="one", mix="m", high=20.0),
        rule(Error(), name="two", mix="m", low=20.0, high=50.0),
        rule(Hang(), name="three", mix="m", low=50.0, high=50.0),
    )
    found = Counter(tuple(traffic.decide(number)) for number in range(1, 2001))
    assert set(found) == {(), ("one",), ("two",)}
    assert 340 < found["one",] < 460
    assert 540 < found["two",] < 660


# What only the response tells.

FAILED = Match("status", "500", late=True)
RESPONSE = Direction.TO_CLIENT


def test_a_late_rule_is_asked_when_the_response_comes_and_then_no_more() -> None:
    traffic = Traffic(rule(match=(FAILED,), every=2))
    fired = []
    for exchange in (1, 2, 3, 4):
        assert traffic.decide(exchange) == []
        for _ in range(3):  # a response may be of several messages
            news = traffic.decide(exchange, labels={"status": "500"}, direction=RESPONSE)
            fired += [exchange] * len(news)
    assert fired == [2, 4]


def test_a_late_rule_that_did_not_match_is_asked_of_the_next_message() -> None:
    traffic = Traffic(rule(match=(FAILED,)))
    assert traffic.decide(1, labels={"status": "100"}, direction=RESPONSE) == []
    assert traffic.decide(1, labels={"status": "500"}, direction=RESPONSE) == ["rule"]
    assert traffic.decide(1, labels={"status": "500"}, direction=RESPONSE) == []
    assert traffic.firings(1) == ["rule"]


def test_late_rules_of_a_mix_and_others_exclude_each_other() -> None:
    traffic = Traffic(
        rule(name="early", mix="m", high=20.0),
        rule(Error(), name="late", mix="m", low=20.0, high=50.0, match=(FAILED,)),
        rule(Error(), name="later", mix="m", low=50.0, high=60.0, match=(FAILED,)),
    )
    found: Counter[tuple[str, ...]] = Counter()
    for number in range(1, 2001):
        asked = traffic.decide(number)
        assert set(asked) <= {"early"}
        told = traffic.decide(number, labels={"status": "500"}, direction=RESPONSE)
        found[*asked, *told] += 1
    assert set(found) == {(), ("early",), ("late",), ("later",)}
    assert 340 < found["early",] < 460
    assert 540 < found["late",] < 660
    assert 140 < found["later",] < 260


# Once for each connection.


def test_a_connection_is_drawn_for_once() -> None:
    traffic = Traffic(rule(scope="connection", high=30.0))
    struck = []
    for connection in range(1, 101):
        news = traffic.fires_on(5, connection)
        standing = [bool(traffic.firings(number, connection)) for number in range(1, 6)]
        assert standing == [bool(news)] * 5
        assert news in ([], [1])
        struck += [connection] * len(news)
    dice = Dice(0, "proxy", "rule")
    assert struck == [number for number in range(1, 101) if dice.roll(number, 0)[0] < 30]


def test_on_its_connections_a_rule_keeps_messages_of_each_exchange_apart() -> None:
    traffic = Traffic(rule(scope="connection"))
    for number in (1, 2):
        traffic.decide(number)
    one, two = (traffic.decisions[1, number].firings[0][1] for number in (1, 2))
    assert (one.exchange, two.exchange) == (1, 2)
    assert one.kept is not two.kept
    assert one.seed == two.seed


def test_on_its_connections_a_rule_acts_on_what_it_applies_to() -> None:
    gets = (Match("command", "GET"),)
    traffic = Traffic(rule(scope="connection", match=gets, start=10.0, stop=20.0))
    asked = [(0, "GET"), (11, "AUTH"), (12, "GET"), (13, "SET"), (14, "GET"), (21, "GET")]
    standing = []
    for now, command in asked:
        traffic.now = now
        traffic.decide(now, labels={"command": command})
        standing.append(bool(traffic.firings(now)))
    assert standing == [False, False, True, False, True, False]


# Plans that follow each other.


def test_an_unchanged_rule_keeps_what_it_has_counted() -> None:
    limited = rule(times=3)
    traffic = Traffic(limited)
    assert traffic.fires_on(2) == [1, 2]
    traffic.apply(rule(Error(), name="another", high=0.0), rule(times=3))
    assert [traffic.decide(number) for number in (3, 4)] == [["rule"], []]
    traffic.apply(rule(times=4))
    assert [traffic.decide(number) for number in (5, 6)] == [["rule"], ["rule"]]


def test_a_behavior_may_have_a_field_that_cannot_be_hashed() -> None:
    traffic = Traffic(rule(Listing(["a"]), times=1, ttl=10.0))
    assert traffic.fires_on(1) == [1]
    traffic.apply(rule(Listing(["a"]), times=1, ttl=10.0))
    assert not traffic.decide(2)
    assert traffic.enactment.without_expired(10.0) == ()
    traffic.apply(rule(Listing(["b"]), times=1, ttl=10.0))
    assert traffic.decide(3) == ["rule"]


def test_another_seed_makes_all_rules_anew() -> None:
    traffic = Traffic(rule(times=1))
    assert traffic.fires_on(2) == [1]
    traffic.apply(rule(times=1), seed=1)
    assert traffic.decide(3) == ["rule"]


def test_what_was_decided_stands_for_the_rules_that_live_on() -> None:
    kept, lifted, added = rule(name="kept"), rule(name="lifted"), rule(name="added")
    traffic = Traffic(kept, lifted)
    assert traffic.decide(1) == ["kept", "lifted"]
    traffic.apply(added, kept)
    assert traffic.decide(1) == ["added"]
    assert traffic.firings(1) == ["added", "kept"]
    first = traffic.decisions[1, 1].firings[1][1]
    assert first.count == 1
    traffic.apply()
    assert traffic.decide(1) == []
    assert traffic.firings(1) == []


def test_what_was_spared_stays_spared() -> None:
    traffic = Traffic(rule(after=1))
    assert traffic.decide(1) == []
    traffic.apply(rule(after=1), rule(name="other"))
    assert traffic.decide(1) == ["other"]


def test_a_verdict_on_a_connection_outlives_changes_to_other_rules() -> None:
    once = rule(scope="connection", times=1)
    traffic = Traffic(once)
    assert traffic.decide(1) == ["rule"]
    for number in range(2, 50):
        traffic.apply(once, rule(name=f"other-{number}", scope="connection"))
        assert traffic.decide(number) == [f"other-{number}"]
        assert traffic.firings(number) == ["rule", f"other-{number}"]
    assert len(traffic.verdicts[1]) <= 3


def test_what_a_rule_has_begun_outlives_it() -> None:
    traffic = Traffic(rule(name="one", ttl=5.0), rule(name="two"))
    assert traffic.decide(1) == ["one", "two"]
    decision = traffic.decisions[1, 1]
    decision.begin(traffic.enactment.rules[0])
    traffic.now = 5.0
    traffic.apply(*traffic.enactment.without_expired(5.0))
    assert traffic.decide(1) == []
    assert traffic.firings(1) == ["one", "two"]
    traffic.apply()
    assert traffic.decide(1) == []
    assert traffic.firings(1) == ["one"]
    assert traffic.decide(2) == []


def test_which_rules_live() -> None:
    traffic = Traffic(rule(name="one"), rule(name="two"))
    one, two = traffic.enactment.rules
    traffic.apply(rule(name="two"))
    assert not traffic.enactment.lives(one)
    assert traffic.enactment.lives(two)


def test_a_plan_without_a_rule_that_can_act_is_quiet() -> None:
    assert not Traffic().enactment
    assert not Traffic(rule(Dummy())).enactment
    assert Traffic(rule(Dummy(), name="none"), rule(high=0.0)).enactment


def test_rules_are_gone_after_their_time_to_live() -> None:
    short, longer, lasting = rule(name="a", ttl=5.0), rule(name="b", ttl=9.0), rule(name="c")
    traffic = Traffic(short, longer, lasting, now=100.0)
    assert traffic.enactment.expires_at == 105.0
    assert traffic.enactment.without_expired(104.9) == (short, longer, lasting)
    assert traffic.enactment.without_expired(105.0) == (longer, lasting)
    traffic.now = 105.0
    traffic.apply(longer, lasting)
    assert traffic.enactment.expires_at == 109.0  # it still counts from when it came
    assert traffic.enactment.without_expired(200.0) == (lasting,)
    traffic.apply(lasting)
    assert traffic.enactment.expires_at is None


# Whom a decision is for.


class Careful(Behavior):
    """Says which direction it is about, as behaviors may."""

    name: ClassVar[str] = "careful"

    def concerns(self, direction: Direction) -> bool:
        return direction is Direction.TO_CLIENT


@pytest.mark.parametrize(
    ("behavior", "direction", "sees"),
    [
        (Hang(), None, (True, True)),
        (Hang(), Direction.TO_BACKEND, (True, False)),
        (Hang(), Direction.TO_CLIENT, (False, True)),
        (Careful(), None, (False, True)),
        (Careful(), Direction.TO_BACKEND, (False, False)),
    ],
)
def test_a_behavior_sees_the_directions_of_its_rule_that_concern_it(
    behavior: Behavior, direction: Direction | None, sees: tuple[bool, bool]
) -> None:
    traffic = Traffic(rule(behavior, direction=direction))
    assert traffic.decide(1) == ["rule"]
    decision = traffic.decisions[1, 1]
    cast = tuple(bool(decision.cast(way)) for way in (Direction.TO_BACKEND, Direction.TO_CLIENT))
    assert cast == sees
