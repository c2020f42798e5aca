"""The state: a value, and the document that makes it again."""

from __future__ import annotations

from collections import ChainMap
from dataclasses import fields
from math import ceil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from knowing import saved, understood
from vaurien import plugins, registry
from vaurien.config.state import LIMITS, State, fill_in, to_document
from vaurien.errors import OptionError, UnknownNameError
from vaurien.net.address import Address
from vaurien.net.spec import Limits, ProxySpec
from vaurien.rules.notation import RULE_KEYS, Entry, make_rules
from vaurien.rules.plan import Plan
from vaurien.values.options import Option, Value, options_of

plugins.install()

CACHE = ProxySpec(
    name="cache",
    listen=Address("localhost", 6380),
    backend=Address("localhost", 6379),
    protocol=registry.protocols.get("redis")(),
)


def spec(name: str, **keys: object) -> ProxySpec:
    return ProxySpec(**{**vars(CACHE), "name": name, **keys})


# The value.


def test_proxies_are_found_by_name() -> None:
    state = State((CACHE, spec("web")))
    assert state.get("cache") is CACHE
    assert state.get("nosuch") is None


def test_a_proxy_is_added_or_replaced_in_its_place() -> None:
    web, moved = spec("web"), spec("cache", backend=Address("there", 1))
    state = State((CACHE,), generation=4, seed=3).with_proxy(web)
    assert state == State((CACHE, web), generation=5, seed=3)
    assert state.with_proxy(moved) == State((moved, web), generation=6, seed=3)


def test_a_proxy_is_taken_out() -> None:
    web = spec("web")
    assert State((CACHE, web), 4).without_proxy("cache") == State((web,), 5)
    with pytest.raises(UnknownNameError, match=r"unknown proxy. Pick one of: 'cache'"):
        State((CACHE,)).without_proxy("nosuch")


def test_every_limit_can_be_said() -> None:
    assert set(LIMITS) == {field.name for field in fields(Limits)}
    assert all(getattr(Limits(), name) == option.default for name, option in LIMITS.items())


# The document.


def test_a_document_says_all_that_a_proxy_is() -> None:
    entries: list[Entry] = [{"behavior": "delay", "sleep": 2, "percent": "0..50/60"}]
    plan = Plan(make_rules(entries, registry.behaviors.get, type(CACHE.protocol)), seed=9)
    state = State((spec("cache", plan=plan, enabled=False),), generation=3, seed=9)
    assert to_document(state) == {
        "generation": 3,
        "seed": 9,
        "proxies": {
            "cache": {
                "listen": "localhost:6380",
                "backend": "localhost:6379",
                "protocol": "redis",
                "options": {},
                "enabled": False,
                "timeout": 0.0,
                "connect_timeout": 5.0,
                "max_connections": 0,
                "backlog": 8192,
                "rules": [
                    {
                        "behavior": "delay",
                        "name": "delay",
                        "percent": "0..50/60",
                        "sleep": 2.0,
                        "before": True,
                    }
                ],
            }
        },
    }


def test_a_seed_of_its_own_is_said() -> None:
    proxies = (
        spec("a", plan=Plan(seed=1)),
        spec("b", plan=Plan(seed=2), listen=Address("::1", 1)),
    )
    document = to_document(State(proxies, seed=1))
    assert document == saved(document)
    assert understood(document, seed=5).state == State(proxies, seed=1)


# Any state.

NAMES = st.text(min_size=1, max_size=255).filter(str.isprintable)
SEEDS = st.integers(0, 2**64 - 1)
TIMES = st.integers(1, 10**6).map(lambda number: number / 1000)
LATEST = 1000.0
"""The last of these times."""
PEERS = st.sampled_from(
    [Address("localhost", 6379), Address("::1", 80), Address("", 0, "/tmp/a b:c")]
)
BEHAVIORS = ["latency", "bandwidth", "hang", "slicer", "packet-loss", "corrupt", "error"]
"""Those that make sense with any protocol, whatever they are told."""
TOLD_APART = {"inject", "warmup", "fault"}
"""Options that exclude others."""
LABELS = {"redis": "command", "http": "path", "tcp": ""}


def value_of(option: Option) -> st.SearchStrategy[Value]:
    """Any value of an option; of numbers, ramps too."""
    if option.choices:
        return st.sampled_from(option.choices)
    if option.type is bool:
        return st.booleans()
    low = option.minimum or 0
    high = min(option.maximum or 10**6, 10**6)
    numbers: st.SearchStrategy[Value] = st.floats(low, high)
    written = st.integers(ceil(low), int(high)).map(str)
    if option.type is int:
        numbers = st.integers(ceil(low), int(high))
    return st.one_of(
        numbers, st.builds("{}..{}/{:.3f}..{}/2".format, written, written, TIMES, written)
    )


