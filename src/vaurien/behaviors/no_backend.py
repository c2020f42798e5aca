"""no-backend: a proxy whose backend is not there."""

from __future__ import annotations

from ..behavior import Behavior, Firing
from ..values.actions import Actions, Refuse, Wait
from ..values.options import option

REASONS = {
    "refused": "Connection refused",
    "timeout": "no answer",
    "unreachable": "No route to host",
}
"""What is said of a backend that cannot be reached, by how it cannot."""


class NoBackend(Behavior):
    """Treats new clients as if the backend could not be reached.

    The client connects, and is then reset, as it is whenever a proxy or load balancer finds
    nobody behind it: at once where the backend's machine refuses or there is no route to it, and
    after a time where packets to it vanish.  Nothing is dialled.  It counts as refused, and the
    log says so, as it would of a real one.  Connections that are open go on.
    """

    name = "no-backend"
    scopes = ("connection",)
    how: str = option("refused", "how it cannot be reached", choices=tuple(REASONS))
    timeout: float = option(5.0, "seconds until how=timeout gives up", minimum=0)

    def on_connect(self, firing: Firing) -> Actions:
        reason = REASONS[self.how]
        if self.how == "timeout":
            yield Wait(firing.now + self.timeout)
            reason = f"{reason} within {self.timeout:g} s"
        yield Refuse(reason)
