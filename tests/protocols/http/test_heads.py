"""Heads as values; how they frame bodies is tested with the parsers."""

from __future__ import annotations

import pytest

from acting import response
from vaurien.errors import ProtocolError
from vaurien.protocols.http.heads import (
    CHUNKED,
    UNTIL_CLOSE,
    as_chunked,
    closing,
    expects_continue,
    has_no_body,
    head_of,
    is_http_1_0,
    opens_tunnel,
    status_and_size,
    unframed,
    wants_close,
)
from vaurien.values.messages import Direction, Message

GET_1_0 = b"GET / HTTP/1.0\r\n"
GET = b"GET / HTTP/1.1\r\n"
OK = b"HTTP/1.1 200 OK\r\n"
END = b"\r\n"


@pytest.mark.parametrize(
    ("head", "closes"),
    [
        (GET + END, False),
        (GET + b"Connection: close\r\n\r\n", True),
        (GET + b"A: b\r\nconnection:Upgrade,\tCLOSE \r\n\r\n", True),
        (GET + b"Connection: upgrade\r\nConnection: close\r\n\r\n", True),
        (GET + b"Connection: closed\r\nX-Connection: close\r\n\r\n", False),
        (GET_1_0 + END, True),
        (GET_1_0 + b"Connection: Keep-Alive\r\n\r\n", False),
        (GET_1_0 + b"Connection: close, keep-alive\r\n\r\n", True),
        (OK + END, False),
        (b"HTTP/1.0 200 OK\r\n\r\n", True),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n", False),
    ],
)
def test_wants_close(head: bytes, *, closes: bool) -> None:
    assert wants_close(head) is closes


def test_closing() -> None:
    for head in (OK + END, OK + b"Connection: keep-alive" + END + END):
        assert wants_close(closing(head))
        assert head_of(response(closing(head))) == closing(head)


def test_unframed() -> None:
    head = OK + b"A: b\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert unframed(head) == OK + b"A: b\r\n\r\n"


def test_http_1_0() -> None:
    assert is_http_1_0(GET_1_0 + END)
    assert is_http_1_0(b"HTTP/1.0 200 OK\r\n\r\n")
    assert not is_http_1_0(GET + END)
    assert not is_http_1_0(OK + END)
    assert not is_http_1_0(b"")


def test_expects_continue() -> None:
    assert expects_continue(GET + b"expect: 100-Continue \r\n\r\n")
    assert not expects_continue(GET + b"Expect: something\r\n\r\n")


def test_the_head_of_a_message() -> None:
    both = (Direction.TO_BACKEND, GET), (Direction.TO_CLIENT, OK)
    for direction, line in both:
        head = line + b"A: b\r\n\r\n"
        assert head_of(Message(head + b"\r\nbody", direction, 0.0)) == head
        assert head_of(Message(b"(noise) " + head, direction, 0.0)) == b""


@pytest.mark.parametrize(
    ("head", "asked", "size"),
    [
        (OK + b"Content-Length: 7\r\n\r\n", "GET", 7),
        (OK + b"Content-Length: 7\r\n\r\n", "HEAD", 0),
        (OK + b"Content-Length: 7\r\n\r\n", "CONNECT", 0),
        (b"HTTP/1.1 502 No\r\nContent-Length: 7\r\n\r\n", "CONNECT", 7),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", "GET", CHUNKED),
        (OK + END, "GET", UNTIL_CLOSE),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "GET", 0),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", "GET", 0),
    ],
)
def test_the_size_of_responses(head: bytes, asked: str, size: int) -> None:
    assert status_and_size(head, asked)[1] == size


def test_only_responses_have_a_size() -> None:
    with pytest.raises(ProtocolError):
        status_and_size(b"noise", "GET")


def test_tunnels_have_no_body() -> None:
    tunnels = [(101, "GET"), (200, "CONNECT"), (204, "CONNECT")]
    assert all(opens_tunnel(*one) and has_no_body(*one) for one in tunnels)
    assert not any(opens_tunnel(*one) for one in [(100, "GET"), (407, "CONNECT"), (200, "GET")])


@pytest.mark.parametrize(
    "framing",
    [
        b"",
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"content-length: 5\r\nTransfer-Encoding: gzip,\r\n chunked\r\n",
    ],
)
def test_a_head_can_be_made_chunked(framing: bytes) -> None:
    head = OK + b"A: b\r\n" + framing + b"C: d\r\n\r\n"
    assert as_chunked(head) == OK + b"A: b\r\nC: d\r\nTransfer-Encoding: chunked\r\n\r\n"