OWN: dict[str, st.SearchStrategy[Value]] = {
    "percent": value_of(RULE_KEYS["percent"]),
    "scope": st.sampled_from(["", "exchange", "connection"]),
    "direction": st.just("to_client"),
    "after": st.integers(0, 9),
    "every": st.integers(1, 9),
    "times": st.integers(0, 9),
    "start": TIMES,
    "ttl": TIMES.map(lambda seconds: LATEST + seconds),
    "paused": st.booleans(),
}
FURTHER: st.SearchStrategy[dict[str, Value]] = st.one_of(
    st.just({}),
    st.builds(lambda on, off: {"on": on, "off": off}, TIMES, TIMES),
    st.builds(
        lambda percent, mix: {"percent": percent, "mix": mix},
        st.floats(0, 25),
        st.sampled_from(["m", "n"]),
    ),
)


def entries_with(behavior: str) -> st.SearchStrategy[Entry]:
    options = options_of(registry.behaviors.get(behavior))
    optional = {key: value_of(options[key]) for key in options if key not in TOLD_APART}
    told = st.fixed_dictionaries({"behavior": st.just(behavior)}, optional={**optional, **OWN})
    order = ["behavior", *options, *OWN]  # what changes with time is equal in one order only
    return told.map(lambda entry: {key: entry[key] for key in order if key in entry})


def rules_for(protocol: str) -> st.SearchStrategy[list[Entry]]:
    label = LABELS[protocol]
    texts = st.sampled_from(["GET", "~^A|B$", "~.", "!~^ä\n", "~GET|a b|ä\n"])
    match = st.fixed_dictionaries({}, optional={f"match.{label}": texts} if label else {})
    entries = st.one_of(*map(entries_with, BEHAVIORS))
    return st.lists(st.builds(ChainMap, FURTHER, match, entries), max_size=4)


RULES = {protocol: rules_for(protocol) for protocol in LABELS}


@st.composite
def proxies(draw: st.DrawFn, name: str, port: int) -> ProxySpec:
    protocol = draw(st.sampled_from(sorted(LABELS)))
    plugin = registry.protocols.get(protocol)
    options = {key: draw(value_of(option)) for key, option in options_of(plugin).items()}
    rules = make_rules(draw(RULES[protocol]), registry.behaviors.get, plugin)
    limits = st.builds(Limits, st.floats(0, 1e6), TIMES, st.integers(0, 99), st.integers(1, 99))
    return ProxySpec(
        name=name,
        listen=draw(st.sampled_from([Address("localhost", port), Address("::1", 0)])),
        backend=draw(PEERS),
        protocol=plugin.configured(options),
        plan=Plan(rules, seed=draw(SEEDS)),
        limits=draw(limits),
        enabled=draw(st.booleans()),
    )


@st.composite
def states(draw: st.DrawFn) -> State:
    names = draw(st.lists(NAMES, max_size=2, unique=True))
    found = [draw(proxies(name, 1 + number)) for number, name in enumerate(names)]
    return State(tuple(found), draw(st.integers(0, 10**9)), draw(SEEDS))


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(states(), SEEDS)
def test_the_document_of_a_state_makes_it_again(state: State, seed: int) -> None:
    document = to_document(state)
    assert saved(document) == document
    assert understood(document, seed=seed).state == state
    assert to_document(understood(document).state) == document


# Addresses in texts.


def test_names_stand_for_addresses() -> None:
    known = {"a": Address("h", 1), "a.b": Address("::1", 2), "u": Address("", 0, "/x")}
    known["r:1 b"] = Address("r", 3)
    text = "{a} {a.host} {a.port} {a.b} {a.b.host} {u} {} {a b} {r:1 b} {r:1 b.port} {"
    expected = "h:1 h 1 [::1]:2 ::1 unix:/x {} {a b} r:3 3 {"
    assert fill_in(text, known.get) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{b}", "'{b}' stands for no proxy"),
        ("{b.host}", "'{b.host}' stands for no proxy"),
        ("{a.hst}", "'{a.hst}' stands for no proxy"),
        ("{u.port}", "'{u.port}' stands for nothing: unix:/x has no port"),
    ],
)
def test_what_stands_for_nothing_is_refused(text: str, expected: str) -> None:
    known = {"a": Address("h", 1), "u": Address("", 0, "/x")}
    with pytest.raises(OptionError) as caught:
        fill_in(text, known.get)
    assert str(caught.value) == expected
