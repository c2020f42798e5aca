"""The SQL in a command, for labels."""

from __future__ import annotations

import re

from ..sql import without_secrets
from .wire import integer_at

NO_ATTRIBUTES = b"\x00\x01"
"""What precedes a statement without query attributes, if the client knows these."""
SQL_SIZE = 2000
"""Characters of a statement that labels hold."""

VERB = re.compile(
    r"""(?: \s++ | [(;]                   # what may precede the first word:
        | /\*M?!\d*+                      # the opening of a comment that is executed
        | /\*(?!M?!).*?(?:\*/|\Z)         # other comments
        | (?:\#|--(?=\s))[^\n]*+
        )*+ ([A-Za-z]++)""",
    re.VERBOSE | re.DOTALL,
)

ASKING = re.compile(rb"(?i)\b(?:LOAD|EXECUTE)\b")
"""What a statement contains after which the server may ask the client for a file."""

FIXED_SIZES = {1: 1, 2: 2, 13: 2, 3: 4, 9: 4, 4: 4, 8: 8, 5: 8, 6: 0}
"""Sizes of numbers and NULL, in bytes, by type."""
TEMPORAL = frozenset({7, 10, 11, 12})
"""Types whose values are preceded by their length in one byte."""


def verb_of(sql: str) -> str:
    """The first word of a statement in upper case; '' if it has none."""
    found = VERB.match(sql)
    return found[1].upper() if found else ""


def statement_in(start: bytes, *, attributes: bool) -> str:
    """The statement in the payload of a command; ``attributes``: query attributes precede it."""
    at = 1
    if attributes:
        plain = start[1:3] == NO_ATTRIBUTES
        at = 3 if plain else _end_of_attributes(start)
    sql = start[at:].decode("utf-8", "replace")
    return without_secrets(sql, verb_of(sql))[:SQL_SIZE]


def _end_of_attributes(start: bytes) -> int:
    """The position of the statement in a COM_QUERY with attributes.

    The attributes are: their number, the number of sets (1), a bitmap of NULLs, a 1, the type
    and name of each, and the values.
    """
    number, at = integer_at(start, 1)
    _, at = integer_at(start, at)
    nulls = start[at : at + (number + 7) // 8]
    if number > 8 * len(nulls):
        return len(start)
    at += len(nulls) + 1
    types: list[bytes] = []
    while len(types) < number and at < len(start):
        types.append(start[at : at + 1])
        size, at = integer_at(start, at + 2)
        at += size
    for index, kind in enumerate(types):
        if at >= len(start):
            break
        if kind and not nulls[index // 8] >> index % 8 & 1:
            at = _end_of_value(start, at, kind[0])
    return at


def _end_of_value(start: bytes, at: int, kind: int) -> int:
    if kind in FIXED_SIZES:
        return at + FIXED_SIZES[kind]
    if kind in TEMPORAL:
        return at + 1 + sum(start[at : at + 1])
    size, at = integer_at(start, at)
    return at + size
