"""corrupt: bits that flip in transit."""

from __future__ import annotations

from math import log, log1p
from typing import TYPE_CHECKING

from ..behavior import STEP_SIZE, Behavior, Firing
from ..values.actions import Actions, Forward
from ..values.messages import Message
from ..values.options import option

if TYPE_CHECKING:
    from random import Random

FAR = 2.0**62
"""Bits; more than any stream has."""
DENSE = 0.005
"""The rate above which it is cheaper to draw for each bit than for the gaps between flips."""
BLOCK = 512
"""Bytes whose bits are drawn for at once."""
PLACES = 16
"""Binary digits that are drawn for each bit."""
RARE = 0.0001
"""A rate up to which a message takes little work."""
DENSE_STEP = 256
"""Bytes of a message that are a step of the work above that."""


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

    @property
    def step_size(self) -> int:
        return STEP_SIZE if self.rate <= RARE else DENSE_STEP

    def on_message(self, message: Message, firing: Firing) -> Actions:
        if self.rate:
            noise = firing.own(Noise, message.direction)
            noise.follow(self.rate, firing.draws(message.direction))
            message = message.with_data(noise.add_to(message.data))
        yield Forward(message)


class Noise:
    """Which bits of one direction are flipped, across chunks.

    While flips are rare the gaps between them are drawn, which are geometrically distributed: one
    draw for each flip, and not for each bit.  Otherwise a block of bits is drawn at a time.  Either
    is memoryless, so drawing anew when the rate changes or another exchange begins keeps the rate
    exact.
    """

    _rate = 0.0
    _draws: Random | None = None
    _gap = 0
    _scale = 0.0
    _left = b""  # of the block

    def follow(self, rate: float, draws: Random) -> None:
        """Draw anew if the rate has changed, or another exchange has begun."""
        if rate != self._rate or draws is not self._draws:
            self._rate, self._draws, self._left = rate, draws, b""
            if rate <= DENSE:
                self._scale = log1p(-rate)
                self._gap = self._draw_gap(draws)

    def add_to(self, data: bytes) -> bytes:
        """Return the next bytes of the stream with their flips."""
        assert self._draws is not None
        if self._rate > DENSE:
            flips = self._take_from_blocks(len(data), self._draws)
            return (int.from_bytes(data, "big") ^ flips).to_bytes(len(data), "big")
        bit, bits = self._gap, 8 * len(data)
        if bit < bits:
            flipped = bytearray(data)
            while bit < bits:
                flipped[bit >> 3] ^= 0x80 >> (bit & 7)
                bit += 1 + self._draw_gap(self._draws)
            data = bytes(flipped)
        self._gap = bit - bits
        return data

    def _draw_gap(self, draws: Random) -> int:
        """Draw the number of bits between two flips."""
        return int(min(FAR, log(1 - draws.random()) / self._scale))

    def _take_from_blocks(self, size: int, draws: Random) -> int:
        """Return as many bytes of the blocks, in which the bits that are flipped are set."""
        blocks, have = [self._left], len(self._left)
        while have < size:
            blocks.append(self._draw_block(draws))
            have += BLOCK
        marks = b"".join(blocks)
        self._left = marks[size:]
        return int.from_bytes(marks[:size], "big")

    def _draw_block(self, draws: Random) -> bytes:
        """Draw a block: compare a number of 16 bits for each of its bits with the rate.

        All these numbers are drawn and compared at once, digit by digit from the lowest.  What the
        rate has below 16 bits decides how it is rounded, so that it is exact on average.
        """
        scaled = self._rate * 2**PLACES
        limit = int(scaled) + (draws.random() < scaled % 1)
        if limit == 2**PLACES:
            return b"\xff" * BLOCK
        less = 0
        for place in range(PLACES):
            if limit >> place & 1:
                less |= draws.getrandbits(8 * BLOCK)
            elif less:
                less &= draws.getrandbits(8 * BLOCK)
        return less.to_bytes(BLOCK, "big")
