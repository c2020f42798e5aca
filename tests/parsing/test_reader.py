"""Taking bytes of a stream: how many, up to which limit, and what is only looked at."""

from __future__ import annotations

import re
from collections.abc import Generator

import pytest

from feeding import feed, parse_in_all_ways, put_together, run_once, stream_of
from vaurien.errors import ProtocolError
from vaurien.parsing.reader import Parser
from vaurien.parsing.stream import Stream


def steps_of(taking: Generator[None, None, bytes]) -> Parser:
    """Take the steps of ``readline`` or ``read``, and drop the result."""
    yield from taking


@pytest.mark.parametrize("chunks", [[b"12345678\n"], [b"1234", b"5678", b"\n"]])
def test_a_line_up_to_the_limit(chunks: list[bytes]) -> None:
    lines = []

    def parse(stream: Stream) -> Parser:
        lines.append((yield from stream.readline(9)))

    feed(stream_of(run_once(parse)), chunks)
    assert lines == [b"12345678\n"]


@pytest.mark.parametrize("chunks", [[b"123456789\n"], [b"1234", b"56789", b"0"], [b"x" * 1000]])
def test_a_line_beyond_the_limit(chunks: list[bytes]) -> None:
    stream = stream_of(run_once(lambda stream: steps_of(stream.readline(9))))
    with pytest.raises(ProtocolError, match="a line of more than 9 bytes"):
        feed(stream, chunks)


@pytest.mark.parametrize("said", [b"123-45--", b"12345----"])
def test_an_ending_beyond_the_limit(said: bytes) -> None:
    stream = stream_of(run_once(lambda stream: steps_of(stream.readuntil(b"--", 6))))
    with pytest.raises(ProtocolError, match="a line of more than 6 bytes"):
        feed(stream, [said])


def test_reading_takes_exactly_so_many_bytes() -> None:
    taken = []

    def parse(stream: Stream) -> Parser:
        first = yield from stream.read(3, limit=4)
        second = yield from stream.read(0, limit=4)
        third = yield from stream.read(4, limit=4)
        taken.append((first, second, third))

    (whole,) = parse_in_all_ways(run_once(parse), b"abcdefgh")
    assert taken == [(b"abc", b"", b"defg")] * 5
    assert whole.data == b"abcdefgh"


@pytest.mark.parametrize("size", [5, -1, 10**20])
def test_reading_more_than_the_limit(size: int) -> None:
    stream = stream_of(run_once(lambda stream: steps_of(stream.read(size, limit=4))))
    with pytest.raises(ProtocolError, match=f"cannot read {size} bytes at once: the limit is 4"):
        stream.feed(b"x", 1.0)


def test_skipping_less_than_nothing() -> None:
    with pytest.raises(ProtocolError, match="cannot skip -1 bytes"):
        stream_of(run_once(lambda stream: stream.skip(-1))).feed(b"x", 1.0)


def test_what_is_at_hand_is_not_taken() -> None:
    seen: list[tuple[bytes, bool]] = []

    def parse(stream: Stream) -> Parser:
        seen.append((stream.at_hand(3), stream.drained))
        assert stream.match(re.compile(rb"(\w+)\n")) is None
        yield
        found = stream.match(re.compile(rb"(\w+)\n"))
        assert found is not None
        seen.append((found[1], stream.drained))
        yield from stream.readuntil(b"--")
        seen.append((stream.at_hand(), stream.drained))

    (whole,) = put_together(feed(stream_of(run_once(parse)), [b"abcd", b"e\n1-", b"-"]))
    assert seen == [(b"abc", False), (b"abcde", False), (b"", True)]
    assert whole.data == b"abcde\n1--"
