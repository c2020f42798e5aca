"""slicer: a stream that arrives in small pieces."""

from __future__ import annotations

from ..behavior import Behavior, Firing
from ..values.actions import Actions, Forward, Wait
from ..values.messages import Message
from ..values.options import option


class Slicer(Behavior):
    """Cuts what is said into pieces, and sends each by itself.

    Pieces have ``size - variation`` to ``size + variation`` bytes, each size as likely as the
    others, and at least 1; the last of a message or chunk has what is left.  Between two pieces
    of a direction are ``delay`` seconds or more.  Without a delay each piece is a write of its
    own, and the system of whoever receives it may still join it with the next one.  A rule that
    is lifted lets the rest go uncut.  Toxiproxy has it under the same name.
    """

    name = "slicer"
    scopes = ("connection", "exchange")
    size: int = option(64, "bytes of a piece, on average", minimum=1)
    variation: int = option(0, "how many bytes more or fewer it may have", minimum=0)
    delay: float = option(0.0, "seconds between two pieces", minimum=0)

    def on_message(self, message: Message, firing: Firing) -> Actions:
        pace = firing.own(Pace, message.direction)
        size = len(message.data)
        begin = 0
        while begin < size:
            due = max(message.at, pace.next_at)
            if due > message.at:
                yield Wait(due)
                if firing.now < due:  # lifted
                    pace.next_at = firing.now
                    break
            end = min(size, begin + self._drawn(message, firing))
            pace.next_at = due + self.delay
            yield Forward(message.part(begin, end))
            begin = end
        if begin < size or not size:
            yield Forward(message.part(begin, size))

    def _drawn(self, message: Message, firing: Firing) -> int:
        """How many bytes the next piece has."""
        if not self.variation:
            return self.size
        draws = firing.draws(message.direction)
        return max(1, draws.randint(self.size - self.variation, self.size + self.variation))


class Pace:
    """When the next piece of a direction may leave."""

    __slots__ = ("next_at",)

    def __init__(self) -> None:
        self.next_at = 0.0
