"""Proxies over the native API."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from live import Live
from native import Native
from vaurien.authority.certificates import make_leaf


def test_a_proxy_is_made_and_removed(ask: Native, running: Live) -> None:
    body = {"name": "a/b", "listen": "127.0.0.1:0", "backend": str(running.backend)}
    made = ask("POST", "/v1/proxies", body)
    assert (made.status, made.headers["location"]) == (201, "/v1/proxies/a%2Fb")
    found = ask("GET", "/v1/proxies/a%2Fb")
    assert found.headers["etag"] == f'"{found.body["status"]["generation"]}"'
    assert ask("GET", "/v1/proxies").body["proxies"] == [found.body]
    assert running.ask(proxy="a/b") == b"hello"
    found = ask("GET", "/v1/proxies/a%2Fb")
    assert found.body["status"]["connections"]["accepted"] == 1
    taken = ask("POST", "/v1/proxies", body)
    assert (taken.status, taken.body["errors"][0]["pointer"]) == (409, "#/name")
    assert ask("DELETE", "/v1/proxies/a%2Fb").status == 204
    assert ask("GET", "/v1/proxies/a%2Fb").status == 404
    assert ask("DELETE", "/v1/proxies/a%2Fb").status == 404


def test_all_that_is_wrong_is_told(ask: Native) -> None:
    rule = {"behavior": "delay", "sleep": -1, "percnt": 3}
    body = {"name": "a", "listen": "x", "rules": [rule], "bakend": "b:1"}
    answer = ask("POST", "/v1/proxies", body)
    assert answer.status == 422
    assert set(answer.pointers) == {
        "#/backend",
        "#/bakend",
        "#/listen",
        "#/rules/0/percnt",
        "#/rules/0/sleep",
    }


def test_a_proxy_is_put(ask: Native, running: Live) -> None:
    table = {
        "listen": "127.0.0.1:0",
        "backend": str(running.backend),
        "behavior": "10:delay",
        "profile": "lte",
        "rules": [{"behavior": "hang", "percent": 0}],
    }
    made = ask("PUT", "/v1/proxies/a", table)
    assert (made.status, made.headers["location"]) == (201, "/v1/proxies/a")
    names = [rule["name"] for rule in made.body["rules"]]
    assert (names[0], names[-1]) == ("delay", "hang")
    again = ask("PUT", "/v1/proxies/a", made.body)
    assert (again.status, again.headers["etag"]) == (200, made.headers["etag"])
    assert again.body["status"]["address"] == made.body["status"]["address"]
    less = ask("PUT", "/v1/proxies/a", {"backend": str(running.backend)})
    assert less.body["rules"] == []
    assert less.headers["etag"] != made.headers["etag"]
    assert ask("PUT", "/v1/proxies/a", {"name": "b", **table}).status == 422


def test_a_proxy_is_patched(ask: Native, running: Live, cache: str) -> None:
    kept = running.connect()
    answer = ask("PATCH", cache, {"timeout": 60, "behavior": "30:delay", "profile": "lte"})
    assert (answer.status, answer.body["timeout"]) == (200, 60)
    address = answer.body["status"]["address"]
    count = len(answer.body["rules"])
    answer = ask("PATCH", cache, {"behavior": "20:hang", "profile": "dial-up", "timeout": None})
    names = [rule["name"] for rule in answer.body["rules"]]
    assert len(names) == count
    assert "hang" in names
    assert "delay" not in names
    answer = ask("PATCH", cache, {"behavior": None, "profile": None, "rules": None})
    assert (answer.body["rules"], answer.body["timeout"]) == ([], 0)
    assert answer.body["status"]["address"] == address
    assert ask("PATCH", cache, {"enabled": False}).body["status"]["address"] is None
    assert ask("PATCH", cache, {"enabled": None}).body["status"]["address"] == address
    assert set(ask("PATCH", cache, {"backend": None, "x": 1}).pointers) == {"#/backend", "#/x"}
    assert ask("PATCH", "/v1/proxies/nope", {}).status == 404
    kept.close()


def test_a_patch_removes_only_what_there_can_be(ask: Native, cache: str) -> None:
    nothing = {"": None, "bakend": None, "max_connections": None, "profile": None}
    assert set(ask("PATCH", cache, nothing).pointers) == {"#/", "#/bakend"}
    tls = {"mode": "originate", "nope": None, "ca": None}
    assert set(ask("PATCH", cache, {"tls": tls}).pointers) == {"#/tls/nope"}


def test_a_patch_may_be_written_as_files_are(ask: Native, cache: str) -> None:
    patch = {"connect-timeout": 3, "tls": {"mode": "originate", "server-name": "a.example"}}
    answer = ask("PATCH", cache, patch)
    assert (answer.status, answer.body["connect_timeout"]) == (200, 3)
    assert answer.body["tls"]["server_name"] == "a.example"
    answer = ask("PATCH", cache, {"tls": {"server-name": None}})
    assert answer.body["tls"] == {"mode": "originate"}
    both = {"connect-timeout": 3, "connect_timeout": 3}
    assert set(ask("PATCH", cache, both).pointers) == {"#/connect-timeout"}


def test_another_protocol_has_options_of_its_own(ask: Native, cache: str) -> None:
    answer = ask("PATCH", cache, {"protocol": "smtp", "options": {"tls": "pass"}})
    assert answer.body["options"]["tls"] == "pass"
    assert ask("PATCH", cache, {"protocol": "redis"}).body["protocol"] == "redis"
    answer = ask("PATCH", cache, {"options": {"nope": 1}})
    assert list(answer.pointers) == ["#/options/nope"]


def test_what_exists_is_not_created(ask: Native, cache: str) -> None:
    only_new = {"If-None-Match": "*"}
    body = {"name": "cache", "backend": "b:1"}
    assert ask("PUT", cache, {"backend": "b:1"}, only_new).status == 412
    assert ask("POST", "/v1/proxies", body, only_new).status == 412
    assert ask("PUT", "/v1/proxies/x", {"backend": "b:1"}, {"If-Match": "*"}).status == 412
    assert ask("PUT", "/v1/proxies/x", {"backend": "b:1"}, only_new).status == 201


def test_a_change_of_one_proxy_is_none_of_another(ask: Native, running: Live, cache: str) -> None:
    tag = ask("GET", cache).headers["etag"]
    ask("PUT", "/v1/proxies/b", {"backend": str(running.backend)})
    ask("POST", "/v1/proxies/b/rules", {"behavior": "hang"})
    assert ask("GET", cache).headers["etag"] == tag
    assert ask("PATCH", cache, {"timeout": 3}, {"If-Match": tag}).status == 200
    assert ask("PATCH", cache, {"timeout": 4}, {"If-Match": tag}).status == 412


def test_names_as_users_have_them(ask: Native, running: Live) -> None:
    for name, path in (("größe", "gr%C3%B6%C3%9Fe"), ("r m/s", "r%20m%2Fs"), ("x" * 255,) * 2):
        body = {"name": name, "listen": "127.0.0.1:0", "backend": str(running.backend)}
        made = ask("POST", "/v1/proxies", body)
        assert (made.status, made.headers["location"]) == (201, f"/v1/proxies/{path}")
        assert ask("GET", f"/v1/proxies/{path}").body["name"] == name
    for wrong in ("", "a\n", "x" * 256, "\ud800"):
        answer = ask("POST", "/v1/proxies", {"name": wrong, "backend": "b:1"})
        assert (answer.status, list(answer.pointers)) == (422, ["#/name"])


def test_a_proxy_is_not_its_own_backend(ask: Native) -> None:
    body = {"name": "a", "listen": "127.0.0.1:7", "backend": "127.0.0.1:7"}
    assert list(ask("POST", "/v1/proxies", body).pointers) == ["#/backend"]


def test_a_backend_that_is_not_allowed(ask: Native) -> None:
    table = {"name": "a", "listen": "127.0.0.1:0", "backend": "169.254.169.254:80"}
    assert list(ask("POST", "/v1/proxies", table).pointers) == ["#/backend"]
    answer = ask("PUT", "/v1/state", {"proxies": [table]})
    assert (answer.status, list(answer.pointers)) == (422, ["#/proxies/0/backend"])


@pytest.mark.parametrize("path", ["/v1/proxies", "/v1/state"])
def test_all_that_is_wrong_is_listed(ask: Native, path: str) -> None:
    table = {"name": 1, "backend": 2, "timeout": -1, "rules": [{"behavior": "dely"}, 5]}
    keys = ("name", "backend", "timeout", "rules/0/behavior", "rules/1")
    if path == "/v1/proxies":
        answer = ask("POST", path, table)
        assert set(answer.pointers) == {f"#/{key}" for key in keys}
        assert list(ask("POST", path, {}).pointers.values()) == [
            "name is missing: it takes 1 to 255 printable characters, but not . or ..",
            "backend is missing: it takes HOST:PORT, [IPV6]:PORT or unix:/path",
        ]
    else:
        answer = ask("PUT", path, {"proxies": [table]})
        assert set(answer.pointers) == {f"#/proxies/0/{key}" for key in keys}


def test_a_merge_patch_removes_what_brought_rules(ask: Native, cache: str) -> None:
    own = {"behavior": "delay", "name": "own", "sleep": 0}
    brings = {"behavior": "5:hang", "profile": "3g", "recipe": "brown-out"}
    for key, value in brings.items():
        assert ask("PATCH", cache, {key: value, "rules": [own]}).status == 200
        answer = ask("PATCH", cache, {key: None})
        assert [rule["name"] for rule in answer.body["rules"]] == ["own"]


def test_a_change_through_another_view_is_not_overwritten(ask: Native, cache: str) -> None:
    before = ask("GET", cache)
    path, toxic = "/proxies/cache/toxics", {"type": "latency", "attributes": {"latency": 0}}
    assert ask("POST", path, toxic).status == 200
    condition = {"If-Match": before.headers["etag"]}
    assert ask("PUT", cache, before.body, condition).status == 412
    now = ask("GET", cache)
    assert ask("PUT", "/plan?proxy=cache", {"rules": []}).status == 200
    assert ask("PUT", cache, now.body, {"If-Match": now.headers["etag"]}).status == 412


def test_tls_is_put_and_changed(ask: Native, running: Live) -> None:
    body = {"backend": str(running.backend), "tls": "both"}
    made = ask("PUT", "/v1/proxies/a", body)
    assert made.body["tls"] == {"mode": "both"}
    again = ask("PUT", "/v1/proxies/a", made.body)
    assert (again.status, again.headers["etag"]) == (200, made.headers["etag"])
    rules = [{"name": "r", "behavior": "delay", "sni": "x"}]
    changed = ask("PATCH", "/v1/proxies/a", {"tls": {"insecure": True}, "rules": rules})
    assert changed.body["tls"] == {"mode": "both", "insecure": True}
    wrong = ask("PATCH", "/v1/proxies/a", {"tls": None})
    assert wrong.pointers == {
        "#/rules/0/match.sni": "rules[0].\"match.sni\" = 'x' is known only on a proxy with the key "
        "tls"
    }
    changed = ask("PATCH", "/v1/proxies/a", {"tls": None, "rules": []})
    assert (changed.status, "tls" in changed.body) == (200, False)


def test_what_is_wrong_with_tls_is_told(ask: Native) -> None:
    tls = {"mode": "both", "cert": "/none", "cret": "x"}
    answer = ask("PUT", "/v1/proxies/a", {"backend": "b:1", "tls": tls})
    assert answer.status == 422
    assert set(answer.pointers) == {"#/tls/cert", "#/tls/cret"}


def test_no_private_key_is_shown(ask: Native, running: Live, tmp_path: Path) -> None:
    pem = make_leaf(None, ["a"], datetime.now(UTC)).pem
    (tmp_path / "leaf.pem").write_bytes(pem)
    tls = {"mode": "terminate", "cert": str(tmp_path / "leaf.pem")}
    assert ask("PUT", "/v1/proxies/a", {"backend": str(running.backend), "tls": tls}).status == 201
    secret = pem.splitlines()[1].decode()
    for path in ("/v1/proxies/a", "/v1/state"):
        assert secret not in str(ask("GET", path).body)
