"""Toxiproxy's JSON: every toxic becomes a rule, every mistake is named in its words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from knowing import known, problems_of
from vaurien.config import files
from vaurien.config.document import Document
from vaurien.config.toxics import TOXICS, listing_in, translate
from vaurien.config.understand import understand
from vaurien.rules.notation import describe
from vaurien.rules.plan import Rule
from vaurien.values.messages import Direction

DOCUMENTS = Path(__file__).parent / "documents"


def document_of(content: object) -> Document:
    listing = listing_in(content)
    assert listing is not None
    return translate(listing, "toxics.json")


def problems(*proxies: object) -> list[str]:
    document = document_of(list(proxies))
    return [line.removeprefix("toxics.json: ") for line in problems_of(document)]


def toxic_problems(toxic: object) -> list[str]:
    return problems({"name": "a", "upstream": "b:1", "toxics": [toxic]})


def rule_of(toxic: dict[str, object]) -> Rule:
    document = document_of([{"name": "a", "upstream": "b:1", "toxics": [toxic]}])
    return understand(document, known()).state.proxies[0].plan.rules[0]


def test_a_whole_file_is_understood() -> None:
    state = understand(files.read(str(DOCUMENTS / "toxics.json")), known()).state
    cache, anywhere, plain = state.proxies
    assert (str(cache.listen), str(cache.backend)) == ("[::]:26379", "redis:6379")
    assert (str(anywhere.listen), str(anywhere.backend)) == ("[::]:0", "localhost:80")
    assert (str(plain.listen), str(plain.backend)) == ("[::]:0", "localhost:81")
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
         "name = 'a\\tb' is not allowed: it takes 1 to 255 printable characters, but not . or .."),
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
        {"name": "e", "upstream": "b\x1b:1"},
        "f",
        {"name": "g", "listen": 80, "upstream": "", "upstream_toxics": {"latency": {}}},
    )
    assert [line.partition(":")[0] for line in found] == [
        "[0].listen = 'nowhere' is not an address",
        "[0].toxics = {} is not allowed",
        "[1].name = 'a' is given to two proxies",
        "[2].name is missing",
        "[2].toxics[0].type = 'x' is an unknown toxic",
        "[3].enabled = 'perhaps' is not allowed",
        "[3].upstream is missing",
        "[4].upstream = [] is a list",
        "[5].upstream = 'b\\x1b",
        "[6] = 'f' is not allowed",
        "[7].listen = '80' is not an address",
        "[7].upstream is missing",
        "[7].upstream_toxics = {'latency'",
        "[4] is named 'd\\td'",
    ]


def test_what_is_unknown_is_ignored_and_told() -> None:
    document = document_of(
        [
            {
                "name": "a",
                "upstream": "b:1",
                "_comment": "ours",
                "toxics": [
                    {
                        "type": "latency",
                        "atributes": {},
                        "description": "slow",
                        "attributes": {"latencey": 1, "latency": 5},
                    }
                ],
            }
        ]
    )
    configuration = understand(document, known())
    (rule,) = configuration.state.proxies[0].plan.rules
    assert rule.behavior.settings()["delay"] == 0.005
    where = "toxics.json: [0].toxics[0]"
    assert [line.partition(": it takes")[0] for line in configuration.warnings] == [
        f"{where}.attributes.latencey = 1 is ignored: it is an unknown key "
        "(did you mean 'latency'?)",
        f"{where}.atributes = {{}} is ignored: it is an unknown key (did you mean 'attributes'?)",
        f"{where}.description = 'slow' is ignored: it is an unknown key",
        "toxics.json: [0]._comment = 'ours' is ignored: it is an unknown key",
    ]


ANSWERED = {"name": "a", "listen": "[::]:1", "upstream": "b:1", "enabled": True, "toxics": []}


@pytest.mark.parametrize(
    ("content", "path", "ignored"),
    [
        ([ANSWERED], "[0]", []),
        ({"proxies": [ANSWERED]}, "proxies[0]", []),
        ({"proxies": [ANSWERED], "status": 200}, "proxies[0]", ["status"]),
        ({"a": ANSWERED}, "a", []),
        ({"_comment": "x", "a": ANSWERED}, "a", ["_comment"]),
    ],
)
def test_the_forms_in_which_proxies_are_listed(
    content: object, path: str, ignored: list[str]
) -> None:
    document = document_of(content)
    assert str(document.origin(("proxies", "a"))) == f"toxics.json: {path}"
    assert [str(each.origin).partition(": ")[2] for each in document.warnings] == ignored
    configuration = understand(document, known())
    assert [proxy.name for proxy in configuration.state.proxies] == ["a"]
    assert str(configuration.http) == "localhost:8474"


@pytest.mark.parametrize("content", [[], {}, {"proxies": []}, {"proxies": None}])
def test_no_proxies_are_a_server_that_waits(content: object) -> None:
    configuration = understand(document_of(content), known(), needs_proxy=True)
    assert (configuration.state.proxies, configuration.warnings) == ((), ())
    assert str(configuration.http) == "localhost:8474"


@pytest.mark.parametrize(
    "content",
    [{"proxies": {"a": {"backend": "b:1"}}}, {"environment": {"upstream": "b:1"}}, {"seed": 1}],
)
def test_a_table_that_is_not_of_toxiproxy(content: object) -> None:
    assert listing_in(content) is None


@pytest.mark.parametrize(
    ("listen", "heard"),
    [
        (None, "[::]:0"),
        ("", "[::]:0"),
        ("0.0.0.0:81", "[::]:81"),
        (":81", "[::]:81"),
        ("localhost:http", "localhost:80"),
    ],
)
@pytest.mark.parametrize(
    ("upstream", "reached"),
    [
        (":82", "localhost:82"),
        ("db:postgresql", "db:5432"),
        ("foo", "invalid://foo"),
        ("http://b/", "invalid://http://b/"),
    ],
)
def test_addresses_as_toxiproxy_takes_them(
    listen: str | None, heard: str, upstream: str, reached: str
) -> None:
    document = document_of([{"name": "a", "listen": listen, "upstream": upstream}])
    (proxy,) = understand(document, known()).state.proxies
    assert (str(proxy.listen), str(proxy.backend)) == (heard, reached)


def test_a_disabled_proxy_may_listen_on_what_is_no_address() -> None:
    document = document_of([{"name": "a", "listen": "x", "upstream": "b:1", "enabled": False}])
    (proxy,) = understand(document, known()).state.proxies
    assert str(proxy.listen) == "invalid://x"


def test_the_first_version_had_toxics_by_stream() -> None:
    empty: dict[str, object] = {"name": "a", "upstream": "b:1", "downstream_toxics": None}
    empty["upstream_toxics"] = {}
    assert problems(empty) == []
    (problem,) = problems({**empty, "downstream_toxics": {"latency": {"latency": 5}}})
    assert problem == (
        "[0].downstream_toxics = {'latency': {'latency': 5}} is of the first version of "
        "Toxiproxy, and not read: it takes a list, as toxics"
    )


def test_toxics_of_one_name_in_both_streams() -> None:
    toxics = [{"type": "noop", "name": "a", "stream": each} for each in ("downstream", "upstream")]
    document = document_of([{"name": "p", "upstream": "b:1", "toxics": toxics}])
    rules = understand(document, known()).state.proxies[0].plan.rules
    assert [(rule.name, rule.direction) for rule in rules] == [
        ("a", Direction.TO_CLIENT),
        ("a_upstream", Direction.TO_BACKEND),
    ]


def test_two_toxics_of_one_name_are_named() -> None:
    toxic = {"type": "latency"}
    found = problems({"name": "a", "upstream": "b:1", "toxics": [toxic, toxic]})
    assert found == ["[0].toxics[1].name = 'latency_downstream' is given to two rules"]
