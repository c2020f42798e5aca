"""What is known of requests, and the statements that a connection has prepared."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from ...protocol import Stream
from ...values.messages import Message
from ..sql import without_secrets
from .wire import BIND, CLOSE, DESCRIBE, EXECUTE, PARSE, take_head

TEXT_LIMIT = 2_000  # characters of a statement that labels hold
SQL_SIZE = 4 * TEXT_LIMIT  # bytes of a statement that are read
NAME_LIMIT = 200  # bytes of the name of a prepared statement or portal that is remembered
STATEMENTS_LIMIT = 1_000  # prepared statements and portals remembered on a connection
START_SIZE = SQL_SIZE + 2 * NAME_LIMIT  # bytes at the start of a message that are read

VERB = re.compile(rb"(?s)(?:\s++|--[^\n]*+|/\*.*?\*/|[(;])*+([A-Za-z]+)")
ASKING = re.compile(rb"(?i)\b(?:COPY|START_REPLICATION)\b")
"""What a statement contains after which the server may ask the client to continue."""
BEGIN = re.compile(
    r"""\s*+(?:BEGIN(?:\s+(?:WORK|TRANSACTION))?|START\s+TRANSACTION)
    (?:[\s,]+(?:ISOLATION\s+LEVEL\s+(?:SERIALIZABLE|REPEATABLE\s+READ|READ\s+(?:UN)?COMMITTED)
    |READ\s+(?:ONLY|WRITE)|(?:NOT\s+)?DEFERRABLE))*[\s;]*+""",
    re.IGNORECASE | re.VERBOSE,
)
"""A statement that the server does not refuse, unless a transaction is open."""
BEGIN_VERBS = ("BEGIN", "START")
PLAIN_BIND = re.compile(rb"\x00{4}(?:\x00\x00|\x00\x01\x00[\x00\x01])")
"""What follows the names in a Bind without parameters."""

Labels = Mapping[str, str]


@dataclass(slots=True)
class PgRequest:
    """What is known of a request, and of the response to it so far."""

    labels: Labels
    steps: int = 0
    """Its messages of the extended protocol, each of which the server answers."""
    over: bool = False
    """It has arrived to its end."""
    synced: bool = False
    """A Sync has ended it; otherwise the server answers no more of it after an error."""
    copied: bool = False
    """It contains the end of a COPY's data."""
    extra_syncs: int = 0
    """Syncs amid the data of a COPY, which the server answers if it has refused the COPY."""

    done: int = 0
    """Steps that the server has answered."""
    failed: bool = False
    """The server ignores what follows, up to a Sync."""
    copying: bool = False
    """The server has asked for the data of a COPY."""
    answering: bool = False
    """The response has begun ..."""
    answered: bool = False
    """... and ended."""
    aborted: bool = False
    """Its transaction had failed before it; the server says so, and nothing else is true."""
    changes: tuple[Change, ...] = ()
    """What it changes of the session's statements."""

    @property
    def extended(self) -> bool:
        return self.labels.get("mode") == "extended"


def request_of(message: Message) -> PgRequest:
    """The request that a message is, or that it answers."""
    return message.about if isinstance(message.about, PgRequest) else PgRequest(message.labels)


def request_labels(message: Message) -> Labels:
    """The labels of the request that a message is, or that it answers."""
    return request_of(message).labels


def asks_for_more(text: bytes) -> bool:
    """Whether the server may ask the client to continue this statement.

    A text may hold several; of a long one, only the beginning is known.
    """
    return len(text) >= SQL_SIZE or ASKING.search(text) is not None


@lru_cache(256)
def _is_begin(sql: str) -> bool:
    return BEGIN.fullmatch(sql) is not None


@lru_cache(256)
def statement_labels(text: bytes, mode: str) -> Labels:
    """The labels of a statement, given its first ``SQL_SIZE`` bytes."""
    found = VERB.match(text)
    verb = found[1].decode("ascii").upper() if found is not None else "OTHER"
    sql = without_secrets(text.decode("utf-8", "replace"), verb)[:TEXT_LIMIT]
    return {"phase": "query", "verb": verb if text else "EMPTY", "sql": sql, "mode": mode}


