"""Streams: what parsers mark, which exchange it belongs to, and that no byte is lost."""

from __future__ import annotations

import re
import tracemalloc
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeding import (
    Parse,
    Whole,
    chunkings,
    feed,
    feed_any,
    owing,
    parse_in_all_ways,
    run_once,
    stream_of,
)
from lines import Lines
from vaurien.errors import ProtocolError
from vaurien.parsing.exchanges import PENDING_SIZE, Exchanges
from vaurien.parsing.reader import Parser
from vaurien.parsing.stream import Stream
from vaurien.protocol import Protocol
from vaurien.values.messages import Direction, Message

TO_BACKEND, TO_CLIENT = Direction.TO_BACKEND, Direction.TO_CLIENT
LINES = Lines()


# What a parser marks is the same however the bytes arrive.


def test_requests_end_where_the_parser_says() -> None:
    data = b"GET a\nPUT 12 k\nhello\nworld\nQUIET x\nGET b\nhalf a li"
    assert parse_in_all_ways(LINES.requests, data) == [
        Whole(b"GET a\n", {"command": "GET", "key": "a"}, 1),
        Whole(b"PUT 12 k\nhello\nworld\n", {"command": "PUT", "key": "12"}, 2),
        Whole(b"QUIET x\n", {"command": "QUIET", "key": "x"}, 3, expects_reply=False),
        Whole(b"GET b\n", {"command": "GET", "key": "b"}, 4),
        Whole(b"half a li", {}, 0),
    ]


def test_responses_answer_the_oldest_request_that_is_owed_one() -> None:
    data = b"MORE\nBODY 5\n1\n2\n3!news\nSECOND\nTHIRD\nFOURTH\n"
    wholes = parse_in_all_ways(LINES.responses, data, TO_CLIENT, owing(3, 5, 8))
    assert [(whole.exchange, whole.data) for whole in wholes] == [
        (3, b"MORE\n"),  # another response to the same request follows
        (3, b"BODY 5\n1\n2\n3"),
        (0, b"!news\n"),  # unsolicited
        (5, b"SECOND\n"),
        (8, b"THIRD\n"),
        (0, b"FOURTH\n"),  # no request awaits a response
    ]


def test_what_is_said_unasked_settles_no_debt() -> None:
    exchanges = owing(3)()
    feed(stream_of(LINES.responses, TO_CLIENT, exchanges), [b"!news\n"])
    assert [pending.exchange for pending in exchanges.pending] == [3]
    feed(stream_of(LINES.responses, TO_CLIENT, exchanges), [b"MORE\n"])
    assert [pending.exchange for pending in exchanges.pending] == [3]
    feed(stream_of(LINES.responses, TO_CLIENT, exchanges), [b"ALL\n"])
    assert list(exchanges.pending) == []


words = st.text("abcXYZ019.-", min_size=1, max_size=10).map(str.encode)
requests = st.one_of(
    words.map(lambda word: b"GET " + word + b"\n"),
    words.map(lambda word: b"QUIET " + word + b"\n"),
    st.binary(max_size=300).map(lambda body: b"PUT %d\n" % len(body) + body),
)


@given(st.data(), st.lists(requests, max_size=8))
def test_any_requests_in_any_chunks(data: st.DataObject, said: list[bytes]) -> None:
    whole = b"".join(said)
    found = parse_in_all_ways(LINES.requests, whole, chunks=data.draw(chunkings(whole)))
    assert [message.data for message in found] == said
    assert [message.exchange for message in found] == list(range(1, len(said) + 1))
    assert [message.labels["command"].encode() for message in found] == [
        request.split()[0] for request in said
    ]


# No byte is lost, whatever a parser does.

steps = st.one_of(
    st.sampled_from(["line", "begin", "end", "end, not final", "yield", "rest", "raise"]),
    st.tuples(st.sampled_from(["read", "skip"]), st.integers(-1, 200)),
)


def acting_on(program: list[str | tuple[str, int]]) -> Parse:
    """A parser that does these things, right or wrong, and returns."""

    def parse(stream: Stream) -> Parser:
        for step in program:
            match step:
                case "line":
                    yield from stream.readline(100)
                case "begin":
                    stream.begin({"step": "begun"})
                case "end":
                    stream.end()
                case "end, not final":
                    stream.end(final=False)
                case "yield":
                    yield
                case "rest":
                    yield from stream.rest()
                case "read", int(size):
                    yield from stream.read(size, 150)
                case "skip", int(size):
                    yield from stream.skip(size)
                case _:
                    raise RuntimeError("a plugin's mistake")

    return parse


