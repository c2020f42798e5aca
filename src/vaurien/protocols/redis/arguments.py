"""The arguments of a request, as Redis quotes them in its errors."""

from __future__ import annotations

import re

from ...errors import ProtocolError
from ...values.messages import Message
from .commands import command_of
from .wire import ARGUMENT_LIMIT, NAME_LIMIT, text_of

COUNT = re.compile(rb"\*\d+\r\n")
SIZE = re.compile(rb"\$(\d{1,9})\r\n")
FIRST_LIMIT = 4 * ARGUMENT_LIMIT
"""Bytes in which the words are that the labels of a request need."""
QUOTED_LIMIT = 128
"""Bytes of arguments that Redis quotes, about (``commandCheckExistence`` in ``server.c``)."""


WORD = re.compile(
    rb"""\s*+(?=\S)([^\s"']*+)
    (?: "((?:[^"\\]|\\.)*+)"(?=\s|\Z) | '((?:\\'|[^'])*+)'(?=\s|\Z) | (?=\s|\Z) )""",
    re.VERBOSE | re.DOTALL,
)
"""A word of an inline command; groups 2 and 3: what is in double or single quotes."""
ESCAPED = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|(.))", re.DOTALL)
ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"a": b"\a"}


def inline_words(line: bytes) -> list[bytes]:
    """Return the words of an inline command, without quotes (``sdssplitargs`` in ``sds.c``).

    Raises:
        ProtocolError: its quotes are not balanced.
    """
    if b'"' not in line and b"'" not in line:
        return line.split()
    words, place, end = [], 0, len(line.rstrip())
    while place < end:
        found = WORD.match(line, place)
        if found is None:
            raise ProtocolError("an inline command with unbalanced quotes")
        word, double, single = found.groups()
        if double is not None:
            word += ESCAPED.sub(_unescaped, double)
        elif single is not None:
            word += single.replace(b"\\'", b"'")
        words.append(word)
        place = found.end()
    return words


def _unescaped(found: re.Match[bytes]) -> bytes:
    return bytes.fromhex(found[1].decode()) if found[1] else ESCAPES.get(found[2], found[2])


def has_labels(words: bytes) -> bool:
    """Whether the words that the labels of a request need have arrived."""
    place, taken, needed = 0, 0, 1
    while taken < needed:
        found = SIZE.match(words, place)
        if found is None:
            return False
        size = int(found[1])
        place = found.end() + size + 2
        if place > len(words):
            return size > ARGUMENT_LIMIT
        if not taken:
            needed += command_of(words[found.end() : place - 2][:NAME_LIMIT]).arguments_needed
        taken += 1
    return True


def arguments_of(message: Message) -> list[bytes]:
    """The arguments in the first piece of a request; none for any other message."""
    data = message.data
    if not (message.to_backend and message.begins):
        return []
    found = COUNT.match(data)
    if found is None:
        try:
            return inline_words(data)[1:]
        except ProtocolError:  # a piece of a line
            return data.split()[1:]
    words = []
    place = found.end()
    while (found := SIZE.match(data, place)) is not None:
        place = found.end() + int(found[1]) + 2
        words.append(data[found.end() : place - 2])
    return words[1:]


def quoted(arguments: list[bytes]) -> str:
    """Arguments in quotes, each followed by a space, up to ``QUOTED_LIMIT`` bytes."""
    text = b""
    for argument in arguments:
        if len(text) >= QUOTED_LIMIT:
            break
        text += b"'%b' " % argument[: QUOTED_LIMIT - len(text)]
    return text_of(text)


def group_of(arguments: list[bytes]) -> str:
    """The consumer group that an XREADGROUP reads for; ``group`` if there is none."""
    words = [argument.upper() for argument in arguments]
    place = words.index(b"GROUP") + 1 if b"GROUP" in words else len(words)
    return text_of(arguments[place]) if place < len(words) else "group"