def startup_labels(body: bytes) -> Labels:
    """The labels of a start-up, from its parameters; the default database is the user's name."""
    words = body.decode("utf-8", "replace").split("\0")
    parameters = dict(zip(words[::2], words[1::2], strict=False))
    user = parameters.get("user", "")[:TEXT_LIMIT]
    database = parameters.get("database", "")[:TEXT_LIMIT] or user
    return {"phase": "startup", "verb": "STARTUP", "user": user, "database": database}


UNNAMED = (b"", b"\0")
"""What has no name is gone if the server refuses to replace it, so its labels do not matter."""


class Change(NamedTuple):
    """A change of the labels that a name has."""

    step: int
    """The message that makes it, counted within its request."""
    name: bytes
    before: Labels | None
    after: Labels | None


class Step(NamedTuple):
    """A message of the extended protocol, of which the beginning has been taken."""

    kind: int
    labels: Labels | None
    """Those of the statement that it is about, if that is known."""
    left: int
    """Bytes that have not been taken."""
    silent: bool
    """The server does not answer it by itself: not before a Flush or a Sync."""
    change: Change | None
    """What it changes of the session's statements, unless the server refuses it."""


class Statements(dict[bytes, Labels]):
    r"""The labels of prepared statements, by name, and of portals, by ``b"\0"`` and name."""

    def take(self, stream: Stream) -> Generator[None, None, Step]:
        """Take the start of a message."""
        kind, size = yield from take_head(stream)
        head = yield from stream.read(min(size, START_SIZE))
        first, _, rest = head.partition(b"\0")
        second, _, rest = rest.partition(b"\0")
        silent = kind == CLOSE or (kind == PARSE and not (first and first in self))
        labels, change = self._note(kind, first, second)
        if kind != CLOSE:
            silent = silent or (kind == BIND and PLAIN_BIND.fullmatch(rest) is not None)
            silent = silent or kind in (DESCRIBE, EXECUTE)
            silent = silent and labels is not None and labels["verb"] in BEGIN_VERBS
            silent = silent and labels is not None and _is_begin(labels["sql"])
        return Step(kind, labels, size - len(head), silent, change)

    def undo(self, request: PgRequest) -> None:
        """Take back what the steps change of which the server has refused one, and ignores others.

        That are all after those that it has answered.
        """
        for step, name, before, after in reversed(request.changes):
            if step > request.done and self.get(name) is after:
                self._remember(name, before)

    def _note(self, kind: int, first: bytes, second: bytes) -> tuple[Labels | None, Change | None]:
        """``first`` and ``second``: the strings that the message begins with."""
        if kind == PARSE:
            labels = statement_labels(second[:SQL_SIZE], "extended")
            return labels, self._remember(first, labels)
        if kind == BIND:
            bound = self.get(second)
            return bound, self._remember(b"\0" + first, bound)
        if kind == EXECUTE:
            return self.get(b"\0" + first), None
        name = first[1:] if first[:1] == b"S" else b"\0" + first[1:]
        if kind == DESCRIBE:
            return self.get(name), None
        return None, self._remember(name, None)

    def _remember(self, name: bytes, labels: Labels | None) -> Change | None:
        """Give a name these labels, or none; return what that changes."""
        before = self.pop(name, None)
        if labels is not None and len(name) <= NAME_LIMIT:
            if len(self) >= STATEMENTS_LIMIT:
                del self[next(iter(self))]
            self[name] = labels
        return Change(0, name, before, self.get(name)) if name not in UNNAMED else None


@dataclass(slots=True)
class Session:
    """What is known of a connection's session, from both of its directions."""

    status: bytes = b"I"
    """The state of the transaction after the newest response: I for idle, T, or E for failed."""
    unsynced: PgRequest | None = None
    """The first batch without a Sync since the last Sync."""
    ignoring: bool = False
    """The server ignores all requests, up to the next Sync, and no Sync is under way."""
    statements: Statements = field(default_factory=Statements)
