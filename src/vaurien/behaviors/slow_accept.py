"""slow-accept: a server that has no time for new clients."""

from __future__ import annotations

from ..behavior import Behavior, Firing
from ..values.actions import Actions, Wait
from ..values.options import option


class SlowAccept(Behavior):
    """Leaves new clients waiting before it does anything for them.

    So it is when a server's accept queue is served slowly: the system completes the handshake,
    so the client connects at once and may send, but nothing of it is read, and the backend is not
    dialled, until the time is over; then all goes on.  A time limit for connecting does not
    notice, one for the first byte does.
    """

    name = "slow-accept"
    scopes = ("connection",)
    delay: float = option(1.0, "seconds that a new client waits", minimum=0)

    def on_connect(self, firing: Firing) -> Actions:
        yield Wait(firing.now + self.delay)
