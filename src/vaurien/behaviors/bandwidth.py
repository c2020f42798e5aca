"""bandwidth: a line that carries so many bytes a second."""

from __future__ import annotations

from ..behavior import Behavior, Firing
from ..values.actions import Actions, Forward, Wait
from ..values.messages import Message
from ..values.options import option

SEGMENT = 1460
"""Bytes that a TCP segment mostly carries: less is sent at once on slow lines only."""
SLOW, FAST = 0.1, 0.02
"""Seconds that a piece takes: at most where it is under a segment, and where it is over one."""


class Bandwidth(Behavior):
    """Lets so many bytes through in a second, in each direction.

    What comes faster waits, in order; in the end its sender is slowed down, as by a real line.
    Long messages are cut into pieces, and each leaves when its last byte would have: never too
    early, and because the next counts from then and not from when the clock was looked at, the
    rate is exact in the long run.  ``burst`` bytes go at once after a rest that was long enough
    for them.  In no time since the start do more bytes leave than ``rate`` times that, and
    ``burst``.

    Each connection has a line of its own.  With ``shared`` all of the proxy's connections have
    one together, per direction, and take turns on it: a turn is about as many bytes as
    a long piece, be it in one message or in many, so none is starved by what others say.  Rules
    that wait belong before it then: a connection takes its next turn when what it sent last has
    passed the rules behind.

    It is the generic cell rate algorithm (ITU-T I.371) on virtual time.
    """

    name = "bandwidth"
    scopes = ("connection", "exchange")
    rate: int = option(100_000, "bytes a second", minimum=1)
    shared: bool = option(False, "one line for all connections of the proxy")
    burst: int = option(0, "bytes that go at once after a rest", minimum=0)

    def on_message(self, message: Message, firing: Firing) -> Actions:
        keep = firing.shared if self.shared else firing.own
        line = keep(Line, message.direction)
        turn = firing.own(QueuedReply, message.direction)
        size = len(message.data)
        begin = 0
        while begin < size:
            longest = self._longest()  # anew for each piece: the rate may be a ramp
            end = min(size, begin + longest)
            place = line.place(end - begin, longest, self.rate, message.at, turn)
            waited = message.at
            while (due := place + line.pushed_back - self.burst / self.rate) > waited:
                yield Wait(due)
                waited = due
            if firing.now < waited:  # lifted
                line.clear(firing.now)
                break
            line.left_at = max(line.left_at, place + line.pushed_back)
            yield Forward(message.part(begin, end))
            begin = end
        if begin < size or not size:
            yield Forward(message.part(begin, size))

    def _longest(self) -> int:
        """How many bytes go at once."""
        return max(1, min(SEGMENT, int(self.rate * SLOW)), int(self.rate * FAST))


class QueuedReply:
    """What a connection may still send before it is the next one's turn on a line."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = 0


class Line:
    """When the bytes of a direction leave.

    Pieces have their places on it one behind the other.  Who goes on with a turn takes
    a place before all that still wait, which pushes these back.
    """

    __slots__ = ("free_at", "left_at", "pushed_back")

    def __init__(self) -> None:
        self.free_at = 0.0  # when all will have left that has a place
        self.left_at = 0.0  # when the last that has left did
        self.pushed_back = 0.0  # seconds by which places have moved, in all

    def place(self, size: int, quantum: int, rate: int, at: float, turn: QueuedReply) -> float:
        """When a piece that arrived at a moment will have left, unless it is pushed back.

        What places are pushed back by from the first is taken off beforehand.
        """
        seconds = size / rate
        if size <= turn.left and at <= self.left_at:
            self.pushed_back += seconds
            self.free_at += seconds
            until = self.left_at + seconds
        else:
            turn.left = quantum
            until = self.free_at = max(self.free_at, at) + seconds
        turn.left -= size
        return until - self.pushed_back

    def clear(self, now: float) -> None:
        """Nothing waits any more."""
        self.free_at = self.left_at = now
