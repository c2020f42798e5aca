"""The arguments of a request, as redis repeats them in its errors."""

from __future__ import annotations

import re

from ...values.messages import Message

WORD = re.compile(rb"\$(\d{1,9})\r\n")
COUNT = re.compile(rb"\*\d+\r\n")
QUOTED = 128
"""Bytes of arguments that redis repeats, about (``commandCheckExistence`` in ``server.c``)."""


def arguments_in(message: Message) -> list[bytes]:
    """The arguments of a request, as far as they are in its first piece; else none."""
    data = message.data
    if not (message.to_backend and message.begins):
        return []
    found = COUNT.match(data)
    if found is None:
        return data.split()[1:]
    words = []
    place = found.end()
    while (found := WORD.match(data, place)) is not None:
        place = found.end() + int(found[1]) + 2
        words.append(data[found.end() : place - 2])
    return words[1:]


def quoted(arguments: list[bytes]) -> str:
    """Arguments in quotes, each with a space behind it, until there are enough."""
    told = b""
    for argument in arguments:
        if len(told) >= QUOTED:
            break
        told += b"'%b' " % argument[: QUOTED - len(told)]
    return told.decode("utf-8", "backslashreplace")


def group_in(arguments: list[bytes]) -> str:
    """The consumer group that an XREADGROUP reads for; ``group`` if that is not known."""
    words = [argument.upper() for argument in arguments]
    place = words.index(b"GROUP") + 1 if b"GROUP" in words else len(words)
    group = arguments[place] if place < len(words) else b"group"
    return group.decode("utf-8", "backslashreplace")
