"""Plans: which rules there may be, what they match, and when they are on."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaurien.behavior import Behavior
from vaurien.behaviors.delay import Delay
from vaurien.behaviors.slow_close import SlowClose
from vaurien.errors import OptionError
from vaurien.rules.plan import MARGIN, RULE_LIMIT, Match, Plan, Rule


def rule(behavior: Behavior | None = None, name: str = "rule", **keys: Any) -> Rule:
    return Rule(behavior=behavior or Delay(), name=name, **keys)


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


def test_a_match_is_a_text_in_which_an_expression_is_not_found() -> None:
    match = Match("command", "^(GET|HEAD)$", regex=True, negated=True)
    assert match.accepts({"command": "SET"})
    assert not match.accepts({"command": "GET"})
    assert not match.accepts({})


# Rules and plans that may not be.


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ({"name": ""}, "name='' is not allowed"),
        ({"name": "a\tb"}, "is not allowed: it takes 1 to 255 printable characters"),
        ({"name": "x" * 256}, "is not allowed"),
        ({"name": "."}, "name='.' is not allowed"),
        ({"name": ".."}, "but not . or .."),
        ({"low": 1.0, "high": 0.5}, "a band from 1.0 to 0.5 is not within 0 to 100"),
        ({"low": -1.0}, "a band from -1.0"),
        ({"high": 101.0}, "to 101.0"),
        ({"low": float("nan")}, "a band from nan"),
        ({"after": -1}, "after=-1 is not allowed: it takes at least 0"),
        ({"start": -0.1}, "start=-0.1 is not allowed: it takes at least 0"),
        ({"every": 0}, "every=0 is not allowed: it takes at least 1"),
        ({"start": 2.0, "stop": 2.0}, "stop=2.0 is not allowed: it takes more than start=2"),
    ],
)
def test_a_rule_that_may_not_be(keys: dict[str, Any], complaint: str) -> None:
    with pytest.raises(OptionError, match=complaint):
        rule(**keys)


def test_names_are_unique_in_a_plan() -> None:
    with pytest.raises(OptionError, match="name='one' is given to two rules"):
        Plan((rule(name="one"), rule(name="two"), rule(name="one")))


def test_a_plan_has_so_many_rules_and_no_more() -> None:
    rules = [rule(name=f"rule-{number}") for number in range(RULE_LIMIT + 1)]
    assert len(Plan(tuple(rules[1:])).rules) == RULE_LIMIT
    with pytest.raises(OptionError, match="1001 rules are too many: a plan has at most 1000"):
        Plan(tuple(rules))


def test_the_rules_of_a_mix_are_a_hundred_percent_at_most() -> None:
    whole = [rule(name=f"r{n}", mix="m", low=n * 10.0, high=n * 10.0 + 10) for n in range(10)]
    Plan(tuple(whole))
    with pytest.raises(OptionError, match="total needs to be 100 or less"):
        Plan((*whole, rule(name="more", mix="m", low=0, high=1)))
    Plan((*whole, rule(name="more", mix="other"), rule(name="independent")))


# Whole connections.


def test_what_acts_on_whole_connections_is_drawn_for_once_on_each_and_so_is_its_mix() -> None:
    plan = Plan(
        (
            rule(SlowClose(), name="close", mix="m", high=30.0),
            rule(name="mate", mix="m", low=30.0, high=60.0),
            rule(SlowClose(), name="alone"),
            rule(name="m"),
            rule(name="other", mix="close"),
        )
    )
    scopes = {known.name: known.scope for known in plan.rules}
    assert scopes == {
        "close": "connection",
        "mate": "connection",
        "alone": "connection",
        "m": "exchange",
        "other": "exchange",
    }


# When a rule is on.

TICK = 1 / 8
"""Seconds; a float holds any number of them exactly."""
ticks = st.integers(1, 40)
moments = st.integers(0, 60)


@st.composite
def windows(draw: st.DrawFn) -> dict[str, float | None]:
    """Keys of a rule that say when it is on, in ticks."""
    start = draw(moments)
    cycles = draw(st.booleans())
    return {
        "start": start,
        "stop": draw(st.none() | ticks.map(lambda length: start + length)),
        "on": draw(ticks) if cycles else None,
        "off": draw(ticks) if cycles else 0,
        "ttl": draw(st.none() | ticks),
    }


def in_seconds(keys: dict[str, float | None]) -> dict[str, Any]:
    return {key: None if value is None else value * TICK for key, value in keys.items()}


def said_on(keys: dict[str, float | None], at: int) -> int | None:
    """For how many ticks such a rule has been on at a tick, counted one by one; None if it is off.

    It ignores the time to live.
    """
    start, off = keys["start"] or 0, keys["off"] or 0
    stop, on = keys["stop"], keys["on"]
    phase = 0
    for now in range(at + 1):
        if now < start or (stop is not None and now >= stop):
            been: int | None = None
        elif on is None:
            been = int(now - start)
        else:
            been = phase if phase < on else None
            phase = 0 if phase + 1 == on + off else phase + 1
    return been


@given(windows(), st.integers(0, 120))
def test_a_rule_is_on_when_it_is_said_to_be(keys: dict[str, float | None], at: int) -> None:
    said = said_on(keys, at)
    seconds = rule(**in_seconds(keys)).seconds_on(at * TICK)
    assert seconds == (None if said is None else said * TICK)


@given(windows())
def test_its_edges_are_when_something_changes_and_no_more(keys: dict[str, float | None]) -> None:
    """It would be woken for each of them."""
    end = 200
    ttl = end if keys["ttl"] is None else int(keys["ttl"])
    state = [said_on(keys, at) is not None and at < ttl for at in range(end)]
    changes = {at for at in range(1, end) if state[at] != state[at - 1]}
    named = {int(keys[key] or 0) for key in ("start", "stop", "ttl")} - {0}
    window = rule(**in_seconds(keys))
    edges = set()
    edge = window.next_edge(0.0)
    while edge is not None and edge < end * TICK:
        edges.add(edge / TICK)
        edge = window.next_edge(edge)
    assert changes <= edges <= changes | {at for at in named if at <= ttl}


def test_a_rule_that_turns_on_and_off_always_has_an_edge_ahead() -> None:
    """However long it has been in force, when numbers are rounded to more than what is left."""
    window = rule(on=0.1, off=0.1)
    for turn in range(10_000_000, 10_001_000):
        around = turn * 0.1
        for age in (math.nextafter(around, 0), around, math.nextafter(around, math.inf)):
            edge = window.next_edge(age)
            assert edge is not None
            assert age < edge < age + 0.1 + 2 * MARGIN


def test_a_rule_without_a_window_is_always_on() -> None:
    assert rule().seconds_on(1e9) == 1e9
    assert rule().next_edge(0.0) is None
    assert not rule().late
    assert rule(match=(Match("a", "b"), Match("c", "d", late=True))).late
