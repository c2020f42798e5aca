"""Entries as rules: each entry's problems are its own, and all of them are noted."""

from __future__ import annotations

import pytest

from knowing import problems_of, understood, with_rules
from vaurien.config.problems import KEYS_LIMIT
from vaurien.rules.plan import NAME_ALLOWED, RULE_LIMIT, Rule


def rules_of(*entries: object, **keys: object) -> tuple[Rule, ...]:
    return understood(with_rules(*entries, **keys)).state.proxies[0].plan.rules


def problems(*entries: object, **keys: object) -> list[str]:
    """What is wrong with the rules of the proxy a."""
    return [line.removeprefix("proxies.a.") for line in problems_of(with_rules(*entries, **keys))]


def test_entries_become_rules_in_their_order() -> None:
    rules = rules_of(
        {"behavior": "delay", "sleep": 2, "percent": "0..50/60"},
        {"behavior": "delay", "on": 1, "off": 2},
        {"behavior": "hang", "name": "stuck"},
    )
    assert [rule.name for rule in rules] == ["delay", "delay-2", "stuck"]
    assert str(rules[0].percent_ramp) == "0..50/60"


def test_mixes_are_laid_out() -> None:
    rules = rules_of(
        {"behavior": "delay", "mix": "m", "percent": 60},
        {"behavior": "hang"},
        {"behavior": "abort", "mix": "m", "percent": 40},
    )
    assert [(rule.low, rule.high) for rule in rules] == [(0, 60), (0, 100), (60, 100)]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({}, ["rules[0].behavior is missing: it takes the name of a behavior"]),
        (
            {"behavior": 5},
            ["rules[0].behavior = 5 is not allowed: it takes the name of a behavior"],
        ),
        (
            {"behavior": ""},
            ["rules[0].behavior = '' is not allowed: it takes the name of a behavior"],
        ),
        (
            {"behavior": []},
            ["rules[0].behavior = [] is a list: it takes a text, a number, true or false"],
        ),
        (
            {"behavior": "delay", "sleep": -1, "every": 0, "percent": "1..2"},
            [
                "rules[0].percent = '1..2' is not allowed: it takes a number from 0 to 100, or",
                "rules[0].every = 0 is not allowed: it takes a whole number of at least 1",
                "rules[0].sleep = -1 is not allowed: it takes a number of at least 0",
            ],
        ),
        (
            {"behavior": "delay", "slep": 1, "every": 0},
            [
                "rules[0].slep = 1 is an unknown key (did you mean 'sleep'?): it takes",
                "rules[0].every = 0 is not allowed: it takes a whole number of at least 1",
            ],
        ),
        (
            {"behavior": "dely", "percent": 101, "anything": 1},
            [
                "rules[0].behavior = 'dely' is an unknown behavior (did you mean 'delay'?)",
                "rules[0].percent = 101 is not allowed: it takes a number from 0 to 100",
            ],
        ),
        (
            {"behavior": "error", "fault": "nosuch", "told": 1, "times": -1},
            [
                "rules[0].fault = 'nosuch' is not allowed: the protocol 'tcp' has no faults",
                "rules[0].told = 1 is an unknown key: it takes one of ttl, stop, ... (18 in all)",
                "rules[0].times = -1 is not allowed: it takes a whole number of at least 0",
            ],
        ),
        (
            {"behavior": "delay", "on": 5},
            ["rules[0].off is missing: on=5 needs it"],
        ),
        (
            {"behavior": "delay", "off": 5},
            ["rules[0].on is missing: off=5 needs it"],
        ),
        (
            {"behavior": "delay", "on": 0.0001, "off": 5},
            ["rules[0].on = 0.0001 is not allowed: it takes at least 0.001 seconds"],
        ),
        (
            {"behavior": "delay", "start": 5, "stop": 3},
            ["rules[0].stop = 3 is not allowed: it takes more than start=5"],
        ),
        (
            {"behavior": "delay", "sleep": "5..a/3"},
            ["rules[0].sleep = '5..a/3' is not allowed: it takes a number of at least 0, or"],
        ),
        (
            {"behavior": "slow-close", "scope": "exchange"},
            ["rules[0].scope = 'exchange' is not allowed: 'slow-close' acts on whole connections"],
        ),
        (
            {"behavior": "delay", "name": "a b\0"},
            [rf"rules[0].name = 'a b\x00' is not allowed: it takes {NAME_ALLOWED}"],
        ),
        ("delay", ["rules[0] = 'delay' is not allowed: it takes a table"]),
    ],
)
def test_all_that_is_wrong_with_an_entry_is_noted(entry: object, expected: list[str]) -> None:
    found = problems({"behavior": "hang"}, entry)
    expected = [line.replace("rules[0]", "rules[1]") for line in expected]
    assert len(found) == len(expected)
    for line, beginning in zip(found, expected, strict=True):
        assert line.startswith(beginning)


def test_what_is_matched_on_is_looked_at_with_the_protocol() -> None:
    assert problems({"behavior": "delay", "command": "GET"}, protocol="redis") == []
    assert problems({"behavior": "delay", "match.key": "~("}, protocol="redis")[0].startswith(
        "rules[0].\"match.key\" = '~(' is not a regular expression"
    )
    assert problems({"behavior": "delay", "match": {"key": "~("}}, protocol="redis")[0].startswith(
        "rules[0].match.key = '~(' is not a regular expression"
    )
    assert problems({"behavior": "delay", "match": {"comand": "x"}}, protocol="redis")[
        0
    ].startswith("rules[0].match.comand = 'x' is an unknown key (did you mean 'command'?)")
    (match,) = rules_of({"behavior": "delay", "match": {"key": "x"}}, protocol="redis")[0].match
    assert (match.label, match.value) == ("key", "x")
    assert problems({"behavior": "delay", "comand": "GET"}, protocol="redis")[0].startswith(
        "rules[0].comand = 'GET' is an unknown key (did you mean 'command'?)"
    )


