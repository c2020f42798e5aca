"""How messages of PostgreSQL are framed, and what they are labelled with; see ``postgresql``."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from functools import lru_cache
from struct import Struct

from ...errors import ProtocolError
from ...protocol import Parser, Stream
from ..sql import without_secrets

MESSAGE_LIMIT = 0x3FFFFFFF  # bytes: MaxAllocSize, which no message may pass
HEAD_SIZE = 5
TEXT_LIMIT = 2_000  # characters of a statement that are kept
SQL_SIZE = 4 * TEXT_LIMIT  # bytes of it that are looked at
NAME_LIMIT = 200  # bytes of the name of a prepared statement or portal that is remembered
STATEMENTS_LIMIT = 1_000  # of them, on a connection
NOTED_LIMIT = SQL_SIZE + 2 * NAME_LIMIT  # bytes of a message that are looked at

LENGTH = Struct(">I")
HEAD = re.compile(rb"(?s)(.)(.{4})")
NAMING = re.compile(rb"(?s)([PB])(\x00\x00..)([^\x00]{0,%d})\x00([^\x00]*)\x00" % NAME_LIMIT)
VERB = re.compile(rb"(?s)(?:\s++|--[^\n]*+|/\*.*?\*/|[(;])*+([A-Za-z]+)")

Q, F, P, B, D, E, C, H, S, X = b"QFPBDECHSX"
COPY_DATA, COPY_DONE, COPY_FAIL, PASSWORD = b"dcfp"
COPY_IN, COPY_BOTH, READY_FOR_QUERY, REQUEST, ERROR = b"GWZRE"

Labels = Mapping[str, str]


def all_but(kinds: bytes) -> bytes:
    """A table of message types, 1 for those at which to stop: all but these."""
    return bytes(kind not in kinds for kind in range(256))


# Framing.


def checked(length: bytes) -> int:
    """The size of the body of a message, by its length, which counts itself.

    Raises:
        ProtocolError: no message has it.
    """
    size: int = LENGTH.unpack(length)[0]
    if not LENGTH.size <= size <= MESSAGE_LIMIT:
        raise ProtocolError(f"a message of {size} bytes")
    return size - LENGTH.size


def take_head(stream: Stream) -> Generator[None, None, tuple[int, int]]:
    """Take the type of a message and its length; gives the type and the size of its body."""
    if (found := stream.match(HEAD)) is not None:
        return found[1][0], checked(found[2])
    head = yield from stream.read(HEAD_SIZE)
    return head[0], checked(head[1:])


def take_message(stream: Stream) -> Parser:
    """Take a message, all of it."""
    _, size = yield from take_head(stream)
    yield from stream.skip(size)


def peek(stream: Stream, size: int) -> Generator[None, None, bytes]:
    """The next so many bytes, as soon as they are here; they are not taken."""
    while len(ahead := stream.at_hand(size)) < size:
        yield
    return ahead


def passing(stream: Stream, stops: bytes) -> Generator[None, None, int]:
    """Let messages pass, all that are not of one of these types; gives the type that comes.

    ``stops``: see ``all_but``.  A result may have millions of messages: this loop is what they
    cost.
    """
    while True:
        window = stream.at_hand()
        if len(window) < HEAD_SIZE:
            yield
            continue
        place, last = 0, len(window) - HEAD_SIZE
        while place <= last and not stops[window[place]]:
            size = LENGTH.unpack_from(window, place + 1)[0]
            if not LENGTH.size <= size <= MESSAGE_LIMIT:
                raise ProtocolError(f"a message of {size} bytes")
            place += 1 + size
        if place:
            yield from stream.skip(place)
        if place <= last:
            return window[place]


# Labels.


@lru_cache(256)
def statement_labels(text: bytes, mode: str) -> Labels:
    """The labels of a statement; no more than its first ``SQL_SIZE`` bytes are needed."""
    found = VERB.match(text)
    verb = found[1].decode("ascii").upper() if found is not None else "OTHER"
    sql = without_secrets(text.decode("utf-8", "replace"), verb)[:TEXT_LIMIT]
    return {"phase": "query", "verb": verb if text else "EMPTY", "sql": sql, "mode": mode}


def startup_labels(body: bytes) -> Labels:
    """The labels of a start-up, from its pairs of texts; the database is named like the user."""
    words = body.decode("utf-8", "replace").split("\0")
    told = dict(zip(words[::2], words[1::2], strict=False))
    user = told.get("user", "")[:TEXT_LIMIT]
    database = told.get("database", "")[:TEXT_LIMIT] or user
    return {"phase": "startup", "verb": "STARTUP", "user": user, "database": database}


class Statements(dict[bytes, Labels]):
    r"""The labels of prepared statements by name, and of portals by ``b"\0"`` and name."""

    def take(self, stream: Stream) -> Generator[None, None, tuple[Labels | None, int]]:
        """Take how a message begins: the labels of the statement it speaks of, and bytes left."""
        if (found := stream.match(NAMING)) is not None:
            kind, length, first, second = found.groups()
            left = checked(length) - len(first) - len(second) - 2
            return self._note(kind[0], first, second), left
        number, size = yield from take_head(stream)
        head = yield from stream.read(min(size, NOTED_LIMIT))
        first, _, rest = head.partition(b"\0")
        return self._note(number, first, rest.partition(b"\0")[0]), size - len(head)

    def _note(self, kind: int, first: bytes, second: bytes) -> Labels | None:
        """``first`` and ``second`` are the texts that a message begins with."""
        if kind == P:
            return self._remember(first, statement_labels(second[:SQL_SIZE], "extended"))
        if kind == B:
            return self._remember(b"\0" + first, self.get(second))
        if kind == E:
            return self.get(b"\0" + first)
        if kind == D:
            return self.get(first[1:] if first[:1] == b"S" else b"\0" + first[1:])
        return None

    def _remember(self, name: bytes, labels: Labels | None) -> Labels | None:
        self.pop(name, None)
        if labels is not None and len(name) <= NAME_LIMIT:
            if len(self) >= STATEMENTS_LIMIT:
                del self[next(iter(self))]
            self[name] = labels
        return labels
