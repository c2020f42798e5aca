"""Connections over the native API."""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from live import Live
from native import Native
from peers import receive_until_fin, wait_until


class Clients:
    """Clients of proxies, until the end of a test."""

    def __init__(self, running: Live, stack: ExitStack) -> None:
        self._running = running
        self._stack = stack

    def __call__(self, proxy: str, count: int = 1) -> list[socket.socket]:
        made = [self._stack.enter_context(self._running.connect(proxy)) for _ in range(count)]
        for each in made:
            each.sendall(b"hello")
        return made


@pytest.fixture
def clients(running: Live) -> Iterator[Clients]:
    with ExitStack() as stack:
        yield Clients(running, stack)


@pytest.fixture
def web(ask: Native, running: Live) -> str:
    """The path of another proxy, whose traffic hangs, and whose name has to be encoded."""
    body = {
        "name": "a/b",
        "listen": "127.0.0.1:0",
        "backend": str(running.backend),
        "rules": [{"name": "stuck", "behavior": "hang"}],
    }
    assert ask("POST", "/v1/proxies", body).status == 201
    return "/v1/proxies/a%2Fb"


def ids(ask: Native, path: str) -> list[tuple[str, int]]:
    return [(each["proxy"], each["id"]) for each in ask("GET", path).body["connections"]]


def test_there_is_none(ask: Native, cache: str) -> None:
    for path in ("/v1/connections", f"{cache}/connections"):
        assert ask("GET", path).body == {"connections": [], "next": None}
        assert ask("DELETE", path).body == {"killed": 0}


def test_a_connection(ask: Native, cache: str, clients: Clients, running: Live) -> None:
    (client,) = clients("cache")
    assert client.recv(5) == b"hello"
    (told,) = ask("GET", f"{cache}/connections").body["connections"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told.pop("opened_at"))
    assert 0 <= told.pop("age") < 60
    assert told == {
        "proxy": "cache",
        "id": 1,
        "client": "{}:{}".format(*client.getsockname()),
        "backend": str(running.backend),
        "state": "idle",
        "bytes": {"to_backend": 5, "to_client": 5},
        "exchanges": 0,
        "held_by": [],
        "waiting_bytes": 0,
    }


def test_what_holds_a_connection(ask: Native, web: str, clients: Clients) -> None:
    clients("a/b")

    def held() -> bool:
        (told,) = ask("GET", f"{web}/connections").body["connections"] or [{}]
        return (told.get("state"), told.get("held_by")) == ("held", ["stuck"])

    wait_until(held, "a connection that is held")


def test_they_come_in_pages(ask: Native, cache: str, web: str, clients: Clients) -> None:
    clients("cache", 3)
    clients("a/b", 2)
    wait_until(lambda: len(ids(ask, "/v1/connections")) == 5, "five connections")
    found: list[tuple[str, int]] = []
    path = "/v1/connections?limit=2"
    for _ in range(3):
        page = ask("GET", path).body
        found += [(each["proxy"], each["id"]) for each in page["connections"]]
        path = f"/v1/connections?limit=2&after={page['next']}"
    assert page["next"] is None
    assert found == [("a/b", 1), ("a/b", 2), ("cache", 1), ("cache", 2), ("cache", 3)]
    assert ids(ask, f"{cache}/connections?after=cache/2") == [("cache", 3)]


def test_more_of_them_than_one_turn_looks_at(ask: Native, cache: str, clients: Clients) -> None:
    clients("cache", 150)
    wait_until(lambda: len(ids(ask, "/v1/connections?limit=1000")) == 150, "150 connections")
    page = ask("GET", "/v1/connections?limit=140").body
    assert [each["id"] for each in page["connections"]] == list(range(1, 141))
    assert page["next"] == "cache/140"
    assert ask("DELETE", "/v1/connections").body == {"killed": 150}
    assert ids(ask, "/v1/connections") == []


@pytest.mark.parametrize("how", ["reset", "close"])
def test_one_is_killed(ask: Native, cache: str, clients: Clients, how: str) -> None:
    first, second = clients("cache", 2)
    assert first.recv(5) == second.recv(5) == b"hello"
    answer = ask("DELETE", f"{cache}/connections/1?how={how}")
    assert (answer.status, answer.body) == (204, {})
    if how == "close":
        assert receive_until_fin(first) == b""
    else:
        with pytest.raises(ConnectionResetError):
            first.recv(1)
    assert ids(ask, "/v1/connections") == [("cache", 2)]
    second.sendall(struct.pack("!I", 7))
    assert len(second.recv(4)) == 4


def test_those_of_one_proxy_are_killed(ask: Native, cache: str, web: str, clients: Clients) -> None:
    clients("cache", 2)
    clients("a/b", 1)
    wait_until(lambda: len(ids(ask, "/v1/connections")) == 3, "three connections")
    assert ask("DELETE", f"{cache}/connections").body == {"killed": 2}
    assert ids(ask, "/v1/connections") == [("a/b", 1)]


@pytest.mark.parametrize("number", ["7", "0", "-1", "x", "1" * 5000])
def test_a_connection_that_is_not_open(ask: Native, cache: str, number: str) -> None:
    answer = ask("DELETE", f"{cache}/connections/{number}")
    assert answer.status == 404
    assert answer.body["detail"].startswith("there is no open connection '")


def test_a_proxy_that_does_not_exist(ask: Native) -> None:
    for method, path in (("GET", ""), ("DELETE", ""), ("DELETE", "/1")):
        answer = ask(method, f"/v1/proxies/nope/connections{path}")
        assert (answer.status, answer.body["detail"]) == (404, "there is no proxy 'nope'")


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "after=x", "after=cache/x", "how=fin"])
def test_a_query_that_is_wrong(ask: Native, query: str) -> None:
    method = "DELETE" if query.startswith("how") else "GET"
    answer = ask(method, f"/v1/connections?{query}")
    assert answer.status == 422
    assert list(answer.pointers) == [query.partition("=")[0]]
