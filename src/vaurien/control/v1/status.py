"""What proxies and rules have counted, for the ``status`` of their resources."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..counted import counted

if TYPE_CHECKING:
    from ...net.spec import ProxySpec
    from ...rules.plan import Rule
    from ..server import Control

Described = dict[str, object]


class Status:
    """The status of some proxies and their rules."""

    def __init__(self, control: Control, specs: Iterable[ProxySpec]) -> None:
        """Ask the data plane.

        Raises:
            StalledError, EndingError: it does not answer.
        """
        self._counted = counted(control, (spec.name for spec in specs))

    def of_proxy(self, spec: ProxySpec) -> Described:
        """Return the status of a proxy; of one that does not run, without counts."""
        described: Described = {"address": None, "generation": spec.generation}
        found = self._counted.get(spec.name)
        if found is None:
            return described
        totals = found.totals()
        return {
            **described,
            "address": str(found.proxy.address) if spec.enabled else None,
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
            "exchanges": found.exchanges,
            "fired": totals.fired,
        }

    def of_rule(self, spec: ProxySpec, rule: Rule) -> Described:
        """Return the status of a rule."""
        found = self._counted.get(spec.name)
        active = None if found is None else found.rules.get(rule.name)
        if found is None or active is None:  # inert, or it has come or gone meanwhile
            state = "paused" if rule.paused else "on"
            return {"state": state, "matched": 0, "fired": 0, "expires_in": None}
        is_on = active.seconds_on(found.now) is not None
        left = None if rule.ttl is None else active.applied_at + rule.ttl - found.now
        return {
            "state": "paused" if rule.paused else "on" if is_on else "off",
            "matched": active.seen,
            "fired": active.fired,
            "expires_in": None if left is None else max(0.0, left),
        }
