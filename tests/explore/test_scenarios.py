"""Scenarios as identifiers, words and rules."""

from __future__ import annotations

import pytest

from traces import exchange, trace_of
from vaurien import plugins, registry
from vaurien.config.entries import plan_of_request
from vaurien.config.replay import parse
from vaurien.config.scenario import to_toml
from vaurien.explore.points import points_of
from vaurien.explore.scenarios import Scenario, scenario_of, scenarios_at
from vaurien.protocol import Protocol
from vaurien.protocols.http import Http
from vaurien.protocols.memcache import Memcache
from vaurien.protocols.mysql import MySQL
from vaurien.protocols.postgresql import PostgreSQL
from vaurien.protocols.redis import Redis
from vaurien.protocols.smtp import Smtp
from vaurien.protocols.tcp import Tcp

TRACE = trace_of(
    exchange(1, command="SET", access="write", grows="yes", key="a1"),
    exchange(2, command="SET", access="write", grows="yes", key="a2"),
)


def found(*, every_fault: bool = False) -> dict[str, Scenario]:
    scenarios = scenarios_at(points_of(TRACE), TRACE, every_fault=every_fault)
    return {scenario.id: scenario for scenario in scenarios}


def test_a_scenario_is_a_rule() -> None:
    scenario = found()["db/SET-aN/2/LOADING/once"]
    assert list(scenario.entries()) == [
        (
            "db",
            {
                "behavior": "error",
                "fault": "LOADING",
                "match.command": "SET",
                "match.access": "write",
                "match.grows": "yes",
                "match.key": r"~^a\d+(?:\.\d+)?$",
                "name": "explored",
                "after": 1,
                "times": 1,
            },
        )
    ]
    assert scenario.text == "LOADING at db: SET a2 #2, once"


def test_a_lasting_one_has_no_end() -> None:
    ((_, entry),) = found()["db/SET-aN/1/reply-lost/lasting"].entries()
    assert "times" not in entry
    assert "after" not in entry


def test_each_has_its_own_identifier() -> None:
    scenarios = scenarios_at(points_of(TRACE), TRACE, every_fault=True)
    assert len({scenario.id for scenario in scenarios}) == len(scenarios)
    assert len(scenarios) > len(found())


def test_what_differs_most_comes_first() -> None:
    first = list(found().values())[:3]
    assert [(each.point.id, each.injection.name) for each in first] == [
        ("db/connect/1", "refused"),
        ("db/SET-aN/1", "reply-lost"),
        ("db/SET-aN/2", "reply-lost"),
    ]
    modes = [scenario.mode for scenario in found().values()]
    assert modes == sorted(modes, key=("once", "lasting").index)


def test_a_second_fault() -> None:
    before = found()["db/SET-aN/1/reply-lost/once"]
    again = trace_of(
        *(exchange(n, command="SET", access="write", grows="yes", key="a1") for n in (1, 2, 3))
    )
    deeper = scenarios_at(points_of(again)[-1:], again, every_fault=False, before=before)[0]
    assert deeper.id == "db/SET-aN/1/reply-lost/once+db/SET-aN/3/reply-lost/once"
    assert deeper.depth == 2
    assert deeper.text.endswith("once; then reply-lost at db: SET a1 #3, once")
    assert [entry["name"] for _, entry in deeper.entries()] == ["explored-2", "explored"]


EXCHANGES: list[tuple[type[Protocol], dict[str, str]]] = [
    (Redis, {"command": "EXEC", "access": "other", "grows": "no", "key": "a"}),
    (Memcache, {"command": "incr", "key": "n", "form": "text", "quiet": "no"}),
    (MySQL, {"phase": "command", "command": "QUERY", "verb": "COMMIT", "sql": "COMMIT"}),
    (MySQL, {"phase": "login", "command": "LOGIN", "verb": "LOGIN", "user": "me"}),
    (PostgreSQL, {"phase": "query", "verb": "INSERT", "sql": "insert '1'", "mode": "extended"}),
    (PostgreSQL, {"phase": "startup", "verb": "STARTUP", "user": "me", "database": "x"}),
    (Http, {"method": "POST", "path": "/orders/1", "query": "", "host": "a:80", "reused": "no"}),
    (Smtp, {"verb": "RCPT", "phase": "command", "address": "a@b.c", "argument": "TO:<a@b.c>"}),
    (Tcp, {}),
]


@pytest.mark.parametrize(("protocol", "labels"), EXCHANGES)
def test_all_are_rules_that_can_be_applied(
    protocol: type[Protocol], labels: dict[str, str]
) -> None:
    plugins.install()
    trace = trace_of(exchange(1, labels=labels), protocol=protocol)
    scenarios = scenarios_at(points_of(trace), trace, every_fault=True)
    assert len({each.id for each in scenarios}) == len(scenarios) > 0
    for scenario in scenarios:
        for _, entry in scenario.entries():
            plan_of_request([entry], registry.behaviors.get, protocol, 0)


@pytest.mark.parametrize(("protocol", "labels"), EXCHANGES)
def test_a_file_is_the_same_scenario(protocol: type[Protocol], labels: dict[str, str]) -> None:
    plugins.install()
    trace = trace_of(exchange(1, labels=labels), protocol=protocol)
    for scenario in scenarios_at(points_of(trace), trace, every_fault=True):
        fires = parse(to_toml(scenario.fires(), scenario.text)).fires
        assert scenario_of(fires, trace) == scenario


def test_a_file_may_say_what_is_no_scenario_of_ours() -> None:
    text = """
    [[fire]]
    proxy = "db"
    behavior = "error"
    options = { fault = "WRONGTYPE" }
    exchange = { command = "SET", key = "~^a" }
    occurrence = 2
    lasting = true

    [[fire]]
    proxy = "db"
    behavior = "slow-accept"
    """
    scenario = scenario_of(parse(text).fires, TRACE)
    assert scenario.id == "db/connect/1/slow-accept/once+db/SET-~-a/2/WRONGTYPE/lasting"
    assert [entry["behavior"] for _, entry in scenario.entries()] == ["error", "slow-accept"]
