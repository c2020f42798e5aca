"""RESP on the wire: patterns for short messages, sizes, and requests encoded.

Sources: "Redis serialization protocol specification" (redis.io), the RESP3 specification,
and the behavior of Redis 7.0.
"""

from __future__ import annotations

import re

from ...errors import ProtocolError

NAME_LIMIT = 64
KEY_LIMIT = 500
ARGUMENT_LIMIT = 16 * 1024
"""Bytes that are read for labels; the rest of a request is skipped."""
RUN = 8
"""Number of short values that some patterns match at once."""

# Types of values.
LINES = frozenset([b"+", b"-", b":", b"_", b"#", b",", b"("])
STRINGS = frozenset([b"$", b"=", b"!"])
AGGREGATES = {b"*": 1, b"~": 1, b">": 1, b"%": 2, b"|": 2}
"""Values per item; an attribute (``|``) is followed by the value it describes."""


def sized(limit: int, size: str = "", byte: str = ".") -> str:
    """The pattern of a size up to a limit, a line end, and that number of bytes.

    Each size has its own branch, so the bytes may be anything.
    """
    branches = [rf"\r\n{byte}{{{size}}}"] if size else [r"0\r\n"]
    for digit in range(10):
        longer = f"{size}{digit}"
        if 0 < int(longer) <= limit:
            branches.append(f"{digit}{sized(limit, longer, byte)}")
    return f"(?:{'|'.join(branches)})"


def pattern(text: str) -> re.Pattern[bytes]:
    """Compile a pattern in which a dot matches any byte."""
    return re.compile(text.encode(), re.DOTALL)


SHORT = sized(99)
MEDIUM = sized(255)
LINE = r"[+:_#,(][^\r\n]*+"

REQUEST = pattern(
    rf"\*(?:1|((2)|(3)|([1-9]\d{{0,6}})))\r\n\$({sized(24)})\r\n"
    rf"(?(1)\$({SHORT})\r\n(?(3)\$({MEDIUM})\r\n))"
)
"""A short request, or the first three words of a longer one.

Group 4: its number of words, if more follow; groups 5, 6 and 7: words with their sizes.
"""
ASCII = sized(99, byte=r"[^\x80-\xff]")
REQUESTS = pattern(
    rf"\*(?:1|(2|(3|(4|(5)))))\r\n\$({sized(24)})\r\n(?(1)\${ASCII}\r\n)"
    rf"(?(2)\${SHORT}\r\n)(?(3)\${SHORT}\r\n)(?(4)\${SHORT}\r\n)|"
)
"""One of several whole requests of few words, the first two in ASCII.  Group 5: the command."""
ARGUMENT = pattern(rf"\${SHORT}\r\n")
ARGUMENTS = pattern(rf"(?:\${SHORT}\r\n){{{RUN}}}")
RESPONSE = pattern(rf"(?:{LINE}|\$(?:-1|{MEDIUM})|-([^ \r\n]*+)[^\r\n]*+)\r\n")
"""A short response or value.  Group 1: the code of an error."""
ANSWERS = pattern(rf"((?:{LINE}|\$(?:-1|{MEDIUM}))\r\n)|")
"""One of several short responses that are no errors: group 1."""
RESPONSES = pattern(rf"(?:(?:{LINE}|\$(?:-1|{SHORT}))\r\n){{{RUN}}}")

# What comes next: lookaheads, which take nothing.
COUNTED = pattern(r"(?=\*)")
INLINE = pattern("""(?=[\\s\\w"'])""")
TYPED = pattern(r"(?=[-+:$*_#,(!=%~>|;.\n])")

HEADER = pattern(r".(-?\d{1,18}|\?)\r\n")
REFUSED_SILENCE = pattern(r"-(?:NOAUTH |[A-Z]+ [^\r\n]*'client\b)")
"""An error that a CLIENT REPLY is answered with."""
MONITORED = pattern(r"\+\d+\.\d+ \[")
"""A line of MONITOR: a time, then the database and the client in brackets."""


def size_of(line: bytes, kind: bytes = b"") -> int:
    r"""The number in a line such as ``$12\r\n``; with a kind, of that kind and not negative.

    Raises:
        ProtocolError: the line is not such a line.
    """
    found = HEADER.fullmatch(line)
    if found is None or found[1] == b"?" or (kind and (line[:1] != kind or found[1][:1] == b"-")):
        raise ProtocolError(f"{line[:NAME_LIMIT]!r} is not a size")
    return int(found[1])


def text_of(word: bytes) -> str:
    """A word as text, for labels and errors."""
    return word.decode("utf-8", "backslashreplace")


def encoded(*words: bytes) -> bytes:
    """A request of these words, as clients send it."""
    lines = [b"*%d\r\n" % len(words), *(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)]
    return b"".join(lines)
