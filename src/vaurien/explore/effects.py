"""What a run has changed in its backends: requests that were carried out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from ..embedded.exchanges import Exchange
from ..embedded.meaning import carried_out, identity_of, is_forgettable, meets_any, title_of
from ..embedded.trace import ProxyTrace, Trace
from .points import Labels, folded


@dataclass(frozen=True)
class Effect:
    """A request that changes what its backend keeps."""

    proxy: str
    labels: Labels
    title: str = field(compare=False)
    idempotent: bool = field(compare=False)
    """It may be carried out twice."""
    forgettable: bool = field(compare=False)
    """It may be lost."""

    @property
    def key(self) -> str:
        """What it changes, where the protocol has a name for it."""
        return dict(self.labels).get("key", "")


def effects(trace: Trace) -> Counter[Effect]:
    """Count what was changed, by what was asked for."""
    found: Counter[Effect] = Counter()
    for name, proxy in trace.proxies.items():
        known: set[str] = set()
        for exchange in carried_out(proxy):
            identity = identity_of(exchange, proxy.protocol.semantics)
            if not identity or identity not in known:
                known.add(identity)
                found[_effect(name, exchange, proxy)] += 1
    return found


def _effect(name: str, exchange: Exchange, proxy: ProxyTrace) -> Effect:
    title = f"{name}: {title_of(exchange.labels, proxy.protocol)}"
    idempotent = meets_any(exchange.labels, proxy.protocol.semantics.idempotent)
    forgettable = is_forgettable(exchange, proxy.protocol.semantics)
    return Effect(name, folded(exchange.labels, proxy.protocol), title, idempotent, forgettable)
