"""What requests do to the state: all or nothing, and seen through every view of it."""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.parse import quote

import pytest

from knowing import known
from live import Http, Live, controlled, live
from peers import receive_until_reset
from servers import free_port
from vaurien.config.document import Document
from vaurien.config.understand import understand_state
from vaurien.control.store import Store
from vaurien.net.address import Address
from vaurien.rules.plan import NAME_ALLOWED

DENIED = b'{"error":"bad request body: %s","status":400}\n'


def listen_of(http: Http, name: str) -> object:
    found = http("GET", f"/proxies/{name}").json
    assert isinstance(found, dict)
    return found["listen"]


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({}, 400, "missing required field: name"),
        ({"name": "a"}, 400, "missing required field: upstream"),
        ({"name": "cache", "upstream": "b:1", "listen": "foo"}, 409, "proxy already exists"),
        (
            {"name": "a", "upstream": "b:1", "listen": "foo"},
            500,
            "listen tcp: address foo: missing port in address",
        ),
        (
            {"name": "a", "upstream": "b:1", "listen": "127.0.0.1:{port}"},
            500,
            "listen tcp 127.0.0.1:{port}: bind: address already in use",
        ),
        (
            {"name": "a", "upstream": "127.0.0.1:{port}", "listen": "127.0.0.1:{port}"},
            400,
            "bad request body: upstream: is where the proxy itself listens",
        ),
    ],
)
def test_a_proxy_that_is_refused(
    http: Http, running: Live, cache: str, body: dict[str, str], status: int, error: str
) -> None:
    port = running.control.address(cache).port
    before = running.control.state
    given = {key: text.format(port=port) for key, text in body.items()}
    answer = http("POST", "/proxies", given)
    assert answer.json == {"error": error.format(port=port), "status": status}
    assert answer.status == status
    assert running.control.state is before


def test_disabled_it_closes_its_connections_at_once_and_keeps_its_port(
    http: Http, running: Live, cache: str
) -> None:
    listen = listen_of(http, cache)
    with running.connect(cache) as client:
        client.sendall(b"hello")
        assert client.recv(5) == b"hello"
        assert http("POST", "/proxies/cache", {"enabled": False}).status == 200
        receive_until_reset(client)
    with pytest.raises(ConnectionRefusedError):
        running.connect(cache)
    assert listen_of(http, cache) == listen
    assert http("PATCH", "/proxies/cache", {"enabled": True, "listen": listen}).status == 200
    assert running.ask(proxy=cache) == b"hello"


def test_another_upstream_closes_connections_to_the_old_one(
    http: Http, running: Live, cache: str
) -> None:
    with running.connect(cache) as client:
        client.sendall(b"hello")
        assert client.recv(5) == b"hello"
        answer = http("PATCH", "/proxies/cache", {"upstream": "127.0.0.1:1"})
        assert isinstance(answer.json, dict)
        assert answer.json["upstream"] == "127.0.0.1:1"
        receive_until_reset(client)


def test_another_address_closes_connections_and_keeps_toxics(
    http: Http, running: Live, cache: str
) -> None:
    http("POST", "/proxies/cache/toxics", {"type": "noop"})
    with running.connect(cache) as client:
        client.sendall(b"hello")
        assert client.recv(5) == b"hello"
        listen = f"127.0.0.1:{free_port()}"
        assert http("PATCH", "/proxies/cache", {"listen": listen}).status == 200
        receive_until_reset(client)
    assert listen_of(http, cache) == listen
    assert running.ask(proxy=cache) == b"hello"
    assert len(running.control.plan(cache)) == 1


