"""Times to live across restarts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from vaurien.behaviors.delay import Delay
from vaurien.behaviors.hang import Hang
from vaurien.config.state import State, to_document
from vaurien.control.expiry import EXPIRES, adjust_ttls, expiry_times
from vaurien.net.address import Address
from vaurien.net.spec import ProxySpec
from vaurien.protocols.tcp import Tcp
from vaurien.rules.plan import Plan, Rule

NOW = 1_780_000_000.0


def state(*rules: Rule) -> State:
    here, there = Address("localhost", 1), Address("localhost", 2)
    spec = ProxySpec(name="a", listen=here, backend=there, protocol=Tcp(), plan=Plan(rules))
    return State((spec,))


def mortal(name: str, ttl: float | None = 60.0) -> Rule:
    return Rule(behavior=Hang(), name=name, ttl=ttl)


def test_a_rule_that_stays_goes_on_and_a_new_one_begins() -> None:
    before = state(mortal("old"), mortal("other"), mortal("stays", None))
    known = expiry_times(before, NOW, state(), {})
    assert known == {"a": {"old": NOW + 60, "other": NOW + 60}}
    after = state(mortal("old"), mortal("other", 5.0), mortal("new", 7.0))
    assert expiry_times(after, NOW + 10, before, known) == {
        "a": {"old": NOW + 60, "other": NOW + 15, "new": NOW + 17}
    }


def test_an_updated_rule_goes_on_unless_its_times_change() -> None:
    before = state(mortal("one"), mortal("two"), mortal("three"))
    known = expiry_times(before, NOW, state(), {})
    one, two, three = before.proxies[0].plan.rules
    after = state(
        replace(one, high=50.0), replace(two, behavior=Delay()), replace(three, start=1.0)
    )
    assert expiry_times(after, NOW + 10, before, known) == {
        "a": {"one": NOW + 60, "two": NOW + 70, "three": NOW + 70}
    }


def test_one_that_was_over_begins_anew() -> None:
    known = expiry_times(state(mortal("old")), NOW, state(), {})
    assert expiry_times(state(mortal("old")), NOW + 100, state(), known) == {
        "a": {"old": NOW + 160}
    }


def test_a_saved_document_ages() -> None:
    saved = state(mortal("over", 5.0), mortal("lives"), mortal("stays", None))
    document = {**to_document(saved), EXPIRES: expiry_times(saved, NOW, state(), {})}
    rest: Any = adjust_ttls(document, NOW + 20)
    assert EXPIRES not in rest
    rules = rest["proxies"]["a"]["rules"]
    assert [(rule["name"], rule.get("ttl")) for rule in rules] == [("lives", 40), ("stays", None)]
    assert document[EXPIRES]  # and is left as it was
    assert rest["generation"] == saved.generation + 1


def test_a_clock_that_was_set_back_lengthens_no_life() -> None:
    saved = state(mortal("long"), mortal("short", 5.0))
    document = {**to_document(saved), EXPIRES: expiry_times(saved, NOW, state(), {})}
    rest: Any = adjust_ttls(document, NOW - 365 * 86_400)
    rules = rest["proxies"]["a"]["rules"]
    assert [(rule["name"], rule["ttl"]) for rule in rules] == [("long", 60), ("short", 5)]


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"expires": 3, "proxies": {}},
        {"expires": {"a": {"x": 1}}, "proxies": 7},
        {"expires": {"a": 1}, "proxies": {"a": {"rules": []}}},
        {"expires": {"a": {"x": "soon"}}, "proxies": {"a": {"rules": [{"name": "x"}, 3]}}},
        {"expires": {"a": {"x": 1}}, "proxies": {"a": {"rules": 3}, "b": 4}},
        {"expires": {"a": {"x": 1.5}}, "proxies": {"a": {"rules": [{"name": ["x"]}]}}},
        {"expires": {"a": {"x": 2e9}}, "proxies": {"a": {"rules": [{"name": "x", "ttl": "y"}]}}},
    ],
)
def test_what_is_none_is_left_to_others(document: dict[str, object]) -> None:
    rest = {key: value for key, value in document.items() if key != "expires"}
    assert adjust_ttls(document, NOW) == rest
