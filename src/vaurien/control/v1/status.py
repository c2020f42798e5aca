"""What proxies and rules have counted, for the ``status`` of their resources."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...net.connection import Connection
    from ...net.proxies import Proxies
    from ...net.proxy import Proxy
    from ...net.spec import ProxySpec
    from ...net.totals import Count
    from ..server import Control

Described = dict[str, object]
Counted = tuple["Proxy", "Count", "list[Connection]", int]
"""A proxy, what it has counted without its open connections, these, and its exchanges."""


class Status:
    """What some proxies had counted at one moment."""

    def __init__(self, control: Control, specs: Iterable[ProxySpec]) -> None:
        """Ask the data plane.

        Raises:
            StalledError, EndingError: it does not answer.
        """
        names = [spec.name for spec in specs]
        self._counted: dict[str, Counted] = control.ask(lambda proxies: _count(proxies, names))

    def of_proxy(self, spec: ProxySpec) -> Described:
        """Return the status of a proxy; of one that does not run, without counts."""
        described: Described = {"address": None, "generation": spec.generation}
        counted = self._counted.get(spec.name)
        if counted is None:
            return described
        proxy, count, connections, exchanges = counted
        for connection in connections:  # here, for it would hold up the reactor
            count.add(connection.links)
        totals = count.totals
        return {
            **described,
            "address": str(proxy.address) if spec.enabled else None,
            "connections": {
                "open": totals.open,
                "accepted": totals.opened,
                "refused": totals.refused,
            },
            "bytes": {
                "to_backend": totals.bytes_to_backend,
                "to_client": totals.bytes_to_client,
            },
            "exchanges": exchanges,
            "fired": totals.fired,
        }


def _count(proxies: Proxies, names: Iterable[str]) -> dict[str, Counted]:
    return {
        name: (proxy, proxy.count(), list(proxy.connections), sum(proxy.tally.exchanges.values()))
        for name in names
        if (proxy := proxies.get(name)) is not None
    }
