"""timeout: a connection that is given up after a time."""

from __future__ import annotations

from ..behavior import Behavior, Firing
from ..values.actions import Actions, Close, Drop, Forward, Hold, Wait
from ..values.messages import Direction, Message
from ..values.options import option


class Timeout(Behavior):
    """Lets nothing through, and closes the connection after a time.

    With ``data=drop`` bytes vanish, as in a firewall that drops them without a word, until a
    peer or the rule gives up; with ``data=pass`` they arrive until then, as behind a load
    balancer that allows a connection so much time.  ``lifetime`` counts from when the connection
    was opened, or the rule came if that was later; ``idle`` from then too, and anew from each
    byte that a peer says, in the rule's direction if it has one.  Whichever is over first closes
    both sides with a FIN; without either nothing does.

    If a peer ends, the other is told.  A rule that is lifted after it dropped something closes the
    connection, whose peers can't be in step any more; otherwise traffic goes on.  Toxiproxy's
    ``timeout`` is ``idle`` with ``data=drop``.
    """

    name = "timeout"
    scopes = ("connection",)
    lifetime: float = option(0.0, "seconds until it closes; 0: for ever", minimum=0)
    idle: float = option(0.0, "seconds without a byte until it closes; 0: for ever", minimum=0)
    data: str = option("drop", "what becomes of bytes meanwhile", choices=("drop", "pass"))

    def concerns(self, direction: Direction) -> bool:
        del direction
        return self.data == "drop"

    def on_message(self, message: Message, firing: Firing) -> Actions:
        del firing
        yield Drop() if self.data == "drop" else Forward(message)

    def on_open(self, firing: Firing) -> Actions:
        begun = waited = firing.now
        while self.lifetime or self.idle:
            over = self._over(begun, firing)
            if over <= waited:
                yield Close()
                return
            yield Wait(over)
            waited = over
        if self.data == "drop":
            yield Hold()  # for ever: the proxy's own limit on idle connections is not to end it

    def _over(self, begun: float, firing: Firing) -> float:
        """When the time will be over, if no byte comes until then."""
        moments = []
        if self.lifetime:
            moments.append(begun + self.lifetime)
        if self.idle:
            moments.append(max(begun, firing.heard_at(firing.direction)) + self.idle)
        return min(moments)
