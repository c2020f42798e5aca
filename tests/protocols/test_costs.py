"""What it costs to parse messages that have passed: bounds on bytecodes and Python calls.

They do not depend on the machine.  Python 3.11 counts all bytecodes, later versions fewer.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING

import pytest

from vaurien.parsing.exchanges import Exchanges
from vaurien.protocol import Protocol, Stream
from vaurien.protocols.http.parser import Http
from vaurien.protocols.memcache.parser import Memcache
from vaurien.protocols.redis.parser import Redis
from vaurien.values.messages import Direction

if TYPE_CHECKING:
    from _typeshed import TraceFunction

PIPELINED = 16
SET = b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n"
GET = b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 128\r\n\r\n"
TALKS: dict[str, tuple[type[Protocol], bytes, bytes, int, int, float]] = {
    "redis": (Redis, SET, b"+OK\r\n", 1, 650, 12),
    "redis, pipelined": (
        *(Redis, (SET + GET) * (PIPELINED // 2), b"+OK\r\n$5\r\nvalue\r\n" * (PIPELINED // 2)),
        *(PIPELINED, 145, 2.5),
    ),
    "http": (
        *(Http, b"GET / HTTP/1.1\r\nHost: here\r\n\r\n", HEAD + bytes(128)),
        *(1, 680, 15),
    ),
    "memcached, set": (
        *(Memcache, b"set key 0 0 400\r\n" + bytes(400) + b"\r\n", b"STORED\r\n"),
        *(1, 800, 19),
    ),
    "memcached, get": (
        *(Memcache, b"get key\r\n", b"VALUE key 0 400\r\n" + bytes(400) + b"\r\nEND\r\n"),
        *(1, 900, 22),
    ),
}
"""Protocol, requests, responses, how many that is; bytecodes and calls for each at most."""


def counted(act: Callable[[], object]) -> tuple[int, int]:
    """Count bytecodes and calls, but not the first call."""
    bytecodes = calls = 0

    def trace(frame: FrameType, event: str, _: object) -> TraceFunction:
        nonlocal bytecodes, calls
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        bytecodes += event == "opcode"
        calls += event == "call"
        return trace

    before = sys.gettrace()
    gc.disable()  # it may have callbacks, such as those of hypothesis
    sys.settrace(trace)
    try:
        act()
    finally:
        sys.settrace(before)
        gc.enable()
    return bytecodes, calls - 1


@pytest.mark.parametrize("talk", TALKS)
def test_what_an_exchange_costs(talk: str) -> None:
    made, requests, responses, count, most_bytecodes, most_calls = TALKS[talk]
    protocol = made()
    exchanges = Exchanges(tallied=protocol.tallied)
    to_backend = Stream(Direction.TO_BACKEND, exchanges)
    to_client = Stream(Direction.TO_CLIENT, exchanges)
    to_backend.parse_with(protocol.requests(to_backend))
    to_client.parse_with(protocol.responses(to_client))

    def converse() -> None:
        to_backend.watch(requests, 1.0)
        to_client.watch(responses, 1.1)

    for _ in range(3):  # parsers begin, caches fill
        converse()
    bytecodes, calls = counted(converse)
    assert (exchanges.begun, len(exchanges.pending)) == (4 * count, 0)
    assert sum(exchanges.tally.exchanges.values()) == exchanges.tally.latency.count == 4 * count
    assert bytecodes <= most_bytecodes * count
    assert calls <= most_calls * count
