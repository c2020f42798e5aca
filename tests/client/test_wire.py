"""HTTP/1.1 and server-sent events, fed whole and byte by byte."""

from __future__ import annotations

import contextlib
import http.client
import io
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaurien.client.steps import Request
from vaurien.client.wire import (
    EVENT_LIMIT,
    HEAD_LIMIT,
    Event,
    EventReader,
    Location,
    ResponseReader,
    WireError,
    encode,
)

HERE = Location("http", "here", 8474)


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def read(data: bytes, size: int, *, ends: bool = False) -> ResponseReader:
    reader = ResponseReader()
    for piece in pieces(data, size):
        if not reader.complete:
            reader.feed(piece)
    if ends and not reader.complete:
        reader.feed(b"")
    return reader


# Locations.


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("http://here:8474", HERE),
        ("http://here:8474/", HERE),
        ("http://here", Location("http", "here", 80)),
        ("https://here", Location("https", "here", 443)),
        ("https://here/chaos/", Location("https", "here", 443, prefix="/chaos")),
        ("http://[::1]:80", Location("http", "::1", 80)),
        ("unix:/run/v.sock", Location("unix", "localhost", 80, path="/run/v.sock")),
        ("unix:///run/v%20.sock", Location("unix", "localhost", 80, path="/run/v .sock")),
    ],
)
def test_where_an_api_is(url: str, location: Location) -> None:
    assert Location.parse(url) == location
    assert Location.parse(str(location)) == location or location.path


@pytest.mark.parametrize(
    "url",
    [
        "",
        "here:8474",
        "ftp://here",
        "http://",
        "http://here:port",
        "http://here:99999",
        "http://user@here",
        "http://here?token=x",
        "http://here#x",
        "http://[::1",
        "unix:",
        "unix://host/path",
    ],
)
def test_what_is_no_url_of_an_api(url: str) -> None:
    with pytest.raises(ValueError, match=r"is not a URL of the API: http://HOST:PORT, https:"):
        Location.parse(url)


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("http://here:8474", "here:8474"),
        ("http://here", "here"),
        ("https://here:80", "here:80"),
        ("http://[::1]:8474", "[::1]:8474"),
        ("unix:/run/v.sock", "localhost"),
    ],
)
def test_the_name_that_a_server_hears(url: str, authority: str) -> None:
    assert Location.parse(url).authority == authority


# Requests.


def test_a_request() -> None:
    assert encode(Request("GET", "/v1"), HERE) == (
        b"GET /v1 HTTP/1.1\r\nHost: here:8474\r\nAccept: application/json\r\n\r\n"
    )


def test_a_request_with_everything() -> None:
    request = Request("PUT", "/v1/seed", {"seed": 3}, {"If-Match": '"7"'})
    assert encode(request, Location("http", "here", 80, prefix="/chaos"), "secret") == (
        b"PUT /chaos/v1/seed HTTP/1.1\r\nHost: here\r\nAccept: application/json\r\n"
        b'If-Match: "7"\r\nAuthorization: Bearer secret\r\nContent-Type: application/json\r\n'
        b'Content-Length: 11\r\n\r\n{"seed": 3}'
    )


def test_a_request_that_has_no_body_says_so() -> None:
    assert b"\r\nContent-Length: 0\r\n" in encode(Request("POST", "/v1/reload"), HERE)


