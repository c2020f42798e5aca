"""What a parser keeps is little, whatever the shape of what it is fed, and whoever answers."""

from __future__ import annotations

import itertools
import struct
import tracemalloc
from collections.abc import Iterator
from random import Random

import pytest

from feeding import owing, stream_of
from vaurien.plugins import install
from vaurien.protocol import Protocol, Stream
from vaurien.registry import protocols
from vaurien.values.messages import Direction

STATE_LIMIT = 10 * 2**20
"""Bytes of memory that a connection's parsers may take, with all they remember."""
READ = 32 * 1024
PIECE = 8 * 1024
"""Bytes of which messages are made at a time."""
SIZE = 2**16


def packed(kind: bytes, body: bytes) -> bytes:
    """Return a message of PostgreSQL."""
    return kind + struct.pack(">I", len(body) + 4) + body


def packet(body: bytes, number: int = 0) -> bytes:
    """Return a packet of MySQL."""
    return len(body).to_bytes(3, "little") + bytes([number]) + body


STARTUP = struct.pack(">II", 16, 196608) + b"user\0a\0\0"
MYSQL_GREETING = packet(
    b"\x0a8.0.30\0"
    + bytes(4)
    + b"a" * 8
    + b"\0\xff\xff\x21\2\0\xff\xff\x15"
    + bytes(10)
    + b"b" * 12
    + b"\0mysql_native_password\0"
)
MYSQL_LOGIN = packet(bytes.fromhex("85a6ff0100000001210000000000") + bytes(18) + b"root\0\0", 1)

BEFORE = {"postgresql": STARTUP, "mysql": MYSQL_LOGIN}
"""What a client says first."""

