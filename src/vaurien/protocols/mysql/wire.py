"""MySQL on the wire: packets, capabilities, length-encoded integers.

Source: the pages on packets and connecting in the documentation of both servers.
"""

from __future__ import annotations

HEADER_SIZE = 4
"""Bytes of a packet's header: the size of its payload in 3 bytes, and its sequence id."""
LONGEST = 0xFFFFFF
"""Largest payload, in bytes; a payload of this size continues in the next packet."""
ERROR_TEXT_SIZE = 512
"""Bytes to which servers cut the text of an error (``MYSQL_ERRMSG_SIZE``)."""

OK, LOCAL_FILE, EOF, ERR = 0x00, 0xFB, 0xFE, 0xFF
"""First bytes of payloads."""

WITH_DATABASE = 1 << 3
COMPRESS = 1 << 5
PROTOCOL_41 = 1 << 9
SSL = 1 << 11
SECURE_CONNECTION = 1 << 15
LENENC_AUTH = 1 << 21
DEPRECATE_EOF = 1 << 24
OPTIONAL_METADATA = 1 << 25
ZSTD = 1 << 26
QUERY_ATTRIBUTES = 1 << 27
"""The capabilities that parsers depend on."""

INTEGER_SIZES = {0xFC: 3, 0xFD: 4, 0xFE: 9}
"""Bytes of a length-encoded integer, by its first byte; any other byte is the integer itself."""


def size_of(header: bytes) -> int:
    """The size of the payload, in bytes, given the header of a packet."""
    return int.from_bytes(header[:3], "little")


def packet(sequence: int, payload: bytes) -> bytes:
    """A payload of less than 16 MiB with its header."""
    return len(payload).to_bytes(3, "little") + bytes([sequence % 256]) + payload


def error_packet(sequence: int, errno: int, sqlstate: str, text: str) -> bytes:
    """An ERR packet; ``sqlstate`` is '' before the client has sent its capabilities."""
    marker = f"#{sqlstate}" if sqlstate else ""
    head = b"\xff" + errno.to_bytes(2, "little") + marker.encode()
    return packet(sequence, head + text.encode()[:ERROR_TEXT_SIZE])


def errno_of(payload: bytes) -> str:
    """The error number in the payload of an ERR packet."""
    return str(int.from_bytes(payload[1:3], "little"))


def integer_at(data: bytes, at: int) -> tuple[int, int]:
    """A length-encoded integer, and the position after it."""
    first = data[at] if at < len(data) else 0
    size = INTEGER_SIZES.get(first, 1)
    if size == 1:
        return first, at + 1
    return int.from_bytes(data[at + 1 : at + size], "little"), at + size
