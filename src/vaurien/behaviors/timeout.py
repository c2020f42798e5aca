"""timeout: a connection that closes after a time."""

from __future__ import annotations

from ..behavior import Behavior, Firing
from ..values.actions import Actions, Close, Drop, Forward, Hold, Wait
from ..values.messages import Direction, Message
from ..values.options import option


class Timeout(Behavior):
    """Passes nothing, and closes the connection after a time.

    With ``data=drop`` bytes vanish, as in a firewall that drops packets silently; with
    ``data=pass`` they arrive until the time is over, as behind a load balancer that limits the
    lifetime of connections.  ``lifetime`` counts from when the connection was opened or, if that
    was later, the rule came; ``idle`` counts from then, too, and again from each byte that a peer
    sends, in the rule's direction if it has one.  Whichever is over first closes both sides with
    a FIN; without either the connection stays open.

    If a peer closes, its end is passed on.  When a rule that has dropped bytes is lifted, the
    connection closes, as its peers are out of step; otherwise traffic continues.  Toxiproxy's
    ``timeout`` is ``idle`` with ``data=drop``.
    """

    name = "timeout"
    resumable = True
    scopes = ("connection",)
    lifetime: float = option(0.0, "seconds until the connection closes; 0: no limit", minimum=0)
    idle: float = option(0.0, "seconds without a byte until it closes; 0: no limit", minimum=0)
    data: str = option("drop", "drop bytes, or pass them until it closes", choices=("drop", "pass"))

    def concerns(self, direction: Direction) -> bool:
        del direction
        return self.data == "drop"

    def on_message(self, message: Message, firing: Firing) -> Actions:
        del firing
        yield Drop() if self.data == "drop" else Forward(message)

    def on_open(self, firing: Firing) -> Actions:
        begun = waited = firing.since
        while self.lifetime or self.idle:
            over = self._over(begun, firing)
            if over <= waited:
                yield Close()
                return
            yield Wait(over)
            waited = over
        if self.data == "drop":
            yield Hold()  # the proxy's limit on idle connections must not close it

    def _over(self, begun: float, firing: Firing) -> float:
        """Return when the time is over if no byte comes until then."""
        moments = []
        if self.lifetime:
            moments.append(begun + self.lifetime)
        if self.idle:
            moments.append(max(begun, firing.heard_at(firing.direction)) + self.idle)
        return min(moments)
