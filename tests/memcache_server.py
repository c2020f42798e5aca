"""A real memcached for tests, and packets of its binary protocol."""

from __future__ import annotations

import contextlib
import getpass
import struct
from collections.abc import Iterator
from pathlib import Path

from peers import connect, receive_until_fin
from servers import require, serving
from vaurien.net.address import Address

PACKET = struct.Struct(">BBHBBHI4s8s")
"""The header of a binary packet."""
OPAQUE = b"\x00OPQ"
NOOP = 0x0A


@contextlib.contextmanager
def memcached(folder: Path, *words: str) -> Iterator[Address]:
    """Run a memcached, with these words on its command line."""
    program = require("memcached")

    def command(port: int) -> list[str]:
        user = ["-u", getpass.getuser()]  # it is root only if told to
        return [program, *user, "-l", "127.0.0.1", "-p", str(port), "-t", "1", *words]

    with serving(command, folder / "memcached.log") as address:
        yield address


def request(
    opcode: int,
    key: bytes = b"",
    *,
    extras: bytes = b"",
    value: bytes = b"",
    cas: int = 0,
    opaque: bytes = OPAQUE,
) -> bytes:
    """A binary request."""
    body = extras + key + value
    sizes = (len(key), len(extras), 0, 0, len(body))
    return PACKET.pack(0x80, opcode, *sizes, opaque, cas.to_bytes(8, "big")) + body


def response(
    opcode: int,
    status: int = 0,
    body: bytes = b"",
    *,
    key: bytes = b"",
    extras: bytes = b"",
    opaque: bytes = OPAQUE,
) -> bytes:
    """A binary response; its cas is 0, as with all that is no hit."""
    whole = extras + key + body
    sizes = (len(key), len(extras), 0, status, len(whole))
    return PACKET.pack(0x81, opcode, *sizes, opaque, bytes(8)) + whole


def told(address: Address, data: bytes) -> bytes:
    """All that is said to these requests, and to a last one that ends the connection."""
    end = request(0x07) if data[:1] == b"\x80" else b"quit\r\n"
    with connect(address) as sock:
        sock.sendall(data + end)
        return receive_until_fin(sock)
