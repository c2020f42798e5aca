"""What the methods about all proxies ask for, and make of the answers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from client.scripted import Script, answer
from vaurien.client import AsyncClient, Client, ClientError
from vaurien.client.native import PAGE


def test_where_the_api_is() -> None:
    client = Client()
    assert (client.host, client.port, client.scheme) == ("localhost", 8080, "http")
    assert client.root_url == "http://localhost:8080"
    assert Client("::1", 80).root_url == "http://[::1]:80"
    client = Client(url="https://chaos:8474")
    assert (client.host, client.port, client.scheme) == ("chaos", 8474, "https")
    assert Client(url="unix:/run/v.sock").root_url == "unix:/run/v.sock"
    client = Client(url="http://chaos:8474/#token=secret")
    assert (client.root_url, client._transport._token) == ("http://chaos:8474", "secret")
    with pytest.raises(ValueError, match="'here:80' is not a URL of the API"):
        Client(url="here:80")


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_the_environment_says_where_it_is(
    kind: type[Client] | type[AsyncClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VAURIEN_URL", raising=False)
    monkeypatch.delenv("VAURIEN_TOKEN", raising=False)
    assert kind.from_environment().root_url == "http://localhost:8474"
    monkeypatch.setenv("VAURIEN_URL", "http://[::1]:1234")
    monkeypatch.setenv("VAURIEN_TOKEN", "secret\n")
    client = kind.from_environment(timeout=3)
    assert (client.root_url, client.timeout) == ("http://[::1]:1234", 3)
    assert client._transport._token == "secret"


PROXY = {"name": "cache", "backend": "x:1", "rules": [], "status": {"generation": 3}}
STATE = {"seed": 3, "proxies": [PROXY]}


@pytest.mark.parametrize(
    ("call", "given", "asked", "body", "result"),
    [
        (lambda c: c.version(), {"version": "3.0"}, "GET /v1", None, "3.0"),
        (
            lambda c: c.request("GET", "/v1/proxies?x=y"),
            {"a": 1},
            "GET /v1/proxies?x=y",
            None,
            {"a": 1},
        ),
        (lambda c: c.proxies(), {"proxies": [PROXY]}, "GET /v1/proxies", None, [PROXY]),
        (
            lambda c: c.export(),
            STATE,
            "GET /v1/state",
            None,
            {"seed": 3, "proxies": [{"name": "cache", "backend": "x:1", "rules": []}]},
        ),
        (lambda c: c.apply(STATE), {"changes": []}, "PUT /v1/state", STATE, []),
        (
            lambda c: c.apply(STATE, dry_run=True),
            {"changes": [{"op": "add"}]},
            "PUT /v1/state?dry_run=true",
            STATE,
            [{"op": "add"}],
        ),
        (
            lambda c: c.change_all([{"method": "POST", "path": "reset"}]),
            {"results": [{"status": 200}]},
            "POST /v1/changes",
            {"changes": [{"method": "POST", "path": "reset"}]},
            [{"status": 200}],
        ),
        (lambda c: c.reset(), {"enabled": []}, "POST /v1/reset", None, {"enabled": []}),
        (lambda c: c.reset("a/b"), {}, "POST /v1/reset?proxy=a%2Fb", None, {}),
        (lambda c: c.reload(), {"changed": True}, "POST /v1/reload", None, {"changed": True}),
        (lambda c: c.seed(), {"seed": 3}, "GET /v1/seed", None, 3),
        (lambda c: c.set_seed(4), {"seed": 4}, "PUT /v1/seed", {"seed": 4}, 4),
        (lambda c: c.kill(), {"killed": 2}, "DELETE /v1/connections?how=reset", None, 2),
        (
            lambda c: c.catalogue("faults", "redis", "OOM"),
            {"name": "OOM"},
            "GET /v1/faults/redis/OOM",
            None,
            {"name": "OOM"},
        ),
    ],
)
def test_one_request(
    call: Callable[[Client], object], given: object, asked: str, body: object, result: object
) -> None:
    script = Script(given)
    assert call(script.client) == result
    assert (script.asked, script.bodies) == ([asked], [body])


def test_a_change_of_one_generation_only() -> None:
    script = Script({"changes": []})
    script.client.apply(STATE, if_generation=12)
    assert script.headers == [{"If-Match": '"12"'}]


def test_a_proxy_is_created_with_its_rules() -> None:
    script = Script(answer(201, PROXY))
    rules = [{"behavior": "latency"}]
    handle = script.client.create("cache", backend="x:1", rules=rules, listen=":0")
    assert handle.name == "cache"
    assert script.asked == ["POST /v1/proxies"]
    assert script.bodies == [
        {"name": "cache", "backend": "x:1", "listen": ":0", "rules": [{"behavior": "latency"}]}
    ]


def test_ready() -> None:
    script = Script(answer(200, {}), answer(503, {}), ClientError("nobody there"))
    assert [script.client.is_ready() for _ in range(3)] == [True, False, False]
    assert script.asked == ["GET /readyz"] * 3


def test_a_long_list_comes_in_pages() -> None:
    page = [{"id": number} for number in range(PAGE)]
    script = Script(
        {"entries": page, "next": 1000},
        {"entries": page, "next": 2000},
        {"entries": [{"id": 2001}], "next": 2001},
    )
    assert len(script.client.journal(rule="slow", after=7)) == 2001
    path = "GET /v1/journal?limit=1000&rule=slow&after="
    assert script.asked == [f"{path}{after}" for after in (7, 1000, 2000)]


def test_a_list_that_ends_with_a_page() -> None:
    script = Script({"connections": [{}] * PAGE, "next": None})
    assert len(script.client.connections()) == PAGE


def test_a_seed_that_is_none() -> None:
    with pytest.raises(ClientError, match="there is no seed"):
        Script({}).client.seed()
