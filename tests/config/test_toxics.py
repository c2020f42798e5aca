"""Toxiproxy's JSON: every toxic becomes a rule, every mistake is named in its words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from knowing import known, problems_of
from vaurien.config import files
from vaurien.config.toxics import TOXICS, translate
from vaurien.config.understand import understand
from vaurien.rules.notation import describe
from vaurien.rules.plan import Rule
from vaurien.values.messages import Direction

DOCUMENTS = Path(__file__).parent / "documents"


def problems(*proxies: object) -> list[str]:
    document = translate(list(proxies), "toxics.json")
    return [line.removeprefix("toxics.json: ") for line in problems_of(document)]


def toxic_problems(toxic: object) -> list[str]:
    return problems({"name": "a", "upstream": "b:1", "toxics": [toxic]})


def rule_of(toxic: dict[str, object]) -> Rule:
    document = translate([{"name": "a", "upstream": "b:1", "toxics": [toxic]}], "toxics.json")
    return understand(document, known()).state.proxies[0].plan.rules[0]


def test_a_whole_file_is_understood() -> None:
    state = understand(files.read(str(DOCUMENTS / "toxics.json")), known()).state
    cache, anywhere, plain = state.proxies
    assert (str(cache.listen), str(cache.backend)) == ("[::]:26379", "redis:6379")
    assert (str(anywhere.listen), str(anywhere.backend)) == ("localhost:0", "localhost:80")
    assert (str(plain.listen), str(plain.backend)) == ("localhost:0", "localhost:81")
    assert [proxy.enabled for proxy in state.proxies] == [True, False, True]
    assert cache.limits.timeout == 0
    rules = cache.plan.rules
    assert {rule.scope for rule in rules} == {"connection"}
    assert len(rules) == len(EXPECTED)
    for rule, expected in zip(rules, EXPECTED, strict=True):
        told = {"direction": "to_client", "percent": 100, **describe(rule)}
        assert {key: told[key] for key in expected} == expected


EXPECTED: list[dict[str, object]] = [
    {"behavior": "latency", "name": "slow", "direction": "to_client", "percent": 7.0,
     "delay": 1.001, "jitter": 0.02, "distribution": "uniform"},
    {"behavior": "bandwidth", "name": "bandwidth_upstream", "direction": "to_backend",
     "percent": 100, "rate": 100_000, "shared": False},
    {"behavior": "hang", "name": "bandwidth_downstream", "direction": "to_client"},
    {"behavior": "slow-close", "name": "slow_close_downstream", "delay": 2.0},
    {"behavior": "timeout", "name": "timeout_downstream", "direction": "to_client",
     "idle": 0.5, "lifetime": 0.0, "data": "drop"},
    {"behavior": "timeout", "name": "timeout_upstream", "direction": "to_backend",
     "idle": 0.0, "lifetime": 0.0, "data": "drop"},
    {"behavior": "reset", "name": "reset_peer_downstream", "seconds": 0.25, "wait": True},
    {"behavior": "slicer", "name": "slicer_downstream", "size": 64, "variation": 32,
     "delay": 0.00001},
    {"behavior": "limit-data", "name": "limit_data_downstream", "bytes": 1000},
    {"behavior": "packet-loss", "name": "packet_loss_downstream",
     "loss": pytest.approx(100 * 0.1 / 0.75), "correlation": 25.0, "drop": True},
    {"behavior": "dummy", "name": "noop_downstream"},
]  # fmt: skip
"""What the toxics of the first proxy in the file come to."""


def test_every_toxic_is_in_the_file() -> None:
    listed = json.loads((DOCUMENTS / "toxics.json").read_text("utf-8"))
    assert {toxic["type"] for toxic in listed[0]["toxics"]} == set(TOXICS)


@pytest.mark.parametrize("kind", sorted(set(TOXICS) - {"slicer", "limit_data"}))
def test_attributes_that_are_missing_are_0(kind: str) -> None:
    assert rule_of({"type": kind}).direction is Direction.TO_CLIENT


def test_keys_and_streams_are_read_in_any_case() -> None:
    rule = rule_of({"TYPE": "latency", "Stream": "UPSTREAM", "Attributes": {"Latency": 5}})
    assert rule.direction is Direction.TO_BACKEND
    assert rule.behavior.settings()["delay"] == 0.005


def test_null_is_nothing() -> None:
    rule = rule_of({"type": "latency", "stream": None, "toxicity": None, "attributes": None})
    assert (rule.percent, rule.name) == (100, "latency_downstream")


@pytest.mark.parametrize(
    ("toxic", "expected"),
    [
        ({"type": "latency", "attributes": {"latency": -5}},
         "attributes.latency = -5 is not allowed: it takes a whole number of at least 0"),
        ({"type": "latency", "attributes": {"latency": 1000.5}},
         "attributes.latency = 1000.5 is not allowed: it takes a whole number of at least 0"),
        ({"type": "latency", "attributes": {"latencey": 1}},
         "attributes.latencey = 1 is an unknown key (did you mean 'latency'?): "
         "it takes one of latency, jitter"),
        ({"type": "slicer", "attributes": {"averag_size": 1, "average_size": 1}},
         "attributes.averag_size = 1 is an unknown key (did you mean 'average_size'?): "
         "it takes one of average_size, size_variation, delay"),
        ({"type": "slicer"},
         "attributes.average_size = 0 is not allowed: it takes a whole number of at least 1"),
        ({"type": "packet_loss", "attributes": {"loss_rate": 1.5}},
         "attributes.loss_rate = 1.5 is not allowed: it takes a number from 0 to 1"),
        ({"type": "latency", "attributes": [1]},
         "attributes = [1] is not allowed: it takes a table"),
        ({"type": "latency", "stream": "sideways"},
         "stream = 'sideways' is not allowed: it takes one of upstream, downstream"),
        ({"type": "latency", "toxicity": 1.5},
         "toxicity = 1.5 is not allowed: it takes a number from 0 to 1"),
        ({"type": "latency", "name": "a\tb"},
         "name = 'a\\tb' is not allowed: it takes 1 to 255 printable characters"),
        ({"type": "latency", "atributes": {}},
         "atributes = {} is an unknown key (did you mean 'attributes'?): "
         "it takes one of type, stream, name, toxicity, attributes"),
    ],
)  # fmt: skip
def test_mistakes_in_toxics_are_named(toxic: object, expected: str) -> None:
    assert toxic_problems(toxic) == [f"[0].toxics[0].{expected}"]


def test_what_is_no_toxic_is_named() -> None:
    (unknown,) = toxic_problems({"type": "latncy"})
    assert unknown.startswith("[0].toxics[0].type = 'latncy' is an unknown toxic: it takes one of")
    (missing,) = toxic_problems({})
    assert missing.startswith("[0].toxics[0].type is missing: it takes one of latency, bandwidth")
    assert toxic_problems(5) == ["[0].toxics[0] = 5 is not allowed: it takes a table"]


def test_mistakes_in_proxies_are_named() -> None:
    found = problems(
        {"name": "a", "listen": "nowhere", "upstream": "b:1", "toxics": {}},
        {"name": "a", "upstream": "b:1"},
        {"upstream": "b:1", "toxics": [{"type": "x"}]},
        {"name": "c", "enabled": "perhaps", "up-stream": 5},
        {"name": "d\td", "upstream": []},
        {"name": "e", "upstream": "b:99999"},
        "f",
    )
    assert [line.partition(":")[0] for line in found] == [
        "[0].toxics = {} is not allowed",
        "[1].name = 'a' is given to two proxies",
        "[2].name is missing",
        "[2].toxics[0].type = 'x' is an unknown toxic",
        "[3].upstream is missing",
        "[3].enabled = 'perhaps' is not allowed",
        "[3].up-stream = 5 is an unknown key (did you mean 'upstream'?)",
        "[4].upstream = [] is a list",
        "[6] = 'f' is not allowed",
        "[0].listen = 'nowhere' is not an address",
        "[4] is named 'd\\td'",
        "[5].upstream = 'b",
    ]


def test_two_toxics_of_one_name_are_named() -> None:
    toxic = {"type": "latency"}
    found = problems({"name": "a", "upstream": "b:1", "toxics": [toxic, toxic]})
    assert found == ["[0].toxics[1].name = 'latency_downstream' is given to two rules"]
