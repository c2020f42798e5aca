"""slow-close: a connection that is slow to close."""

from __future__ import annotations

from ..behavior import Behavior, Firing
from ..values.actions import Actions, Wait
from ..values.messages import Ended
from ..values.options import option


class SlowClose(Behavior):
    """Passes the end of a stream on late; bytes are not delayed.

    The other peer has all bytes, and waits: a client that reads a response without a length to
    its end, or a server that keeps a worker for a client that is gone.  A FIN arrives late as a
    FIN, a RST as a RST; each direction has its own delay.  Toxiproxy calls it ``slow_close``.
    """

    name = "slow-close"
    resumable = True
    scopes = ("connection",)
    delay: float = option(1.0, "seconds that the end is delayed", minimum=0)

    def on_end(self, ended: Ended, firing: Firing) -> Actions:
        del firing
        yield Wait(ended.at + self.delay)
