"""PostgreSQL on the wire: message types, framing, messages encoded.

Source: the manual's chapter "Frontend/Backend Protocol".  A message is a type byte, a length
that counts itself but not the type, and a body; those before the start-up have no type.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from struct import Struct

from ...errors import ProtocolError
from ...protocol import Parser, Stream

MESSAGE_LIMIT = 0x3FFFFFFF  # bytes: MaxAllocSize, the largest length
HEAD_SIZE = 5
LENGTH = Struct(">I")
HEAD = re.compile(rb"(?s)(.)(.{4})")

QUERY, FUNCTION_CALL, PARSE, BIND, DESCRIBE, EXECUTE, CLOSE, FLUSH, SYNC, TERMINATE = b"QFPBDECHSX"
COPY_DATA, COPY_DONE, COPY_FAIL, PASSWORD = b"dcfp"
"""Types of messages to the backend; both peers send ``COPY_DATA`` and ``COPY_DONE``."""
COPY_IN, COPY_BOTH, READY_FOR_QUERY, AUTHENTICATION = b"GWZR"
ERROR_RESPONSE, NOTICE_RESPONSE, PARAMETER_STATUS, COMMAND_COMPLETE = b"ENSC"
"""Types of messages to the client."""

READY_SIZE = 6
"""Bytes of a ReadyForQuery."""


def all_but(kinds: bytes) -> bytes:
    """A table of message types: 1 for all but these."""
    return bytes(kind not in kinds for kind in range(256))


NONE = bytes(256)
"""A table without types."""


def encoded(kind: int, body: bytes = b"") -> bytes:
    """A message of this type."""
    return bytes([kind]) + LENGTH.pack(len(body) + LENGTH.size) + body


def body_size(length: bytes) -> int:
    """The size of a message's body, given its length, which counts itself.

    Raises:
        ProtocolError: the length is too small or too large.
    """
    size: int = LENGTH.unpack(length)[0]
    if not LENGTH.size <= size <= MESSAGE_LIMIT:
        raise ProtocolError(f"a message of {size} bytes")
    return size - LENGTH.size


def take_head(stream: Stream) -> Generator[None, None, tuple[int, int]]:
    """Take the type of a message and its length; return the type and the size of the body."""
    if (found := stream.match(HEAD)) is not None:
        return found[1][0], body_size(found[2])
    head = yield from stream.read(HEAD_SIZE)
    return head[0], body_size(head[1:])


def take_message(stream: Stream) -> Parser:
    """Take a whole message."""
    found = stream.match(HEAD)
    size = body_size(found[2]) if found is not None else (yield from take_head(stream))[1]
    if size:
        yield from stream.skip(size)


def peek(stream: Stream, size: int) -> Generator[None, None, bytes]:
    """Wait for this many bytes and return them; they are not taken."""
    while len(ahead := stream.at_hand(size)) < size:
        yield
    return ahead


def skip_up_to(stream: Stream, stops: bytes, foreign: bytes = NONE) -> Generator[None, None, int]:
    """Skip messages up to one of these types, which is returned and not taken."""
    kind, _ = yield from skip_and_count(stream, stops, foreign, NONE)
    return kind


def skip_and_count(
    stream: Stream, stops: bytes, foreign: bytes, counted: bytes
) -> Generator[None, None, tuple[int, int]]:
    """Skip messages up to one of these types; return that and how many have been counted.

    ``stops``: a table of types, see ``all_but``.  A result may have millions of messages, and
    this loop is their cost.
    ``counted``: those of them that are counted and skipped.
    ``foreign``: types that may not belong to the message under way, or that have to be passed on
    whole; the beginning of any other is passed on.
    """
    count = 0
    while True:
        window = stream.at_hand()
        place, size = 0, len(window)
        last = size - HEAD_SIZE
        while place <= last:
            if stops[window[place]]:
                if not counted[window[place]]:
                    break
                count += 1
            length = LENGTH.unpack_from(window, place + 1)[0]
            if not LENGTH.size <= length <= MESSAGE_LIMIT:
                raise ProtocolError(f"a message of {length} bytes")
            place += 1 + length
        if place > size:
            yield from stream.skip(place)
        else:
            stream.advance(place)
        if place < size and stops[window[place]] and not counted[window[place]]:
            return window[place], count
        if not place:
            if window and not foreign[window[0]]:
                stream.claim()
            yield
