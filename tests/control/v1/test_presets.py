"""Profiles and recipes, applied to proxies that run."""

from __future__ import annotations

import pytest

from control.plane import Plane
from live import Live
from native import Native
from vaurien.control.v1.app import made
from vaurien.control.v1.presets import start_recipe
from vaurien.control.v1.problems import Refusal
from vaurien.control.v1.routes import Call, Change
from vaurien.control.v1.table import TABLE


def names(ask: Native, proxy: str) -> list[str]:
    return [rule["name"] for rule in ask("GET", f"{proxy}/rules").body["rules"]]


def test_a_profile_takes_the_place_of_the_one_before(ask: Native, cache: str) -> None:
    assert ask("POST", f"{cache}/profile", {"name": "3g"}).status == 200
    ask("POST", f"{cache}/rules", {"behavior": "hang", "percent": 0})
    answer = ask("POST", f"{cache}/profile", {"name": "dsl"})
    found = [rule["name"] for rule in answer.body["rules"]]
    assert found[-1] == "hang"
    assert len(found) > 1
    assert all(name.startswith("dsl-") for name in found[:-1])
    assert ask("DELETE", f"{cache}/profile").status == 204
    assert names(ask, cache) == ["hang"]
    assert ask("DELETE", f"{cache}/profile").status == 404


def test_what_is_wrong_is_told(ask: Native, cache: str) -> None:
    answer = ask("POST", f"{cache}/profile", {"name": "3gg", "start": 1})
    assert set(answer.pointers) == {"#/start"}
    answer = ask("POST", f"{cache}/profile", {"name": "3gg"})
    assert "did you mean" in answer.pointers["#/name"]
    answer = ask("POST", f"{cache}/recipes", {"start": -1})
    assert set(answer.pointers) == {"#/name", "#/start"}
    answer = ask("POST", f"{cache}/recipes", {"name": "redis-failover"})
    assert answer.status == 422
    assert "is for the protocol redis" in answer.pointers["#/name"]
    for path in (f"{cache}/recipes/nope", f"{cache}/recipes/redis-slow"):
        assert ask("DELETE", path).status == 404


def test_a_recipe_is_started_once_and_ended(ask: Native, running: Live) -> None:
    body = {"listen": "127.0.0.1:0", "backend": str(running.backend), "protocol": "redis"}
    path = "/v1/proxies/r"
    assert ask("PUT", path, body).status == 201
    started = ask("POST", f"{path}/recipes", {"name": "redis-failover", "start": 5})
    assert started.status == 200
    states = {rule["status"]["state"] for rule in started.body["rules"]}
    assert states == {"off"}
    again = ask("POST", f"{path}/recipes", {"name": "redis-failover"})
    assert (again.status, again.body["detail"]) == (409, "the recipe 'redis-failover' is running")
    assert ask("POST", f"{path}/recipes", {"name": "redis-slow"}).status == 200
    assert ask("DELETE", f"{path}/recipes/redis-failover").status == 204
    assert all(name.startswith("redis-slow-") for name in names(ask, path))


def test_a_recipe_that_is_over_can_be_started_again(plane: Plane) -> None:
    def start() -> None:
        call = Call(plane.control, TABLE, {"proxy": "cache"}, {}, {}, {"name": "brown-out"})
        change = start_recipe(call)
        assert isinstance(change, Change)
        made(plane.control, change, "POST")

    start()
    plane.pass_time(1)
    with pytest.raises(Refusal, match="is running"):
        start()
    plane.pass_time(3600)
    start()
    assert {rule.restarts for rule in plane.control.state.proxies[0].plan.rules} == {1}
    proxy = next(iter(plane.proxies))
    assert {rule.applied_at for rule in proxy.active_plan.by_name().values()} == {
        plane.reactor.clock()
    }
    with pytest.raises(Refusal, match="is running"):
        start()