def test_what_an_update_names_and_is_as_it_was_disturbs_nobody(
    http: Http, running: Live, cache: str
) -> None:
    listen, port = listen_of(http, cache), running.control.address(cache).port
    with running.connect(cache) as client:
        for body in (
            {"name": cache, "listen": listen, "upstream": str(running.backend), "enabled": True},
            {"listen": f"127.0.0.1:{port}"},
            {"listen": "127.0.0.1:0"},
            {"name": "other", "toxics": 5},
            {},
        ):
            assert http("POST", "/proxies/cache", body).status == 200
        client.sendall(b"hello")
        assert client.recv(5) == b"hello"


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({"listen": "zz", "upstream": "c:1"}, 500, "address zz: missing port in address"),
        (
            {"listen": "127.0.0.1:{taken}", "upstream": "c:1"},
            500,
            "listen tcp 127.0.0.1:{taken}: bind: address already in use",
        ),
    ],
)
def test_an_update_that_is_refused_changes_nothing(
    http: Http, running: Live, cache: str, body: dict[str, str], status: int, error: str
) -> None:
    before = running.control.state
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        given = {key: text.format(taken=port) for key, text in body.items()}
        answer = http("PATCH", "/proxies/cache", given)
    assert answer.json == {"error": error.format(taken=port), "status": status}
    assert running.control.state is before
    assert running.ask(proxy=cache) == b"hello"


def test_populate_leaves_alone_what_is_as_it_should_be(
    http: Http, running: Live, cache: str
) -> None:
    """Toxiproxy replaces those that are disabled, or declared with port 0."""
    http("POST", "/proxies/cache/toxics", {"type": "noop"})
    http("POST", "/proxies/cache", {"enabled": False})
    listen, upstream = listen_of(http, cache), str(running.backend)
    for wanted in (listen, "127.0.0.1:0"):
        body = [{"name": cache, "listen": wanted, "upstream": upstream}]
        answer = http("POST", "/populate", body)
        assert answer.status == 201
        assert isinstance(answer.json, dict)
        (shown,) = answer.json["proxies"]
        assert (shown["enabled"], len(shown["toxics"])) == (False, 1)


def test_populate_replaces_what_differs(http: Http, running: Live, cache: str) -> None:
    http("POST", "/proxies/cache/toxics", {"type": "noop"})
    body = [{"name": cache, "listen": listen_of(http, cache), "upstream": "127.0.0.1:1"}]
    assert http("POST", "/populate", body).status == 201
    assert running.control.plan(cache) == []
    assert running.control.backend(cache) == "127.0.0.1:1"


@pytest.mark.parametrize(
    ("second", "status", "error"),
    [
        (
            {"name": "b", "upstream": "x\x1b:1"},
            400,
            "bad request body: upstream: 'x\\x1b:1' is not an address: "
            "it takes printable characters",
        ),
        (
            {"name": "b", "upstream": "x:1", "listen": "foo"},
            500,
            "listen tcp: address foo: missing port in address",
        ),
        (
            {"name": "b", "upstream": "x:1", "listen": "127.0.0.1:{port}"},
            500,
            "listen tcp 127.0.0.1:{port}: bind: address already in use",
        ),
    ],
)
def test_populate_does_all_or_nothing(
    http: Http, running: Live, cache: str, second: dict[str, str], status: int, error: str
) -> None:
    port = running.control.address(cache).port
    given = {key: text.format(port=port) for key, text in second.items()}
    answer = http("POST", "/populate", [{"name": "a", "upstream": "x:1"}, given])
    assert answer.json == {"error": error.format(port=port), "status": status, "proxies": []}
    assert [spec.name for spec in running.control.state.proxies] == [cache]


@pytest.mark.parametrize("body", [[], None])
def test_populate_without_proxies(http: Http, body: object) -> None:
    answer = http("POST", "/populate", b"null" if body is None else body)
    assert (answer.status, answer.body) == (201, b'{"proxies":null}')


def test_reset_changes_nothing_if_a_port_is_taken(http: Http, running: Live, cache: str) -> None:
    http("POST", "/proxies/cache/toxics", {"type": "noop"})
    http("POST", "/proxies/cache", {"enabled": False})
    port = running.control.address(cache).port
    with socket.create_server(("127.0.0.1", port)):
        answer = http("POST", "/reset")
    error = f"listen tcp 127.0.0.1:{port}: bind: address already in use"
    assert answer.json == {"error": error, "status": 500}
    assert len(running.control.plan(cache)) == 1


