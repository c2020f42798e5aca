"""Commands of MySQL and MariaDB, and the SQL in them.

Source: the lists of commands in both servers' documentation, and their ``my_command.h``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from ..sql import without_secrets
from .forms import NO_ATTRIBUTES, QUERY, STMT_EXECUTE, STMT_PREPARE, STMT_RESET, Form

STMT_CLOSE = 0x19
BULK_EXECUTE = 0xFA

SQL_SIZE = 2000
"""Characters of a statement that labels show."""

VERB = re.compile(
    r"""(?: \s++ | [(;]                   # what may stand before the first word:
        | /\*M?!\d*+                      # the opening of a comment that is executed
        | /\*(?!M?!).*?(?:\*/|\Z)         # other comments
        | (?:\#|--(?=\s))[^\n]*+
        )*+ ([A-Za-z]++)""",
    re.VERBOSE | re.DOTALL,
)

FIXED_SIZES = {1: 1, 2: 2, 13: 2, 3: 4, 9: 4, 4: 4, 8: 8, 5: 8, 6: 0}
"""Bytes that a value takes, by its type: of numbers, and of NULL."""
TEMPORAL = frozenset({7, 10, 11, 12})
"""Types whose values begin with their length, in one byte."""


@dataclass(frozen=True)
class Command:
    """What there is to know of a command."""

    name: str
    form: Form = Form.SINGLE
    """Of the response."""
    replies: bool = True
    """The server answers it."""
    opaque: bool = False
    """What the server says from then on is no answer: a binary log, a copy of its files."""

    @classmethod
    def unknown(cls, code: int) -> Command:
        return cls(f"0x{code:02X}")

    @cached_property
    def labels(self) -> dict[str, str]:
        return {"phase": "command", "command": self.name, "verb": self.name}

    def labelled(self, sql: str, verb: str) -> dict[str, str]:
        return {"phase": "command", "command": self.name, "verb": verb, "sql": sql}


COMMANDS = {
    0x00: Command("SLEEP"),
    0x01: Command("QUIT", replies=False),
    0x02: Command("INIT_DB"),
    QUERY: Command("QUERY", Form.RESULTS),
    0x04: Command("FIELD_LIST", Form.ROWS),
    0x05: Command("CREATE_DB"),
    0x06: Command("DROP_DB"),
    0x07: Command("REFRESH"),
    0x08: Command("SHUTDOWN"),
    0x09: Command("STATISTICS"),
    0x0A: Command("PROCESS_INFO", Form.RESULTS),
    0x0B: Command("CONNECT"),
    0x0C: Command("PROCESS_KILL"),
    0x0D: Command("DEBUG"),
    0x0E: Command("PING"),
    0x0F: Command("TIME"),
    0x10: Command("DELAYED_INSERT"),
    0x11: Command("CHANGE_USER", Form.LOGIN),
    0x12: Command("BINLOG_DUMP", opaque=True),
    0x13: Command("TABLE_DUMP", opaque=True),
    0x14: Command("CONNECT_OUT"),
    0x15: Command("REGISTER_SLAVE"),
    STMT_PREPARE: Command("STMT_PREPARE", Form.PREPARED),
    STMT_EXECUTE: Command("STMT_EXECUTE", Form.RESULTS),
    0x18: Command("STMT_SEND_LONG_DATA", replies=False),
    STMT_CLOSE: Command("STMT_CLOSE", replies=False),
    STMT_RESET: Command("STMT_RESET"),
    0x1B: Command("SET_OPTION"),
    0x1C: Command("STMT_FETCH", Form.ROWS),
    0x1D: Command("DAEMON"),
    0x1E: Command("BINLOG_DUMP_GTID", opaque=True),
    0x1F: Command("RESET_CONNECTION"),
    0x20: Command("CLONE", opaque=True),
    0x21: Command("SUBSCRIBE_GROUP_REPLICATION_STREAM", opaque=True),
    BULK_EXECUTE: Command("STMT_BULK_EXECUTE", Form.RESULTS),
}


def verb_of(sql: str) -> str:
    """The first word of a statement, in upper case; '' if there is none."""
    found = VERB.match(sql)
    return found[1].upper() if found else ""


def statement_in(start: bytes, *, attributes: bool) -> str:
    """The statement in the payload of a command; ``attributes`` stand before it, if any."""
    at = 1
    if attributes:
        plain = start[1:3] == NO_ATTRIBUTES
        at = 3 if plain else _end_of_attributes(start)
    sql = start[at:].decode("utf-8", "replace")
    return without_secrets(sql, verb_of(sql))[:SQL_SIZE]


def _end_of_attributes(start: bytes) -> int:
    """Where the statement begins in a COM_QUERY that has attributes.

    Their number and that of sets (1) are told first; then a bitmap of NULLs, a 1, the type
    and name of each, and the values.
    """
    number, at = _integer(start, 1)
    _, at = _integer(start, at)
    nulls = start[at : at + (number + 7) // 8]
    if number > 8 * len(nulls):
        return len(start)
    at += len(nulls) + 1
    types = []
    for _ in range(number):
        types.append(start[at : at + 1])
        size, at = _integer(start, at + 2)
        at += size
    for index, kind in enumerate(types):
        if kind and not nulls[index // 8] >> index % 8 & 1:
            at = _end_of_value(start, at, kind[0])
    return at


def _end_of_value(start: bytes, at: int, kind: int) -> int:
    if kind in FIXED_SIZES:
        return at + FIXED_SIZES[kind]
    if kind in TEMPORAL:
        return at + 1 + sum(start[at : at + 1])
    size, at = _integer(start, at)
    return at + size


def _integer(data: bytes, at: int) -> tuple[int, int]:
    """A length-encoded integer, and where it ends."""
    first = data[at] if at < len(data) else 0
    size = {0xFC: 2, 0xFD: 3, 0xFE: 8}.get(first, 0)
    if not size:
        return first, at + 1
    return int.from_bytes(data[at + 1 : at + 1 + size], "little"), at + 1 + size
