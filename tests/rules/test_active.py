"""A plan in force: what its rules count, when they are on, and what they decide."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acting import Stage, firing
from vaurien.behavior import Behavior, Firing
from vaurien.behaviors.delay import Delay
from vaurien.behaviors.dummy import Dummy
from vaurien.behaviors.duplicate import Duplicate
from vaurien.behaviors.error import Error
from vaurien.behaviors.hang import Hang
from vaurien.behaviors.refuse import Refuse
from vaurien.behaviors.slow_accept import SlowAccept
from vaurien.behaviors.slow_close import SlowClose
from vaurien.behaviors.timeout import Timeout
from vaurien.protocols.tcp import Tcp
from vaurien.rules.active import ActiveRule, Decision, Memory
from vaurien.rules.active_plan import ActivePlan
from vaurien.rules.dice import Dice
from vaurien.rules.plan import Match, Plan, Rule
from vaurien.values.actions import Actions, Forward
from vaurien.values.messages import NO_LABELS, Direction, Message
from vaurien.values.options import option
from vaurien.values.ramps import Ramp

TCP = Tcp()
RESPONSE = Direction.TO_CLIENT


def rule(behavior: Behavior | None = None, name: str = "rule", **keys: Any) -> Rule:
    return Rule(behavior=behavior or Delay(), name=name, **keys)


class Listing(Behavior):
    """Has a field that is not an option."""

    name: ClassVar[str] = "listing"
    items: list[str]

    def __init__(self, items: list[str]) -> None:
        super().__init__()
        self.items = items


class Traffic:
    """Exchanges on the connections of one proxy, decided on one after the other."""

    def __init__(self, *rules: Rule, seed: int = 0, now: float = 0.0) -> None:
        self.now = now
        self.active_plan = ActivePlan(Plan(rules, 0, seed), "proxy", now)
        self.connections: dict[int, Stage] = {}
        self.decisions: dict[tuple[int, int], Decision] = {}

    def apply(self, *rules: Rule, seed: int = 0) -> None:
        self._enact(Plan(rules, self.active_plan.plan.generation + 1, seed))

    def pass_to(self, now: float) -> None:
        """Move the clock to ``now``; rules come on and go off."""
        while (edge := self.active_plan.next_edge) is not None and edge <= now:
            self.now = edge
            self._enact(self.active_plan.plan)
        self.now = now

    def _enact(self, plan: Plan) -> None:
        before = self.active_plan.generation
        self.active_plan = ActivePlan(plan, "proxy", self.now, self.active_plan)
        for stage in self.connections.values():
            stage.memory.forget(self.active_plan.includes, before)

    def connection(self, number: int = 1) -> Stage:
        return self.connections.setdefault(number, Stage(TCP, number=number))

    def decide(
        self,
        exchange: int,
        connection: int = 1,
        labels: Mapping[str, str] = NO_LABELS,
        direction: Direction = Direction.TO_BACKEND,
    ) -> list[str]:
        """Decide on an exchange, and return the names of the rules that newly fire on it."""
        decision = self.decisions.setdefault((connection, exchange), Decision(exchange))
        decision.labels = {**decision.labels, **labels}
        stage = self.connection(connection)
        new = self.active_plan.decide(
            decision, stage, direction, stage.memory.connection_draws, self.now
        )
        return [firing.rule for _, firing in new]

    def fires_on(self, exchanges: int, connection: int = 1) -> list[int]:
        """Decide on the first exchanges, and return the numbers of those that a rule fires on."""
        return [number for number in range(1, exchanges + 1) if self.decide(number, connection)]

    def firings(self, exchange: int, connection: int = 1) -> list[str]:
        """Return the names of the rules that act on an exchange."""
        return [firing.rule for _, firing in self.decisions[connection, exchange].firings]

    def firing(self, exchange: int = 1, connection: int = 1, name: str = "rule") -> Firing:
        """Return the firing of a rule that acts on an exchange."""
        known = {firing.rule: firing for _, firing in self.decisions[connection, exchange].firings}
        return known[name]

    @property
    def expired(self) -> list[str]:
        return sorted(self.active_plan.expired)

    @property
    def names(self) -> list[str]:
        """The rules that are on."""
        return [active_rule.rule.name for active_rule in self.active_plan.rules]


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
        traffic.pass_to(now)
        fired.append(bool(traffic.decide(number)))
    assert fired == [False, False, True, True, False, False]


def test_percent_is_of_the_exchanges_and_by_the_draw() -> None:
    dice = Dice(5, "proxy", "rule")
    expected = [number for number in range(1, 1001) if dice.roll(1, number)[0] < 12.5]
    assert Traffic(rule(high=12.5), seed=5).fires_on(1000) == expected
    assert 90 < len(expected) < 160


def test_a_firing_says_what_was_drawn_and_counted() -> None:
    active_rule = ActiveRule(rule(direction=RESPONSE), Dice(5, "proxy", "rule"), 0.0, 0)
    stage = Stage(TCP, at=7.0, opened_at=3.0, number=3)
    for count in (1, 2):
        firing = active_rule.fire(stage, 10 + count, 0.0, NO_LABELS)
        assert firing is not None
        assert (firing.rule, firing.scope, firing.direction) == ("rule", "exchange", RESPONSE)
        assert (firing.connection, firing.exchange) == (3, 10 + count)
        assert (firing.draw, firing.seed) == Dice(5, "proxy", "rule").roll(3, 10 + count)
        assert (firing.count, firing.protocol) == (count, TCP)
        assert (firing.now, firing.opened_at) == (7.0, 3.0)


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


# Labels of responses.

FAILED = Match("status", "500", late=True)


def test_a_late_rule_is_asked_when_the_response_comes_and_then_no_more() -> None:
    traffic = Traffic(rule(match=(FAILED,), every=2))
    fired = []
    for exchange in (1, 2, 3, 4):
        assert traffic.decide(exchange) == []
        for _ in range(3):  # a response may have several messages
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


def test_on_its_connections_a_rule_keeps_things_of_each_exchange_apart() -> None:
    traffic = Traffic(rule(scope="connection"))
    for number in (1, 2):
        traffic.decide(number)
    one, two = (traffic.decisions[1, number].firings[0][1] for number in (1, 2))
    assert (one.exchange, two.exchange) == (1, 2)
    assert one.of_exchange(Count) is not two.of_exchange(Count)
    assert one.seed == two.seed


def test_on_its_connections_a_rule_acts_on_what_it_applies_to() -> None:
    gets = (Match("command", "GET"),)
    traffic = Traffic(rule(scope="connection", match=gets, start=10.0, stop=20.0))
    asked = [(0, "GET"), (11, "AUTH"), (12, "GET"), (13, "SET"), (14, "GET"), (21, "GET")]
    standing = []
    for now, command in asked:
        traffic.pass_to(now)
        traffic.decide(now, labels={"command": command})
        standing.append(bool(traffic.firings(now)))
    assert standing == [False, False, True, False, True, False]


# Plans that follow each other.


def test_a_rule_keeps_what_it_has_counted_when_its_values_change() -> None:
    limited = rule(times=3)
    traffic = Traffic(limited)
    assert traffic.fires_on(2) == [1, 2]
    traffic.apply(rule(Error(), name="another", high=0.0), rule(times=3))
    assert [traffic.decide(number) for number in (3, 4)] == [["rule"], []]
    traffic.apply(rule(times=4))
    assert [traffic.decide(number) for number in (5, 6)] == [["rule"], []]


@pytest.mark.parametrize(
    "other",
    [
        {"high": 99.0},
        {"low": 1.0},
        {"scope": "connection"},
        {"direction": Direction.TO_CLIENT},
        {"mix": "m"},
        {"match": (Match("path", "/"),)},
        {"percent_ramp": Ramp.parse("5..50/10")},
    ],
    ids=lambda other: next(iter(other)),
)
def test_a_rule_for_other_traffic_goes_on_counting(other: dict[str, Any]) -> None:
    traffic = Traffic(rule(times=1))
    assert traffic.decide(1) == ["rule"]
    before = traffic.active_plan.rules
    traffic.apply(rule(times=1, **other))
    assert traffic.active_plan.rules == before
    assert traffic.decide(2, labels={"path": "/"}) == []
    assert before[0].fired == 1


@pytest.mark.parametrize("name", ["delay", "delay-2"])
def test_a_rule_without_a_name_of_its_own_counts_anew_for_other_traffic(name: str) -> None:
    traffic = Traffic(rule(name=name, times=1))
    assert traffic.decide(1) == [name]
    traffic.apply(rule(name=name, times=1, high=99.0))
    assert traffic.active_plan.rules[0].fired == 1
    traffic.apply(rule(name=name, times=1, match=(Match("path", "/"),)))
    assert traffic.decide(2, labels={"path": "/"}) == [name]


def test_another_behavior_of_the_same_name_is_another_rule() -> None:
    traffic = Traffic(rule(times=1))
    assert traffic.decide(1) == ["rule"]
    traffic.apply(rule(Error(), times=1))
    assert traffic.decide(2) == ["rule"]


def test_an_updated_rule_keeps_its_times_unless_these_change() -> None:
    traffic = Traffic(rule(stop=10.0))
    traffic.pass_to(6)
    traffic.apply(rule(stop=10.0, times=1000))
    assert traffic.active_plan.next_edge == 10
    traffic.apply(rule(stop=11.0, times=1000))
    assert traffic.active_plan.next_edge == 17


def test_a_behavior_may_have_a_field_that_cannot_be_hashed() -> None:
    traffic = Traffic(rule(Listing(["a"]), times=1, ttl=10.0))
    assert traffic.fires_on(1) == [1]
    traffic.apply(rule(Listing(["a"]), times=1, ttl=10.0))
    assert not traffic.decide(2)
    traffic.apply(rule(Listing(["b"]), times=2, ttl=10.0))
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
    assert len(traffic.connection().memory.connection_draws) == 2


def test_what_a_rule_has_begun_outlives_it() -> None:
    traffic = Traffic(rule(name="one", ttl=5.0), rule(name="two"))
    assert traffic.decide(1) == ["one", "two"]
    decision = traffic.decisions[1, 1]
    lasting = traffic.active_plan.rules[0]
    decision.lasting = {lasting: lasting.rule}
    traffic.pass_to(5.0)
    assert traffic.decide(1) == []
    assert traffic.firings(1) == ["one", "two"]
    traffic.apply()
    assert traffic.decide(1) == []
    assert traffic.firings(1) == ["one"]
    assert traffic.decide(2) == []


def test_which_rules_live() -> None:
    traffic = Traffic(rule(name="one"), rule(name="two"))
    one, two = traffic.active_plan.rules
    traffic.apply(rule(name="two"))
    assert not traffic.active_plan.is_on(one)
    assert traffic.active_plan.is_on(two)


def test_a_plan_without_a_rule_that_can_act_is_quiet() -> None:
    assert not Traffic().active_plan.acts_on_messages
    assert not Traffic(rule(Dummy())).active_plan.acts_on_messages
    assert Traffic(rule(Dummy(), name="none"), rule(high=0.0)).active_plan.acts_on_messages


def test_rules_are_gone_after_their_time_to_live() -> None:
    short, longer, lasting = rule(name="a", ttl=5.0), rule(name="b", ttl=9.0), rule(name="c")
    traffic = Traffic(short, longer, lasting, now=100.0)
    assert traffic.active_plan.next_edge == 105.0
    traffic.pass_to(104.9)
    assert (traffic.names, traffic.expired) == (["a", "b", "c"], [])
    traffic.pass_to(105.0)
    assert (traffic.names, traffic.expired) == (["b", "c"], ["a"])
    traffic.apply(longer, lasting)
    assert traffic.active_plan.next_edge == 109.0  # it still counts from when it was applied
    traffic.pass_to(200.0)
    assert (traffic.names, traffic.expired) == (["c"], ["b"])
    traffic.apply(lasting)
    assert traffic.active_plan.next_edge is None
    assert traffic.expired == []


# Directions.


class Careful(Behavior):
    """Acts on one direction only, and says so."""

    name: ClassVar[str] = "careful"

    def concerns(self, direction: Direction) -> bool:
        return direction is Direction.TO_CLIENT

    def on_message(self, message: Message, firing: Firing) -> Actions:
        yield Forward(message)


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
    cast = tuple(
        bool(decision.firings_for(way)) for way in (Direction.TO_BACKEND, Direction.TO_CLIENT)
    )
    assert cast == sees


def test_a_rule_that_does_nothing_to_messages_is_not_asked_about_them() -> None:
    traffic = Traffic(rule(SlowClose()))
    assert traffic.decide(1) == []
    assert not traffic.active_plan.acts_on_messages  # links may be quiet
    assert len(traffic.active_plan.ending) == 1


# Coming on, and going off.


def test_a_rule_is_on_again_and_again() -> None:
    traffic = Traffic(rule(start=5.0, on=10.0, off=50.0, stop=130.0), now=1000.0)
    seen = []
    for seconds in (0, 4.9, 5, 14.9, 15, 64.9, 65, 74.9, 75, 125, 129.9, 130, 1000):
        traffic.pass_to(1000 + seconds)
        seen.append(bool(traffic.names))
    assert "".join(str(int(on)) for on in seen) == "0011001101100"


phases = st.floats(0.001, 100)


@given(st.floats(0, 1e7), st.floats(0, 1000), phases, phases)
def test_edges_stay_where_they_are_though_numbers_are_rounded(
    applied_at: float, start: float, on: float, off: float
) -> None:
    traffic = Traffic(rule(start=start, on=on, off=off), now=applied_at)
    if start > 1e-6:
        assert (traffic.names, traffic.active_plan.next_edge) == ([], applied_at + start)
    traffic.pass_to(applied_at + start)
    for cycle in range(10):
        began = applied_at + start + cycle * (on + off)
        assert traffic.names == ["rule"]
        assert traffic.active_plan.next_edge == pytest.approx(began + on, abs=1e-6, rel=0)
        traffic.pass_to(traffic.active_plan.next_edge or 0.0)
        assert traffic.names == []
        assert traffic.active_plan.next_edge == pytest.approx(began + on + off, abs=1e-6, rel=0)
        traffic.pass_to(traffic.active_plan.next_edge or 0.0)


def test_what_was_counted_outlives_an_off_phase() -> None:
    traffic = Traffic(rule(on=1.0, off=1.0, times=3, after=1))
    fired = []
    for number in range(8):
        traffic.pass_to(float(number))
        fired += [
            f"{number}.{exchange}" for exchange in (1, 2) if traffic.decide(number * 2 + exchange)
        ]
    assert fired == ["0.2", "2.1", "2.2"]


def test_a_verdict_on_a_connection_outlives_an_off_phase() -> None:
    traffic = Traffic(rule(scope="connection", on=1.0, off=1.0, high=50.0))
    standing = []
    for number in range(4):
        traffic.pass_to(float(number))
        row = []
        for connection in range(1, 11):
            news = traffic.decide(number, connection)
            assert not news or number == 0
            row.append(bool(traffic.firings(number, connection)))
        standing.append(row)
    drawn = [Dice(0, "proxy", "rule").roll(connection, 0)[0] < 50 for connection in range(1, 11)]
    assert standing == [drawn, [False] * 10, drawn, [False] * 10]


def test_an_exchange_under_way_is_let_go_and_taken_up_again() -> None:
    traffic = Traffic(rule(on=1.0, off=1.0), rule(name="stays"))
    assert traffic.decide(1) == ["rule", "stays"]
    traffic.pass_to(1.0)
    assert traffic.decide(1) == []
    assert traffic.firings(1) == ["stays"]
    traffic.pass_to(2.0)
    assert traffic.decide(1) == ["rule"]
    assert traffic.firings(1) == ["rule", "stays"]


def test_a_rule_that_expired_and_is_set_again_begins_anew() -> None:
    short = rule(ttl=5.0, times=1)
    traffic = Traffic(short)
    assert traffic.fires_on(2) == [1]
    traffic.pass_to(5.0)
    assert (traffic.names, traffic.expired) == ([], ["rule"])
    traffic.apply(short)
    assert (traffic.names, traffic.expired) == (["rule"], [])
    assert traffic.decide(3) == ["rule"]
    assert traffic.active_plan.next_edge == 10.0


def test_an_expired_rule_stays_so_while_others_come_and_go() -> None:
    traffic = Traffic(rule(ttl=5.0), rule(name="other", on=1.0, off=1.0))
    traffic.pass_to(20.0)
    assert (traffic.names, traffic.expired) == (["other"], ["rule"])


def test_the_first_edge_is_that_of_the_first_rule() -> None:
    traffic = Traffic(rule(start=9.0), rule(name="b", ttl=7.0), rule(name="c"), now=1.0)
    assert traffic.active_plan.next_edge == 8.0
    traffic.pass_to(8.0)
    assert traffic.active_plan.next_edge == 10.0
    traffic.pass_to(10.0)
    assert traffic.active_plan.next_edge is None


# Numbers that change.


class Counted(Behavior):
    name: ClassVar[str] = "counted"
    whole: int = option(0, "a whole number")
    part: float = option(0.0, "a number")


def test_options_follow_their_ramps_from_each_time_the_rule_comes_on() -> None:
    ramps = (("whole", Ramp.parse("0..10/4")), ("part", Ramp.parse("1..0/4..5/0")))
    ramped = rule(Counted(whole=0, part=1.0), ramps=ramps, start=100.0, on=5.0, off=5.0)
    active_rule = ActiveRule(ramped, Dice(0, "proxy", "rule"), 1000.0, 0)
    values = []
    for seconds in (0, 0.8, 2.32, 4, 4.9, 10, 10.8):
        behavior = active_rule.behavior(1100.0 + seconds)
        assert isinstance(behavior, Counted)
        assert isinstance(behavior.whole, int)
        values.append((behavior.whole, round(behavior.part, 3)))
    assert values == [(0, 1.0), (2, 0.8), (6, 0.42), (10, 5.0), (10, 5.0), (0, 1.0), (2, 0.8)]
    assert ramped.behavior == Counted(whole=0, part=1.0)


def test_without_ramps_the_behavior_itself_is_at_work() -> None:
    plain = rule()
    assert ActiveRule(plain, Dice(0, "proxy", "rule"), 0.0, 0).behavior(5.0) is plain.behavior


def test_a_percentage_that_rises_and_falls() -> None:
    ramp = Ramp.parse("0..80/100..80/100..0/0")
    traffic = Traffic(rule(high=80.0, percent_ramp=ramp))
    shares = []
    for begin in (0, 50, 100, 199, 200):
        traffic.pass_to(float(begin))
        fired = sum(bool(traffic.decide(begin * 10_000 + number)) for number in range(1000))
        shares.append(fired)
    assert shares[0] == shares[4] == 0
    assert 340 < shares[1] < 460
    assert 740 < shares[2] < 860
    assert 740 < shares[3] < 860


def test_in_a_mix_a_percentage_that_changes_leaves_the_others_theirs() -> None:
    ramp = Ramp.parse("0..40/100")
    traffic = Traffic(
        rule(name="one", mix="m", high=40.0, percent_ramp=ramp),
        rule(Error(), name="two", mix="m", low=40.0, high=60.0),
    )
    found = []
    for begin in (0, 50, 100):
        traffic.pass_to(float(begin))
        names = Counter(tuple(traffic.decide(begin * 10_000 + n)) for n in range(2000))
        assert set(names) <= {(), ("one",), ("two",)}
        found.append((names["one",], names["two",]))
    assert found[0][0] == 0
    assert 340 < found[1][0] < 460
    assert 720 < found[2][0] < 880
    assert all(340 < two < 460 for _, two in found)


# What acts on whole connections.


def test_the_rules_that_are_asked_where_there_is_no_message() -> None:
    traffic = Traffic(
        rule(SlowAccept(), name="connects", scope="connection"),
        rule(SlowClose(), name="ends", scope="connection"),
        rule(Timeout(), name="opens", scope="connection"),
        rule(SlowClose(), name="later", scope="connection", start=5.0),
        rule(SlowClose(), name="by-exchange", match=(Match("command", "GET"),)),
        rule(Delay(), name="delays", scope="connection"),
    )
    active_plan = traffic.active_plan

    def names(asked: tuple[ActiveRule, ...]) -> list[str]:
        return [active_rule.rule.name for active_rule in asked]

    assert names(active_plan.connecting) == ["connects"]
    assert names(active_plan.opening) == ["opens"]
    assert names(active_plan.ending) == ["ends"]
    traffic.pass_to(5.0)
    assert names(traffic.active_plan.ending) == ["ends", "later"]
    traffic.apply()
    active_plan = traffic.active_plan
    assert (active_plan.connecting, active_plan.opening, active_plan.ending) == ((), (), ())


@pytest.mark.parametrize(
    ("keys", "refuses"),
    [
        ({}, True),
        ({"high": 99.0}, False),
        ({"low": 1.0}, False),
        ({"after": 1}, False),
        ({"every": 2}, False),
        ({"times": 1}, False),
        ({"percent_ramp": Ramp.parse("0..100/10")}, False),
        ({"start": 1.0}, False),
    ],
)
def test_nobody_listens_while_a_rule_refuses_every_connection(
    keys: dict[str, Any], refuses: bool
) -> None:
    assert Traffic(rule(Refuse(), scope="connection", **keys)).active_plan.refuses is refuses


def test_nobody_listens_from_time_to_time() -> None:
    traffic = Traffic(rule(Refuse(), scope="connection", start=1.0, on=2.0, off=3.0, ttl=7.5))
    seen = []
    for now in (0, 1, 2.9, 3, 6, 7.5, 100):
        traffic.pass_to(float(now))
        seen.append(traffic.active_plan.refuses)
    assert seen == [False, True, True, False, True, False, False]


class Whole(Behavior):
    name: ClassVar[str] = "whole"
    per_connection: ClassVar[bool] = True


def test_who_serves_whole_connections_leaves_those_alone_that_are_open() -> None:
    traffic = Traffic(rule(Whole(), scope="connection"))
    assert traffic.fires_on(2) == []


# What is kept.


class Count:
    def __init__(self) -> None:
        self.number = 0


def test_what_a_behavior_keeps_outlives_changes_to_other_rules_and_off_phases() -> None:
    mine = rule(scope="connection", on=5.0, off=5.0)
    traffic = Traffic(mine)
    traffic.decide(1)
    first = traffic.firing(1)
    own, shared, draws = first.own(Count), first.shared(Count), first.draws(RESPONSE)
    traffic.apply(rule(name="other"), mine)
    traffic.pass_to(10.0)
    traffic.decide(2)
    second = traffic.firing(2)
    assert second.own(Count) is own
    assert second.shared(Count) is shared
    assert second.draws(RESPONSE) is draws


@pytest.mark.parametrize("change", ["lifted", "another behavior", "other seed"])
def test_what_a_behavior_keeps_goes_with_its_rule(change: str) -> None:
    traffic = Traffic(rule(scope="connection"), rule(name="stays", scope="connection"))
    traffic.decide(1)
    gone = traffic.firing(1)
    own, shared = gone.own(Count), gone.shared(Count)
    gone.draws(RESPONSE)
    kept = traffic.firing(1, name="stays").own(Count)
    rules = [rule(name="stays", scope="connection")]
    if change != "lifted":
        behavior = Error() if change == "another behavior" else None
        rules.append(rule(behavior, scope="connection"))
    traffic.apply(*rules, seed=1 if change == "other seed" else 0)
    memory = traffic.connection().memory
    staying = [] if change == "other seed" else [kept]
    assert list(memory.own.values()) == staying
    assert [active_rule.rule.name for active_rule in memory.connection_draws] == ["stays"] * len(
        staying
    )
    if change != "lifted":
        traffic.decide(2)
        again = traffic.firing(2)
        assert again.own(Count) is not own
        assert again.shared(Count) is not shared
    traffic.apply()
    assert (memory.own, memory.connection_draws) == ({}, {})


def test_a_memory_begins_empty() -> None:
    memory = Memory()
    assert (memory.own, memory.dropped_by, memory.connection_draws) == ({}, set(), {})


def test_a_lasting_rule_completes_what_it_has_begun_in_the_directions_it_had() -> None:
    decision = Decision(1)
    dice = Dice(0, "proxy", "rule")
    active_rule = ActiveRule(rule(Duplicate()), dice, 0.0, 0)
    firings = [(active_rule, firing())]
    decision.lasting = {active_rule: active_rule.rule}
    active_rule.update(rule(Duplicate(), direction=RESPONSE), dice, 1.0, 1)
    decision.update(1, firings)
    assert decision.to_backend == decision.to_client == tuple(firings)
    decision.lasting = {}
    decision.update(1, firings)
    assert (decision.to_backend, decision.to_client) == ((), tuple(firings))
