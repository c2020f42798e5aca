"""What a run has changed in its backends: requests that were carried out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..embedded.exchanges import Exchange
from ..embedded.trace import ProxyTrace, Trace
from .points import Labels, folded, meets_any, title_of


@dataclass(frozen=True)
class Effect:
    """A request that changes what its backend keeps."""

    proxy: str
    labels: Labels
    title: str = field(compare=False)
    idempotent: bool = field(compare=False)
    """It may be carried out twice."""


def effects(trace: Trace) -> Counter[Effect]:
    """Count what was changed, by what was asked for."""
    found: Counter[Effect] = Counter()
    for name, proxy in trace.proxies.items():
        known: set[str] = set()
        for exchange in carried_out(proxy):
            identity = identity_of(exchange, proxy)
            if not identity or identity not in known:
                known.add(identity)
                found[_effect(name, exchange, proxy)] += 1
    return found


def identity_of(exchange: Exchange, proxy: ProxyTrace) -> str:
    """Return what makes it safe to send a request twice; ``""`` if nothing does."""
    pattern = proxy.protocol.semantics.identity
    found = re.search(pattern, exchange.head.decode("latin-1")) if pattern else None
    return found[1] if found else ""


def carried_out(proxy: ProxyTrace) -> Iterator[Exchange]:
    """Yield the requests that have changed the backend.

    What was asked for in a transaction counts when that is committed.  A request that the
    backend got, and whose answer is unknown, counts, too.
    """
    meaning = proxy.protocol.semantics
    waiting: dict[int, list[Exchange]] = {}  # in a transaction, by the number of the connection
    for exchange in sorted(proxy.exchanges, key=lambda each: each.asked_at):
        labels, connection = exchange.labels, exchange.connection
        done = exchange.reached_backend and not meets_any(exchange.answer_labels, meaning.failed)
        if meets_any(labels, meaning.begin):
            if done:
                waiting[connection] = []
        elif meets_any(labels, meaning.commit):
            committed = waiting.pop(connection, [])
            if done:
                yield from committed
        elif meets_any(labels, meaning.rollback):
            waiting.pop(connection, None)
        elif done and not meets_any(labels, (*meaning.safe, *meaning.opening)):
            if connection in waiting:
                waiting[connection].append(exchange)
            else:
                yield exchange


def _effect(name: str, exchange: Exchange, proxy: ProxyTrace) -> Effect:
    title = f"{name}: {title_of(exchange.labels, proxy.protocol)}"
    idempotent = meets_any(exchange.labels, proxy.protocol.semantics.idempotent)
    return Effect(name, folded(exchange.labels), title, idempotent)
