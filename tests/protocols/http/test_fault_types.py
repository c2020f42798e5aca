"""The faults of HTTP by script: messages go in, actions come out."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from email.utils import parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acting import ARRIVAL, firing, request, response
from feeding import chunkings, cut, stream_of
from vaurien.fault import values_of
from vaurien.protocols.http.fault_types import RETRY_AFTER, ChunkFilter
from vaurien.protocols.http.faults import CATALOGUE
from vaurien.protocols.http.heads import head_of
from vaurien.protocols.http.parser import Http
from vaurien.values.actions import Action, Close, Forward, Hold, Reply, Wait
from vaurien.values.messages import Message

GET = b"GET /a?b HTTP/1.1\r\nHost: h\r\n\r\n"
POST = b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\n"
WAITING = POST.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n")
HEAD = b"HTTP/1.1 200 OK\r\nServer: some\r\nContent-Length: 10\r\n\r\n"
BODY = b"0123456789"
OK = HEAD + BODY
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKS = b"5\r\nhello\r\nA;x\r\n0\r\n\r\n12345\r\n"
LAST = b"0\r\nTrailer: x\r\n\r\n"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def pieces(whole: Message, chunks: Iterable[bytes]) -> list[Message]:
    """Return a message as it arrives in these chunks."""
    made, offset = [], 0
    for chunk in chunks:
        made.append(whole.part(offset, offset + len(chunk)))
        offset += len(chunk)
    return made


def asking(data: bytes, *chunks: bytes) -> list[Message]:
    whole = request(data)._replace(about=data.partition(b" ")[0].decode())
    return pieces(whole, chunks or [data])


def answering(data: bytes, chunks: Iterable[bytes] = (), method: str = "GET") -> list[Message]:
    return pieces(response(data)._replace(about=method), chunks or [data])


def play(name: str, messages: Iterable[Message], **told: object) -> list[Action]:
    """Return the actions of a fault on these messages, until it closes the connection."""
    fault, fired = CATALOGUE.find(name), firing()
    done: list[Action] = []
    for message in messages:
        for action in fault.play(message, fired, values_of(fault, told)):
            done.append(action)
            if isinstance(action, Close):
                return done
    return done


def replied(done: list[Action]) -> bytes:
    """Return what the client gets instead of a response."""
    (reply,) = [action for action in done if isinstance(action, Reply)]
    assert not [action for action in done if isinstance(action, Forward)]
    return reply.data


def forwarded(done: list[Action]) -> bytes:
    return b"".join(action.message.data for action in done if isinstance(action, Forward))


def lines_of(data: bytes) -> list[str]:
    return data.partition(b"\r\n\r\n")[0].decode().split("\r\n")


def body_of(data: bytes) -> bytes:
    return data.partition(b"\r\n\r\n")[2]


# A status.


def test_a_status_is_a_whole_response_and_the_connection_goes_on() -> None:
    done = play("503", asking(GET))
    (reply,) = done
    told = replied(done)
    body = body_of(told)
    assert lines_of(told) == [
        "HTTP/1.1 503 Service Unavailable",
        "Content-Type: text/html",
        f"Content-Length: {len(body)}",
    ]
    assert b"<h1>503 Service Unavailable</h1>" in body
    assert b"The server is temporarily unavailable." in body
    assert isinstance(reply, Reply)


def test_it_is_sent_when_the_whole_request_has_arrived() -> None:
    first, second, third = asking(POST + b"abcdef", POST + b"ab", b"cd", b"ef")
    assert play("503", [first, second]) == []
    assert replied(play("503", [first, second, third])).startswith(b"HTTP/1.1 503 ")


def test_a_client_that_waits_for_100_continue_gets_the_status_at_once() -> None:
    first, second = asking(WAITING + b"abcdef", WAITING, b"abcdef")
    done = play("413", [first, second])
    assert "Connection: close" in lines_of(replied(done))
    assert done[1:] == [Close()]
    for chunks in ([WAITING + b"abcdef"], [WAITING + b"ab", b"cdef"]):  # it does not wait
        together = play("413", asking(WAITING + b"abcdef", *chunks))
        assert "Connection: close" not in lines_of(replied(together))


@pytest.mark.parametrize(
    ("head", "connection", "closes"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", None, False),
        (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", "close", True),
        (b"GET / HTTP/1.0\r\n\r\n", "close", True),
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "keep-alive", False),
    ],
)
def test_the_connection_ends_as_the_client_wants(
    head: bytes, connection: str | None, *, closes: bool
) -> None:
    done = play("500", asking(head))
    told = [line for line in lines_of(replied(done)) if line.startswith("Connection")]
    assert told == ([f"Connection: {connection}"] if connection else [])
    assert (done[-1] == Close()) is closes


def test_closing_is_announced() -> None:
    for done in (play("408", asking(GET)), play("503", asking(GET), close=True)):
        assert "Connection: close" in lines_of(replied(done))
        assert done[-1] == Close()
    assert play("408", asking(GET), close=False)[-1] != Close()


def test_head_gets_no_body() -> None:
    told = replied(play("503", asking(GET.replace(b"GET", b"HEAD"))))
    assert body_of(told) == b""
    length = len(body_of(replied(play("503", asking(GET)))))
    assert f"Content-Length: {length}" in lines_of(told)


@pytest.mark.parametrize("status", ["304", "204"])
def test_statuses_without_a_body(status: str) -> None:
    told = replied(play("status", asking(GET), status=status))
    assert body_of(told) == b""
    assert "Content-Length" not in told.decode()


@pytest.mark.parametrize(
    ("status", "line"),
    [
        ("401", 'WWW-Authenticate: Basic realm="restricted"'),
        ("407", 'Proxy-Authenticate: Basic realm="restricted"'),
        ("405", "Allow: HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
        ("416", "Content-Range: bytes */0"),
        ("426", "Upgrade: websocket"),
        ("426", "Connection: upgrade"),
        ("302", "Location: /a?b"),
        ("308", "Location: /a?b"),
        ("redirect-loop", "Location: /a?b"),
        ("dead-redirect", "Location: http://127.0.0.1:1/"),
    ],
)
def test_required_fields_of_a_status(status: str, line: str) -> None:
    assert line in lines_of(replied(play(status, asking(GET))))


def test_parameters_of_a_status() -> None:
    told = replied(
        play(
            "503",
            asking(GET),
            reason="Down",
            message="Öl & <wax>",
            content_type="text/html; charset=utf-8",
            retry_after="7",
        )
    )
    assert lines_of(told)[:3] == [
        "HTTP/1.1 503 Down",
        "Content-Type: text/html; charset=utf-8",
        "Retry-After: 7",
    ]
    assert "Öl &amp; &lt;wax&gt;" in body_of(told).decode()
    exact = play("503", asking(GET), body="a\nb", content_type="text/plain")
    assert body_of(replied(exact)) == b"a\nb"
    plain = play("503", asking(GET), content_type="text/plain", message="no")
    assert body_of(replied(plain)) == b"no\n"
    elsewhere = play("301", asking(GET), location="https://example.org/")
    assert "Location: https://example.org/" in lines_of(replied(elsewhere))


def test_json() -> None:
    told = replied(play("429", asking(GET), content_type="application/json", message='say "no"'))
    assert json.loads(body_of(told)) == {
        "status": 429,
        "error": "Too Many Requests",
        "message": 'say "no"',
    }


def test_any_status() -> None:
    assert lines_of(replied(play("status", asking(GET))))[0] == "HTTP/1.1 503 Service Unavailable"
    odd = replied(play("status", asking(GET), status=799, reason="Odd"))
    assert lines_of(odd)[0] == "HTTP/1.1 799 Odd"
    assert lines_of(replied(play("status", asking(GET), status=799)))[0] == "HTTP/1.1 799 "
    moved = replied(play("status", asking(GET), status=302))
    assert "Location: /a?b" in lines_of(moved)
    made = replied(play("status", asking(GET), status=201, location="/new"))
    assert "Location: /new" in lines_of(made)


@pytest.mark.parametrize("word", RETRY_AFTER)
def test_words_for_retry_after(word: str) -> None:
    told = replied(play("503", asking(GET), retry_after=word))
    assert f"Retry-After: {RETRY_AFTER[word]}" in lines_of(told)
    assert "Retry-After" not in replied(play("503", asking(GET))).decode()


def test_the_dates_are_dates() -> None:
    past, future = (parsedate_to_datetime(RETRY_AFTER[word]) for word in ("past", "future"))
    assert past.strftime("%a, %d %b %Y %H:%M:%S GMT") == RETRY_AFTER["past"]
    assert future.strftime("%a, %d %b %Y %H:%M:%S GMT") == RETRY_AFTER["future"]
    assert (past.year, future.year) == (1999, 2099)


# Decided when the response arrives.


def test_a_response_may_be_replaced_too() -> None:
    interim = response(CONTINUE)._replace(about="GET", final=False)
    done = play("503", [interim, *answering(OK, cut(OK, [len(HEAD) + 3]))])
    first, second = (action.message.data for action in done if isinstance(action, Forward))
    assert first == CONTINUE
    assert second.startswith(b"HTTP/1.1 503 ")
    assert len(done) == 2


def test_the_rest_of_a_request_passes_then() -> None:
    rest = asking(POST + b"abcdef", POST, b"abcdef")[1]
    done = play("503", [*answering(OK), rest])
    assert done[-1] == Forward(rest)


def test_a_replaced_response_closes_as_the_real_one_would() -> None:
    closing = OK.replace(b"Server: some", b"Connection: close")
    done = play("503", answering(closing))
    assert "Connection: close" in lines_of(forwarded(done))
    assert done[-1] == Close()
    assert body_of(forwarded(play("503", answering(HEAD, method="HEAD")))) == b""
    assert "Location: /" in lines_of(forwarded(play("302", answering(OK))))


# The connection ends.


@pytest.mark.parametrize(
    ("name", "told", "reset"),
    [
        ("stale-keep-alive", {}, False),
        ("stale-keep-alive", {"reset": True}, True),
        ("empty-reply", {}, False),
        ("reset", {}, True),
    ],
)
def test_the_connection_ends(name: str, told: dict[str, object], *, reset: bool) -> None:
    assert play(name, asking(POST + b"abcdef", POST, b"abcdef"), **told) == [Close(reset=reset)]
    assert play(name, answering(OK), **told) == [Close(reset=reset)]


def test_stale_connections_are_reused_ones() -> None:
    assert CATALOGUE.find("stale-keep-alive").applies_to == {"reused": "yes"}


# Bogus successes.


def test_corrupt_gzip() -> None:
    told = replied(play("corrupt-gzip", asking(GET)))
    assert "Content-Encoding: gzip" in lines_of(told)
    unpacking = zlib.decompressobj(wbits=31)
    assert unpacking.decompress(body_of(told)[:10]) == b""
    with pytest.raises(zlib.error):
        unpacking.decompress(body_of(told)[10:])


def test_wrong_charset() -> None:
    told = replied(play("wrong-charset", asking(GET)))
    assert "Content-Type: application/json; charset=utf-8" in lines_of(told)
    with pytest.raises(UnicodeDecodeError):
        body_of(told).decode()
    assert json.loads(body_of(told).decode("latin-1")) == {"message": "déjà vu"}


def test_html_for_json() -> None:
    told = replied(play("html-for-json", asking(GET)))
    assert "Content-Type: application/json" in lines_of(told)
    assert body_of(told).startswith(b"<!DOCTYPE html>")


def test_duplicate_content_length() -> None:
    told = replied(play("duplicate-content-length", asking(GET)))
    lengths = [line for line in lines_of(told) if line.startswith("Content-Length")]
    assert lengths == ["Content-Length: 7", "Content-Length: 6"]
    assert body_of(told) == b"hello\n"


@pytest.mark.parametrize("size", [0, 10, 65536])
def test_huge_header(size: int) -> None:
    told = replied(play("huge-header", asking(GET), size=size))
    assert f"X-Padding: {'x' * size}" in lines_of(told)


# The real response, damaged.

CHOPPED = st.sampled_from(
    [(OK, "length"), (CHUNKED + CHUNKS + LAST, "chunked"), (CHUNKED + LAST, "empty")]
)


def arriving(data: bytes, chunks: Iterable[bytes]) -> list[Message]:
    """Return a response whose first piece holds the head."""
    chunks, whole = [*chunks], answering(data)[0]
    head = head_of(whole)
    while len(chunks[0]) < len(head):
        chunks[:2] = [chunks[0] + chunks[1]]
    return pieces(whole, chunks)


@pytest.mark.parametrize(
    ("told", "passes"),
    [
        ({}, BODY[:5]),
        ({"fraction": 0.2}, BODY[:2]),
        ({"fraction": 0}, b""),
        ({"fraction": 1}, BODY[:9]),
        ({"bytes": 3}, BODY[:3]),
        ({"bytes": 100}, BODY[:9]),
    ],
)
@given(data=st.data())
def test_truncated_body(told: dict[str, object], passes: bytes, data: st.DataObject) -> None:
    done = play("truncated-body", arriving(OK, data.draw(chunkings(OK))), **told)
    assert forwarded(done) == HEAD + passes
    assert done[-1] == Close()


def test_truncated_bodies_of_unknown_length() -> None:
    data = CHUNKED + CHUNKS + LAST
    done = play("truncated-body", answering(data), bytes=12)
    assert forwarded(done) == CHUNKED + CHUNKS[:12]
    done = play("truncated-body", answering(data), bytes=1000, reset=True)
    assert forwarded(done) == data[:-1]
    assert done[-1] == Close(reset=True)
    done = play("truncated-body", answering(CHUNKED + CHUNKS, [CHUNKED, CHUNKS]))
    assert forwarded(done) == CHUNKED


@given(CHOPPED, st.data())
def test_truncated_chunks(response_and_kind: tuple[bytes, str], data: st.DataObject) -> None:
    whole, kind = response_and_kind
    done = play("truncated-chunks", arriving(whole, data.draw(chunkings(whole))), reset=True)
    passed = forwarded(done)
    if kind != "length":
        assert passed == whole.removesuffix(LAST)
    else:
        assert passed.startswith(
            b"HTTP/1.1 200 OK\r\nServer: some\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        assert unchunked(body_of(passed)) == BODY
    assert done[-1] == Close(reset=True)


def unchunked(data: bytes) -> bytes:
    content = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        content += data[: int(size, 16)]
        assert data[int(size, 16) :].startswith(b"\r\n")
        data = data[int(size, 16) + 2 :]
    return content


@given(st.data())
def test_where_the_last_chunk_is(data: st.DataObject) -> None:
    body = CHUNKS + LAST
    chunks, passed = ChunkFilter(), b""
    for chunk in data.draw(chunkings(body)):
        passed += chunks.feed(chunk)
    assert (passed, chunks.ended) == (CHUNKS, True)


@pytest.mark.parametrize("data", [OK, CHUNKED + CHUNKS + LAST])
def test_bad_chunk(data: bytes) -> None:
    head, body = forwarded(play("bad-chunk", answering(data))).split(b"\r\n\r\n")
    assert head.endswith(b"Transfer-Encoding: chunked")
    assert b"Content-Length" not in head
    assert body == b"zz\r\n"
    assert play("bad-chunk", answering(data))[-1] == Close()


def timed(done: list[Action]) -> list[tuple[float, bytes]]:
    """Return what passes, and how many seconds after the response arrived."""
    now, passed = 0.0, []
    for action in done:
        if isinstance(action, Wait):
            now = max(now, action.until - ARRIVAL)
        elif isinstance(action, Forward):
            passed.append((now, action.message.data))
    return passed


def test_slow_headers() -> None:
    done = play("slow-headers", answering(OK), bytes=20, interval=0.5)
    times = [at for at, _ in timed(done)]
    assert times == [0.5, 1.0, 1.5, 1.5]
    assert [data for _, data in timed(done)] == [HEAD[:20], HEAD[20:40], HEAD[40:], BODY]


def test_slow_body() -> None:
    done = play("slow-body", answering(OK), bytes=4, interval=0.5)
    assert timed(done) == [(0.0, HEAD), (0.5, BODY[:4]), (1.0, BODY[4:8]), (1.5, BODY[8:])]


@given(chunkings(OK), st.sampled_from(["slow-body", "slow-headers"]))
def test_slowness_is_counted_from_the_first_piece(chunks: list[bytes], name: str) -> None:
    done = play(name, arriving(OK, chunks), bytes=4, interval=1)
    assert forwarded(done) == OK
    messages = [action.message for action in done if isinstance(action, Forward)]
    assert [message.begins for message in messages] == [True] + [False] * (len(messages) - 1)
    assert [message.ends for message in messages] == [False] * (len(messages) - 1) + [True]
    assert sum(len(message.data) for message in messages[:-1]) == messages[-1].offset
    slow = (len(HEAD) + 3) // 4 if name == "slow-headers" else 3
    assert timed(done)[-1][0] == slow


def test_stall_after_headers() -> None:
    for chunks in ([OK], [HEAD, BODY]):
        first, stalled, *rest = play("stall-after-headers", answering(OK, chunks))
        assert isinstance(first, Forward)
        assert first.message.data == HEAD
        assert stalled == Hold()
        assert forwarded(rest) == BODY


def test_missing_reason() -> None:
    done = play("missing-reason", answering(OK, cut(OK, [len(HEAD)])))
    assert forwarded(done) == OK.replace(b"200 OK", b"200")


@pytest.mark.parametrize(("status", "line"), [(100, "100 Continue"), (103, "103 Early Hints")])
def test_interim_flood(status: int, line: str) -> None:
    done = play("interim-flood", answering(OK, [HEAD, BODY]), count=3, status=status)
    assert forwarded(done) == f"HTTP/1.1 {line}\r\n\r\n".encode() * 3 + OK


DAMAGING = [fault.name for fault in CATALOGUE if "needs_body" in vars(fault)]
NEEDING_A_BODY = [fault.name for fault in CATALOGUE if vars(fault).get("needs_body")]


@pytest.mark.parametrize("name", DAMAGING)
def test_requests_and_interim_responses_pass(name: str) -> None:
    interim = response(CONTINUE)._replace(about="GET", final=False)
    messages = [*asking(POST + b"abcdef", POST, b"abcdef"), interim]
    assert play(name, messages) == [Forward(message) for message in messages]


@pytest.mark.parametrize("name", DAMAGING)
def test_a_response_already_under_way_passes(name: str) -> None:
    (rest,) = answering(OK, [OK])
    rest = rest._replace(begins=False)
    assert play(name, [rest]) == [Forward(rest)]


@pytest.mark.parametrize("name", NEEDING_A_BODY)
def test_responses_without_a_body_pass(name: str) -> None:
    assert forwarded(play(name, answering(NO_CONTENT))) == NO_CONTENT
    assert forwarded(play(name, answering(HEAD, method="HEAD"))) == HEAD
    assert not [act for act in play(name, answering(NO_CONTENT)) if not isinstance(act, Forward)]


SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"
CONNECTED = b"HTTP/1.1 200 Connected\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "method", "closes"),
    [
        (SWITCHING, "GET", True),
        (CONNECTED, "CONNECT", True),
        (CONNECTED.replace(b"200", b"299"), "CONNECT", True),
        (CONNECTED.replace(b"200", b"502"), "CONNECT", False),
        (OK, "GET", False),
    ],
)
@pytest.mark.parametrize("name", ["503", "wrong-charset"])
def test_what_replaces_a_response_with_which_the_backend_leaves_http_closes(
    name: str, answer: bytes, method: str, closes: bool
) -> None:
    done = play(name, answering(answer, method=method))
    assert (done[-1] == Close()) is closes
    assert ("Connection: close" in lines_of(forwarded(done))) is closes


@pytest.mark.parametrize(
    "head", [GET.replace(b"GET", b"CONNECT"), GET[:-2] + b"upgrade : x\r\n\r\n"]
)
def test_a_request_to_leave_http_can_be_refused(head: bytes) -> None:
    (asked,) = stream_of(Http().requests).feed(head, 0.0)
    assert not asked.final
    assert replied(play("503", [asked])).startswith(b"HTTP/1.1 503 ")
