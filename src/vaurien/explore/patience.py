"""How long a program has waited for good reason: as it was told to, or within its own limits."""

from __future__ import annotations

from collections.abc import Iterator

from ..embedded.trace import ProxyTrace, Trace
from ..verdicts.evidence import seconds_to_wait


def patience(trace: Trace) -> float:
    """Return the seconds that a program was told to wait, and those it waited for answers.

    Of connections that waited at the same time each counts, so it may be too much.
    """
    return sum(
        seconds
        for proxy in trace.proxies.values()
        for seconds in (*_told_to_wait(proxy), *_waited(proxy))
    )


def _told_to_wait(proxy: ProxyTrace) -> Iterator[float]:
    for exchange in proxy.exchanges:
        yield seconds_to_wait(exchange, proxy.protocol.semantics) or 0.0


def _waited(proxy: ProxyTrace) -> Iterator[float]:
    """Yield how long each connection waited, before the client left, for what never came."""
    waiting: dict[int, float] = {}
    used: set[int] = set()
    for exchange in proxy.exchanges:
        used.add(exchange.connection)
        if exchange.told_at is None and exchange.replied_at is None and exchange.expects_answer:
            since = waiting.get(exchange.connection, exchange.asked_at)
            waiting[exchange.connection] = min(since, exchange.asked_at)
    for each in proxy.connections:
        began = waiting.get(each.number) if each.number in used else each.accepted_at
        if each.left_at is not None and began is not None:
            yield max(0.0, each.left_at - began)
