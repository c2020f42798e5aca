"""Dice: randomness as a function of a seed and of what is drawn for."""

from __future__ import annotations

from struct import pack

SEED_LIMIT = 2**64


class Dice:
    """Draws that depend on nothing but the seed and what they are for.

    The generator is counter-based: BLAKE2b keyed with the seed hashes the proxy and the purpose
    once, then the connection and the exchange of each draw.  So a seed gives the same decisions
    however connections interleave, on every platform and version.
    """

    __slots__ = ("_keyed",)

    def __init__(self, seed: int, proxy: str, purpose: str) -> None:
        from hashlib import blake2b  # with it comes OpenSSL, which a quiet proxy does not need

        key = pack("<Q", seed % SEED_LIMIT)
        self._keyed = blake2b(f"{proxy}\0{purpose}\0".encode(), digest_size=16, key=key)

    def roll(self, connection: int, exchange: int) -> tuple[float, int]:
        """Return a draw from 0 up to but not including 100, and 64 bits for further randomness."""
        keyed = self._keyed.copy()
        keyed.update(pack("<QQ", connection, exchange))
        digest = keyed.digest()
        # 53 bits: as many as a float holds, so the draw never rounds up to 100.
        draw = (int.from_bytes(digest[:8], "little") >> 11) * (100 / 2**53)
        return draw, int.from_bytes(digest[8:], "little")