@settings(max_examples=300)
@given(
    st.data(),
    st.lists(steps, max_size=20),
    st.lists(st.one_of(st.binary(max_size=120), st.just(b"\n")), max_size=12).map(b"".join),
    st.sampled_from(Direction),
)
def test_no_byte_is_lost_whatever_a_parser_does(
    data: st.DataObject,
    program: list[str | tuple[str, int]],
    said: bytes,
    direction: Direction,
) -> None:
    stream = stream_of(acting_on(program), direction, owing(1, 2)())
    pieces = feed_any(stream, data.draw(chunkings(said)))
    assert b"".join(piece.data for piece in pieces) == said
    assert stream.kept_back == 0
    assert not stream.in_message


def test_a_message_that_a_parser_leaves_unfinished_stays_what_it_is() -> None:
    stream = stream_of(LINES.requests)
    (piece,) = stream.feed(b"PUT 10 key\n123", 1.0)
    assert (piece.data, piece.exchange, piece.ends) == (b"PUT 10 key\n123", 1, False)
    (last,) = stream.surrender()
    assert (last.data, last.exchange, last.begins, last.ends) == (b"", 1, False, True)


def test_bytes_of_a_line_that_is_cut_short_are_passed_on_and_its_message_ends() -> None:
    def parse(stream: Stream) -> Parser:
        stream.begin({"kind": "pair"})
        yield from stream.readline()
        yield from stream.readline()

    stream = stream_of(parse)
    (first,) = stream.feed(b"one\ntw", 1.0)
    (second,) = stream.surrender()
    assert (first.data, first.begins, first.ends) == (b"one\ntw", True, False)
    assert (second.data, second.begins, second.ends) == (b"", False, True)
    assert second.labels == {"kind": "pair"}


def test_bytes_outside_of_messages_belong_to_none() -> None:
    stream = stream_of(LINES.requests)
    stream.feed(b"QUIET x\nGE", 1.0)
    (rest,) = stream.surrender()
    assert (rest.data, dict(rest.labels), rest.exchange) == (b"GE", {}, 0)
    assert rest.begins
    assert rest.expects_reply
    assert stream.surrender() == []


def test_what_was_cut_before_a_parser_fails_is_not_lost() -> None:
    stream = stream_of(LINES.requests)
    with pytest.raises(ProtocolError, match="an empty line"):
        stream.feed(b"GET a\n\nGET b\n", 1.0)
    left = stream.surrender()
    assert [(message.data, message.exchange) for message in left] == [
        (b"GET a\n", 1),
        (b"\nGET b\n", 0),
    ]


# Parsers that go wrong.


def test_a_parser_that_returns_has_failed() -> None:
    stream = stream_of(acting_on(["line", "begin", "end"]))
    with pytest.raises(ProtocolError, match="the parser returned"):
        stream.feed(b"a line\n", 1.0)


def test_a_parser_that_raises_at_its_start_fails_when_it_is_fed() -> None:
    stream = stream_of(acting_on(["raise"]))
    with pytest.raises(RuntimeError, match="a plugin's mistake"):
        stream.feed(b"abc", 1.0)
    assert [message.data for message in stream.surrender()] == [b"abc"]


@pytest.mark.parametrize("parse", [Protocol().requests, Protocol().responses])
def test_a_protocol_without_parsers_fails_when_it_is_fed(parse: Parse) -> None:
    stream = stream_of(parse)
    with pytest.raises(NotImplementedError):
        stream.feed(b"abc", 1.0)


def test_messages_are_not_nested() -> None:
    with pytest.raises(ProtocolError, match="inside another"):
        feed(stream_of(acting_on(["begin", "begin"])), [b"abc"])
    with pytest.raises(ProtocolError, match="had not begun"):
        feed(stream_of(acting_on(["line", "end"])), [b"abc\n"])


# Skipping and keeping back.


