"""packet-loss: a line that loses packets, as those who talk over TCP feel it."""

from __future__ import annotations

from collections.abc import Callable

from ..behavior import Behavior, Firing
from ..values.actions import Actions, Close, Drop, Forward, Wait
from ..values.messages import Message
from ..values.options import option

RETRIES = 15
"""How often a segment is sent again before its connection is given up: Linux's tcp_retries2."""
LONGEST_TIMEOUT = 120.0
"""Seconds to which the timeout doubles at most: Linux's TCP_RTO_MAX."""
DUPLICATES = 3
"""Segments that arrive behind a lost one, and tell its sender at once (RFC 5681, 3.2)."""


Chance = Callable[[], float]
"""Draws from 0 up to 1 (not included)."""


class PacketLoss(Behavior):
    """Loses packets: TCP sends them again, and what comes behind them waits.

    What arrives together is cut into segments of ``size`` bytes, each of which is lost with a
    probability of ``loss``.  A lost one behind which three others of the same chunk arrive is
    sent again after a round trip, ``rtt``; one near the end, for which nothing gives a hint,
    after ``rto``.  Sent again, it may be lost again: then after ``rto``, and twice as long each
    time, up to 120 s (RFC 6298).  The chunk arrives with the last of its segments.  One that has
    been sent again 15 times in vain, after 15 minutes or so, is the end of the connection: a
    RST on both sides; unless the rule is lifted before, when it arrives at once.  That TCP sends
    more slowly after a loss is not played: ``bandwidth`` does that.

    Losses come in bursts if there is ``correlation``.  The model is Gilbert's, a Markov chain of
    two states, in one of which everything is lost and in the other nothing: ``loss`` percent are
    lost in the long run, ``correlation`` is that of a segment with the one before it in its
    direction of the connection, and a burst has ``1 / ((1 - loss) * (1 - correlation))`` of them
    on average.  What is sent again is the next segment of the chain however long after, as with
    netem.  With 100 all that a direction carries fares as its first segment did.

    With ``drop`` what is lost is whole messages or, without framing, chunks, and nobody sends
    them again: they vanish, as with Toxiproxy's ``packet_loss``, which no TCP does.
    """

    name = "packet-loss"
    scopes = ("connection", "exchange")
    loss: float = option(1.0, "how many of 100 segments are lost", minimum=0, maximum=100)
    correlation: float = option(
        0.0, "how much losses come in bursts, in percent", minimum=0, maximum=100
    )
    rto: float = option(0.2, "seconds until the first retransmission", minimum=0.001)
    rtt: float = option(0.05, "seconds until one that others give a hint for", minimum=0)
    size: int = option(1460, "bytes of a segment", minimum=1)
    drop: bool = option(False, "lose whole messages, which nobody sends again")

    def on_message(self, message: Message, firing: Firing) -> Actions:
        fate = firing.own(Fate, message.direction)
        chance = firing.draws(message.direction).random
        if self.drop:
            if message.begins:
                self._loses(fate, chance)
            yield Drop() if fate.is_lost else Forward(message)
            return
        wait, arrives = self._sent(len(message.data), fate, chance)
        until = message.at + wait
        if wait:
            yield Wait(until)
        if arrives or firing.now < until:  # or the rule was lifted
            yield Forward(message)
        else:
            yield Close(reset=True)

    def _sent(self, size: int, fate: Fate, chance: Chance) -> tuple[float, bool]:
        """In how many seconds the last segment arrives, or is given up; and whether it arrives."""
        lost = [self._loses(fate, chance) for _ in range(0, size, self.size)]
        longest, arrive, behind = 0.0, True, 0
        for is_lost in reversed(lost) if any(lost) else ():
            if not is_lost:
                behind += 1
                continue
            wait, arrives = self._sent_again(fate, chance, hinted=behind >= DUPLICATES)
            longest = max(longest, wait)
            arrive = arrive and arrives
        return longest, arrive

    def _sent_again(self, fate: Fate, chance: Chance, *, hinted: bool) -> tuple[float, bool]:
        """The same of a segment that is lost."""
        wait, timeout = (self.rtt, self.rto) if hinted else (self.rto, 2 * self.rto)
        for _ in range(RETRIES):
            if not self._loses(fate, chance):
                return wait, True
            timeout = min(timeout, LONGEST_TIMEOUT)
            wait += timeout
            timeout *= 2
        return wait, False

    def _loses(self, fate: Fate, chance: Chance) -> bool:
        """Whether the next segment is lost."""
        loss, correlation = self.loss / 100, self.correlation / 100
        if fate.is_lost is not None:
            loss = loss * (1 - correlation) + correlation * fate.is_lost
        fate.is_lost = chance() < loss
        return fate.is_lost


class Fate:
    """What became of the segment that a direction sent last."""

    __slots__ = ("is_lost",)

    def __init__(self) -> None:
        self.is_lost: bool | None = None
