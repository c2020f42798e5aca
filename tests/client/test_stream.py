"""A stream of events that breaks off, without sockets."""

from __future__ import annotations

import pytest

from vaurien.client import ClientError
from vaurien.client.stream import SILENCE, EventStream

FIRST = b"id: 4\nevent: fired\ndata: {}\n\n"


def test_a_stream_is_asked_for() -> None:
    request = EventStream("", None, proxy="a b", type="fired", rule="").request()
    assert (request.method, request.path) == ("GET", "/v1/events?proxy=a%20b&type=fired")
    assert request.headers == {"Accept": "text/event-stream"}


def test_a_stream_begins_after_an_event() -> None:
    assert EventStream(0, None).request().path == "/v1/events?after=0"


def test_samples_are_a_stream_of_their_own() -> None:
    request = EventStream("", None, of="live", proxy="cache").request()
    assert request.path == "/v1/live?proxy=cache"


def test_a_stream_is_resumed_where_it_broke_off() -> None:
    stream = EventStream(3, None)
    stream.request()
    (event,) = stream.feed(FIRST + b"id: 5\ndata: {")
    assert event.id == "4"
    assert stream.request().headers["Last-Event-ID"] == "4"
    (event,) = stream.feed(b"id: 5\ndata: {}\n\n")
    assert event.id == "5"


@pytest.mark.parametrize("piece", [b"data: x\n\n", b"data: 5\n\n"])
def test_a_stream_of_something_else(piece: bytes) -> None:
    with pytest.raises(ClientError, match="the server does not send events: "):
        list(EventStream("", None).feed(piece))


def test_a_stream_that_is_closed_at_once_is_not_asked_for_again() -> None:
    stream = EventStream("", None)
    stream.request()
    assert list(stream.feed(b": hello\n\n")) == []
    stream.request()
    with pytest.raises(ClientError, match="closes the stream of events at once"):
        stream.request()


def test_how_long_to_wait() -> None:
    stream = EventStream("", None)
    assert stream.patience(10.0) == SILENCE
    assert stream.patience(1000.0) == SILENCE
    assert not stream.is_over(1000.0)


def test_how_long_to_wait_with_a_limit() -> None:
    stream = EventStream("", 5.0)
    assert stream.patience(10.0) == 5.0
    assert list(stream.feed(b": not dead\n\n")) == []
    assert stream.patience(12.0) == 3.0
    assert len(list(stream.feed(FIRST))) == 1
    assert stream.patience(14.0) == 5.0
    assert not stream.is_over(18.9)
    assert stream.is_over(19.0)
    assert stream.patience(20.0) == 0.0


def test_a_limit_may_be_longer_than_a_silence() -> None:
    assert EventStream("", 2 * SILENCE).patience(0.0) == SILENCE


def test_the_time_that_a_reader_takes_is_not_counted() -> None:
    stream = EventStream("", 5.0)
    assert stream.patience(0.0) == 5.0
    for _ in stream.feed(FIRST):
        pass
    assert stream.patience(1000.0) == 5.0
