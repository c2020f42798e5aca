"""Profiles and recipes: the files are sound, and the rules made of them do what they say."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from statistics import mean
from typing import Any

import pytest

from scenario import Peer, World, echo
from vaurien import plugins, registry
from vaurien.config.presets import Presets
from vaurien.errors import UnknownNameError
from vaurien.protocol import Protocol
from vaurien.rules.notation import Entry, make_rules
from vaurien.rules.plan import Plan, Rule, is_name
from vaurien.values.options import options_of

plugins.install()
PRESETS = Presets()


def tables(name: str) -> Mapping[str, dict[str, Any]]:
    """What a file says, read by the test itself."""
    return tomllib.loads((files("vaurien.config") / "data" / name).read_text("utf-8"))


PROFILES = tables("profiles.toml")
RECIPES = tables("recipes.toml")
OTHERS = ("cold-cache", "llm-rate-limited", "llm-slow-tokens")
"""Recipes for one protocol that are not called after it."""
PROFILE_KEYS: dict[str, type | tuple[type, ...]] = {
    "description": str,
    "source": str,
    "round-trip-ms": (int, float),
    "jitter-ms": (int, float),
    "distribution": str,
    "down-kbit": int,
    "up-kbit": int,
    "loss-percent": (int, float),
    "correlation-percent": (int, float),
}
OPTIONAL = {"down-kbit", "up-kbit", "loss-percent", "correlation-percent"}


def rules(entries: list[Entry], protocol: str) -> tuple[Rule, ...]:
    return make_rules(entries, registry.behaviors.get, registry.protocols.get(protocol))


def world(entries: list[Entry], **options: Any) -> World:
    """A simulated proxy with these rules, and a backend that echoes."""
    return World(*entries, on_data=echo, **options)


def settled(peer: Peer, seconds: float) -> bytes:
    """What a peer has received after this many seconds."""
    peer.world.run(seconds=seconds)
    return bytes(peer.heard)


# What is there.


def test_the_field_is_covered() -> None:
    assert {"gprs", "edge", "3g", "hspa", "lte", "5g", "dsl", "cable", "dial-up"} <= set(PROFILES)
    assert {"wifi", "wifi-lossy", "satellite-geo", "satellite-leo", "hotel"} <= set(PROFILES)
    assert {"redis-failover", "postgresql-restart", "slow-disk", "brown-out"} <= set(RECIPES)
    assert {"flapping-link", "rolling-restart", "thundering-herd"} <= set(RECIPES)


def test_they_are_known_by_their_names() -> None:
    assert list(PRESETS.profiles) == list(PROFILES)
    assert list(PRESETS.recipes) == list(RECIPES)


@pytest.mark.parametrize("name", [*PROFILES, *RECIPES])
def test_each_says_what_it_is(name: str) -> None:
    table = PROFILES.get(name) or RECIPES[name]
    assert is_name(name)
    assert table["description"].strip() == table["description"] != ""


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"'2g' is an unknown profile\. .*'3g',"):
        PRESETS.profile("2g")
    with pytest.raises(UnknownNameError, match=r"'3g' is an unknown recipe\. .*'brown-"):
        PRESETS.recipe("3g")


# Profiles.


@pytest.mark.parametrize("name", PROFILES)
def test_the_table_of_a_profile_is_complete(name: str) -> None:
    table = PROFILES[name]
    assert PROFILE_KEYS.keys() - OPTIONAL <= table.keys() <= PROFILE_KEYS.keys()
    assert all(isinstance(table[key], PROFILE_KEYS[key]) for key in table)
    assert table["source"]
    assert table["distribution"] in ("uniform", "normal", "lognormal", "pareto")
    assert 0 <= table["jitter-ms"] < table["round-trip-ms"] / 2
    assert ("down-kbit" in table) == ("up-kbit" in table)
    assert 0 <= table.get("loss-percent", 0) <= 10
    assert table.get("correlation-percent", 0) == 0 or table["loss-percent"] > 0


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_comes_to_the_numbers_of_its_table(name: str) -> None:
    table, entries = PROFILES[name], PRESETS.profile(name)
    by_name = {str(entry["name"]): entry for entry in entries}
    assert len(by_name) == len(entries)
    assert all(entry["scope"] == "connection" for entry in entries)
    latency = by_name.pop(f"{name}-latency")
    assert "direction" not in latency  # so it is met twice on a round trip
    assert 2 * number(latency, "delay") == pytest.approx(table["round-trip-ms"] / 1000)
    assert number(latency, "jitter") == pytest.approx(table["jitter-ms"] / 1000)
    assert latency["distribution"] == table["distribution"]
    for way, direction in (("down", "to_client"), ("up", "to_backend")):
        if f"{way}-kbit" in table:
            rate = by_name.pop(f"{name}-{way}")
            assert rate["direction"] == direction
            assert number(rate, "rate") * 8 == table[f"{way}-kbit"] * 1000
            assert rate["shared"] is True
    if "loss-percent" in table:
        loss = by_name.pop(f"{name}-loss")
        assert loss["loss"] == table["loss-percent"]
        assert loss["correlation"] == table.get("correlation-percent", 0)
        assert number(loss, "rtt") == pytest.approx(table["round-trip-ms"] / 1000)
        assert number(loss, "rto") >= number(loss, "rtt") + 0.2
    assert by_name == {}


def number(entry: Entry, key: str) -> float:
    value = entry[key]
    assert isinstance(value, (int, float))
    return value


@pytest.mark.parametrize("protocol", plugins.PROTOCOLS)
def test_profiles_are_for_every_protocol(protocol: str) -> None:
    for name in PROFILES:
        made = rules(PRESETS.profile(name), protocol)
        assert [rule.scope for rule in made] == ["connection"] * len(made)
        Plan(made)


@pytest.mark.parametrize("name", ["3g", "cable", "satellite-geo", "transatlantic"])
def test_a_round_trip_takes_as_long_as_it_says(name: str) -> None:
    simulated = world(PRESETS.profile(name), whole=True)
    client = simulated.client()
    simulated.run(seconds=1)
    asked_at: list[float] = []
    for _ in range(200):
        asked_at.append(simulated.system.time)
        client.say(b"?")
        simulated.run(seconds=10)
    trips = [heard - asked for heard, asked in zip(client.heard_at, asked_at, strict=True)]
    stated = PROFILES[name]["round-trip-ms"] / 1000
    assert mean(trips) == pytest.approx(stated, rel=0.03)


@pytest.mark.parametrize("name", ["dial-up", "3g", "lte"])
@pytest.mark.parametrize("way", ["down", "up"])
def test_its_rate_is_what_it_says(name: str, way: str) -> None:
    simulated = World(*PRESETS.profile(name), whole=True)
    client = simulated.client()
    simulated.run(lambda: bool(simulated.backends), seconds=10)
    speaker, listener = client, simulated.backends[0]
    if way == "down":
        speaker, listener = listener, speaker
    bytes_a_second = PROFILES[name][f"{way}-kbit"] * 125
    speaker.say(bytes(20 * bytes_a_second))
    simulated.run(lambda: len(listener.heard) == 20 * bytes_a_second, seconds=60)
    seconds = listener.heard_at[-1] - listener.heard_at[0]
    assert len(listener.heard) / seconds == pytest.approx(bytes_a_second, rel=0.02)


# Recipes.


@pytest.mark.parametrize("name", RECIPES)
def test_the_table_of_a_recipe_is_complete(name: str) -> None:
    table = RECIPES[name]
    assert table.keys() == {"description", "protocol", "teaches", "rules"}
    assert table["teaches"]
    assert table["protocol"] in ("", *plugins.PROTOCOLS)
    assert table["protocol"] == "" or name.startswith(table["protocol"]) or name in OTHERS
    names = [rule["name"] for rule in table["rules"]]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_over_when_it_says(name: str) -> None:
    stated = re.search(r" (\d+) s\.$", RECIPES[name]["description"])
    assert stated is not None
    ends = [rule["stop"] for rule in RECIPES[name]["rules"]]
    assert round(max(ends)) == int(stated[1])


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_makes_rules_of_its_protocol(name: str) -> None:
    needed = RECIPES[name]["protocol"]
    for protocol in [needed] if needed else plugins.PROTOCOLS:
        made = rules(PRESETS.recipe(name), protocol)
        assert [rule.name for rule in made] == [
            f"{name}-{rule['name']}" for rule in RECIPES[name]["rules"]
        ]
        Plan(made)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_may_begin_later(name: str) -> None:
    now = rules(PRESETS.recipe(name), RECIPES[name]["protocol"] or "tcp")
    later = rules(PRESETS.recipe(name, 30), RECIPES[name]["protocol"] or "tcp")
    for one, other in zip(now, later, strict=True):
        assert other.start == one.start + 30
        assert one.stop is not None
        assert other.stop == one.stop + 30
        assert (other.behavior, other.name) == (one.behavior, one.name)


def test_a_recipe_shifts_moments_alone() -> None:
    stalls = next(
        entry for entry in PRESETS.recipe("slow-disk", 100) if entry["name"] == "slow-disk-stalls"
    )
    assert {key: stalls[key] for key in ("start", "on", "off", "stop")} == {
        "start": 120,
        "on": 2,
        "off": 18,
        "stop": 220,
    }


def test_all_recipes_for_any_protocol_go_together() -> None:
    entries = [
        entry for name in RECIPES if not RECIPES[name]["protocol"] for entry in PRESETS.recipe(name)
    ]
    Plan(rules([*PRESETS.profile("3g"), *entries], "tcp"))


# Recipes that run, in virtual time.


def test_a_flapping_link_lets_traffic_pass_in_between() -> None:
    simulated = world(PRESETS.recipe("flapping-link", 10))
    client = simulated.client()
    client.say(b"before ")
    assert settled(client, 9) == b"before "
    for _ in range(6):
        heard = bytes(client.heard)
        simulated.run(seconds=2)  # it is down since a second
        client.say(b"down ")
        assert settled(client, 3) == heard
        assert settled(client, 2) == heard + b"down "
        client.say(b"up ")
        assert settled(client, 1) == heard + b"down up "
        simulated.run(seconds=12)
    client.say(b"after")
    assert settled(client, 3).endswith(b"after")


def test_nobody_connects_while_the_link_is_down() -> None:
    simulated = world(PRESETS.recipe("flapping-link"))
    client = simulated.client()
    client.say(b"hello")
    assert settled(client, 4) == b""
    assert simulated.backends == []
    assert settled(client, 2) == b"hello"


def test_a_failover_of_redis() -> None:
    entries = PRESETS.recipe("redis-failover", 5)
    simulated = World(*entries, protocol=redis(), on_data=agree, whole=True)
    said = {moment: set_a_key(simulated, moment) for moment in (1, 4, 6, 8, 11, 14, 16, 24, 26, 30)}
    assert said == {
        1: b"+OK",
        4: b"+OK",
        6: b"refused",
        8: b"refused",
        11: b"-LOADING",
        14: b"-LOADING",
        16: b"-READONLY",
        24: b"-READONLY",
        26: b"+OK",
        30: b"+OK",
    }


def agree(peer: Peer, data: bytes) -> None:
    """A Redis that has nothing against any command."""
    peer.say(b"+OK\r\n" * data.count(b"SET"))


def redis() -> Protocol:
    return registry.protocols.get("redis")()


def set_a_key(simulated: World, moment: float) -> bytes:
    """The first word that a new client hears then."""
    simulated.run(seconds=moment - simulated.system.time)
    try:
        client = simulated.client()
    except ConnectionRefusedError:
        return b"refused"
    client.say(b"SET a b\r\n")
    simulated.run(seconds=0.5)
    return bytes(client.heard).split()[0] if client.heard else client.ended.encode()


def test_a_failover_of_redis_resets_who_was_there() -> None:
    simulated = World(*PRESETS.recipe("redis-failover", 5), protocol=redis())
    client = simulated.client()
    simulated.run(seconds=4.9)
    assert client.ended == ""
    simulated.run(seconds=0.2)
    assert client.ended == "reset"


def test_an_outage_of_names_leaves_open_connections_alone() -> None:
    simulated = world(PRESETS.recipe("dns-outage", 1))
    before = simulated.client()
    simulated.run(seconds=10)
    during = simulated.client()
    before.say(b"I am here")
    assert settled(before, 10) == b"I am here"
    assert during.ended
    simulated.run(seconds=60)
    after = simulated.client()
    after.say(b"and I")
    assert settled(after, 1) == b"and I"


def test_a_rolling_restart_hits_each_connection_once() -> None:
    simulated = world(PRESETS.recipe("rolling-restart", 1))
    clients = [simulated.client() for _ in range(300)]
    simulated.run(seconds=0.9)
    lost = []
    for _ in range(3):
        simulated.run(seconds=10)
        lost.append(sum(client.ended == "reset" for client in clients))
        simulated.run(seconds=20)
    assert lost[0] == pytest.approx(100, abs=25)
    assert lost[1] == pytest.approx(200, abs=25)
    assert lost[2] == 300


@pytest.mark.parametrize("name", [name for name in RECIPES if not RECIPES[name]["protocol"]])
def test_all_is_as_it_was_when_a_recipe_is_over(name: str) -> None:
    entries = PRESETS.recipe(name)
    simulated = world(entries)
    simulated.run(seconds=max(number(entry, "stop") for entry in entries) + 0.1)
    client = simulated.client()
    client.say(b"hello")
    assert settled(client, 0.1) == b"hello"


def test_a_brown_out_gets_worse_and_better() -> None:
    simulated = world([entry for entry in PRESETS.recipe("brown-out") if "percent" not in entry])
    client = simulated.client()
    simulated.run(seconds=0.5)
    took: dict[int, float] = {}
    for moment in (30, 60, 90, 125):
        simulated.run(seconds=moment - simulated.system.time)
        heard, asked_at = len(client.heard_at), simulated.system.time
        client.say(b"?")
        simulated.run(seconds=20)
        took[moment] = client.heard_at[heard] - asked_at
    assert took[30] == pytest.approx(1, abs=0.9)
    assert took[60] == pytest.approx(2, abs=1.5)
    assert took[60] > took[30]
    assert took[60] > took[90]
    assert took[125] < 0.1


@pytest.mark.parametrize("name", PROFILES)
def test_profiles_leave_nothing_to_defaults(name: str) -> None:
    for entry in PRESETS.profile(name):
        options = options_of(registry.behaviors.get(str(entry["behavior"])))
        assert options.keys() <= entry.keys()