def test_what_is_skipped_passes_in_pieces_as_it_arrives() -> None:
    stream = stream_of(LINES.requests)
    pieces = [
        [(piece.data, piece.begins, piece.ends, piece.at) for piece in stream.feed(chunk, at)]
        for at, chunk in enumerate([b"PUT 6\n", b"ab", b"cd", b"ef", b"GET a\n"])
    ]
    assert pieces == [
        [(b"PUT 6\n", True, False, 0)],
        [(b"ab", False, False, 1)],
        [(b"cd", False, False, 2)],
        [(b"ef", False, True, 3)],
        [(b"GET a\n", True, True, 4)],
    ]


def test_a_chunk_may_end_one_message_and_hold_others() -> None:
    stream = stream_of(LINES.requests)
    stream.feed(b"PUT 6\nab", 1.0)
    pieces = stream.feed(b"cdefGET a\nPUT 3\nx", 2.0)
    assert [(piece.data, piece.begins, piece.ends) for piece in pieces] == [
        (b"cdef", False, True),
        (b"GET a\n", True, True),
        (b"PUT 3\nx", True, False),
    ]


def test_what_is_skipped_is_not_kept() -> None:
    stream = stream_of(LINES.requests)
    chunk = bytes(64 * 1024)
    stream.feed(b"PUT %d\n" % (400 * len(chunk)), 0.0)
    tracemalloc.start()
    try:
        for _ in range(400):
            assert sum(len(piece.data) for piece in stream.feed(chunk, 0.0)) == len(chunk)
            assert stream.kept_back == 0
        assert tracemalloc.get_traced_memory()[1] < 4 * len(chunk)
    finally:
        tracemalloc.stop()


def test_a_rest_is_a_message_that_ends_with_the_stream() -> None:
    (whole,) = parse_in_all_ways(run_once(lambda stream: stream.skip(0)), b"to the end")
    assert (whole.data, whole.complete) == (b"to the end", True)


def test_bytes_are_kept_back_until_their_message_begins() -> None:
    stream = stream_of(LINES.requests)
    assert stream.feed(b"GE", 1.0) == []
    assert (stream.kept_back, stream.in_message) == (2, False)
    (message,) = stream.feed(b"T a\n", 2.0)
    assert message == Message(
        b"GET a\n", TO_BACKEND, 2.0, {"command": "GET", "key": "a"}, exchange=1
    )
    assert (stream.kept_back, stream.in_message) == (0, False)


# Turns.


def test_a_parser_pauses_when_it_has_used_up_its_turn() -> None:
    stream = stream_of(LINES.requests)
    stream.turn = 2
    data = b"GET a\nGET b\nGET c\nGET d\nGE"
    assert [piece.data for piece in stream.feed(data, 1.0)] == [b"GET a\n", b"GET b\n"]
    assert (stream.lags, stream.kept_back) == (True, len(b"GET c\nGET d\nGE"))
    further = stream.feed(stream.take_aside(), 1.0)
    assert [piece.data for piece in further] == [b"GET c\n", b"GET d\n"]
    assert stream.lags
    assert stream.feed(stream.take_aside(), 1.0) == []
    assert (stream.lags, stream.kept_back) == (False, 2)


def test_a_turn_that_ends_with_what_has_arrived_leaves_nothing_aside() -> None:
    stream = stream_of(LINES.requests)
    stream.turn = 2
    assert len(stream.feed(b"GET a\nGET b\n", 1.0)) == 2
    assert not stream.lags


def test_what_is_watched_takes_turns_too() -> None:
    exchanges = Exchanges()
    stream = stream_of(LINES.requests, exchanges=exchanges)
    stream.turn = 1
    assert stream.watch(b"GET a\nGET b\n", 1.0) == len(b"GET b\n")
    assert (exchanges.begun, stream.lags) == (1, True)
    assert stream.watch(stream.take_aside(), 1.0) == 0
    assert (exchanges.begun, stream.lags) == (2, False)


def test_what_a_parser_has_not_seen_is_surrendered_with_the_rest() -> None:
    stream = stream_of(LINES.requests)
    stream.turn = 1
    stream.feed(b"GET a\nGET b\nGE", 1.0)
    assert [piece.data for piece in stream.surrender()] == [b"GET b\nGE"]
    assert not stream.lags


# What one call marks.

WORDS = re.compile(rb"(\w+)\n|")


