"""The framing of postgresql's messages, by itself."""

from __future__ import annotations

import pytest

from feeding import feed, stream_of
from postgresql_server import frame
from vaurien.errors import ProtocolError
from vaurien.protocol import Parser, Stream
from vaurien.protocols.postgresql.wire import (
    MESSAGE_LIMIT,
    NONE,
    READY_FOR_QUERY,
    SYNC,
    all_but,
    body_size,
    encoded,
    skip_and_count,
    skip_up_to,
    take_head,
    take_message,
)


def test_a_message_is_encoded() -> None:
    assert encoded(SYNC) == b"S\0\0\0\4"
    assert encoded(READY_FOR_QUERY, b"I") == b"Z\0\0\0\5I"


def test_a_length_counts_itself() -> None:
    assert body_size(b"\0\0\0\x04") == 0
    assert body_size(MESSAGE_LIMIT.to_bytes(4, "big")) == MESSAGE_LIMIT - 4
    for size in (0, 3, MESSAGE_LIMIT + 1, 2**32 - 1):
        with pytest.raises(ProtocolError):
            body_size(size.to_bytes(4, "big"))


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_messages_are_counted_while_they_pass(size: int) -> None:
    found = []

    def parser(stream: Stream) -> Parser:
        while stream.drained:
            yield
        stream.begin()
        counted = bytes(kind in b"12" for kind in range(256))
        found.append((yield from skip_and_count(stream, all_but(b"D"), NONE, counted)))
        yield from stream.rest()

    data = frame("1") + frame("2") + frame("D", b"row") * 2 + frame("1") + frame("C")
    feed(stream_of(parser), [data[at : at + size] for at in range(0, len(data), size)])
    assert found == [(ord("C"), 3)]


@pytest.mark.parametrize("size", [0, 1, 100, 20_000, 70_000])
def test_messages_pass_up_to_a_type(size: int) -> None:
    passed = frame("D", bytes(size)) * 3
    found: list[int] = []

    def parser(stream: Stream) -> Parser:
        while True:
            while stream.drained:
                yield
            stream.begin()
            found.append((yield from skip_up_to(stream, all_but(b"D"))))
            stream.end()
            found.extend((yield from take_head(stream)))
            stream.begin()
            stream.end()

    pieces = feed(stream_of(parser), [passed + frame("Z") + passed + frame("C")])
    assert [piece.data for piece in pieces if piece.ends][:4] == [
        passed,
        frame("Z"),
        passed,
        frame("C"),
    ]
    assert found == [ord("Z"), ord("Z"), 0, ord("C"), ord("C"), 0]


def test_a_message_is_taken_whole() -> None:
    def parser(stream: Stream) -> Parser:
        while True:
            yield from take_message(stream)
            stream.begin()
            stream.end()

    data = [frame("D", b"x" * 10), frame("D"), frame("D", b"y")]
    assert [piece.data for piece in feed(stream_of(parser), [b"".join(data)])] == data
