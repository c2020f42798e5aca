"""The state as a whole over the native API."""

from __future__ import annotations

import socket

from live import Live
from native import Native
from vaurien.errors import OptionError

RULE = {"behavior": "delay", "name": "slow", "sleep": 0}


def test_what_was_got_can_be_put(ask: Native, running: Live, cache: str) -> None:
    ask("POST", f"{cache}/rules", RULE)
    assert running.ask() == b"hello"
    address = running.control.address()
    whole = ask("GET", "/v1/state")
    answer = ask("PUT", "/v1/state", whole.body)
    assert (answer.status, answer.body) == (200, {"changes": []})
    assert answer.headers["etag"] == whole.headers["etag"]
    assert running.control.address() == address
    assert ask("GET", f"{cache}/rules/slow").body["status"]["fired"] == 1


def test_a_state_is_made_exactly_so_or_not_at_all(ask: Native, running: Live, cache: str) -> None:
    state = ask("GET", "/v1/state").body
    table = {"listen": "127.0.0.1:0", "backend": str(running.backend)}
    state["proxies"][0]["enabled"] = False
    state["proxies"].append({"name": "b", **table, "rules": [RULE]})
    dry = ask("PUT", "/v1/state?dry_run=true", state)
    assert (dry.status, len(running.control.state.proxies)) == (200, 1)
    answer = ask("PUT", "/v1/state", state)
    assert answer.body == dry.body
    assert [(each["op"], each["proxy"], each["path"]) for each in answer.body["changes"]] == [
        ("change", "cache", "/enabled"),
        ("add", "b", ""),
    ]
    assert running.ask(proxy="b") == b"hello"
    wrong = {"proxies": [{"name": "b"}, {**table}, {"name": "b", **table}, 5], "sed": 1}
    answer = ask("PUT", "/v1/state", wrong)
    assert set(answer.pointers) == {
        "#/proxies/0/backend",
        "#/proxies/1/name",
        "#/proxies/2/name",
        "#/proxies/3",
        "#/sed",
    }
    assert len(running.control.state.proxies) == 2


def test_an_address_that_is_taken(ask: Native, running: Live) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        table = {"listen": listen, "backend": str(running.backend)}
        answer = ask("PUT", "/v1/state", {"proxies": [{"name": "a", **table}]})
        assert (answer.status, list(answer.pointers)) == (409, ["#/proxies/0/listen"])
        answer = ask("PUT", "/v1/proxies/a", table)
        assert (answer.status, list(answer.pointers)) == (409, ["#/listen"])
    assert running.control.state.proxies == ()


def test_two_writers(ask: Native, cache: str) -> None:
    one, other = ask("GET", "/v1/state"), ask("GET", "/v1/state")
    one.body["seed"] = 1
    headers = {"If-Match": one.headers["etag"]}
    assert ask("PUT", "/v1/state", one.body, headers).status == 200
    assert ask("PUT", "/v1/state", other.body, headers).status == 412
    assert ask("GET", "/v1/state").body["seed"] == 1


def test_the_seed(ask: Native, running: Live, cache: str) -> None:
    ask("PUT", "/v1/proxies/b", {"backend": str(running.backend), "seed": 5})
    assert ask("PUT", "/v1/seed", {"seed": 9}).body == {"seed": 9}
    assert ask("GET", "/v1/seed").body == {"seed": 9}
    assert [spec.plan.seed for spec in running.control.state.proxies] == [9, 5]
    assert "seed" not in ask("GET", cache).body
    assert set(ask("PUT", "/v1/seed", {"seed": -1, "a": 1}).pointers) == {"#/seed", "#/a"}
    assert set(ask("PUT", "/v1/seed", {}).pointers) == {"#/seed"}


def test_one_request_heals_everything(ask: Native, running: Live, cache: str) -> None:
    ask("POST", f"{cache}/rules", RULE)
    ask("PUT", "/v1/proxies/b", {"backend": str(running.backend), "enabled": False})
    answer = ask("POST", "/v1/reset?proxy=b")
    assert answer.body == {"enabled": ["b"], "rules_removed": {}, "not_enabled": {}}
    answer = ask("POST", "/v1/reset")
    assert answer.body == {"enabled": [], "rules_removed": {"cache": ["slow"]}, "not_enabled": {}}
    assert ask("GET", f"{cache}/rules").body == {"rules": []}
    assert ask("POST", "/v1/reset?proxy=nope").status == 404


def test_rules_are_removed_though_an_address_is_taken(ask: Native, running: Live) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        table = {"listen": listen, "backend": str(running.backend), "enabled": False}
        ask("PUT", "/v1/proxies/a", {**table, "rules": [RULE]})
        answer = ask("POST", "/v1/reset")
    assert (answer.status, answer.body["rules_removed"]) == (200, {"a": ["slow"]})
    assert "Address already in use" in answer.body["not_enabled"]["a"]


def test_rules_are_removed_though_a_backend_is_refused(
    ask: Native, running: Live, cache: str
) -> None:
    table = {"name": "b", "listen": "127.0.0.1:0", "backend": "127.0.0.1:1"}
    address = ask("POST", "/v1/proxies", {**table, "rules": [RULE]}).body["status"]["address"]
    ask("PATCH", "/v1/proxies/b", {"enabled": False})
    assert ask("PATCH", cache, {"backend": address}).status == 200
    table |= {"listen": address, "backend": ask("GET", cache).body["status"]["address"]}
    assert ask("PATCH", "/v1/proxies/b", table).status == 200
    answer = ask("POST", "/v1/reset")
    assert (answer.status, answer.body["rules_removed"]) == (200, {"b": ["slow"]})
    assert "b -> cache -> b" in answer.body["not_enabled"]["b"]


def test_only_what_nobody_has_changed_since_is_healed(ask: Native, cache: str) -> None:
    state, proxy = (ask("GET", path).headers["etag"] for path in ("/v1/state", cache))
    ask("PUT", "/v1/seed", {"seed": 1000})
    for path, tag in (("/v1/reset", state), ("/v1/reset?proxy=cache", proxy)):
        assert ask("POST", path, headers={"If-Match": tag}).status == 412
        tag = ask("GET", cache if "cache" in path else "/v1/state").headers["etag"]
        assert ask("POST", path, headers={"If-Match": tag}).status == 200


def test_the_file_is_read_again(ask: Native, running: Live) -> None:
    assert ask("POST", "/v1/reload").status == 409

    def refuse() -> None:
        raise OptionError("the file is wrong")

    running.control.reload = lambda: None
    assert ask("POST", "/v1/reload").body == {"changed": False, "changes": []}
    assert ask("POST", "/v1/reload", headers={"If-Match": '"999"'}).status == 412
    running.control.reload = refuse
    assert ask("POST", "/v1/reload").status == 422