def whole_lines(stream: Stream) -> Parser:
    """A parser of lines, the rest of which are taken at once where nobody looks at them."""
    while True:
        line = yield from stream.readline()
        if stream.message({"command": line.decode().rstrip()}, line):
            yield
        elif stream.watching:
            kinds, end = [], 0
            for found in stream.matches(WORDS):
                if found[1] is None:
                    break
                kinds.append(found[1].decode())
                end = found.end()
            if kinds:
                stream.messages(kinds, end, about=b"together")


@given(st.data(), st.lists(st.sampled_from([b"a\n", b"bb\n", b"c\n", b"\n", b"-\n"]), max_size=20))
def test_whole_messages_are_marked_by_one_call(data: st.DataObject, said: list[bytes]) -> None:
    whole = b"".join(said)
    found = parse_in_all_ways(whole_lines, whole, chunks=data.draw(chunkings(whole)))
    assert [(message.data, message.exchange) for message in found] == list(zip(said, count(1)))


def test_messages_marked_together_are_those_of_one_turn() -> None:
    exchanges = Exchanges(tallied="command")
    stream = stream_of(whole_lines, exchanges=exchanges)
    stream.turn = 3
    assert stream.watch(b"a\nb\nb\nc\nd\n!\ne", 1.0) == len(b"c\nd\n!\ne")
    assert (exchanges.begun, stream.lags) == (3, True)
    assert stream.watch(stream.take_aside(), 1.0) == len(b"e")
    assert (exchanges.begun, stream.lags) == (6, True)
    assert exchanges.tally.exchanges == {"a": 1, "b": 2, "c": 1, "d": 1, "!": 1}
    assert [(request.exchange, request.about) for request in exchanges.pending] == [
        *((1, b"a\n"), (2, b"together"), (3, b"together")),
        *((4, b"c\n"), (5, b"together"), (6, b"!\n")),
    ]


def test_responses_marked_together_answer_the_oldest_requests() -> None:
    exchanges = owing(3, 4, 5, 6)()
    stream = stream_of(whole_lines, TO_CLIENT, exchanges)
    stream.watch(b"a\nb\nc\n", 1.5)
    assert [request.exchange for request in exchanges.pending] == [6]
    assert (exchanges.tally.latency.count, exchanges.tally.latency.total) == (3, 4.5)


def test_a_message_by_one_call_has_bytes_and_is_in_no_other() -> None:
    def empty(stream: Stream) -> Parser:
        stream.message()
        yield

    def nested(stream: Stream) -> Parser:
        stream.begin()
        stream.advance(1)
        stream.message()
        yield

    for parse in (empty, nested):
        for take in (Stream.feed, Stream.watch):
            stream = stream_of(parse)
            with pytest.raises(ProtocolError, match="the parser"):
                take(stream, b"" if parse is empty else b"ab", 0.0)


def test_what_is_noted_of_a_large_body_that_nobody_read_is_not_measured() -> None:
    def parse(stream: Stream) -> Parser:
        while True:
            size = int((yield from stream.readline()))
            assert stream.take(size)
            stream.message(about=b"x" * 100)
            yield

    exchanges = Exchanges()
    stream = stream_of(parse, exchanges=exchanges)
    stream.watch(b"1000\n" + bytes(1000), 0.0)
    assert exchanges.remembered == PENDING_SIZE
    stream.watch(b"10".rjust(1000, b"0") + b"\n" + bytes(10), 0.0)
    assert exchanges.remembered > 2 * PENDING_SIZE + 100


# TLS that begins in the midst of a stream.


def test_a_parser_waits_until_peers_speak_tls() -> None:
    def parse(stream: Stream) -> Parser:
        yield from stream.readline()
        stream.message({"command": "secure"})
        yield from stream.encrypt()
        yield from stream.readline()
        stream.message({"command": "inside"})
        yield from stream.encrypt()

    exchanges = Exchanges()
    stream = stream_of(parse, exchanges=exchanges)
    (asked,) = stream.feed(b"secure\nhel", 0.0)
    assert (asked.data, exchanges.encrypts) == (b"secure\n", True)
    assert stream.feed(b"lo", 0.0) == []
    assert (stream.give_back(), stream.kept_back) == (b"hello", 0)
    exchanges.encrypts, exchanges.encrypted = False, True
    assert stream.feed(b"ins", 0.0) == []
    with pytest.raises(ProtocolError, match="TLS inside of TLS"):
        stream.feed(b"ide\n", 0.0)
    (inside,) = stream.surrender()
    assert (inside.data, inside.labels) == (b"inside\n", {"command": "inside"})
