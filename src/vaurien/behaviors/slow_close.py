"""slow-close: an end that is long in coming."""

from __future__ import annotations

from ..behavior import Behavior, Firing
from ..values.actions import Actions, Wait
from ..values.messages import Ended
from ..values.options import option


class SlowClose(Behavior):
    """Passes the end of what a peer says on later than it came; bytes are not delayed.

    The other peer has everything, and goes on waiting: a client reads to the end of a response
    that has no length, a server keeps a worker for somebody who has hung up.  A FIN comes late as
    a FIN, a reset as a reset; each direction's end waits by itself.  Toxiproxy calls it
    ``slow_close``.
    """

    name = "slow-close"
    scopes = ("connection",)
    delay: float = option(1.0, "seconds that the end is late", minimum=0)

    def on_end(self, ended: Ended, firing: Firing) -> Actions:
        del firing
        yield Wait(ended.at + self.delay)
