"""The bytes of a stream that have arrived, as a parser takes them."""

from __future__ import annotations

import re
from collections.abc import Generator
from sys import maxsize

from ..errors import ProtocolError

Parser = Generator[None, None, None]

LINE_LIMIT = 64 * 1024
"""Maximum bytes of a line, unless a parser says otherwise."""
READ_LIMIT = 1024 * 1024
"""Maximum bytes taken at once, unless a parser says otherwise."""
WINDOW = 16 * 1024
"""Bytes that ``at_hand`` returns at most."""


class Reader:
    """What has arrived, and how far the parser has taken it.

    A parser that needs more than that yields, and is resumed when more has arrived.
    """

    __slots__ = (
        "_buffer",
        "_claimed",
        "_sized",
        "_taken",
        "in_message",
        "overdue",
        "skipping",
        "waits_briefly",
    )

    def __init__(self) -> None:
        self._buffer: bytes | bytearray = b""
        self._taken = 0  # bytes of the buffer that the parser has taken
        self._claimed = 0  # those that belong to the message under way, taken or not
        self.skipping = 0
        """Bytes still to come that the parser does not look at."""
        self._sized = False  # the message ends with these
        self.in_message = False
        """A message has begun and not ended; parsers leave it alone."""
        self.waits_briefly = False
        """The parser is in ``wait_briefly``."""
        self.overdue = False
        """It has waited there long enough."""

    def readline(self, limit: int = LINE_LIMIT) -> Generator[None, None, bytes]:
        r"""Take bytes up to and including the next ``\n``.

        Raises:
            ProtocolError: the line is longer than the limit.
        """
        return self.readuntil(b"\n", limit)

    def readuntil(self, end: bytes, limit: int = LINE_LIMIT) -> Generator[None, None, bytes]:
        """Take bytes up to and including an ending.

        Raises:
            ProtocolError: there are more than the limit.
        """
        searched = 0
        while (found := self._buffer.find(end, self._taken + searched)) < 0:
            waiting = len(self._buffer) - self._taken
            if waiting > limit:
                raise ProtocolError(f"a line of more than {limit} bytes")
            searched = max(0, waiting - len(end) + 1)
            self.claim()
            yield
        size = found + len(end) - self._taken
        if size > limit:
            raise ProtocolError(f"a line of more than {limit} bytes")
        return self._take(size)

    def read(self, size: int, limit: int = READ_LIMIT) -> Generator[None, None, bytes]:
        """Take exactly ``size`` bytes.

        Raises:
            ProtocolError: that is more than the limit; use ``skip`` for long bodies.
        """
        if not 0 <= size <= limit:
            raise ProtocolError(f"cannot read {size} bytes at once: the limit is {limit}")
        while len(self._buffer) - self._taken < size:
            self.claim()
            yield
        return self._take(size)

    def match(self, pattern: re.Pattern[bytes], limit: int = maxsize) -> re.Match[bytes] | None:
        """Take what a pattern matches of the bytes that have arrived; without a match, nothing.

        ``limit``: look at this many bytes only, as if the stream ended there.

        Use the match before the next ``yield``: its groups are views of the buffer.
        """
        end = len(self._buffer) if limit == maxsize else self._taken + limit
        found = pattern.match(self._buffer, self._taken, end)
        if found is not None:
            self._taken = found.end()
        return found

    def at_hand(self, limit: int = WINDOW) -> bytes:
        """Return the next bytes that have arrived, without taking them."""
        return bytes(self._buffer[self._taken : self._taken + limit])

    def advance(self, size: int) -> None:
        """Take bytes that have arrived, without looking at them."""
        self._taken += size

    def claim(self, size: int = maxsize) -> None:
        """Pass on the next ``size`` bytes of those that have arrived.

        They belong to the message under way, whatever follows.  The parser can still look at
        them, and has to take them before it ends the message.  Without a message under way,
        this does nothing.
        """
        if self.in_message:
            self._claimed = min(self._taken + size, len(self._buffer))

    def wait_briefly(self) -> Generator[None, None, bool]:
        """Wait a moment for more; return whether some has come.

        For a request of which the backend may answer the beginning, with an error: if nothing
        else comes, the parser begins the message with the labels that it knows.
        """
        self.waits_briefly = True
        yield
        self.waits_briefly = False
        overdue, self.overdue = self.overdue, False
        return not overdue

    @property
    def drained(self) -> bool:
        """All that has arrived is taken: ``yield`` next."""
        return self._taken == len(self._buffer)

    def skip(self, size: int, *, last: bool = False) -> Parser:
        """Let exactly ``size`` bytes pass, unseen and in pieces.

        ``last``: the message ends with them, so its size is known before it has arrived.
        """
        if size < 0:
            raise ProtocolError(f"cannot skip {size} bytes")
        self.skipping = size
        self._sized = last
        while True:
            step = min(self.skipping, len(self._buffer) - self._taken)
            self._taken += step
            self.skipping -= step
            if not self.skipping:
                return
            yield

    def rest(self) -> Parser:
        """Let all further bytes pass, as one message without an end."""
        return self.skip(maxsize)

    def _take(self, size: int) -> bytes:
        start = self._taken
        self._taken = start + size
        return bytes(self._buffer[start : start + size])
