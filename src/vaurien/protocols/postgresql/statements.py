"""The labels of requests, and the statements that a connection has prepared."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from functools import lru_cache

from ...protocol import Stream
from ...values.messages import Message
from ..sql import without_secrets
from .wire import BIND, DESCRIBE, EXECUTE, PARSE, body_size, take_head

TEXT_LIMIT = 2_000  # characters of a statement that labels hold
SQL_SIZE = 4 * TEXT_LIMIT  # bytes of a statement that are read
NAME_LIMIT = 200  # bytes of the name of a prepared statement or portal that is remembered
STATEMENTS_LIMIT = 1_000  # prepared statements and portals remembered on a connection
START_SIZE = SQL_SIZE + 2 * NAME_LIMIT  # bytes at the start of a message that are read

NAMING = re.compile(rb"(?s)([PB])(\x00\x00..)([^\x00]{0,%d})\x00([^\x00]*)\x00" % NAME_LIMIT)
"""A short Parse or Bind, up to the names and texts it begins with."""
VERB = re.compile(rb"(?s)(?:\s++|--[^\n]*+|/\*.*?\*/|[(;])*+([A-Za-z]+)")

Labels = Mapping[str, str]


def request_labels(message: Message) -> Labels:
    """The labels of the request that a message is, or that it answers."""
    return message.about if isinstance(message.about, Mapping) else message.labels


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


class Statements(dict[bytes, Labels]):
    r"""The labels of prepared statements, by name, and of portals, by ``b"\0"`` and name."""

    def take(self, stream: Stream) -> Generator[None, None, tuple[Labels | None, int]]:
        """Take the start of a message; return its statement's labels, and the bytes left."""
        if (found := stream.match(NAMING)) is not None:
            _, length, first, second = found.groups()
            left = body_size(length) - len(first) - len(second) - 2
            return self._note(found[1][0], first, second), left
        kind, size = yield from take_head(stream)
        head = yield from stream.read(min(size, START_SIZE))
        first, _, rest = head.partition(b"\0")
        return self._note(kind, first, rest.partition(b"\0")[0]), size - len(head)

    def _note(self, kind: int, first: bytes, second: bytes) -> Labels | None:
        """``first`` and ``second``: the strings that the message begins with."""
        if kind == PARSE:
            return self._remember(first, statement_labels(second[:SQL_SIZE], "extended"))
        if kind == BIND:
            return self._remember(b"\0" + first, self.get(second))
        if kind == EXECUTE:
            return self.get(b"\0" + first)
        if kind == DESCRIBE:
            return self.get(first[1:] if first[:1] == b"S" else b"\0" + first[1:])
        return None

    def _remember(self, name: bytes, labels: Labels | None) -> Labels | None:
        self.pop(name, None)
        if labels is not None and len(name) <= NAME_LIMIT:
            if len(self) >= STATEMENTS_LIMIT:
                del self[next(iter(self))]
            self[name] = labels
        return labels
