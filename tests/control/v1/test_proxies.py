"""Proxies over the native API."""

from __future__ import annotations

from live import Live
from native import Native


def test_a_proxy_is_made_and_removed(ask: Native, running: Live) -> None:
    body = {"name": "a/b", "listen": "127.0.0.1:0", "backend": str(running.backend)}
    made = ask("POST", "/v1/proxies", body)
    assert (made.status, made.headers["location"]) == (201, "/v1/proxies/a%2Fb")
    assert running.ask(proxy="a/b") == b"hello"
    found = ask("GET", "/v1/proxies/a%2Fb")
    assert found.headers["etag"] == f'"{found.body["status"]["generation"]}"'
    assert ask("GET", "/v1/proxies").body["proxies"] == [found.body]
    assert found.body["status"]["connections"]["accepted"] == 1
    assert ask("POST", "/v1/proxies", body).status == 409
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
