"""Replays: rules fire where another run says, however connections interleave."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replaying import Asked, Run, left, on_connections, replayed, rule, stream
from vaurien.behaviors.hang import Hang
from vaurien.behaviors.refuse import Refuse
from vaurien.rules.plan import Match, Rule
from vaurien.rules.replay import Deciders, Place

RULES = (rule("half", low=0, high=50), rule("third", every=3, after=1))


def facts(run: Run) -> set[tuple[object, ...]]:
    """What is the same in a replay."""
    return {
        (asked, firing.rule, firing.draw, firing.seed, firing.count)
        for asked, firing in run.firings
    }


def interleaved(streams: list[list[Asked]], seed: int) -> list[Asked]:
    """Exchanges of several connections, each in its own order; all begin one after the other."""
    first = [each[0] for each in streams if each]
    streams = [each[1:] for each in streams]
    order = [number for number, each in enumerate(streams) for _ in each]
    random.Random(seed).shuffle(order)
    rest = [iter(each) for each in streams]
    return first + [next(rest[number]) for number in order]


@given(st.lists(st.text("abc", max_size=8), max_size=4), st.integers(0, 9), st.integers(0, 9))
def test_connections_of_the_same_numbers_are_found(keys: list[str], one: int, two: int) -> None:
    """Whatever they ask for, even all the same, and however they interleave."""
    streams = [stream(number, each) for number, each in enumerate(keys, 1)]
    run = Run(*RULES)
    run.ask_all(interleaved(streams, one))
    again = replayed(run.places, *RULES, seed=99)
    again.ask_all(interleaved(streams, two))
    assert facts(again) == facts(run)
    assert left(again) == []


@given(st.permutations([1, 2, 3, 4]), st.integers(0, 9), st.integers(0, 9))
def test_connections_of_other_numbers_are_known_by_what_they_ask(
    numbers: list[int], one: int, two: int
) -> None:
    keys = "abcdef", "ghijkl", "mnopqr", "stuvwx"
    run = Run(*RULES)
    run.ask_all(interleaved([stream(each, text) for each, text in enumerate(keys, 1)], one))
    again = replayed(run.places, *RULES)
    streams = [stream(number, text) for number, text in zip(numbers, keys, strict=True)]
    again.ask_all(interleaved(streams, two))
    assert {(key, firing.rule) for (_, _, key), firing in again.firings} == {
        (key, firing.rule) for (_, _, key), firing in run.firings
    }


def test_connections_are_known_after_a_common_beginning() -> None:
    """Number 1 has asked for x only when number 2 comes to what number 1 was, before it does."""
    once = rule(match=(Match("key", "b"),))
    run = Run(rule(), once_named := rule("b", match=once.match))
    run.ask_all([*stream(1, "xxb"), *stream(2, "xxc")])
    places = {"b": run.places["b"], "rule": run.places["rule"]}
    again = replayed(places, rule(), once_named)
    fired = again.ask_all([(1, 1, "x"), (1, 2, "x"), *stream(2, "xxb"), (1, 3, "c")])
    assert (2, 3, "b") in fired
    assert left(again) == []


PLACE = Place(labels={"key": "a"}, connection=1, exchange=2, occurrence=2, count=1)


@pytest.mark.parametrize(
    ("asked", "fired"),
    [
        (stream(1, "aa"), [(1, 2, "a")]),
        (stream(1, "ba") + stream(2, "a"), [(1, 2, "a")]),
        (stream(1, "ab") + stream(2, "a"), [(2, 1, "a")]),
        (stream(1, "abaa"), [(1, 3, "a")]),
        (stream(2, "aa"), [(2, 2, "a")]),
        (stream(2, "bb") + stream(1, "b"), []),
    ],
    ids=["there", "there, though another time", "elsewhere", "later", "without it", "nowhere"],
)
def test_a_place(asked: list[Asked], fired: list[Asked]) -> None:
    run = replayed({"rule": [PLACE]}, rule())
    assert run.ask_all(asked) == fired
    told = "rule: connection 1, exchange 2: key=a"
    assert left(run) == ([] if fired else [told])


def test_the_connection_of_a_place_is_waited_for() -> None:
    """It has begun as before, so the same occurrence elsewhere is not the place."""
    run = Run(rule(times=1, after=3))
    run.ask_all([*stream(1, "ab"), *stream(2, "ab"), (1, 3, "c")])
    assert [asked for asked, _ in run.firings] == [(2, 2, "b")]
    again = replayed(run.places, rule())
    assert again.ask_all([(2, 1, "a"), (1, 1, "a"), (1, 2, "b"), (2, 2, "b")]) == [(2, 2, "b")]


def test_a_connection_that_was_closed_is_not_waited_for() -> None:
    run = Run(rule(times=1, after=2))
    run.ask_all(stream(1, "aaa"))
    again = replayed(run.places, rule())
    again.ask_all(stream(1, "aa"))
    again.stage(1).closed = True
    assert again.ask_all(stream(2, "a")) == [(2, 1, "a")]


def test_a_journal_without_occurrences_is_found_by_numbers() -> None:
    place = Place(labels={"key": "a"}, connection=1, exchange=2)
    run = replayed({"rule": [place]}, rule(low=0, high=1), seed=3)
    assert run.ask_all([*stream(2, "aa"), *stream(1, "aa")]) == [(1, 2, "a")]
    (_, firing), *_ = run.firings
    assert (firing.draw, firing.count) == (run.active_plan.rules[0].roll(1, 2)[0], 1)


def test_unsolicited_messages_have_numbers_of_their_own() -> None:
    class Hears(Hang):
        ignores_unsolicited = False

    every_other = Rule(behavior=Hears(), name="rule", every=2)
    run = Run(every_other)
    asked = [(1, 1, ""), (1, -1, ""), (1, -2, ""), (1, 2, ""), (1, -3, "")]
    fired = run.ask_all(asked)
    assert fired == [(1, -1, ""), (1, 2, "")]
    again = replayed(run.places, every_other)
    assert again.ask_all(asked[1:] + asked[:1]) == fired


def test_a_connection_is_drawn_for_once() -> None:
    half = on_connections(low=0, high=50)
    run = Run(half)
    opened = [number for number in range(1, 20) if run.open(number)]
    assert 0 < len(opened) < 19
    again = replayed(run.places, half, seed=8)
    assert [number for number in range(1, 20) if again.open(number)] == opened
    assert left(again) == []


def test_a_rule_for_connections_that_match() -> None:
    """Its place is the connection, whichever exchange of it is the first that matches."""
    some = on_connections(match=(Match("key", "b"),), every=2)
    run = Run(some)
    assert run.ask_all([*stream(1, "ab"), *stream(2, "aab")]) == [(2, 3, "b")]
    again = replayed(run.places, some)
    assert again.ask_all([*stream(1, "ab"), *stream(2, "bab")]) == [(2, 1, "b")]


def test_rules_of_a_mix_exclude_each_other() -> None:
    mixed = [rule(name, low=low, high=low + 40, mix="m") for low, name in ((0, "x"), (40, "y"))]
    run = Run(*mixed)
    run.ask_all(stream(1, "abcdefgh"))
    again = replayed(run.places, *mixed, seed=1)
    again.ask_all(stream(1, "abcdefgh"))
    assert facts(again) == facts(run)
    places = {"x": [PLACE], "y": [PLACE]}
    assert replayed(places, *mixed).ask_all(stream(1, "aa")) == [(1, 2, "a")]


def test_a_rule_that_comes_again_goes_on_where_it_was() -> None:
    def traffic(run: Run) -> list[Asked]:
        found = run.ask_all(stream(1, "aaa"))
        run.again()
        run.ask_all([(1, 4, "a")])
        run.again(rule(every=3))
        return found + run.ask_all([(1, number, "a") for number in range(5, 9)])

    run = Run(rule(every=3))
    again = replayed(run.places | {"rule": []}, rule(every=3))
    assert traffic(again) == []
    fired = traffic(run)
    assert fired == [(1, 3, "a"), (1, 7, "a")]
    again = replayed(run.places, rule(every=3))
    assert traffic(again) == fired


@pytest.mark.parametrize(
    ("place", "fired"), [(Place(occurrence=2), [2]), (Place(occurrence=3, lasting=True), [3, 4])]
)
def test_a_place_of_a_scenario_counts_what_matches(place: Place, fired: list[int]) -> None:
    matching = rule(match=(Match("key", "^a", regex=True),))
    run = replayed({"rule": [place]}, matching)
    asked = [(1, 1, "a1"), (2, 1, "b"), (2, 2, "a2"), (3, 1, "a3"), (1, 2, "a1")]
    found = run.ask_all(asked)
    matched = [each for each in asked if each[2][0] == "a"]
    assert found == [matched[number - 1] for number in fired]


REFUSING = Rule(behavior=Refuse(), name="rule", scope="connection")


@pytest.mark.parametrize(
    ("places", "refuses"),
    [
        ({}, True),
        ({"rule": [Place(occurrence=1, lasting=True)]}, True),
        ({"rule": [Place(occurrence=1)]}, False),
        ({"rule": [Place(occurrence=2, lasting=True)]}, False),
    ],
    ids=["a journal", "from the first on", "once", "later"],
)
def test_clients_are_refused_by_the_system(
    places: Mapping[str, list[Place]], *, refuses: bool
) -> None:
    """Where the rule needs no decision; a journal tells nothing of that."""
    run = replayed(places, REFUSING)
    assert run.active_plan.refuses is refuses
    assert left(run) == ([] if refuses else [f"rule: {places['rule'][0]}"])


def test_what_is_left_is_told_for_all_proxies() -> None:
    deciders = Deciders(
        {"a": {"rule": [PLACE, replace(PLACE)]}, "b\n": {"rule": [Place(occurrence=2)]}}
    )
    run = Run(rule(), counting=deciders.of("a"))
    run.ask_all(stream(1, "aa"))
    assert deciders.summary() == [
        "replay: fired at 1 of 3 places",
        "  not placed: a: rule: connection 1, exchange 2: key=a",
        "  not placed: b\\n: rule: occurrence 2",
    ]
    assert deciders.of("a") is deciders.of("a")


def test_without_places_rules_decide_themselves() -> None:
    deciders = Deciders()
    assert Run(rule(every=2), counting=deciders.of("a")).ask_all(stream(1, "aa")) == [(1, 2, "a")]
    assert deciders.left() == []


def test_whether_a_rule_would_fire_counts_nothing() -> None:
    run = replayed({"rule": [PLACE]}, rule())
    (active,) = run.active_plan.rules
    stage = run.stage(1)
    assert [active.would_fire(stage, number, 0.0, {}) for number in (1, 2)] == [False, True]
    assert run.ask_all(stream(1, "aa")) == [(1, 2, "a")]
    assert not active.would_fire(stage, 2, 0.0, {})
