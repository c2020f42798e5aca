"""no-backend: a proxy whose backend cannot be reached."""

from __future__ import annotations

from ..behavior import Behavior, Firing
from ..values.actions import Actions, Refuse, Wait
from ..values.options import option

REASONS = {
    "refused": "Connection refused",
    "timeout": "no answer",
    "unreachable": "No route to host",
}
"""The reason that is logged, by the value of ``how``."""


class NoBackend(Behavior):
    """Treats new clients as if the backend could not be reached.

    The client connects and is closed, as with most proxies and load balancers that do not reach
    their backend: at once if the backend's host refuses or there is no route to it, after a time if
    packets to it vanish.  Nothing is dialled.  The connection counts as refused and is logged
    like a real failure.  Open connections are not affected.
    """

    name = "no-backend"
    resumable = True
    scopes = ("connection",)
    how: str = option("refused", "how reaching the backend fails", choices=tuple(REASONS))
    timeout: float = option(5.0, "seconds until how=timeout fails", minimum=0)

    def on_connect(self, firing: Firing) -> Actions:
        reason = REASONS[self.how]
        if self.how == "timeout":
            yield Wait(firing.since + self.timeout)
            reason = f"{reason} within {self.timeout:g} s"
        yield Refuse(reason)
