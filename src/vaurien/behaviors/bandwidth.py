"""bandwidth: a line of limited throughput."""

from __future__ import annotations

from ..behavior import Behavior, Firing
from ..values.actions import Actions, Forward, Wait
from ..values.messages import Message
from ..values.options import option

SEGMENT = 1460
"""Bytes that most TCP segments carry: only on slow lines are pieces smaller."""
SLOW = 0.1
"""Seconds that a piece takes at most if it is smaller than a segment."""
SHORT, LONG = 0.05, 0.2
"""The same of larger pieces: while few lines are busy, and while many are."""
SHARED = 0.02
"""The same on a shared line, where other connections wait for each piece."""
PIECES = 600
"""Pieces per second of all lines together, about, between the few lines and the many."""
TICK = 0.01
"""Seconds between the moments at which pieces of many lines leave, so that they do so together."""


class Bandwidth(Behavior):
    """Limits throughput to ``rate`` bytes per second in each direction.

    Excess bytes wait, in order; in the end the sender is slowed down, as by a real line.
    Long messages are cut into pieces, and each piece leaves when its last byte would have: never
    early.  As the next piece counts from that moment, and not from when the clock was read, the
    rate is exact in the long run.  After a long enough rest, ``burst`` bytes pass at once.  In no
    period do more than ``burst`` plus ``rate`` times its seconds leave: also not after a peer has
    read nothing, after a rule behind has held everything, or when the rate changes.

    While many lines are busy, pieces are longer, and those of several lines leave together, up to
    a tick late; the last piece of a message is not late, and lateness does not add up.

    Each connection has its own line.  With ``shared``, all connections of the proxy share
    one line for each direction, and take turns on it.  A turn is about as many bytes as a long
    piece, in one message or in many, so no connection starves another.  Place rules that wait
    before this one: a connection takes its next turn when what it sent last has passed the
    rules behind.

    The algorithm is the generic cell rate algorithm (ITU-T I.371) on virtual time.
    """

    name = "bandwidth"
    resumable = True
    scopes = ("connection", "exchange")
    rate: int = option(100_000, "bytes per second", minimum=1)
    shared: bool = option(False, "share one line among all connections of the proxy")
    burst: int = option(0, "bytes that pass at once after a rest", minimum=0)

    def on_message(self, message: Message, firing: Firing) -> Actions:
        keep = firing.shared if self.shared else firing.own
        line = keep(Line, message.direction)
        if line.rate_since < firing.updated_at:  # all that waits is placed anew
            line.rate_since = firing.updated_at
            line.begin_anew(firing.now, self.rate, self.burst)
        turn = firing.own(Turn, message.direction)
        busy = firing.shared(Busy)
        size = len(message.data)
        begin = 0
        busy.add(line)
        try:
            while begin < size:
                seconds = SHARED if self.shared else busy.seconds
                longest = self._longest(seconds)  # anew for each piece: the rate may be a ramp
                end = min(size, begin + longest)
                at = max(message.at, firing.stopped_until(message.direction))
                place = line.place(end - begin, longest, self.rate, at, turn)
                waited = message.at
                while (due := place + line.pushed_back - self.burst / self.rate) > waited:
                    together = seconds > SHORT and size - end >= self.rate * TICK
                    late = -due % TICK if together else 0.0
                    yield Wait(due + late)
                    waited = due
                line.left_at = max(line.left_at, place + line.pushed_back)
                line.rate = self.rate
                yield Forward(message.part(begin, end))
                begin = end
        finally:
            busy.discard(line)
        if not size:
            yield Forward(message)

    def _longest(self, seconds: float) -> int:
        """Return the size in bytes of the longest piece that takes about as many seconds."""
        return max(1, min(SEGMENT, int(self.rate * SLOW)), int(self.rate * seconds))


class Turn:
    """The bytes that a connection may still send in its turn on a line."""

    left = 0


class Line:
    """A schedule of when the bytes of a direction leave.

    Pieces are placed one behind the other.  A connection that continues its turn is placed
    before all pieces that still wait, and pushes these back.
    """

    free_at = 0.0  # when everything that is placed will have left
    left_at = 0.0  # when the last piece left
    pushed_back = 0.0  # seconds by which places have moved in total
    rate_since = 0.0  # when the rate was last set anew
    rate = 1  # at which the last piece left

    def place(self, size: int, quantum: int, rate: int, at: float, turn: Turn) -> float:
        """Return when a piece that arrived at ``at`` will have left, unless it is pushed back.

        ``pushed_back`` so far is already subtracted.
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

    def begin_anew(self, now: float, rate: int, burst: int) -> None:
        """Start anew with another rate: no piece waits, and what has left of a burst counts."""
        burst_left = min(burst, max(0.0, self.left_at - now) * self.rate)
        self.free_at = self.left_at = now + burst_left / rate


class Busy(set[Line]):
    """The lines of a rule on which bytes wait."""

    @property
    def seconds(self) -> float:
        """How long a piece takes at most: the longer, the more lines are busy."""
        return min(LONG, max(SHORT, len(self) / PIECES))