@pytest.mark.parametrize("token", ["a\r\nb", "a\nb", "é", "a\0"])
def test_a_token_cannot_be_more_than_a_token(token: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        encode(Request("GET", "/"), HERE, token)


@pytest.mark.parametrize("path", ["/a b\r\nX: y", "/ü"])
def test_a_path_that_is_not_quoted(path: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        encode(Request("GET", path), HERE)


def test_what_is_no_json() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode(Request("PUT", "/", float("nan")), HERE)


# Responses.


@pytest.mark.parametrize("size", [1, 2, 7, 10_000])
@pytest.mark.parametrize(
    ("data", "status", "body", "reusable"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", 200, b"abc", True),
        (b"HTTP/1.1 200\r\ncontent-LENGTH:3\t\r\n\r\nabc", 200, b"abc", True),
        (b"HTTP/1.1 200 OK\nContent-Length: 3\n\nabc", 200, b"abc", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3, 3\r\n\r\nabc", 200, b"abc", True),
        (b"HTTP/1.1 204 No\r\n\r\n", 204, b"", True),
        (b"HTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\n", 304, b"", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", 200, b"", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc", 200, b"abc", False),
        (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 X\r\nA: b\r\n\r\n"
            b"HTTP/1.1 404 No\r\nContent-Length: 1\r\n\r\nx",
            404,
            b"x",
            True,
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"
            b"3;x=y\r\nabc\r\n0A \r\n0123456789\r\n0\r\nA: b\r\n\r\n",
            200,
            b"abc0123456789",
            True,
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n"
            b"1\r\na\r\n0\r\n\r\n",
            200,
            b"a",
            False,
        ),
    ],
)
def test_a_response(data: bytes, size: int, status: int, body: bytes, reusable: bool) -> None:
    reader = read(data, size)
    assert reader.complete
    assert (reader.status, bytes(reader.body), reader.reusable) == (status, body, reusable)


@pytest.mark.parametrize("size", [1, 10_000])
def test_a_response_that_the_end_ends(size: int) -> None:
    data = b"HTTP/1.0 200 OK\r\n\r\nabc"
    assert not read(data, size).complete
    reader = read(data, size, ends=True)
    assert (reader.complete, bytes(reader.body), reader.reusable) == (True, b"abc", False)


def test_what_follows_a_response_spoils_the_connection() -> None:
    reader = read(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200", 10_000)
    assert reader.complete
    assert not reader.reusable


def test_headers_of_the_same_name_are_joined() -> None:
    reader = read(b"HTTP/1.1 204 OK\r\nA: b\r\na: c\r\nD:\r\n\r\n", 10_000)
    assert reader.headers == {"a": "b, c", "d": ""}


@pytest.mark.parametrize("size", [1, 10_000])
@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"-ERR unknown command\r\n", "no response in HTTP/1.1"),
        (b"HTTP/2 200\r\n\r\n", "no response in HTTP/1.1"),
        (b"HTTP/1.1 99 X\r\n\r\n", "no response in HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\n folded\r\n\r\n", "head of the response is invalid"),
        (b"HTTP/1.1 200 OK\r\nA b\r\n\r\n", "head of the response is invalid"),
        (b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "head of the response is invalid"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3, 4\r\n\r\n", "the length '3, 4' .* is invalid"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\n", "the length '[+]3' .* is invalid"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "encoding 'gzip' is unknown"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "has no size"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
            "longer than its size",
        ),
        (b"x" * (HEAD_LIMIT + 20_000), "a line of the response is too long"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 20_000, "invalid, or too long"),
    ],
)
def test_what_is_no_response(data: bytes, size: int, text: str) -> None:
    with pytest.raises(WireError, match=text):
        read(data, size)


@pytest.mark.parametrize("size", [1, 10_000])
@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP",
        b"",
    ],
)
def test_a_response_that_is_cut(data: bytes, size: int) -> None:
    with pytest.raises(WireError, match="closed before the whole response"):
        read(data, size, ends=True)


def test_a_body_without_end_is_taken_as_it_comes() -> None:
    reader = ResponseReader()
    reader.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab")
    assert reader.take_body() == b"ab"
    assert reader.take_body() == b""
    reader.feed(b"c\r\n")
    assert reader.take_body() == b"c"


PARTS = st.sampled_from(
    [
        *(b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 404 No\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
        *(b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"A: b\r\n", b" c\r\n"),
        *(b"\r\n", b"\n", b"abc", b"3\r\n", b"0\r\n\r\n", b"3;x\r\nabc\r\n", b":", b"\xff", b"\0"),
    ]
)
RESPONSES = st.one_of(
    st.lists(PARTS, max_size=12).map(b"".join),
    st.lists(PARTS, max_size=12).map(lambda parts: b"HTTP/1.1 200 OK\r\n" + b"".join(parts)),
)


def outcome(data: bytes, size: int) -> object:
    try:
        reader = read(data, size, ends=True)
    except WireError as error:
        return str(error)
    return reader.status, reader.headers, bytes(reader.body)


@given(RESPONSES, st.integers(1, 20))
def test_pieces_do_not_matter(data: bytes, size: int) -> None:
    assert outcome(data, size) == outcome(data, 10_000)


@given(RESPONSES)
def test_what_is_read_is_what_the_standard_library_reads(data: bytes) -> None:
    """It is laxer: what it refuses, or reads as less, is compared no further."""
    found = outcome(data, 10_000)
    if isinstance(found, tuple) and found[0] not in (204, 304):
        with contextlib.closing(http.client.HTTPResponse(Spoken(data), method="GET")) as other:
            other.begin()
            assert (other.status, other.read()) == (found[0], found[2])


class Spoken(socket.socket):
    """A socket on which a response has arrived."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._data = data

    def makefile(self, *_: object, **__: object) -> io.BytesIO:  # type: ignore[override]  # all that is needed of it
        self.close()
        return io.BytesIO(self._data)


# Events.

STREAM = (
    b': hello\n\nid: 1\nevent: fired\ndata: {"rule": "slow"}\n\n'
    b":\nid:2\r\ndata:{\r\ndata: }\r\n\r\nevent: empty\n\nretry: 3\nid: 3\ndata: {}\n\nid: 4\n"
)


@pytest.mark.parametrize("size", [1, 2, 7, 10_000])
def test_events(size: int) -> None:
    reader = EventReader()
    events = [event for piece in pieces(STREAM, size) for event in reader.feed(piece)]
    assert events == [
        Event("1", "fired", {"rule": "slow"}),
        Event("2", "message", {}),
        Event("3", "message", {}),
    ]


def test_a_long_event() -> None:
    (event,) = EventReader().feed(b'data: {"proxies": "%s"}\n\n' % (b"x" * 3_000_000))
    assert len(str(event.data["proxies"])) == 3_000_000


@pytest.mark.parametrize(
    "data",
    [
        b"data: x\n\n",
        b"data: []\n\n",
        b"x" * (EVENT_LIMIT + 1),
        b"data: %s\n" % (b"x" * 4096) * 4100,
    ],
    ids=len,
)
def test_what_is_no_event(data: bytes) -> None:
    with pytest.raises(WireError):
        list(EventReader().feed(data))
