"""The arguments of a request, as Redis quotes them in its errors."""

from __future__ import annotations

import re

from ...values.messages import Message
from .wire import text_of

COUNT = re.compile(rb"\*\d+\r\n")
SIZE = re.compile(rb"\$(\d{1,9})\r\n")
QUOTED_LIMIT = 128
"""Bytes of arguments that Redis quotes, about (``commandCheckExistence`` in ``server.c``)."""


def arguments_of(message: Message) -> list[bytes]:
    """The arguments in the first piece of a request; none for any other message."""
    data = message.data
    if not (message.to_backend and message.begins):
        return []
    found = COUNT.match(data)
    if found is None:
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
