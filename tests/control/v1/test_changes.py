"""Several changes in one request."""

from __future__ import annotations

import socket

import pytest

from live import Live
from native import Native

DELAY = {"behavior": "delay", "sleep": 0}


def test_changes_are_made_together(ask: Native, running: Live, cache: str) -> None:
    table = {"name": "a/b", "listen": "127.0.0.1:0", "backend": str(running.backend)}
    generation = running.control.state.generation
    answer = ask(
        "POST",
        "/v1/changes",
        {
            "changes": [
                {"method": "POST", "path": "proxies", "body": table},
                {"method": "POST", "path": "/proxies/a%2Fb/rules", "body": DELAY},
                {"method": "POST", "path": "/v1/proxies/a%2Fb/profile", "body": {"name": "3g"}},
                {"method": "PATCH", "path": "proxies/a%2Fb/rules/delay", "body": {"percent": 5}},
                {
                    "method": "POST",
                    "path": "proxies/a%2Fb/rules?before=delay",
                    "body": {**DELAY, "name": "x"},
                },
                {"method": "DELETE", "path": "proxies/cache?drain=1"},
                {"method": "PUT", "path": "seed", "body": {"seed": 3}},
            ]
        },
    )
    assert answer.status == 200, answer.body
    assert running.control.state.generation == generation + 1
    results = answer.body["results"]
    assert [each["status"] for each in results] == [201, 201, 200, 200, 201, 204, 200]
    assert results[0]["body"]["status"]["address"] == str(running.control.address("a/b"))
    assert [rule["name"] for rule in results[0]["body"]["rules"]][:2] == ["x", "delay"]
    assert "body" not in results[5]
    assert ask("GET", cache).status == 404


def test_what_a_later_change_removes_has_no_body(ask: Native, running: Live) -> None:
    table = {"name": "a", "listen": "127.0.0.1:0", "backend": str(running.backend)}
    body = {
        "changes": [
            {"method": "POST", "path": "proxies", "body": table},
            {"method": "DELETE", "path": "proxies/a"},
        ]
    }
    answer = ask("POST", "/v1/changes", body)
    assert answer.body == {"results": [{"status": 200}, {"status": 204}]}


def test_all_or_nothing(ask: Native, running: Live, cache: str) -> None:
    body = {
        "changes": [
            {"method": "POST", "path": "proxies/cache/rules", "body": DELAY},
            {"method": "POST", "path": "proxies/cache/rules", "body": {**DELAY, "sleep": -1}},
            {"method": "POST", "path": "proxies", "body": {"name": "b", "listen": 5}},
            {"method": "POST", "path": "proxies/b/rules", "body": DELAY},
        ]
    }
    answer = ask("POST", "/v1/changes", body)
    assert answer.status == 422
    assert set(answer.pointers) == {
        "#/changes/1/body/sleep",
        "#/changes/2/body/backend",
        "#/changes/2/body/listen",
    }
    assert running.control.state.proxies[0].plan.rules == ()
    body["changes"][1:] = [{"method": "DELETE", "path": "proxies/nope"}]
    answer = ask("POST", "/v1/changes", body)
    assert (answer.status, list(answer.pointers)) == (404, ["#/changes/1/path"])


def test_each_change_may_have_a_condition(ask: Native, cache: str, running: Live) -> None:
    generation = ask("GET", cache).body["status"]["generation"]
    changes: list[dict[str, object]] = [
        {"method": "PUT", "path": "seed", "body": {"seed": 3}},
        {"method": "PATCH", "path": "proxies/cache", "body": {"timeout": 5}},
        {"method": "PUT", "path": "proxies/cache", "body": {"backend": str(running.backend)}},
        {"method": "POST", "path": "proxies/cache/rules", "body": DELAY},
        {"method": "POST", "path": "reset"},
    ]
    conditions = [{**change, "if_generation": generation} for change in changes[:4]]
    begun = running.control.state.generation
    body = {"changes": [*conditions, {**changes[4], "if_generation": begun}]}
    assert ask("POST", "/v1/changes", body).status == 200
    answer = ask("POST", "/v1/changes", {"changes": [changes[0], *conditions]})
    assert (answer.status, list(answer.pointers)) == (412, ["#/changes/1/if_generation"])
    assert answer.body["detail"] == f'it has changed: its ETag is "{begun + 1}"'


