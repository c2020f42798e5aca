"""What a process tells of its proxies, there and back."""

from __future__ import annotations

import json
import pickle

import pytest

from traces import exchange, injected, trace_of
from vaurien.errors import UnknownNameError, VaurienError
from vaurien.explore.seen import Seen

LABELS = {"key": "\udcff\u20ac\n"}
FIRST = injected(exchange(1, "db", head=bytes(range(256)), labels=LABELS), "error", "LOADING")
SEEN = Seen((trace_of(FIRST, exchange(2, "db", told=False)),), frozenset({80}), frozenset({7}))


def test_what_is_told_is_read() -> None:
    line = SEEN.to_line()
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    read = Seen.from_line(line)
    assert (read.ports, read.threads) == (SEEN.ports, SEEN.threads)
    told, again = SEEN.trace.proxies["db"], read.trace.proxies["db"]
    assert list(again.exchanges) == list(told.exchanges)
    assert again.protocol is told.protocol
    assert (again.connections, again.fired) == (told.connections, told.fired)


def without(*path: str | int) -> bytes:
    """The line, but something in it is missing."""
    value = json.loads(SEEN.to_line())
    inner = value
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"{}",
        b'{"traces": [], "ports": ["x"], "threads": []}',
        SEEN.to_line()[:-9],
        pickle.dumps(SEEN),
        b"[" * 100_000,
        without("threads"),
        without("traces", 0, "proxies", "db", "exchanges", 0, "head"),
        without("traces", 0, "proxies", "db", "connections", 0, "number"),
    ],
)
def test_what_is_no_such_line(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        Seen.from_line(line)


def test_a_protocol_that_is_not_known() -> None:
    line = SEEN.to_line().replace(b'"redis"', b'"os.system"')
    with pytest.raises(UnknownNameError, match=r"os\.system"):
        Seen.from_line(line)


def test_proxies_with_the_same_name() -> None:
    first, second = trace_of(exchange(1, "db")), trace_of(exchange(1, "mail"))
    assert list(Seen((first, second)).trace.proxies) == ["db", "mail"]
    with pytest.raises(VaurienError, match="two proxies are called 'db': give them names"):
        _ = Seen((first, first, trace_of(exchange(2, "db")))).trace
