"""Rules over the native API: each by itself, without a change of the others."""

from __future__ import annotations

import pytest

from live import Live
from native import Native

DELAY = {"name": "slow", "behavior": "delay", "sleep": 0.0}


@pytest.fixture
def rules(ask: Native, cache: str) -> str:
    """The path of the rules of a proxy."""
    return f"{cache}/rules"


def names(ask: Native, rules: str) -> list[str]:
    return [rule["name"] for rule in ask("GET", rules).body["rules"]]


def test_a_rule_is_added_changed_and_removed(ask: Native, running: Live, rules: str) -> None:
    made = ask("POST", rules, DELAY)
    assert (made.status, made.headers["location"]) == (201, f"{rules}/slow")
    status = {"state": "on", "matched": 0, "fired": 0, "expires_in": None}
    assert made.body == {**DELAY, "before": True, "paused": False, "status": status}
    assert running.ask() == b"hello"
    changed = ask("PATCH", f"{rules}/slow", {"percent": 50, "sleep": None})
    assert (changed.status, changed.body["percent"], changed.body["sleep"]) == (200, 50, 1)
    assert changed.body["status"]["matched"] == 1
    assert ask("GET", f"{rules}/slow").body == changed.body
    assert ask("DELETE", f"{rules}/slow").status == 204
    assert ask("GET", f"{rules}/slow").status == 404
    assert names(ask, rules) == []


def test_a_rule_without_a_name_gets_one(ask: Native, rules: str) -> None:
    for name in ("hang", "hang-2", "hang-3"):
        assert ask("POST", rules, {"behavior": "hang"}).body["name"] == name
    taken = ask("POST", rules, {"behavior": "hang", "name": "hang"})
    assert (taken.status, taken.body["errors"][0]["pointer"]) == (409, "#/name")


def test_a_rule_is_put_before_another(ask: Native, rules: str) -> None:
    for name in ("a", "b"):
        ask("POST", rules, {**DELAY, "name": name})
    assert ask("POST", f"{rules}?before=b", {**DELAY, "name": "c"}).status == 201
    assert names(ask, rules) == ["a", "c", "b"]
    answer = ask("POST", f"{rules}?before=x", {**DELAY, "name": "d"})
    assert (answer.status, list(answer.pointers)) == (422, ["before"])


def test_a_rule_that_is_replaced_keeps_its_place_and_counts(
    ask: Native, running: Live, rules: str
) -> None:
    for name in ("a/b", "c"):
        ask("POST", rules, {**DELAY, "name": name})
    assert running.ask() == b"hello"
    answer = ask("PUT", f"{rules}/a%2Fb", {"behavior": "delay", "sleep": 0, "percent": 100})
    assert (answer.status, answer.body["status"]["fired"]) == (200, 1)
    assert names(ask, rules) == ["a/b", "c"]
    assert ask("PUT", f"{rules}/new", DELAY | {"name": "new"}).status == 201
    assert names(ask, rules) == ["a/b", "c", "new"]


def test_a_rule_is_paused(ask: Native, running: Live, rules: str) -> None:
    ask("POST", rules, {"behavior": "hang", "name": "stuck"})
    with running.connect() as client:
        client.sendall(b"hello")
        while not ask("GET", f"{rules}/stuck").body["status"]["fired"]:
            pass
        paused = ask("PATCH", f"{rules}/stuck", {"paused": True})
        assert paused.body["status"] == {
            "state": "paused",
            "matched": 1,
            "fired": 1,
            "expires_in": None,
        }
        assert client.recv(5) == b"hello"
    assert ask("PATCH", f"{rules}/stuck", {"paused": None}).body["paused"] is False


def test_what_was_got_can_be_put(ask: Native, rules: str) -> None:
    ask("POST", rules, {**DELAY, "mix": "m", "percent": 33.3, "ttl": 100})
    ask("POST", rules, {"behavior": "hang", "mix": "m", "percent": 60})
    everything = ask("GET", rules)
    one = ask("GET", f"{rules}/slow")
    assert 99 < one.body["status"]["expires_in"] <= 100
    assert ask("PUT", rules, everything.body).headers["etag"] == everything.headers["etag"]
    assert ask("PUT", f"{rules}/slow", one.body).headers["etag"] == one.headers["etag"]
    assert ask("PATCH", f"{rules}/slow", one.body).headers["etag"] == one.headers["etag"]


def test_the_bands_of_a_mix_stay_adjacent(ask: Native, running: Live, rules: str) -> None:
    for name, percent in (("a", 30), ("b", 20), ("c", 50)):
        body = {"behavior": "delay", "mix": "m", "name": name, "percent": percent}
        assert ask("POST", rules, body).status == 201
    more = ask("POST", rules, {"behavior": "delay", "mix": "m", "percent": 1})
    assert (more.status, list(more.pointers)) == (422, ["#/percent"])
    assert ask("PATCH", f"{rules}/a", {"percent": 31}).status == 422
    assert ask("PATCH", f"{rules}/a", {"percent": 10}).status == 200
    assert ask("DELETE", f"{rules}/b").status == 204
    (spec,) = running.control.state.proxies
    assert [(rule.low, rule.high) for rule in spec.plan.rules] == [(0, 10), (10, 60)]


def test_another_behavior_has_options_of_its_own(ask: Native, rules: str) -> None:
    ask("POST", rules, {**DELAY, "times": 3})
    answer = ask("PATCH", f"{rules}/slow", {"behavior": "hang"})
    assert answer.status == 200
    assert (answer.body["behavior"], answer.body["times"]) == ("hang", 3)