def test_toxics_are_listed_by_stream_and_then_in_the_order_of_the_chain(
    http: Http, cache: str
) -> None:
    for name, stream in (("a", "downstream"), ("b", "upstream"), ("c", "downstream")):
        body = {"type": "noop", "name": name, "stream": stream}
        assert http("POST", "/proxies/cache/toxics", body).status == 200
    listed = http("GET", "/proxies/cache/toxics").json
    assert isinstance(listed, list)
    assert [each["name"] for each in listed] == ["b", "a", "c"]


def test_a_toxic_name_is_one_of_both_streams(http: Http, cache: str) -> None:
    body = {"type": "noop", "name": "a", "stream": "upstream"}
    assert http("POST", "/proxies/cache/toxics", body).status == 200
    again = http("POST", "/proxies/cache/toxics", {**body, "stream": "downstream"})
    assert (again.status, again.body) == (409, b'{"error":"toxic already exists","status":409}\n')


def test_a_toxic_that_is_refused_changes_nothing(http: Http, cache: str) -> None:
    """Toxiproxy keeps the attributes before the one that is wrong."""
    body = {"type": "latency", "name": "a", "attributes": {"latency": 5, "jitter": 1}}
    made = http("POST", "/proxies/cache/toxics", body)
    path = "/proxies/cache/toxics/a"
    assert http("PATCH", path, {"attributes": {"jitter": 9, "latency": "x"}}).status == 400
    assert http("PATCH", path, {"attributes": {"latency": -1}}).status == 400
    assert http("GET", path).body == made.body


def test_a_rule_that_is_no_toxic_is_seen_and_can_be_removed() -> None:
    rule = {"behavior": "delay", "name": "slow"}
    with live([rule], names=["a"]) as running, controlled(running) as http:
        shown = http("GET", "/proxies/a/toxics/slow").json
        assert isinstance(shown, dict)
        assert (shown["type"], shown["stream"]) == ("delay", "both")
        assert http("POST", "/proxies/a/toxics", {"type": "noop", "name": "slow"}).status == 409
        refused = http("PATCH", "/proxies/a/toxics/slow", {"toxicity": 0.5})
        assert refused.body == DENIED % b"'slow' is a rule that is no toxic"
        assert http("DELETE", "/proxies/a/toxics/slow").status == 204
        assert running.control.plan("a") == []


def test_too_many_rules_are_the_clients_mistake(http: Http, running: Live, cache: str) -> None:
    rules = [{"behavior": "dummy", "name": f"{number}"} for number in range(1000)]
    json_type = {"Content-Type": "application/json"}
    assert http("PUT", "/plan?proxy=cache", {"rules": rules}, json_type).status == 200
    refused = http("POST", "/proxies/cache/toxics", {"type": "noop"})
    assert refused.body == DENIED % b"1001 rules are too many: a plan has at most 1000"


@pytest.mark.parametrize("upstream", ["foo", "http://localhost:80/x", "localhost:0", "db:99999"])
def test_an_upstream_that_is_no_address_fails_when_somebody_connects(
    http: Http, running: Live, upstream: str
) -> None:
    made = http("POST", "/proxies", {"name": "a", "upstream": upstream, "listen": "127.0.0.1:0"})
    assert made.status == 201
    assert isinstance(made.json, dict)
    assert made.json["upstream"] == upstream
    with running.connect("a") as client:
        assert client.recv(1) == b""
    body = {"upstream": str(running.backend)}
    assert http("PATCH", "/proxies/a", body).status == 200
    assert running.ask(proxy="a") == b"hello"
    assert http("PATCH", "/proxies/a", {"upstream": ""}).status == 200
    with running.connect("a") as client:
        assert client.recv(1) == b""


