"""The bytes of a stream that have arrived, as a parser takes them."""

from __future__ import annotations

import re
from collections.abc import Collection, Generator, Iterator, Mapping
from itertools import islice
from sys import maxsize

from ..errors import ProtocolError

Parser = Generator[None, None, None]

LINE_LIMIT = 64 * 1024
"""Maximum bytes of a line, unless a parser says otherwise."""
READ_LIMIT = 1024 * 1024
"""Maximum bytes taken at once, unless a parser says otherwise."""
NO_LIMIT = maxsize // 2
WINDOW = 16 * 1024
"""Bytes that ``at_hand`` returns at most."""


class Reader:
    """What has arrived, and how far the parser has taken it.

    A parser that needs more than that yields, and is resumed when more has arrived.
    """

    __slots__ = (
        "_announced",
        "_buffer",
        "_claimed",
        "_left",
        "_sized",
        "_taken",
        "_unseen",
        "aside",
        "in_message",
        "keep_limit",
        "overdue",
        "skipping",
        "turn",
        "unknown",
        "waits_briefly",
    )

    def __init__(self) -> None:
        self._buffer: bytes | bytearray = b""
        self._taken = 0  # bytes of the buffer that the parser has taken
        self._claimed = 0  # those that belong to the message under way, taken or not
        self.skipping = 0
        """Bytes still to come that the parser does not look at."""
        self._unseen = 0  # bytes of the message under way that the parser has not looked at
        self._sized = False  # the message ends with these
        self.in_message = False
        """A message has begun and not ended; parsers leave it alone."""
        self.waits_briefly = False
        """The parser is in ``wait_briefly``."""
        self.overdue = False
        """It has waited there long enough."""
        self._announced: tuple[Mapping[str, str], bool] | None = None
        self.unknown: Collection[str] = ()
        """The labels that the message announced may have, and that are not known yet."""
        self.keep_limit = maxsize
        """Bytes that rules may keep back until a message begins: a parser sets it before it waits
        for a long head, to what a server waits for.  With more, neither direction is parsed any
        more, and everything passes."""
        self.turn = 0
        """Messages that may end before the parser pauses; 0: any number."""
        self._left = 0  # of these
        self.aside = b""
        """What has arrived and is kept from the parser until its next turn."""

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

    def match(self, pattern: re.Pattern[bytes], limit: int = NO_LIMIT) -> re.Match[bytes] | None:
        """Take what a pattern matches of the bytes that have arrived; without a match, nothing.

        ``limit``: look at this many bytes only, as if the stream ended there.

        Use the match before the next ``yield``: its groups are views of the buffer.
        """
        taken = self._taken
        found = pattern.match(self._buffer, taken, taken + limit)
        if found is not None:
            self._taken = found.end()
        return found

    def matches(self, pattern: re.Pattern[bytes]) -> Iterator[re.Match[bytes]]:
        """Match again and again, each time behind the match before; take nothing.

        No more than the messages that may end before the parser pauses.  The pattern matches the
        empty string where it matches nothing else, which is the end.
        """
        left = self._left if self.turn else None
        return islice(pattern.finditer(self._buffer, self._taken), left)

    def at_hand(self, limit: int = WINDOW) -> bytes:
        """Return the next bytes that have arrived, without taking them."""
        return bytes(self._buffer[self._taken : self._taken + limit])

    def ahead(self, end: bytes) -> bytes:
        """Return the next bytes up to an ending, without taking them; b"" if it has not arrived."""
        found = self._buffer.find(end, self._taken)
        return bytes(self._buffer[self._taken : found + len(end)]) if found >= 0 else b""

    def advance(self, size: int) -> None:
        """Take bytes that have arrived, without looking at them."""
        self._taken += size

    def take(self, size: int) -> bool:
        """Take bytes without looking at them, if all have arrived; return whether they have."""
        taken = self._taken + size
        if taken > len(self._buffer):
            return False
        self._taken = taken
        self._unseen += size
        return True

    def claim(self, size: int = maxsize) -> None:
        """Pass on the next ``size`` bytes of those that have arrived.

        They belong to the message under way, whatever follows.  The parser can still look at
        them, and has to take them before it ends the message.  Without a message under way,
        this does nothing.
        """
        if self.in_message:
            self._claimed = min(self._taken + size, len(self._buffer))

    def announce(
        self,
        labels: Mapping[str, str],
        *,
        unknown: Collection[str] = (),
        unsolicited: bool = False,
    ) -> None:
        """Tell the labels of the message that begins next, as far as they are known.

        The parser calls it before a ``yield``, and again whenever it knows more.  It does not
        announce a message that the protocol may ``adjust``.

        ``unknown``: the names of other labels that ``begin`` may give it.
        ``unsolicited``: see ``begin``.
        """
        self._announced = labels, unsolicited
        self.unknown = unknown

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

    def take_aside(self) -> bytes:
        """Remove and return what the parser has not seen, for it to be watched or fed again."""
        aside, self.aside = self.aside, b""
        return aside

    def _pause(self) -> None:
        """End the parser's turn: keep from it what it has not taken."""
        if self._taken < len(self._buffer):
            self.aside = bytes(self._buffer[self._taken :])
            self._buffer = self._buffer[: self._taken]

    def _take(self, size: int) -> bytes:
        start = self._taken
        self._taken = start + size
        return bytes(self._buffer[start : start + size])