def test_all_that_is_wrong_is_told(ask: Native, rules: str) -> None:
    ask("POST", rules, DELAY)
    for method, path in (("POST", rules), ("PUT", f"{rules}/x"), ("PATCH", f"{rules}/slow")):
        answer = ask(method, path, {"behavior": "delay", "sleep": "x", "tims": 1, "percent": 101})
        assert answer.status == 422
        assert set(answer.pointers) == {"#/sleep", "#/tims", "#/percent"}
    answer = ask("PUT", rules, {"rules": [DELAY, {**DELAY, "name": "b", "every": 0}]})
    assert set(answer.pointers) == {"#/rules/1/every"}
    answer = ask("PUT", rules, {"rules": [DELAY, DELAY]})
    assert set(answer.pointers) == {"#/rules/1/name"}
    answer = ask("PUT", rules, {"rules": [1, DELAY, []]})
    assert set(answer.pointers) == {"#/rules/0", "#/rules/2"}
    assert list(ask("PUT", rules, {"rules": {}}).pointers) == ["#/rules"]
    assert set(ask("PUT", rules, {"rule": []}).pointers) == {"#/rules", "#/rule"}
    assert list(ask("PUT", f"{rules}/slow", {**DELAY, "name": "b"}).pointers) == ["#/name"]


def test_a_plugin_is_not_loaded_by_its_path(ask: Native, rules: str) -> None:
    answer = ask("POST", rules, {"behavior": "vaurien.behaviors.delay.Delay"})
    assert (answer.status, list(answer.pointers)) == (422, ["#/behavior"])


@pytest.mark.parametrize("value", ["\ud800", 1e999, 2**70, [1], {"a": 1}, None])
def test_hostile_values(ask: Native, rules: str, value: object) -> None:
    for key in ("sleep", "name", "percent", "mix"):
        answer = ask("POST", rules, {"behavior": "delay", key: value})
        assert answer.status in (400, 422) or (key, value) == ("mix", 2**70), key
    assert ask("POST", rules, {"behavior": "delay", "\ud800": 1}).status == 422


def test_a_thousand_rules(ask: Native, rules: str) -> None:
    entries = [{**DELAY, "name": f"r{number}", "percent": 0} for number in range(1000)]
    assert ask("PUT", rules, {"rules": entries}).status == 200
    assert ask("PATCH", f"{rules}/r500", {"paused": True}).body["paused"] is True
    answer = ask("POST", rules, DELAY)
    assert answer.status == 422
    assert "at most 1000" in answer.body["detail"]


def test_the_rules_of_a_proxy_that_is_not_there(ask: Native) -> None:
    for method, path, body in (
        ("GET", "rules", None),
        ("POST", "rules", DELAY),
        ("PUT", "rules", {"rules": []}),
        ("GET", "rules/slow", None),
        ("PUT", "rules/slow", DELAY),
        ("PATCH", "rules/slow", DELAY),
        ("DELETE", "rules/slow", None),
    ):
        assert ask(method, f"/v1/proxies/nope/{path}", body).status == 404


def test_all_that_is_wrong_with_a_list_is_told(ask: Native, cache: str) -> None:
    body = {"rules": [5, {"behavior": "delay", "percent": 101}], "rule": []}
    answer = ask("PUT", f"{cache}/rules", body)
    assert answer.status == 422
    assert set(answer.pointers) == {"#/rules/0", "#/rules/1/percent", "#/rule"}


@pytest.fixture
def redis(ask: Native, running: Live) -> str:
    """The path of the rules of a proxy that answers errors to writes."""
    rule = {"name": "e", "behavior": "error", "fault": "READONLY"}
    table = {"backend": str(running.backend), "protocol": "redis", "rules": [rule]}
    answer = ask("PUT", "/v1/proxies/r", {**table, "listen": "127.0.0.1:0"})
    assert answer.body["rules"][0]["match.access"] == "write"
    return "/v1/proxies/r/rules"


@pytest.mark.parametrize(
    ("patch", "match"),
    [
        ({"fault": "LOADING"}, {"match.access": "~^(read|write|other)$"}),
        ({"percent": 5}, {"match.access": "write"}),
        ({"command": "SET"}, {"match.access": "write", "match.command": "SET"}),
        ({"behavior": "hang", "fault": None}, {}),
        ({"access": "read", "fault": "LOADING"}, {"match.access": "read"}),
    ],
)
def test_what_a_fault_matches_changes_with_it(
    ask: Native, redis: str, patch: dict[str, object], match: dict[str, str]
) -> None:
    answer = ask("PATCH", f"{redis}/e", patch)
    assert answer.status == 200, answer.body
    found = {key: value for key, value in answer.body.items() if key.startswith("match.")}
    assert found == match


def test_a_label_is_given_once(ask: Native, redis: str) -> None:
    twice = {"command": "SET", "match.command": "GET"}
    assert ask("PATCH", f"{redis}/e", {"command": "DEL"}).status == 200
    for answer in (
        ask("POST", redis, {"behavior": "hang", **twice}),
        ask("PATCH", f"{redis}/e", twice),
    ):
        (why,) = answer.pointers.values()
        assert "is given twice, as command and as match.command" in why


def test_a_rule_that_can_never_fire(ask: Native, redis: str) -> None:
    rule = {
        "behavior": "error",
        "fault": "READONLY",
        "match": {"access": "write", "command": "GET"},
    }
    answer = ask("POST", redis, rule)
    assert answer.status == 422
    assert all(text[:1].isalpha() for text in answer.pointers.values())
