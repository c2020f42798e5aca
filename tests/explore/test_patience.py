"""What a program had to wait, from what proxies saw."""

from __future__ import annotations

from dataclasses import replace

from traces import exchange, trace_of
from vaurien.embedded.exchanges import Connection
from vaurien.embedded.trace import Trace
from vaurien.explore.patience import patience
from vaurien.protocols.http import Http


def left_at(trace: Trace, *seconds: float | None) -> Trace:
    """The same trace, whose connections, from 1 on, the client leaves then."""
    (name,) = trace.proxies
    connections = tuple(
        Connection(name, number, 0.5, client_ended_at=at) for number, at in enumerate(seconds, 1)
    )
    return Trace({name: replace(trace.proxies[name], connections=connections)})


def test_what_was_told() -> None:
    busy = exchange(1)
    busy.told = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\n\r\n"
    assert patience(trace_of(busy, exchange(2), protocol=Http)) == 2.0


def test_answers_that_never_came() -> None:
    lost = trace_of(exchange(1), exchange(2, told=False), exchange(3, told=False))
    assert patience(left_at(lost, 4.5)) == 2.5
    assert patience(left_at(lost, None)) == 0.0
    assert patience(left_at(trace_of(exchange(1)), 4.5)) == 0.0


def test_a_connection_that_carried_nothing() -> None:
    assert patience(left_at(trace_of(exchange(1)), 4.5, 2.0)) == 1.5
