"""The commands of MySQL and MariaDB, and what is remembered of a request.

Source: the lists of commands in the documentation of both servers, and their ``my_command.h``.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from ...rules.kinds import ANY, Kind, texts
from ...values.messages import Message
from ..sql import VERBS
from .wire import HEADER_SIZE, LONGEST

QUERY = 0x03
CHANGE_USER = 0x11
RESET_CONNECTION = 0x1F
STMT_PREPARE = 0x16
STMT_EXECUTE = 0x17
STMT_CLOSE = 0x19
STMT_RESET = 0x1A
BULK_EXECUTE = 0xFA


class ResponseKind(enum.Enum):
    """Which packets a response consists of."""

    SINGLE = enum.auto()
    """One packet."""
    RESULTS = enum.auto()
    """Results in sequence: OK, a result set, or a request for a local file."""
    ROWS = enum.auto()
    """Rows or columns, up to an EOF."""
    PREPARED = enum.auto()
    """A prepared statement: its number, its parameters and its columns."""
    LOGIN = enum.auto()
    """A step of authentication; any packet but OK and ERR asks for another step."""


class MySqlRequest(NamedTuple):
    """What is remembered of a request, for the parser of its response and for faults."""

    response: ResponseKind
    sequence: int = 0
    """Sequence id of its first packet."""
    statement: str = ""
    """The statement to prepare."""
    attributes: bool = False
    """Whether statements on this connection are preceded by query attributes."""
    mariadb: bool = False
    """Whether the server is MariaDB."""
    password: bool = True
    """Whether a login has a password."""
    user: str = ""
    """The user of a login."""
    changes_user: bool = False
    """It is a login on a connection that has a user."""
    resets: bool = False
    """If it succeeds, the session begins anew."""


def request_of(message: Message) -> MySqlRequest | None:
    """The request that a message is, or that it answers; None if that is not known."""
    return message.about if isinstance(message.about, MySqlRequest) else None


def is_login(message: Message) -> bool:
    """Whether a message belongs to authentication, which an error ends."""
    request = request_of(message)
    return request is not None and request.response is ResponseKind.LOGIN


def sequence_after(last: Message) -> int:
    """The sequence id of the response to a request, given the request's last piece."""
    packets = (last.offset + len(last.data)) // (HEADER_SIZE + LONGEST) + 1
    request = request_of(last)
    return ((request.sequence if request else 0) + packets) % 256


@dataclass(frozen=True)
class MySqlCommand:
    """A command, and what its response is like."""

    name: str
    response: ResponseKind = ResponseKind.SINGLE
    replies: bool = True
    """Whether the server answers it."""
    opaque: bool = False
    """Whether a stream follows instead of a response: a binary log, a copy of files."""

    @cached_property
    def labels(self) -> dict[str, str]:
        return {"phase": "command", "command": self.name, "verb": self.name}

    def labels_with(self, sql: str, verb: str) -> dict[str, str]:
        return {"phase": "command", "command": self.name, "verb": verb, "sql": sql}


COMMANDS = {
    0x00: MySqlCommand("SLEEP"),
    0x01: MySqlCommand("QUIT", replies=False),
    0x02: MySqlCommand("INIT_DB"),
    QUERY: MySqlCommand("QUERY", ResponseKind.RESULTS),
    0x04: MySqlCommand("FIELD_LIST", ResponseKind.ROWS),
    0x05: MySqlCommand("CREATE_DB"),
    0x06: MySqlCommand("DROP_DB"),
    0x07: MySqlCommand("REFRESH"),
    0x08: MySqlCommand("SHUTDOWN"),
    0x09: MySqlCommand("STATISTICS"),
    0x0A: MySqlCommand("PROCESS_INFO", ResponseKind.RESULTS),
    0x0B: MySqlCommand("CONNECT"),
    0x0C: MySqlCommand("PROCESS_KILL"),
    0x0D: MySqlCommand("DEBUG"),
    0x0E: MySqlCommand("PING"),
    0x0F: MySqlCommand("TIME"),
    0x10: MySqlCommand("DELAYED_INSERT"),
    CHANGE_USER: MySqlCommand("CHANGE_USER", ResponseKind.LOGIN),
    0x12: MySqlCommand("BINLOG_DUMP", opaque=True),
    0x13: MySqlCommand("TABLE_DUMP", opaque=True),
    0x14: MySqlCommand("CONNECT_OUT"),
    0x15: MySqlCommand("REGISTER_SLAVE"),
    STMT_PREPARE: MySqlCommand("STMT_PREPARE", ResponseKind.PREPARED),
    STMT_EXECUTE: MySqlCommand("STMT_EXECUTE", ResponseKind.RESULTS),
    0x18: MySqlCommand("STMT_SEND_LONG_DATA", replies=False),
    STMT_CLOSE: MySqlCommand("STMT_CLOSE", replies=False),
    STMT_RESET: MySqlCommand("STMT_RESET"),
    0x1B: MySqlCommand("SET_OPTION"),
    0x1C: MySqlCommand("STMT_FETCH", ResponseKind.ROWS),
    0x1D: MySqlCommand("DAEMON"),
    0x1E: MySqlCommand("BINLOG_DUMP_GTID", opaque=True),
    RESET_CONNECTION: MySqlCommand("RESET_CONNECTION"),
    0x20: MySqlCommand("CLONE", opaque=True),
    0x21: MySqlCommand("SUBSCRIBE_GROUP_REPLICATION_STREAM", opaque=True),
    BULK_EXECUTE: MySqlCommand("STMT_BULK_EXECUTE", ResponseKind.RESULTS),
}


ERROR_NUMBER = r"0|[1-9]\d{0,3}|[1-5]\d{4}|6(?:[0-4]\d{3}|5(?:[0-4]\d\d|5(?:[0-2]\d|3[0-5])))"
VERB = "a word in upper case, such as SELECT"


def _kinds() -> Iterator[Kind]:
    """Yield the kinds of exchanges: what each is labelled with."""
    error = {"error": texts((), ERROR_NUMBER, r"\D", "an error number from 1 to 65535")}
    names = {"user": ANY, "database": ANY}
    yield {"phase": texts("greeting"), **error}
    for login in ("LOGIN", "SSL"):
        yield {
            "phase": texts("login"),
            "command": texts(login),
            "verb": texts(login),
            **names,
            **error,
        }
    unknown = texts((), "0x[0-9A-F]{2}", "[a-wyz]")
    yield {"phase": texts("command"), "command": unknown, "verb": unknown, **error}
    for command in COMMANDS.values():
        name = texts(command.name)
        kind = {"phase": texts("command"), "command": name, "verb": name, **error}
        if command.name == "CHANGE_USER":
            kind |= names
        if command.name in WITH_SQL:
            kind |= {"sql": ANY}
            if command.name != "STMT_PREPARE":
                kind["verb"] = texts(f"{command.name} {VERBS}", "[A-Z]+", "[^A-Z]", VERB)
        yield kind


WITH_SQL = frozenset({"QUERY", "STMT_PREPARE", "STMT_EXECUTE", "STMT_BULK_EXECUTE"})
KINDS = tuple(_kinds())