def test_without_the_protocol_nothing_that_depends_on_it_is_a_problem() -> None:
    entry = {"behavior": "delay", "command": "GET", "every": 0}
    brought = {"behavior": "1:error,1:dely", "recipe": "redis-failover"}
    found = problems(entry, protocol="rediss", **brought)
    assert [line.partition(" ")[0] for line in found] == ["protocol", "behavior", "rules[0].every"]


def test_names_are_given_once() -> None:
    assert problems(
        {"behavior": "delay", "name": "x"}, {"behavior": "hang", "name": "x"}, {"behavior": "hang"}
    ) == ["rules[1].name = 'x' is given to two rules"]


def test_names_that_rules_have_by_themselves_are_taken_too() -> None:
    assert problems({"behavior": "delay"}, {"behavior": "hang", "name": "delay"}) == [
        "rules is refused: name='delay' is given to two rules"
    ]


def test_a_mix_comes_to_100_at_most() -> None:
    half = {"behavior": "delay", "mix": "m", "percent": 60}
    assert problems(half, half) == [
        "rules[1].percent = 60 is too much: the mix 'm' has 60 of 100 already"
    ]
    tenths = [{"behavior": "delay", "mix": "m", "percent": 100 / 7}] * 7
    assert problems(*tenths) == []


def test_what_the_user_did_not_write_is_blamed_on_what_brought_it() -> None:
    (found,) = problems(behavior="50:dely")
    assert found.startswith("behavior = 'dely' is an unknown behavior (did you mean 'delay'?)")
    assert problems(recipe=["slow-disk", "slow-disk"]) == [
        "recipe[1] = 'slow-disk' brings a name that is given to two rules"
    ]
    (misfit,) = problems(recipe="redis-memory-pressure")
    assert misfit.startswith("recipe = 'redis-memory-pressure' is")


def test_there_may_be_so_many_keys_and_rules() -> None:
    keys = {f"option{number}": 1 for number in range(KEYS_LIMIT + 1)}
    assert len(problems({"behavior": "delay", **keys})) == KEYS_LIMIT + 1
    assert problems(*[{"behavior": "delay"}] * (RULE_LIMIT + 1)) == [
        f"rules is refused: {RULE_LIMIT + 1} rules are too many: a plan has at most {RULE_LIMIT}"
    ]


def test_a_rule_that_can_never_act_is_a_problem() -> None:
    assert problems(
        {"behavior": "hang", "start": 5, "ttl": 2},
        {"behavior": "reply-lost", "direction": "to_backend", "percnt": 5},
    ) == [
        "rules[0].ttl = 2 is not allowed: the rule expires before it turns on: it takes more than "
        "start=5",
        "rules[1].percnt = 5 is an unknown key (did you mean 'percent'?): it takes one of "
        "percent, ... (16 in all)",
        "rules[1].direction = 'to_backend' is not allowed: 'reply-lost' does nothing in that "
        "direction alone: it takes the other direction, or both",
    ]


@pytest.mark.parametrize(
    ("entry", "keys", "expected"),
    [
        (
            {"behavior": "dely", "precent": 3, "slep": 1, "other": 1},
            {},
            ["behavior = 'dely'", "precent = 3", "slep = 1"],
        ),
        ({"precent": 3, "other": 1}, {}, ["behavior is missing", "precent = 3"]),
        ({"behavior": 5, "precent": 3}, {}, ["behavior = 5", "precent = 3"]),
        ({"behavior": "no.Such", "precent": 3}, {}, ["behavior = 'no.Such'", "precent = 3"]),
        ({"behavior": "dely", "comand": "x"}, {"protocol": "redis"}, ["behavior", "comand"]),
        (
            {"behavior": "error", "fault": "MVED", "comand": "x", "slto": 1, "other": 1},
            {"protocol": "reds"},
            ["fault = 'MVED'", "comand = 'x'", "slto = 1"],
        ),
        (
            {"behavior": "error", "fault": "MVED", "comand": "x", "other": 1},
            {"protocol": "ftp"},
            ["fault = 'MVED'", "comand = 'x'"],
        ),
        (
            {"behavior": "error", "fault": "MOVED", "slot": 3, "command": "x"},
            {"protocol": "ftp"},
            [],
        ),
        ({"behavior": "error", "fault": "SPECIAL"}, {"protocol": "reds"}, []),
    ],
)
def test_what_looks_mistyped_behind_another_mistake_is_noted(
    entry: object, keys: dict[str, object], expected: list[str]
) -> None:
    lines = [line.removeprefix("rules[0].") for line in problems(entry, **keys)]
    found = [line for line in lines if not line.startswith("protocol")]
    assert len(found) == len(expected)
    assert all(map(str.startswith, found, expected))


def test_the_choice_that_was_probably_meant_is_suggested() -> None:
    found = problems({"behavior": "latency", "distribution": "normall", "direction": "to_clients"})
    assert len(found) == 2
    assert any("(did you mean 'normal'?)" in line for line in found)
    assert any("(did you mean 'to_client'?)" in line for line in found)
