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
    assert taken == [(b"abc", b"", b"defg")] * 15  # fed, watched and sifted
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


# What a parser waits for inside a message is passed on when it arrives.

END = re.compile(rb"\r\n\.\r\n")
WORD = re.compile(rb"\w+")


def lines(stream: Stream) -> Parser:
    stream.begin()
    yield from stream.readline()
    yield from stream.read(4)
    stream.end()
    yield from stream.readline()
    stream.begin()
    stream.end()
    yield


def text_with_an_end(stream: Stream) -> Parser:
    """A text of which each byte belongs to its message, those of its end included."""
    stream.begin()
    while not stream.match(END):
        stream.claim()
        yield
    stream.end()
    yield from stream.rest()


def test_a_line_that_is_not_complete_passes_if_its_message_has_begun() -> None:
    stream = stream_of(lines)
    pieces = [stream.feed(bytes([byte]), 0.0) for byte in b"hi\nabcdxy\n"]
    passed = [b"".join(message.data for message in of_byte) for of_byte in pieces]
    assert passed == [b"h", b"i", b"\n", b"a", b"b", b"c", b"d", b"", b"", b"xy\n"]


def test_bytes_that_a_parser_claims_pass_while_it_looks_at_them() -> None:
    stream = stream_of(text_with_an_end)
    pieces = [stream.feed(chunk, 0.0) for chunk in (b"\r\n", b".", b"\r\n")]
    assert [[message.data for message in piece] for piece in pieces] == [
        [b"\r\n"],
        [b"."],
        [b"\r\n"],
    ]
    assert [message.ends for piece in pieces for message in piece] == [False, False, True]
    assert [message.offset for piece in pieces for message in piece] == [0, 2, 3]


def test_bytes_that_were_claimed_on_a_quiet_link_are_not_cut_again() -> None:
    stream = stream_of(text_with_an_end)
    assert stream.watch(b"\r\n", 0.0) == 0
    assert stream.peek(0) == b""
    (rest,) = stream.feed(b".\r\n", 0.0)
    assert (rest.data, rest.begins, rest.ends, rest.offset) == (b".\r\n", False, True, 2)


def test_bytes_that_were_claimed_are_given_back_once_only() -> None:
    stream = stream_of(text_with_an_end)
    assert b"".join(piece.data for piece in feed(stream, [b"\r", b"\n."])) == b"\r\n."


def test_a_message_ends_behind_the_bytes_that_were_claimed_for_it() -> None:
    def parse(stream: Stream) -> Parser:
        stream.begin()
        stream.claim()
        yield
        stream.end()

    stream = stream_of(parse)
    stream.feed(b"ab", 0.0)
    with pytest.raises(ProtocolError, match="ended a message before bytes"):
        stream.feed(b"c", 0.0)


def test_nothing_is_claimed_outside_of_messages() -> None:
    def parse(stream: Stream) -> Parser:
        stream.claim()
        yield from stream.readline()
        stream.begin()
        stream.end()
        yield from stream.rest()

    stream = stream_of(parse)
    assert stream.feed(b"ab", 0.0) == []
    assert [message.data for message in stream.feed(b"\n", 0.0)] == [b"ab\n"]


def test_a_parser_may_wait_for_a_moment_only() -> None:
    came = []

    def parse(stream: Stream) -> Parser:
        while True:
            while len(head := stream.at_hand(4)) < 4:
                came.append((yield from stream.wait_briefly()))
                if not came[-1]:
                    break
            stream.begin({"head": head.decode()})
            yield from stream.read(4)
            stream.end()

    stream = stream_of(parse)
    assert (stream.feed(b"ab", 0.0), stream.waits_briefly, stream.lags) == ([], True, False)
    assert [message.labels for message in stream.feed(b"cd", 0.0)] == [{"head": "abcd"}]
    assert stream.feed(b"ef", 0.0) == []
    stream.overdue = True
    assert stream.lags
    (piece,) = stream.feed(stream.take_aside(), 0.0)
    assert (piece.data, piece.labels, piece.ends) == (b"ef", {"head": "ef"}, False)
    assert (stream.waits_briefly, stream.lags) == (False, False)
    assert came == [True, True, False]


def test_a_match_looks_no_further_than_its_limit() -> None:
    found = []

    def parse(stream: Stream) -> Parser:
        stream.begin()
        found.append(stream.match(WORD, 3))
        yield from stream.rest()

    stream_of(parse).feed(b"abcdef", 0.0)
    assert [match and match[0] for match in found] == [b"abc"]


def test_bytes_are_taken_unseen_if_all_have_arrived() -> None:
    taken = []

    def parse(stream: Stream) -> Parser:
        stream.begin()
        taken.append((stream.take(4), stream.take(0), stream.take(3), stream.drained))
        yield from stream.rest()

    stream_of(parse).feed(b"abc", 0.0)
    assert taken == [(False, True, True, True)]


def test_what_is_ahead_up_to_an_ending_stays() -> None:
    ahead = []

    def parse(stream: Stream) -> Parser:
        stream.begin()
        stream.advance(1)
        ahead.append((stream.ahead(b"cd"), stream.ahead(b"a"), stream.at_hand()))
        yield from stream.rest()

    stream_of(parse).feed(b"abcdef", 0.0)
    assert ahead == [(b"bcd", b"", b"bcdef")]