def test_a_disabled_proxy_with_a_listen_that_is_no_address(
    http: Http, running: Live, cache: str
) -> None:
    body = {"name": "a", "listen": "nonsense", "upstream": str(running.backend), "enabled": False}
    made = http("POST", "/proxies", body)
    assert (made.status, listen_of(http, "a")) == (201, "nonsense")
    why = "address nonsense: missing port in address"
    failed = {"error": why, "status": 500}
    for update in ({"enabled": True}, {"enabled": False}, {"upstream": "b:1"}, body):
        assert http("PATCH", "/proxies/a", update).json == failed
    assert http("POST", "/populate", [body]).json == {**failed, "proxies": []}
    assert http("POST", "/reset").json == {**failed, "error": f"listen tcp: {why}"}
    assert http("PATCH", "/proxies/a", {"listen": "127.0.0.1:0", "enabled": True}).status == 200
    assert running.ask(proxy="a") == b"hello"


def test_what_is_made_is_saved(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "state"))
    with live(names=(), store=store) as running, controlled(running) as http:
        http("POST", "/proxies", {"name": "a", "upstream": "b:1", "listen": "127.0.0.1:0"})
        http("POST", "/proxies/a/toxics", {"type": "latency", "toxicity": 0.1})
        http("POST", "/proxies", {"name": "c", "upstream": "d", "listen": "x", "enabled": False})
        saved = store.load()
        assert saved is not None
        proxies = saved["proxies"]
        assert isinstance(proxies, dict)
        assert proxies["a"]["backend"] == "b:1"
        assert proxies["a"]["rules"] == running.control.plan("a")
        assert proxies["c"]["backend"] == "invalid://d"
        _, unusable = understand_state(Document({"proxies": proxies}), known()).proxies
        assert (unusable.listen, unusable.backend) == (
            Address.unusable("x"),
            Address.unusable("d"),
        )
    store.close()


def test_a_rule_keeps_what_it_has_counted_when_its_toxic_changes(
    http: Http, running: Live, cache: str
) -> None:
    http("POST", "/proxies/cache/toxics", {"type": "latency", "name": "a"})
    before = running.in_reactor(lambda: running.proxy.active_plan.rules[0])
    http("PATCH", "/proxies/cache/toxics/a", {"attributes": {"latency": 1}})
    after = running.in_reactor(lambda: running.proxy.active_plan.rules[0])
    assert after is before


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("redis:6379", "redis:6379"),
        ("shop/redis master", "shop%2Fredis%20master"),
        ("größe", "gr%C3%B6%C3%9Fe"),
        ("50%", "50%25"),
        ("<&>", "%3C&%3E"),
        ("a" * 255, "a" * 255),
    ],
)
def test_names_as_clients_use_them(http: Http, running: Live, name: str, path: str) -> None:
    body = {"name": name, "upstream": str(running.backend), "listen": "127.0.0.1:0"}
    made = http("POST", "/proxies", body)
    assert made.status == 201
    assert http("GET", f"/proxies/{path}").body == made.body
    toxic = http("POST", f"/proxies/{path}/toxics", {"type": "noop", "name": name})
    assert toxic.status == 200
    assert http("GET", f"/proxies/{path}/toxics/{path}").body == toxic.body
    assert http("GET", f"/plan?proxy={quote(name, safe='')}").json == {
        "rules": running.control.plan(name)
    }
    assert running.ask(proxy=name) == b"hello"
    assert http("DELETE", f"/proxies/{path}/toxics/{path}").status == 204
    assert http("DELETE", f"/proxies/{path}").status == 204


@pytest.mark.parametrize("name", ["a\x00", "a\n", "a\u202e", "a\x1b[0m", "a" * 256, ".."])
def test_names_that_are_refused(http: Http, cache: str, name: str) -> None:
    why = f"bad request body: name={name!r} is not allowed: it takes {NAME_ALLOWED}"
    for path in ("/proxies", "/proxies/cache/toxics"):
        answer = http("POST", path, {"name": name, "upstream": "b:1", "type": "noop"})
        assert answer.json == {"error": why, "status": 400}