WORDS: dict[str, list[bytes]] = {
    "http": [
        *(b"GET ", b"/", b"?", b"a", b"=", b"&", b" HTTP/1.1\r\n", b"Host: x\r\n", b"\r\n", b":"),
        *(
            b"GET /%d HTTP/1.1\r\n\r\n",
            b"Transfer-Encoding: chunked\r\n",
            b"1\r\na\r\n",
            b"0\r\n\r\n",
        ),
        *(
            b"Content-Length: 1\r\n",
            b",",
            b"chunked",
            b" ",
            b"\t",
            b"\n",
            b"\xc3\xa9",
            b"HTTP/1.1 200 OK\r\n",
        ),
    ],
    "memcache": [
        *(
            b"mg ",
            b"ms ",
            b"k" * 200,
            b" k",
            b" O1",
            b" O2",
            b" q",
            b" v",
            b"\r\n",
            b" ",
            b"mn\r\n",
            b"get",
        ),
        *(
            b"set k 0 0 1\r\n",
            b"1\r\n",
            b" noreply",
            b" 0",
            b"mg %d k O%d q\r\n",
            b"VALUE k 0 1\r\n",
        ),
        *(
            b"\x80",
            b"\x81",
            b"\0",
            b"\xff",
            b"\x80\x0c\0\xff" + bytes(4) + b"\0\0\0\xff" + bytes(12) + b"x" * 255,
        ),
    ],
    "smtp": [
        *(
            b"MAIL FROM:<",
            b"RCPT TO:<",
            b"a",
            b"@",
            b">",
            b"\r\n",
            b"NOOP\r\n",
            b"DATA\r\n",
            b".",
            b" ",
        ),
        *(
            b"BDAT 1 LAST\r\n",
            b"AUTH PLAIN ",
            b"NOOP %d\r\n",
            b"250-",
            b"250 ok\r\n",
            b"\t",
            b"\xc3\xa9",
            b"\xff",
        ),
    ],
    "redis": [
        *(
            b"*1\r\n$4\r\nPING\r\n",
            b"*",
            b"1",
            b"\r\n",
            b"$",
            b"PING\r\n",
            b" ",
            b'"',
            b"\\",
            b"0",
            b"%",
            b"|",
        ),
        *(b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n", b"*2\r\n$9\r\nSUBSCRIBE\r\n$4\r\n%04d\r\n"),
        *(
            b"*1\r\n$5\r\nMULTI\r\n",
            b">3\r\n",
            b"+OK\r\n",
            b"SUBSCRIBE a%d\r\n",
            b"*1\r\n",
            b"$1\r\na\r\n",
        ),
    ],
    "postgresql": [
        *(packed(b"Q", b"select 1\0"), packed(b"P", b"n%04d\0select 1\0\0\0"), packed(b"S", b"")),
        *(
            packed(b"Q", b"select '" + "\U0001f600".encode() * 500 + b"%04d'\0"),
            packed(b"B", b"\0n\0" + bytes(6)),
        ),
        *(
            b"\0",
            b"Q",
            b"P",
            b"\0\0\1\0",
            b"a",
            b"D",
            b"E",
            b"T",
            b"C",
            b"Z\0\0\0\5I",
            b"--",
            b"/*",
            b"(",
        ),
    ],
    "mysql": [
        *(
            packet(b"\x03select 1"),
            packet(b"\x16select %04d"),
            packet(b"\x17\1\0\0\0\0\1\0\0\0"),
            packet(b"\x0e"),
        ),
        *(
            packet(b"\x03select '" + b"x" * 2000 + b"%04d'"),
            b"\xff\xff\xff\0",
            b"\0",
            b"\x03",
            b"\1",
            b"a",
            b"/*",
            b"#",
        ),
        *(packet(b"\x00\0\0\2\0\0\0"), b"\5\0\0\1\xfe\0\0\2\0", b"\xfb", b"\xff"),
    ],
}


FRAMED = sorted(WORDS)


def shapes(name: str) -> Iterator[bytes]:
    """Yield traffic in which a few words are repeated again and again."""
    random = Random(name)
    yield from WORDS[name]
    for count in itertools.islice(itertools.cycle((2, 3, 5)), 3):
        yield b"".join(random.choices(WORDS[name], k=count))


def repeated(shape: bytes) -> Iterator[bytes]:
    """Yield chunks of a shape again and again, with another number in it each time."""
    plain = shape.replace(b"%04d", b"").replace(b"%d", b"") == shape
    data, number = bytearray(), 0
    for _ in range(SIZE // READ):
        if plain:
            data += shape * (READ // len(shape) + 1)
        while len(data) < READ:
            number += 1
            data += shape.replace(b"%04d", b"%04d" % (number % 10_000)).replace(
                b"%d", b"%d" % number
            )
        yield bytes(data[:READ])
        del data[:READ]


def growth(stream: Stream, chunks: Iterator[bytes], *, armed: bool) -> int:
    """Return how much memory parsing takes at most, beyond what is read at a time."""
    tracemalloc.start()
    try:
        for chunk in chunks:
            try:
                if not armed:
                    stream.watch(chunk, 0.0)
                    continue
                for start in range(0, len(chunk), PIECE):
                    for message in stream.feed(chunk[start : start + PIECE], 0.0):
                        stream._exchanges.pass_on(message, 0.0)
            except Exception:  # noqa: BLE001 - then it is given up, and keeps nothing
                break
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def made(name: str) -> Protocol:
    install()
    return protocols.get(name).configured({})


@pytest.mark.parametrize("armed", [False, True], ids=["quiet", "armed"])
@pytest.mark.parametrize("name", FRAMED)
def test_requests_of_any_shape_take_little_memory(name: str, armed: bool) -> None:
    for shape in shapes(name):
        stream = stream_of(made(name).requests)
        chunks = itertools.chain([BEFORE[name]] if name in BEFORE else [], repeated(shape))
        assert growth(stream, chunks, armed=armed) < STATE_LIMIT, shape[:80]


@pytest.mark.parametrize("name", FRAMED)
def test_responses_of_any_shape_take_little_memory(name: str) -> None:
    for shape in shapes(name):
        stream = stream_of(made(name).responses, Direction.TO_CLIENT, owing(*range(1, 1000))())
        chunks = itertools.chain([MYSQL_GREETING] if name == "mysql" else [], repeated(shape))
        assert growth(stream, chunks, armed=False) < STATE_LIMIT, shape[:80]