def test_an_address_that_is_taken_is_found_in_the_body(
    ask: Native, cache: str, running: Live
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        table = {"name": "b", "listen": listen, "backend": str(running.backend)}
        changes = [
            {"method": "POST", "path": "proxies/cache/rules", "body": DELAY},
            {"method": "POST", "path": "proxies", "body": table},
            {"method": "POST", "path": "proxies/b/rules", "body": DELAY},
        ]
        answer = ask("POST", "/v1/changes", {"changes": changes})
    assert (answer.status, list(answer.pointers)) == (409, ["#/changes/1/body/listen"])
    assert ask("GET", f"{cache}/rules").body == {"rules": []}
    table |= {"listen": "127.0.0.1:0", "backend": ask("GET", cache).body["status"]["address"]}
    changes.append({"method": "PATCH", "path": "proxies/cache", "body": {"backend": "127.0.0.1:1"}})
    assert ask("POST", "/v1/changes", {"changes": changes}).status == 200


def test_what_is_changed_together_is_logged(
    ask: Native, cache: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    change = {"method": "PATCH", "path": "proxies/cache", "body": {"timeout": 5}}
    other = {"method": "PATCH", "path": "proxies/cache?drain=1", "body": {"timeout": 7}}
    assert ask("POST", "/v1/changes", {"changes": [change] * 10 + [other]}).status == 200
    listed = ", ".join(["PATCH proxies/cache"] * 10)
    assert caplog.messages == [f"POST /v1/changes ({listed} and 1 more): generation 2"]


@pytest.mark.parametrize(
    ("change", "pointers"),
    [
        (5, {""}),
        ({}, {"/method", "/path"}),
        ({"method": "DELETE", "path": "proxies/a", "x": 1}, {"/x"}),
        ({"method": "DELETE", "path": "proxies/a", "if_generation": -1}, {"/if_generation"}),
        ({"method": "DELETE", "path": "proxies/a", "if_generation": True}, {"/if_generation"}),
        ({"method": "GET", "path": "proxies"}, {"/method"}),
        ({"method": "DELETE", "path": "proxies/a?x=1"}, {"/path"}),
        ({"method": "POST", "path": "nope"}, {"/path"}),
        ({"method": "POST", "path": "changes"}, {"/path"}),
        ({"method": "PUT", "path": "state", "body": {}}, {"/path"}),
        ({"method": "POST", "path": "proxies"}, {"/body"}),
        ({"method": "POST", "path": "proxies", "body": []}, {"/body"}),
        ({"method": "PUT", "path": "proxies/a", "body": {"name": "b"}}, {"/body/name"}),
    ],
)
def test_a_change_that_is_none(ask: Native, change: object, pointers: set[str]) -> None:
    answer = ask("POST", "/v1/changes", {"changes": [change]})
    assert answer.status == 422
    assert set(answer.pointers) == {f"#/changes/0{each}" for each in pointers}


def test_a_body_without_changes(ask: Native) -> None:
    assert list(ask("POST", "/v1/changes", {}).pointers) == ["#/changes"]
    assert list(ask("POST", "/v1/changes", {"x": 1}).pointers) == ["#/x"]
    assert ask("POST", "/v1/changes", {"changes": []}).body == {"results": []}


def test_a_state_that_has_changed_meanwhile(ask: Native, cache: str) -> None:
    body = {"changes": [{"method": "DELETE", "path": "proxies/cache"}]}
    assert ask("POST", "/v1/changes", body, {"If-Match": '"999"'}).status == 412
