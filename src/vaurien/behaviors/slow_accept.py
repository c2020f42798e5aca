"""slow-accept: a server that is slow to serve new clients."""

from __future__ import annotations

from ..behavior import Behavior, Firing
from ..values.actions import Actions, Wait
from ..values.options import option


class SlowAccept(Behavior):
    """Makes new clients wait before anything happens.

    A server that is slow to accept looks like this: its system completes the handshake, so the
    client connects at once and may send, but nothing is read and the backend is not dialled until
    the delay is over.  A connect timeout does not notice; a timeout for the first byte does.
    """

    name = "slow-accept"
    resumable = True
    scopes = ("connection",)
    delay: float = option(1.0, "seconds that new clients wait", minimum=0)

    def on_connect(self, firing: Firing) -> Actions:
        yield Wait(firing.since + self.delay)
