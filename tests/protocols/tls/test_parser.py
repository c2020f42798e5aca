"""The first exchange of TLS, however it arrives, and what is opaque."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeding import Parse, Whole, cut, feed, feed_any, owing, parse_in_all_ways, stream_of
from tls_talk import NAME, Talk, client_context, hello_of, records_of
from vaurien.errors import ProtocolError
from vaurien.parsing.exchanges import Exchanges
from vaurien.protocol import Parser, Stream
from vaurien.protocols.tls.parser import Tls
from vaurien.protocols.tls.wire import alert, record
from vaurien.values.messages import TO_BACKEND, TO_CLIENT

ASKED = {"sni": NAME, "alpn": "", "tls_version": "TLSv1.3"}


def requests(data: bytes) -> list[Whole]:
    return parse_in_all_ways(lambda stream: Tls().requests(stream), data)


def reading_on(stream: Stream) -> Parser:
    tls = Tls()
    tls.reads_on = True
    return tls.responses(stream)


@pytest.mark.parametrize("alpn", [(), ("h2",), ("h2", "http/1.1")])
def test_a_client_hello_is_a_request(alpn: Sequence[str]) -> None:
    data = hello_of(client_context(alpn=alpn))
    assert requests(data) == [Whole(data, {**ASKED, "alpn": ",".join(alpn)}, 1)]


def test_a_client_without_a_name() -> None:
    context = client_context("TLSv1.2")
    context.check_hostname = False
    data = hello_of(context, name=None)
    assert requests(data)[0].labels == {**ASKED, "sni": "", "tls_version": "TLSv1.2"}


def test_records_that_follow_continue_the_hello() -> None:
    hello, early = hello_of(), record(23, b"early")
    first, second, third = requests(hello + record(20, b"\1") + early)
    assert (first.data, first.expects_reply) == (hello, True)
    assert (second.exchange, second.expects_reply) == (1, False)
    assert third.data == early


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_the_first_record_of_the_server_is_the_answer(version: str) -> None:
    data, *_ = records_of(Talk(version).shake_hands().of(TO_CLIENT))
    (answer,) = parse_in_all_ways(lambda stream: Tls().responses(stream), data, TO_CLIENT, owing(1))
    assert answer == Whole(data, {"negotiated": version}, 1)


def test_an_alert_is_an_answer_and_an_error() -> None:
    exchanges = owing(1)()
    (answer,) = feed(stream_of(Tls().responses, TO_CLIENT, exchanges), [alert(112)])
    assert answer.labels == {"alert": "unrecognized_name"}
    assert dict(exchanges.tally.errors) == {"unrecognized_name": 1}


def test_after_the_answer_both_directions_are_opaque() -> None:
    exchanges, tls, talk = Exchanges(), Tls(), Talk().shake_hands()
    to_backend = stream_of(tls.requests, exchanges=exchanges)
    to_client = stream_of(tls.responses, TO_CLIENT, exchanges)
    to_backend.feed(talk.said[0][1], 0.0)
    assert not exchanges.opaque
    to_client.feed(talk.said[1][1], 0.0)
    assert to_backend.opaque
    assert to_client.opaque


def test_a_fault_may_have_all_records_read() -> None:
    flight = Talk().shake_hands().of(TO_CLIENT)
    found = parse_in_all_ways(reading_on, flight, TO_CLIENT, owing(1))
    assert [each.data for each in found] == records_of(flight)
    assert {each.exchange for each in found} == {1}


@pytest.mark.parametrize(
    ("data", "parse"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", Tls().requests),
        (b"\x16\x03\x01\x00\x02\x02\x00", Tls().requests),
        (b"SSH-2.0-OpenSSH\r\n", Tls().responses),
        (b"\x16\x03\x03\xff\xff", Tls().responses),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", Tls().responses),
    ],
    ids=["http", "no-hello", "ssh", "long-record", "plaintext"],
)
def test_what_is_no_tls(data: bytes, parse: Parse) -> None:
    with pytest.raises(ProtocolError):
        feed(stream_of(parse), [data])


@given(st.sampled_from(["TLSv1.2", "TLSv1.3"]), st.sets(st.integers(1, 3000), max_size=20))
def test_no_byte_is_lost_in_any_chunking(version: str, places: set[int]) -> None:
    talk = Talk(version).shake_hands()
    for direction, parse in ((TO_BACKEND, Tls().requests), (TO_CLIENT, Tls().responses)):
        said = talk.of(direction)
        chunks = cut(said, [place for place in places if place < len(said)])
        pieces = feed_any(stream_of(parse, direction), chunks)
        assert b"".join(piece.data for piece in pieces) == said


@given(
    st.lists(st.binary(max_size=40), max_size=8),
    st.sampled_from([b"", b"\x16\3\1", b"\x15\3\3"]),
)
def test_no_byte_of_anything_is_lost(chunks: list[bytes], begin: bytes) -> None:
    arriving = [chunk for chunk in [begin, *chunks] if chunk]
    for direction, parse in ((TO_BACKEND, Tls().requests), (TO_CLIENT, Tls().responses)):
        pieces = feed_any(stream_of(parse, direction), arriving)
        assert b"".join(piece.data for piece in pieces) == b"".join(arriving)


def test_a_rule_keeps_back_no_more_than_a_hello_may_have() -> None:
    stream = stream_of(Tls().requests)
    stream.feed(hello_of()[:100], 0.0)
    assert stream.keep_limit == 16 * 1024
    assert stream.announced is not None
