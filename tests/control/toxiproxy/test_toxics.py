"""Toxics as rules, and rules as toxics."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from vaurien import plugins, registry
from vaurien.config.toxics import TOXICS
from vaurien.control.toxiproxy.answers import Refusal, to_json
from vaurien.control.toxiproxy.decoding import DecodeError, decode
from vaurien.control.toxiproxy.toxics import (
    ToxicValue,
    changed_rule,
    changed_toxic,
    rule_of,
    toxic_of,
    wanted_toxic,
)
from vaurien.protocols.redis import Redis
from vaurien.protocols.tcp import Tcp
from vaurien.rules.notation import describe, make_rules, parse_rule
from vaurien.rules.plan import Rule

FIND = registry.behaviors.get
FULL: Mapping[str, Mapping[str, object]] = {
    "latency": {"latency": 1001, "jitter": 7},
    "bandwidth": {"rate": 3},
    "slow_close": {"delay": 1},
    "timeout": {"timeout": 90_000},
    "reset_peer": {"timeout": 33},
    "slicer": {"average_size": 10, "size_variation": 3, "delay": 1},
    "limit_data": {"bytes": 2**40},
    "packet_loss": {"loss_rate": 0.1, "correlation": 0.25},
    "noop": {},
}
"""Each toxic, with all its attributes."""


@pytest.fixture(autouse=True)
def installed() -> None:
    plugins.install()


def wanted(body: object, *taken: str) -> ToxicValue:
    return wanted_toxic(decode(json.dumps(body).encode()), set(taken))


def changed(toxic: ToxicValue, body: object) -> ToxicValue:
    return changed_toxic(toxic, decode(json.dumps(body).encode()))


def rule(text: str) -> Rule:
    return make_rules([parse_rule(text)], FIND, Tcp)[0]


@pytest.mark.parametrize("kind", TOXICS)
@pytest.mark.parametrize("stream", ["upstream", "downstream"])
@pytest.mark.parametrize("toxicity", [0, 1e-9, 0.1, 0.123456789, 1 / 3, 1])
@pytest.mark.parametrize("protocol", [Tcp, Redis])
def test_a_toxic_becomes_a_rule_and_comes_back(
    kind: str, stream: str, toxicity: float, protocol: type[Tcp]
) -> None:
    toxic = wanted({"type": kind, "stream": stream, "toxicity": toxicity, "attributes": FULL[kind]})
    made = rule_of(toxic, FIND, protocol)
    assert toxic_of(made, FIND, protocol) == toxic
    # As it is when it was saved, and read again.
    saved = json.loads(json.dumps(describe(made)))
    assert make_rules([saved], FIND, protocol) == (made,)


@pytest.mark.parametrize("kind", sorted(set(TOXICS) - {"slicer"}))
def test_attributes_that_are_missing_are_0(kind: str) -> None:
    toxic = wanted({"type": kind})
    assert toxic == ToxicValue(
        f"{kind}_downstream", kind, "downstream", 1, dict.fromkeys(FULL[kind], 0)
    )
    assert toxic_of(rule_of(toxic, FIND, Tcp), FIND, Tcp) == toxic


def test_an_error_names_the_attribute() -> None:
    toxic = wanted({"type": "slicer", "attributes": {"size_variation": 3}})
    with pytest.raises(Refusal, match="average_size=0 is not allowed: it takes "):
        rule_of(toxic, FIND, Tcp)


def test_the_order_of_keys() -> None:
    assert to_json(wanted({"type": "latency", "toxicity": 0.1}).described) == (
        '{"attributes":{"latency":0,"jitter":0},"name":"latency_downstream","type":"latency",'
        '"stream":"downstream","toxicity":0.1}'
    )


def test_a_name_has_the_stream_as_it_was_written() -> None:
    assert wanted({"type": "noop", "stream": "UpStream"}).name == "noop_UpStream"
    assert wanted({"type": "noop", "stream": "UpStream"}).stream == "upstream"


@pytest.mark.parametrize(
    ("body", "taken", "error"),
    [
        (
            {"type": "zz", "stream": "zz"},
            "",
            "stream was invalid, can be either upstream or downstream",
        ),
        (
            {"type": "latency", "stream": ""},
            "",
            "stream was invalid, can be either upstream or downstream",
        ),
        ({}, "", "invalid toxic type"),
        ({"type": "Latency"}, "", "invalid toxic type"),
        (
            {"type": "latency", "attributes": {"latency": "x"}},
            "latency_downstream",
            "toxic already exists",
        ),
        ({"type": "noop", "name": "a", "stream": "upstream"}, "a", "toxic already exists"),
    ],
)
def test_the_order_of_checks(body: object, taken: str, error: str) -> None:
    with pytest.raises(Refusal) as caught:
        wanted(body, taken)
    assert str(caught.value) == error


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"type": 5}, "number into Go struct field ToxicWrapper.type of type string"),
        ({"toxicity": "x"}, "string into Go struct field ToxicWrapper.toxicity of type float32"),
        (
            {"type": "reset_peer", "attributes": []},
            "array into Go struct field ToxicWrapper.attributes of type toxics.NoopToxic",
        ),
        (
            {"type": "limit_data", "attributes": {"bytes": "x"}},
            "string into Go struct field LimitDataToxic.attributes.bytes of type int64",
        ),
        (
            {"type": "reset_peer", "attributes": {"timeout": "x"}},
            "string into Go struct field ResetToxic.attributes.timeout of type int64",
        ),
    ],
)
def test_values_of_other_types(body: object, error: str) -> None:
    with pytest.raises(DecodeError) as caught:
        wanted(body)
    assert str(caught.value) == f"json: cannot unmarshal {error}"


def test_a_change_keeps_what_it_does_not_name() -> None:
    toxic = wanted({"type": "latency", "name": "a", "attributes": {"latency": 5, "jitter": 1}})
    after = changed(toxic, {"attributes": {"jitter": 2}, "name": "b", "stream": "x", "type": 5})
    assert after.attributes == {"latency": 5, "jitter": 2}
    assert (after.name, after.type, after.stream, after.toxicity) == (
        "a",
        "latency",
        "downstream",
        1,
    )
    assert changed(after, {"toxicity": 0.5, "attributes": None}).toxicity == 0.5
    with pytest.raises(DecodeError, match=r"Go struct field \.toxicity of type float32"):
        changed(after, {"toxicity": "x"})


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"type": "noop", "toxicity": 50}, "toxicity=50 is not allowed: it takes from 0 to 1"),
        ({"type": "noop", "toxicity": -1}, "toxicity=-1 is not allowed: it takes from 0 to 1"),
        (
            {"type": "latency", "attributes": {"jitter": -5}},
            "jitter=-5 is not allowed: it takes at least 0",
        ),
        (
            {"type": "timeout", "attributes": {"timeout": 2**63 - 1}},
            "an attribute is too large",
        ),
    ],
)
def test_what_would_silently_do_something_else_is_refused(body: object, error: str) -> None:
    with pytest.raises(Refusal) as caught:
        rule_of(wanted(body), FIND, Tcp)
    assert (caught.value.status, str(caught.value)) == (400, f"bad request body: {error}")


@pytest.mark.parametrize("loss", [0.1, 0.3, 0.7, 0.9, 0.999, 1, 0, 1e-7])
@pytest.mark.parametrize("correlation", [0, 0.1, 0.25, 0.5, 1, 1 / 3])
def test_losses_and_their_correlation(loss: float, correlation: float) -> None:
    attributes = {"loss_rate": loss, "correlation": correlation}
    toxic = wanted({"type": "packet_loss", "attributes": attributes})
    made = rule_of(toxic, FIND, Tcp)
    assert toxic_of(made, FIND, Tcp) == toxic
    assert toxic.attributes["loss_rate"] == pytest.approx(loss)
    lowered = min(correlation, 1 - loss)
    assert toxic.attributes["correlation"] == pytest.approx(lowered, abs=1e-7)
    settings = made.behavior.settings()
    assert settings["correlation"] == pytest.approx(100 * lowered, abs=1e-5)
    if lowered < 1:
        assert settings["loss"] == pytest.approx(100 * loss / (1 - lowered), rel=1e-5)


def test_a_rate_of_0_holds_everything() -> None:
    assert rule_of(wanted({"type": "bandwidth"}), FIND, Tcp).behavior.name == "hang"


@pytest.mark.parametrize(
    ("text", "kind", "stream", "attributes"),
    [
        ("delay sleep=2", "delay", "both", {"sleep": 2.0, "before": True}),
        ("latency delay=0.0005 direction=to_client", "latency", "downstream", None),
        ("latency delay=1", "latency", "both", None),
        ("delay sleep=1 direction=to_backend percent=10", "delay", "upstream", None),
    ],
)
def test_a_rule_that_is_no_toxic_is_shown_as_it_is(
    text: str, kind: str, stream: str, attributes: object
) -> None:
    shown = toxic_of(rule(text), FIND, Tcp)
    assert (shown.type, shown.stream) == (kind, stream)
    assert attributes is None or shown.attributes == attributes
    assert not shown.is_toxic


def test_what_toxics_do_not_have_stays_when_a_toxic_changes() -> None:
    before = rule("latency delay=0.005 direction=to_client after=3 name=slow percent=50")
    toxic = toxic_of(before, FIND, Tcp)
    assert toxic == ToxicValue("slow", "latency", "downstream", 0.5, {"latency": 5, "jitter": 0})
    after = changed_rule(before, changed(toxic, {"attributes": {"latency": 7}}), FIND, Tcp)
    assert after == rule("latency delay=0.007 direction=to_client after=3 name=slow percent=50")
