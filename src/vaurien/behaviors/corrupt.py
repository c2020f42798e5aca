"""corrupt: bits that flip in transit."""

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
"""Bits; more than any stream has."""


class Corrupt(Behavior):
    """Flips each bit with a given probability; sizes do not change.

    TCP's checksum catches noise on the line, so this is what gets past it: bad memory in a
    router, a broken network card, a middlebox that rewrites.  It shows which clients and servers
    check their input: TLS does, and closes the connection; most other protocols do not.  The
    default rate touches one kilobyte in twelve.  Toxiproxy has no equivalent.

    The same seed flips the same bits of a stream, in whatever chunks it arrives, unless the
    rate changes meanwhile.
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
    """The gap to the next flip of one direction, across chunks.

    Gaps are geometrically distributed: one draw for each flip, and not for each bit.  The
    geometric distribution is memoryless, so drawing the gap anew when the rate changes or
    another exchange begins keeps the rate exact.
    """

    _gap = 0
    _scale = 0.0
    _rate = 0.0
    _draws: Random | None = None

    def flips(self, bits: int, rate: float, draws: Random) -> list[int]:
        """Return which of the next ``bits`` bits are flipped, counted from 0."""
        if not rate:
            return []
        if rate != self._rate or draws is not self._draws:
            self._rate, self._draws = rate, draws
            self._scale = log1p(-rate) if rate < 1 else -inf
            self._gap = self._draw_gap(draws)
        flips = []
        bit = self._gap
        while bit < bits:
            flips.append(bit)
            bit += 1 + self._draw_gap(draws)
        self._gap = bit - bits
        return flips

    def _draw_gap(self, draws: Random) -> int:
        """Draw the number of bits between two flips."""
        return int(min(FAR, log(1 - draws.random()) / self._scale))
