"""What proxies have counted at one moment, for whoever reports it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, TypeVar
from typing import Protocol as Interface

from ..net.turns import PORTION

if TYPE_CHECKING:
    from ..config.state import State
    from ..net.connection import Connection
    from ..net.proxies import Proxies
    from ..net.proxy import Proxy
    from ..net.totals import Count, Totals
    from ..rules.active import ActiveRule


T = TypeVar("T")


class Asked(Interface):
    """Whom proxies are known of: ``Control``, as a rule."""

    toxiproxy_metrics: bool

    @property
    def state(self) -> State: ...

    def ask(self, call: Callable[[Proxies], T]) -> T: ...


@dataclass(frozen=True)
class Counted:
    """What a proxy has counted at one moment."""

    proxy: Proxy
    count: Count
    """Without the links of its open connections."""
    connections: list[Connection]
    exchanges: int
    rules: dict[str, ActiveRule]
    now: float

    @staticmethod
    def of(proxy: Proxy) -> Counted:
        """Count what a proxy has; call this in the reactor's thread."""
        return Counted(
            proxy,
            proxy.count(),
            list(proxy.connections),
            sum(proxy.tally.exchanges.values()),
            proxy.active_plan.by_name(),
            proxy.reactor.clock(),
        )

    def totals(self) -> Totals:
        """Add what open connections have carried; call this once, in another thread.

        It would hold up the reactor.
        """
        for connection in self.connections:
            self.count.add(connection.links)
        return self.count.totals


def counted(asked: Asked, names: Iterable[str]) -> dict[str, Counted]:
    """Return by name what some proxies have counted; those that do not run are left out.

    The data plane is asked for a bounded part at a time.

    Raises:
        StalledError, EndingError: it does not answer.
    """
    found: dict[str, Counted] = {}
    left = iter(names)
    while part := list(islice(left, PORTION)):
        found |= asked.ask(partial(_count, names=part))
    return found


def _count(proxies: Proxies, names: list[str]) -> dict[str, Counted]:
    found = ((name, proxies.get(name)) for name in names)
    return {name: Counted.of(proxy) for name, proxy in found if proxy is not None}
