"""packet-loss: a line that loses packets, as seen by a user of TCP."""

from __future__ import annotations

from collections.abc import Callable

from ..behavior import STEP_SIZE, Behavior, Firing
from ..values.actions import Actions, Close, Drop, Forward, Wait
from ..values.messages import Message
from ..values.options import option

RETRIES = 15
"""Retransmissions of a segment before the connection is aborted: Linux's tcp_retries2."""
LONGEST_TIMEOUT = 120.0
"""Maximum in seconds of the doubled timeout: Linux's TCP_RTO_MAX."""
DUPLICATES = 3
"""Duplicate ACKs that make the sender retransmit at once (RFC 5681, 3.2)."""

SEGMENTS = 32
"""Segments that are drawn for in a step."""

Chance = Callable[[], float]
"""Return a draw from 0 up to but not including 1."""


class PacketLoss(Behavior):
    """Loses packets: TCP retransmits them, and the bytes behind them wait.

    What arrives together is cut into segments of ``size`` bytes, each of which is lost with
    probability ``loss``.  A lost segment that three others of the same chunk follow is
    retransmitted after a round trip, ``rtt``; one near the end, which too few follow, after
    ``rto``.  A retransmission may be lost again: the next follows after ``rto``, and then the
    timeout doubles each time, up to 120 s (RFC 6298).  The chunk arrives with the last of its
    segments.  After 15 failed retransmissions, about 15 minutes, the connection ends
    with a RST on both sides, unless the rule is lifted before: then the chunk arrives at once.
    That TCP sends more slowly after a loss is not modelled; use ``bandwidth`` for that.

    With ``correlation``, losses come in bursts.  The model is Gilbert's, a Markov chain of two
    states, in one of which everything is lost and in the other nothing: ``loss`` percent are
    lost in the long run, ``correlation`` is that of a segment with the one before it in its
    direction of the connection, and a burst has ``1 / ((1 - loss) * (1 - correlation))`` segments
    on average.  A retransmission is the next segment of the chain however much later it is
    sent, as with netem.  With 100, all segments of a direction fare as its first did.

    With ``drop``, whole messages or, without framing, chunks are lost, and never retransmitted, as
    with Toxiproxy's ``packet_loss``.  No TCP does that.  Without framing, connections continue
    when the rule is lifted.
    """

    name = "packet-loss"
    resumable = True
    scopes = ("connection", "exchange")
    loss: float = option(1.0, "percentage of segments that are lost", minimum=0, maximum=100)
    correlation: float = option(
        0.0, "correlation of successive losses in percent", minimum=0, maximum=100
    )
    rto: float = option(0.2, "seconds until a retransmission by timeout", minimum=0.001)
    rtt: float = option(0.05, "seconds until a fast retransmission", minimum=0)
    size: int = option(1460, "bytes per segment", minimum=1)
    drop: bool = option(False, "drop whole messages, without retransmission")

    @property
    def step_size(self) -> int:
        return min(STEP_SIZE, int(SEGMENTS * self.size))

    def on_message(self, message: Message, firing: Firing) -> Actions:
        fate = firing.own(Fate, message.direction)
        chance = firing.draws(message.direction).random
        if self.drop:
            if message.begins:
                self._loses(fate, chance)
            closes = firing.protocol.framed
            fate.dropped |= closes and bool(fate.is_lost)
            yield Drop(closes) if fate.is_lost else Forward(message)
            return
        if fate.dropped:  # and is so no more: the peers are out of step
            yield Close()
            return
        if message is not fate.waiting:
            fate.waiting, fate.losses = message, self._losses(len(message.data), fate, chance)
        wait = max((self._waits(times, fast=fast) for times, fast in fate.losses), default=0.0)
        arrives = all(times <= RETRIES for times, _ in fate.losses)
        if wait:
            yield Wait(message.at + wait)
        fate.waiting = None
        if arrives:
            yield Forward(message)
        else:
            yield Close(reset=True)

    def _losses(self, size: int, fate: Fate, chance: Chance) -> tuple[tuple[int, bool], ...]:
        """Return of each lost segment how many times it is lost, and if the first is noticed fast.

        That is more than ``RETRIES`` times if it is given up.
        """
        lost = [self._loses(fate, chance) for _ in range(0, size, self.size)]
        found, behind = [], 0
        for is_lost in reversed(lost) if any(lost) else ():
            if not is_lost:
                behind += 1
                continue
            times = 1
            while times <= RETRIES and self._loses(fate, chance):
                times += 1
            found.append((times, behind >= DUPLICATES))
            if times > RETRIES:  # none waits longer
                break
        return tuple(found)

    def _waits(self, times: int, *, fast: bool) -> float:
        """Return the seconds until a segment that is lost so many times arrives or is given up."""
        wait, timeout = (self.rtt, self.rto) if fast else (self.rto, 2 * self.rto)
        for _ in range(times - 1):
            timeout = min(timeout, LONGEST_TIMEOUT)
            wait += timeout
            timeout *= 2
        return wait

    def _loses(self, fate: Fate, chance: Chance) -> bool:
        """Draw whether the next segment is lost."""
        loss, correlation = self.loss / 100, self.correlation / 100
        if fate.is_lost is not None:
            loss = loss * (1 - correlation) + correlation * fate.is_lost
        fate.is_lost = chance() < loss
        return fate.is_lost


class Fate:
    """Whether the last segment of a direction was lost, and what was lost of a message."""

    is_lost: bool | None = None
    dropped = False  # messages
    waiting: Message | None = None  # the message that was last drawn for ...
    losses: tuple[tuple[int, bool], ...] = ()  # ... and what was drawn
