"""corrupt: bits that flip on their way."""

from __future__ import annotations

from math import inf, log, log1p
from typing import TYPE_CHECKING

from ..behavior import Behavior, Firing
from ..values.actions import Actions, Forward
from ..values.messages import Message
from ..values.options import option

if TYPE_CHECKING:
    from random import Random

FAR = 2.0**62
"""Bits; further than any stream goes."""


class Corrupt(Behavior):
    """Flips each bit with a certain probability; nothing is lost, and sizes stay as they are.

    TCP's checksum keeps a line's noise from those who use it, so this is what gets past it: bad
    memory in a router, a broken network card, a middlebox that rewrites.  It shows who checks
    what they are told: TLS does, and hangs up; most other protocols do not.  At the default rate
    one kilobyte in twelve is touched.  Toxiproxy has nothing like it.

    The same seed flips the same bits of a stream, in whatever chunks it comes, unless the rate
    changes on the way.
    """

    name = "corrupt"
    scopes = ("connection", "exchange")
    rate: float = option(0.00001, "probability that a bit is flipped", minimum=0, maximum=1)

    def on_message(self, message: Message, firing: Firing) -> Actions:
        noise = firing.own(Noise, message.direction)
        draws = firing.draws(message.direction)
        flips = noise.flips(8 * len(message.data), self.rate, draws)
        if flips:
            data = bytearray(message.data)
            for bit in flips:
                data[bit >> 3] ^= 0x80 >> (bit & 7)
            message = message.with_data(bytes(data))
        yield Forward(message)


class Noise:
    """The flips of one direction: how far it is to the next, across chunks.

    Gaps between them are geometric, which takes one draw for each flip, and none for a bit.
    A geometric gap has no memory, so to draw it anew, as the rate has changed or another
    exchange has begun, keeps the rate true.
    """

    def __init__(self) -> None:
        self._gap = 0
        self._scale = 0.0
        self._rate = 0.0
        self._draws: Random | None = None

    def flips(self, bits: int, rate: float, draws: Random) -> list[int]:
        """Which of the next so many bits are flipped, counted from 0."""
        if not rate:
            return []
        if rate != self._rate or draws is not self._draws:
            self._rate, self._draws = rate, draws
            self._scale = log1p(-rate) if rate < 1 else -inf
            self._gap = self._drawn(draws)
        flips = []
        bit = self._gap
        while bit < bits:
            flips.append(bit)
            bit += 1 + self._drawn(draws)
        self._gap = bit - bits
        return flips

    def _drawn(self, draws: Random) -> int:
        """The bits between two flips."""
        return int(min(FAR, log(1 - draws.random()) / self._scale))
