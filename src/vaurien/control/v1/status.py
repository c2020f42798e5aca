"""What proxies and rules have counted, for the ``status`` of their resources."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from ...net.turns import PORTION

if TYPE_CHECKING:
    from ...net.connection import Connection
    from ...net.proxies import Proxies
    from ...net.proxy import Proxy
    from ...net.spec import ProxySpec
    from ...net.totals import Count
    from ...rules.active import ActiveRule
    from ...rules.plan import Rule
    from ..server import Control

Described = dict[str, object]


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
        return Counted(
            proxy,
            proxy.count(),
            list(proxy.connections),
            sum(proxy.tally.exchanges.values()),
            proxy.active_plan.by_name(),
            proxy.reactor.clock(),
        )


def _count(proxies: Proxies, names: list[str]) -> dict[str, Counted]:
    """Count what some proxies have; called in the reactor's thread."""
    found = ((name, proxies.get(name)) for name in names)
    return {name: Counted.of(proxy) for name, proxy in found if proxy is not None}


class Status:
    """The status of some proxies and their rules."""

    def __init__(self, control: Control, specs: Iterable[ProxySpec]) -> None:
        """Ask the data plane, for a bounded part at a time.

        Raises:
            StalledError, EndingError: it does not answer.
        """
        self._counted: dict[str, Counted] = {}
        left = (spec.name for spec in specs)
        while names := list(islice(left, PORTION)):
            self._counted |= control.ask(partial(_count, names=names))

    def of_proxy(self, spec: ProxySpec) -> Described:
        """Return the status of a proxy; of one that does not run, without counts."""
        described: Described = {"address": None, "generation": spec.generation}
        counted = self._counted.get(spec.name)
        if counted is None:
            return described
        for connection in counted.connections:  # here, as it would hold up the reactor
            counted.count.add(connection.links)
        totals = counted.count.totals
        return {
            **described,
            "address": str(counted.proxy.address) if spec.enabled else None,
            "connections": {
                "open": totals.open,
                "accepted": totals.opened,
                "refused": totals.refused,
                "killed": totals.killed,
            },
            "bytes": {
                "to_backend": totals.bytes_to_backend,
                "to_client": totals.bytes_to_client,
            },
            "exchanges": counted.exchanges,
            "fired": totals.fired,
        }

    def of_rule(self, spec: ProxySpec, rule: Rule) -> Described:
        """Return the status of a rule."""
        counted = self._counted.get(spec.name)
        active = None if counted is None else counted.rules.get(rule.name)
        if counted is None or active is None:  # inert, or it has come or gone meanwhile
            state = "paused" if rule.paused else "on"
            return {"state": state, "matched": 0, "fired": 0, "expires_in": None}
        is_on = active.seconds_on(counted.now) is not None
        left = None if rule.ttl is None else active.applied_at + rule.ttl - counted.now
        return {
            "state": "paused" if rule.paused else "on" if is_on else "off",
            "matched": active.seen,
            "fired": active.fired,
            "expires_in": None if left is None else max(0.0, left),
        }
