"""Traces for tests, made of words instead of traffic."""

from __future__ import annotations

from collections.abc import Mapping

from vaurien.embedded.exchanges import Connection, Exchange, Exchanges, Injected
from vaurien.embedded.trace import ProxyTrace, Trace
from vaurien.protocol import Protocol
from vaurien.protocols.redis import Redis
from vaurien.values.messages import NO_LABELS


def exchange(
    number: int,
    proxy: str = "db",
    *,
    connection: int = 1,
    reached: bool = True,
    told: bool = True,
    answer: dict[str, str] | None = None,
    head: bytes = b"",
    at: float | None = None,
    labels: Mapping[str, str] = NO_LABELS,
    **more: str,
) -> Exchange:
    """An exchange, which began at the second of its number."""
    begun = float(number) if at is None else at
    made = Exchange(proxy, connection, number, {**labels, **more}, begun, head)
    made.forwarded_at = begun if reached else None
    made.answered_at = made.answer_ended_at = begun if reached else None
    made.told_at = begun + 0.1 if reached and told else None
    made.answer_labels = answer or {}
    return made


def injected(each: Exchange, behavior: str = "error", detail: str = "") -> Exchange:
    """The same exchange, with a rule that fired on it."""
    fired = Injected("explored", behavior, detail, each.asked_at, *each.key[1:], each.labels)
    each.injected = (fired,)
    return each


def trace_of(*exchanges: Exchange, protocol: type[Protocol] = Redis, connections: int = 1) -> Trace:
    """A trace of one proxy, or of several with the same protocol."""
    names = list(dict.fromkeys(each.proxy for each in exchanges)) or ["db"]
    return Trace(
        {
            name: ProxyTrace(
                protocol,
                Exchanges(each for each in exchanges if each.proxy == name),
                tuple(Connection(name, 1 + number, 0.0) for number in range(connections)),
                tuple(fired for each in exchanges if each.proxy == name for fired in each.injected),
            )
            for name in names
        }
    )
