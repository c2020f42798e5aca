"""What all proxies of a run have seen, as one value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..protocol import Protocol
from .exchanges import Connection, Exchange, Exchanges, Injected


@dataclass(frozen=True)
class ProxyTrace:
    """What one proxy has seen."""

    protocol: type[Protocol]
    exchanges: Exchanges
    connections: tuple[Connection, ...] = ()
    fired: tuple[Injected, ...] = ()
    forgotten: int = 0
    """Exchanges that were too many to keep: the first ones."""


@dataclass(frozen=True)
class Trace:
    """What all proxies have seen, by their names."""

    proxies: Mapping[str, ProxyTrace] = field(default_factory=dict)
    ended_at: float = 0.0
    """When it was taken, on the clock of its times."""

    def exchanges(self) -> Iterator[Exchange]:
        """Yield the exchanges of all proxies, in the order in which their requests began."""
        every = (each for proxy in self.proxies.values() for each in proxy.exchanges)
        yield from sorted(every, key=lambda each: each.asked_at)

    @property
    def fired(self) -> tuple[Injected, ...]:
        """Each time that a rule has fired, in order."""
        every = (each for proxy in self.proxies.values() for each in proxy.fired)
        return tuple(sorted(every, key=lambda each: each.at))
