"""RESP on the wire: patterns for what is short, and the words in it.

Sources: "Redis serialization protocol specification" (redis.io), the RESP3 specification,
and what Redis 7.0 does.
"""

from __future__ import annotations

import re

from ...errors import ProtocolError
from .commands import SUBSCRIBING, UNSUBSCRIBING, Command

NAME_LIMIT = 64
KEY_LIMIT = 500
ARGUMENT_LIMIT = 16 * 1024
"""Of what is looked at for labels, in bytes; the rest of a request passes unseen."""
RUN = 8
"""How many short values some patterns take at once."""

SUBSCRIPTIONS = SUBSCRIBING | UNSUBSCRIBING
CONFIRMATIONS = {name.lower().encode(): name for name in SUBSCRIPTIONS}
MESSAGES = frozenset([b"message", b"pmessage", b"smessage"])

# Types of values.
LINES = frozenset([b"+", b"-", b":", b"_", b"#", b",", b"("])
STRINGS = frozenset([b"$", b"=", b"!"])
AGGREGATES = {b"*": 1, b"~": 1, b">": 1, b"%": 2, b"|": 2}
"""How many values each of their items has; the value that ``|`` speaks of comes besides."""


def sized(limit: int, size: str = "") -> str:
    """The pattern of a size up to a limit, the end of the line, and so many bytes.

    Each size has a branch of its own, so the bytes may be any.
    """
    branches = [rf"\r\n.{{{size}}}"] if size else [r"0\r\n"]
    for digit in range(10):
        longer = f"{size}{digit}"
        if 0 < int(longer) <= limit:
            branches.append(f"{digit}{sized(limit, longer)}")
    return f"(?:{'|'.join(branches)})"


def pattern(text: str) -> re.Pattern[bytes]:
    """A pattern in which a dot is any byte."""
    return re.compile(text.encode(), re.DOTALL)


SHORT = sized(99)
MEDIUM = sized(255)
LINE = r"[+:_#,(][^\r\n]*+"

REQUEST = pattern(
    rf"\*(?:1|((2)|(3)|([1-9]\d{{0,6}})))\r\n\$({sized(24)})\r\n"
    rf"(?(1)\$({SHORT})\r\n(?(3)\$({MEDIUM})\r\n))"
)
"""A short request, or the beginning of one: its first words.

Group 4: how many words it has, if not all have been taken; 5, 6 and 7: words with their sizes.
"""
ARGUMENT = pattern(rf"\${SHORT}\r\n")
ARGUMENTS = pattern(rf"(?:\${SHORT}\r\n){{{RUN}}}")
RESPONSE = pattern(rf"(?:{LINE}|\$(?:-1|{MEDIUM})|-([^ \r\n]*+)[^\r\n]*+)\r\n")
"""A short response or value.  Group 1: the code of an error."""
RESPONSES = pattern(rf"(?:(?:{LINE}|\$(?:-1|{SHORT}))\r\n){{{RUN}}}")

# What comes next, of which these take nothing.
COUNTED = pattern(r"(?=\*)")
INLINE = pattern("""(?=[\\s\\w"'])""")
TYPED = pattern(r"(?=[-+:$*_#,(!=%~>|;.\n])")

HEADER = pattern(r".(-?\d{1,18}|\?)\r\n")
MONITORED = pattern(r"\+\d+\.\d+ \[")
"""What MONITOR shows: a time, then in brackets the database and the client."""


def size_of(line: bytes, kind: bytes = b"") -> int:
    r"""The number in a line such as ``$12\r\n``; with a kind, of this kind and not negative.

    Raises:
        ProtocolError: there is none.
    """
    found = HEADER.fullmatch(line)
    if found is None or found[1] == b"?" or (kind and (line[:1] != kind or found[1][:1] == b"-")):
        raise ProtocolError(f"{line[:NAME_LIMIT]!r} is not the size of anything")
    return int(found[1])


def text_of(word: bytes) -> str:
    """A word for people, and for rules to match."""
    return word.decode("utf-8", "backslashreplace")


def key_of(command: Command, arguments: list[bytes]) -> bytes | None:
    """The first key of a command, if it is among these arguments; whole."""
    if command.after:
        words = [argument.upper() for argument in arguments]
        place = words.index(command.after) + 1 if command.after in words else len(words)
    elif not command.key or (
        command.counted and arguments[command.key - 2 : command.key - 1] == [b"0"]
    ):
        return None
    else:
        place = command.key - 1
    return arguments[place] if place < len(arguments) else None


class Subscriptions:
    """What a connection is subscribed to, as far as confirmations tell."""

    __slots__ = ("_channels", "_confirmed", "_patterns", "_shards")

    def __init__(self) -> None:
        self._channels = self._patterns = self._shards = 0
        self._confirmed = 0  # of the channels of the request that is being answered

    def __bool__(self) -> bool:
        return self._channels + self._patterns + self._shards > 0

    def confirm(self, name: str, total: int) -> int:
        """A channel is confirmed; gives how many of its kind there are now.

        ``total``: of channels and patterns together, or of shard channels.
        """
        if name in ("SSUBSCRIBE", "SUNSUBSCRIBE"):
            self._shards = total
            return self._shards
        if name in ("PSUBSCRIBE", "PUNSUBSCRIBE"):
            self._patterns = total - self._channels
            return self._patterns
        self._channels = total - self._patterns
        return self._channels

    def is_last(self, wanted: int, left: int) -> bool:
        """Whether a confirmation is the last for a request: of so many channels, or 0 for all."""
        self._confirmed += 1
        last = self._confirmed >= wanted if wanted else left <= 0
        if last:
            self._confirmed = 0
        return last
