"""slicer: a stream that arrives in small pieces."""

from __future__ import annotations

from ..behavior import Behavior, Firing
from ..values.actions import Actions, Forward, Wait
from ..values.messages import Message
from ..values.options import option


class Slicer(Behavior):
    """Cuts messages into pieces, and sends each in its own write.

    Pieces have from ``size - variation`` to ``size + variation`` bytes, uniformly distributed, and
    at least 1; the last piece of a message or chunk has the rest.  Two pieces of a direction
    are at least ``delay`` seconds apart.  Without a delay the receiving system may still join a
    piece with the next.  When the rule is lifted, the rest passes uncut.  Toxiproxy has it
    under the same name.
    """

    name = "slicer"
    resumable = True
    scopes = ("connection", "exchange")
    size: int = option(64, "mean bytes per piece", minimum=1)
    variation: int = option(0, "maximum deviation from size in bytes", minimum=0)
    delay: float = option(0.0, "seconds between two pieces", minimum=0)

    def on_message(self, message: Message, firing: Firing) -> Actions:
        pace = firing.own(Pace, message.direction)
        size = len(message.data)
        begin = 0
        while begin < size:
            due = max(message.at, firing.updated_at)
            if pace.left_at is not None:
                left_at = max(pace.left_at, firing.stopped_until(message.direction))
                due = max(due, left_at + self.delay)
            if due > message.at:
                yield Wait(due)
            end = min(size, begin + self._draw_size(message, firing))
            pace.left_at = due
            yield Forward(message.part(begin, end))
            begin = end
        if not size:
            yield Forward(message)

    def _draw_size(self, message: Message, firing: Firing) -> int:
        """Draw the size of the next piece in bytes."""
        if not self.variation:
            return self.size
        draws = firing.draws(message.direction)
        return max(1, draws.randint(self.size - self.variation, self.size + self.variation))


class Pace:
    """When the last piece of a direction left."""

    left_at: float | None = None
