"""A firing knows the traceparent of its own request, and never that of another."""

from __future__ import annotations

import pytest

from scenario import Peer, World
from vaurien.protocols.http import Http
from vaurien.protocols.http.heads import trace_of
from vaurien.values.events import Fired

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
COUNT = 4
RULES = ["delay sleep=1", "delay before=false sleep=1 status=200", "error fault=503"]
END = b"\r\n\r\n"


def trace(number: int) -> str:
    return f"00-{number:032x}-{1:016x}-01"


def request(number: int, *, traced: bool = True, body: bytes = b"") -> bytes:
    field = f"Traceparent: {trace(number)}\r\n" if traced else ""
    head = f"POST /{number} HTTP/1.1\r\nHost: h\r\n{field}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def answer(peer: Peer, data: bytes) -> None:
    due = peer.heard.count(END) - peer.heard[: -len(data)].count(END)
    peer.say(ANSWER * due)


def traces(world: World) -> dict[int, str]:
    """What was known of each exchange."""
    return {each.exchange: each.trace for each in world.events if isinstance(each, Fired)}


@pytest.mark.parametrize("rule", RULES[:2])
def test_requests_one_by_one(rule: str) -> None:
    """Also of rules that are decided on when the response begins."""
    world = World(rule, protocol=Http(), on_data=answer, whole=True)
    client = world.client()
    for number in range(1, COUNT + 1):
        client.say(request(number, traced=number != 3))
        world.run(until=lambda number=number: client.heard.count(ANSWER) == number)  # type: ignore[misc]
    assert traces(world) == {n: trace(n) if n != 3 else "" for n in range(1, COUNT + 1)}


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("rule", RULES)
def test_a_pipeline(rule: str, seed: int) -> None:
    world = World(rule, protocol=Http(), on_data=answer, seed=seed)
    body = f"\r\ntraceparent: {trace(99)}\r\n".encode()
    client = world.client()
    client.say(b"".join(request(n, body=body) for n in range(1, COUNT + 1)))
    world.run(until=lambda: client.heard.count(b"HTTP/1.1 ") == COUNT)
    found = traces(world)
    assert found.keys() == set(range(1, COUNT + 1))
    assert all(each in ("", trace(number)) for number, each in found.items())
    assert found[COUNT] == trace(COUNT)


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ("traceparent: 00-a-b-01\r\n", "00-a-b-01"),
        ("TRACEPARENT:\t 00-a-b-01 \r\n", "00-a-b-01"),
        ("X-Traceparent: 00-a-b-01\r\n", ""),
        ("traceparent: 00-a-b-01\r\ntraceparent: 00-c-d-01\r\n", ""),
        ("traceparent: \r\n", ""),
        ("traceparent: 00 a\r\n", ""),
        (f"traceparent: {'0' * 600}\r\n", ""),
    ],
)
def test_the_field(fields: str, found: str) -> None:
    assert trace_of(f"GET / HTTP/1.1\r\n{fields}Host: h\r\n\r\n".encode()) == found
