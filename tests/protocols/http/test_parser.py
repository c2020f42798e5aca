"""http's parsers: where messages begin and end, whatever the bytes and however they arrive."""

from __future__ import annotations

from collections.abc import Iterable

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeding import (
    Whole,
    chunkings,
    cut,
    feed_any,
    owing,
    parse_in_all_ways,
    put_together,
    stream_of,
)
from vaurien.errors import ProtocolError
from vaurien.parsing.exchanges import Exchanges
from vaurien.parsing.stream import Stream
from vaurien.protocols.http.heads import ERRORS, HEAD_LIMIT
from vaurien.protocols.http.llm import LLM_LABELS, PEEK_LIMIT
from vaurien.protocols.http.parser import Http, host_header
from vaurien.values.actions import Forward
from vaurien.values.messages import Direction, Message

TO_CLIENT = Direction.TO_CLIENT
GET = b"GET /a/b?c=d&e HTTP/1.1\r\nHost: example.org:8000\r\nAccept: */*\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nServer: some\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
CHUNKS = b'5\r\nhello\r\n1;name=value; other="x"\r\n!\r\n000a \r\n0123456789\r\n'


def requests(data: bytes, chunks: Iterable[bytes] = ()) -> list[Whole]:
    return parse_in_all_ways(lambda stream: Http().requests(stream), data, chunks=[*chunks])


def responses(
    data: bytes, *asked: str, chunks: Iterable[bytes] = (), pending: int = 1
) -> list[Whole]:
    """Return the responses to requests with these methods; by default to ``pending`` GETs."""

    def exchanges() -> Exchanges:
        made = Exchanges()
        for number, method in enumerate(asked or ["GET"] * pending, 1):
            made.pending.extend(owing(number, about=method)().pending)
        return made

    return parse_in_all_ways(
        lambda stream: Http().responses(stream), data, TO_CLIENT, exchanges, chunks=[*chunks]
    )


def the_labels(head: bytes) -> dict[str, str]:
    (found,) = requests(head)
    return dict(found.labels)


def feed_all(stream: Stream, chunks: Iterable[bytes]) -> list[Message]:
    """Return the pieces that a stream cuts out of these chunks."""
    return [piece for chunk in chunks for piece in stream.feed(chunk, 0.0)]


def give_up(data: bytes, asked: str = "", *, whole: bool = True) -> str:
    """Return why the parser gives up on these bytes, fed whole or byte by byte."""
    direction = TO_CLIENT if asked else Direction.TO_BACKEND
    http = Http()
    parse = http.responses if asked else http.requests
    stream = stream_of(parse, direction, owing(1, about=asked)())
    with pytest.raises(ProtocolError) as raised:
        feed_all(stream, [data] if whole else cut(data, range(len(data))))
    return str(raised.value)


# Requests.


def test_a_request_has_labels() -> None:
    assert requests(GET) == [
        Whole(
            GET,
            {
                "method": "GET",
                "path": "/a/b",
                "query": "c=d&e",
                "host": "example.org:8000",
                "reused": "no",
            },
            1,
        )
    ]


def test_the_labels_are_declared() -> None:
    assert set(the_labels(GET)) == set(Http.labels) - LLM_LABELS
    assert set(the_labels(chat(b'{"model": "m"}'))) == set(Http.labels)
    assert Http.tallied in Http.labels


def chat(body: bytes, *fields: bytes) -> bytes:
    lines = [b"POST /v1/chat/completions HTTP/1.1", b"Host: h", *fields]
    return b"\r\n".join([*lines, b"Content-Length: %d" % len(body), b"", body])


@pytest.mark.parametrize(
    ("body", "labels"),
    [
        (b'{"messages": [{"model": "no"}], "model": "m", "stream": true}', ("m", "yes")),
        (b'{"stream":false,"model":"m"}', ("m", "no")),
        (b'{"model": "m", "messages": []}', ("m", "no")),
        (b"[1, 2]", (None, "no")),
        (b"{}", (None, "no")),
        (b'{"model": "m"', (None, "no")),
    ],
)
def test_the_body_of_a_request_to_a_model_gives_labels(
    body: bytes, labels: tuple[str | None, str]
) -> None:
    found = requests(chat(body) + GET)
    assert [whole.data for whole in found] == [chat(body), GET]
    told = found[0].labels
    assert told["provider"] == "openai"
    assert (told.get("model"), told["stream"]) == labels


def test_a_long_body_is_looked_at_up_to_a_limit() -> None:
    padding = b'{"messages": ["' + b"x" * PEEK_LIMIT + b'"], '
    stream = stream_of(Http().requests)
    pieces = feed_all(stream, cut(chat(padding + b'"model": "m"}'), range(0, PEEK_LIMIT, 65536)))
    assert pieces[0].labels.keys() & LLM_LABELS == {"provider"}
    assert len(pieces[0].data) >= PEEK_LIMIT
    assert pieces[-1].ends


def test_a_body_that_the_client_does_not_send_yet_is_not_waited_for() -> None:
    waiting = chat(b"{}", b"Expect: 100-continue")[:-2]
    (piece,) = feed_all(stream_of(Http().requests), [waiting])
    assert piece.labels.keys() & LLM_LABELS == {"provider"}


def test_what_the_body_may_tell_is_announced_as_unknown() -> None:
    stream = stream_of(Http().requests)
    assert feed_all(stream, [chat(b'{"a": 1, "model": "m"}')[:-8]]) == []
    assert stream.announced is not None
    assert stream.announced.labels["provider"] == "openai"
    assert set(stream.unknown) == {"model", "stream"}


@pytest.mark.parametrize(
    ("target", "path", "query", "host"),
    [
        ("/", "/", "", "h"),
        ("/x?", "/x", "", "h"),
        ("/x?a?b", "/x", "a?b", "h"),
        ("*", "*", "", "h"),
        ("http://other:81/y?z", "/y", "z", "other:81"),
        ("http://other", "/", "", "other"),
        ("http://other?q", "/", "q", "other"),
        ("HTTPS://user:pass@other/", "/", "", "other"),
        ("h:443", "h:443", "", "h"),
        ("/a b", "/a b", "", "h"),
        ("//double//slash", "//double//slash", "", "h"),
        ("/ca\u00e9", "/ca\u00e9", "", "h"),
    ],
)
def test_targets(target: str, path: str, query: str, host: str) -> None:
    labels = the_labels(f"M-SEARCH {target} HTTP/1.1\r\nhost:  h \r\n\r\n".encode())
    assert (labels["path"], labels["query"], labels["host"]) == (path, query, host)
    assert labels["method"] == "M-SEARCH"


def test_a_long_target_is_cut_in_the_labels_alone() -> None:
    head = b"GET /" + b"x" * 50_000 + b" HTTP/1.1\r\n\r\n"
    assert len(the_labels(head)["path"]) == 2000


def test_a_pipeline_of_requests() -> None:
    post = b"POST / HTTP/1.1\r\ncontent-LENGTH:3\r\n\r\nabc"
    chunked = b"PUT / HTTP/1.1\r\n" + CHUNKED + CHUNKS + b"0\r\n\r\n"
    wholes = requests(GET + post + chunked + GET)
    assert [whole.data for whole in wholes] == [GET, post, chunked, GET]
    assert [whole.labels["reused"] for whole in wholes] == ["no", "yes", "yes", "yes"]
    assert [whole.exchange for whole in wholes] == [1, 2, 3, 4]


def test_lines_may_end_with_a_bare_line_feed_and_empty_lines_may_come_first() -> None:
    lenient = b"\r\n\n\r\nGET  /  HTTP/1.1 \nHost: x\r\nA: b\n\n"
    assert [whole.data for whole in requests(lenient + GET)] == [lenient, GET]


def test_http_1_0_requests() -> None:
    old = b"GET / HTTP/1.0\r\n\r\n"
    assert [whole.data for whole in requests(old + old)] == [old, old]


@pytest.mark.parametrize(
    "fields",
    [
        b"Content-Length: 5\r\nContent-Length: 5\r\n",
        b"Content-Length: 5, 5\r\n",
        b"Transfer-Encoding:\tgzip ,\tChunked\r\n",
        b"Transfer-Encoding: gzip\r\nX: y\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length:\r\n 5\r\n",
        b"X: y\r\n Content-Length: 7\r\nContent-Length: 5\r\n",
        b"X-Content-Length: 7\r\nContent-Length: 05\r\n",
    ],
)
def test_odd_but_unambiguous_framing(fields: bytes) -> None:
    body = b"5\r\nhello\r\n0\r\n\r\n" if b"hunked" in fields else b"hello"
    post = b"POST / HTTP/1.1\r\n" + fields + b"\r\n" + body
    assert [whole.data for whole in requests(post + GET)] == [post, GET]
    ok = b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n" + body
    assert [whole.data for whole in responses(ok + OK, pending=2)] == [ok, OK]


@pytest.mark.parametrize(
    "fields",
    [
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: 5, 6\r\n",
        b"Content-Length: 5,\r\n",
        b"Content-Length: 5\r\n 6\r\n",
        b"Content-Length: -5\r\n",
        b"Content-Length: +5\r\n",
        b"Content-Length: 5_0\r\n",
        b"Content-Length: 0x5\r\n",
        b"Content-Length: \xb2\r\n",
        b"Content-Length:\r\n",
        b"Content-Length: 1" + b"0" * 18 + b"\r\n",
        b"Content-Length : 5\r\n",
        b"Content-Length: 5\rX: y\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding: chunked, gzip\r\n",
        b"Transfer-Encoding: chunked, chunked\r\n",
        b"Transfer-Encoding: identity\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding:\r\n",
        b"Transfer-Encoding: gzip\r\nContent-Length: 5\r\n",
    ],
)
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "byte by byte"])
def test_ambiguous_framing_is_not_guessed(fields: bytes, *, whole: bool) -> None:
    assert give_up(b"POST / HTTP/1.1\r\n" + fields + b"\r\n", whole=whole)
    assert give_up(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n", "GET", whole=whole)


def test_two_framings_are_rejected_in_requests_and_chunked_in_responses() -> None:
    both = b"Content-Length: 5\r\n" + CHUNKED
    assert "both" in give_up(b"POST / HTTP/1.1\r\n" + both)
    ok = b"HTTP/1.1 200 OK\r\n" + both + b"5\r\nhello\r\n0\r\n\r\n"
    assert [whole.data for whole in responses(ok + OK, pending=2)] == [ok, OK]


def test_labels_are_cut() -> None:
    long = b"x" * 3000
    lines = long.upper() + b" /" + long + b"?" + long + b" HTTP/1.1\r\nHost: " + long + b"\r\n\r\n"
    (whole,) = requests(lines)
    assert {name: len(whole.labels[name]) for name in ("method", "path", "query", "host")} == (
        dict.fromkeys(("method", "path", "query", "host"), 2000)
    )


def test_http_1_0_has_no_transfer_encoding() -> None:
    assert "HTTP/1.0" in give_up(b"POST / HTTP/1.0\r\n" + CHUNKED)
    assert "HTTP/1.0" in give_up(b"HTTP/1.0 200 OK\r\n" + CHUNKED, "GET")


@pytest.mark.parametrize(
    "body",
    [
        b"zz\r\n",
        b"\r\n",
        b"0x5\r\nhello",
        b"-1\r\n",
        b"5 5\r\n",
        b"1\r\nabc",
        b"1\r\na\n",
        b"1" + b"0" * 15 + b"\r\n",
        b"5;" + b"x" * 20_000,
        b"0\r\n" + b"a: b\r\n" * 20_000,
    ],
)
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "byte by byte"])
def test_malformed_chunks(body: bytes, *, whole: bool) -> None:
    assert give_up(b"POST / HTTP/1.1\r\n" + CHUNKED + body + b"\n", whole=whole)


def test_trailers() -> None:
    post = b"POST / HTTP/1.1\r\n" + CHUNKED + CHUNKS + b"0;x=y\r\nDigest: abc\r\nB: c\n\r\n"
    assert [whole.data for whole in requests(post + GET)] == [post, GET]


# Other protocols.


CLIENT_HELLO = bytes.fromhex("16030100c8010000c40303") + bytes(range(100))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (CLIENT_HELLO, "TLS"),
        (b"\x16", "TLS"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/2, which is not supported"),
        (b"PRI * HTTP/2.0\r\n", "HTTP/2, which is not supported"),
        (b"EHLO example.org\r\n", "not HTTP/1"),
        (b"GET /\r\n", "not HTTP/1"),
        (b"GET / HTTP/2\r\n", "not HTTP/1"),
        (b"\0\0\0\4", "not HTTP/1"),
        (b"(GET) / HTTP/1.1\r\n", "not HTTP/1"),
    ],
)
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "byte by byte"])
def test_other_protocols_are_recognized_in_requests(data: bytes, why: str, *, whole: bool) -> None:
    assert why in give_up(data, whole=whole)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x16\x03", "TLS"),
        (b"\0\0\x12\4", "not HTTP/1"),
        (b"220 mail.example.org ESMTP\r\n", "not HTTP/1"),
        (b"HTTP/2 200\r\n", "not HTTP/1"),
        (b"HTTP/1.1 20 OK\r\n", "not HTTP/1"),
        (b"HTTP/1.1 2000 OK\r\n", "not HTTP/1"),
        (b"\r\nHTTP/1.1 200 OK\r\n", "not HTTP/1"),
    ],
)
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "byte by byte"])
def test_other_protocols_are_recognized_in_responses(data: bytes, why: str, *, whole: bool) -> None:
    assert why in give_up(data, "GET", whole=whole)


def test_the_settings_of_a_server_of_http_2_are_recognized() -> None:
    assert "HTTP/2, which is not supported" in give_up(b"\0\0\x12\4" + bytes(23), "GET")


@pytest.mark.parametrize("line", [b"GET / HTTP/1.1\r\n", b"HTTP/1.1 204 No Content\r\n"])
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "in pieces"])
def test_a_head_of_more_than_64_kib(line: bytes, *, whole: bool) -> None:
    asked = "GET" if line.startswith(b"HTTP") else ""
    longest = line + b"X: " + b"x" * (HEAD_LIMIT - len(line + b"X: \r\n\r\n")) + b"\r\n\r\n"
    chunks = [longest] if whole else cut(longest, range(0, len(longest), 1000))
    stream = stream_of(
        Http().responses if asked else Http().requests,
        TO_CLIENT if asked else Direction.TO_BACKEND,
        owing(1, about=asked)(),
    )
    (piece,) = feed_all(stream, chunks)
    assert piece.data == longest
    assert "more than 65536 bytes" in give_up(longest.replace(b"X: ", b"X: x"), asked)


def test_empty_lines_without_end() -> None:
    assert "more than" in give_up(b"\r\n" * HEAD_LIMIT)


# Responses.


def test_a_response_has_its_status() -> None:
    assert responses(OK) == [Whole(OK, {"status": "200"}, 1)]
    assert set(Http.response_labels) == {"status"}


@pytest.mark.parametrize(
    ("head", "asked"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD"),
        (b"HTTP/1.1 200 OK\r\n" + CHUNKED, "HEAD"),
        (b"HTTP/1.1 404 No\r\nContent-Length: 5\r\n\r\n", "HEAD"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "GET"),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "GET"),
        (b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", "GET"),
        (b"HTTP/1.1 200\nContent-Length: 0\n\n", "GET"),
        (b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n", "CONNECT"),
    ],
)
def test_responses_without_a_body(head: bytes, asked: str) -> None:
    wholes = responses(head + OK, asked, "GET")
    assert [(whole.data, whole.exchange) for whole in wholes] == [(head, 1), (OK, 2)]


def test_interim_responses_belong_to_the_same_exchange() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    wholes = responses(interim + hints + OK + OK, pending=2)
    assert [whole.exchange for whole in wholes] == [1, 1, 1, 2]
    pieces = feed_any(stream_of(Http().responses, TO_CLIENT, owing(1, about="GET")()), [interim])
    assert [piece.final for piece in pieces] == [False]


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
    ],
)
def test_a_body_that_ends_with_the_connection(head: bytes) -> None:
    (whole,) = responses(head + OK + OK)
    assert whole.data == head + OK + OK


def test_a_chunked_response() -> None:
    chunked = b"HTTP/1.1 200 OK\r\n" + CHUNKED + CHUNKS + b"0\r\n\r\n"
    assert [whole.data for whole in responses(chunked + OK, pending=2)] == [chunked, OK]


@pytest.mark.parametrize(
    ("head", "asked"),
    [
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", "GET"),
        (b"HTTP/1.1 200 Connection established\r\nContent-Length: 3\r\n\r\n", "CONNECT"),
    ],
)
def test_what_follows_an_upgrade_is_opaque(head: bytes, asked: str) -> None:
    exchanges = owing(1, about=asked)()
    stream = stream_of(Http().responses, TO_CLIENT, exchanges)
    pieces = stream.feed(head + b"\x81\x05hello", 0.0)
    assert [(piece.data, piece.final) for piece in pieces] == [(head, True)]
    assert exchanges.opaque
    assert not exchanges.pending
    assert [piece.data for piece in stream.surrender()] == [b"\x81\x05hello"]


def test_unsolicited_responses() -> None:
    late = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    stream = stream_of(Http().responses, TO_CLIENT)
    assert [piece.exchange for piece in stream.feed(late, 0.0)] == [0]


def test_errors_are_counted() -> None:
    exchanges = owing(1, 2, 3, 4, about="GET")()
    stream = stream_of(Http().responses, TO_CLIENT, exchanges)
    for status in (200, 404, 503, 429):
        stream.watch(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status, 0.0)
    assert exchanges.tally.errors == {"503": 1, "429": 1}
    assert {408, 429, 500, 599} <= ERRORS


def test_requests_are_counted_by_method() -> None:
    exchanges = Exchanges(tallied=Http.tallied)
    stream_of(Http().requests, Direction.TO_BACKEND, exchanges).watch(GET + GET, 0.0)
    assert exchanges.tally.exchanges == {"GET": 2}


# Pieces.


def test_the_first_piece_holds_the_whole_head() -> None:
    for parse, direction, data, end in (
        (Http().requests, Direction.TO_BACKEND, GET, len(GET)),
        (Http().responses, TO_CLIENT, OK, OK.index(b"\r\n\r\n") + 4),
    ):
        stream = stream_of(parse, direction, owing(1, about="GET")())
        pieces = [piece for byte in cut(data, range(len(data))) for piece in stream.feed(byte, 0.0)]
        assert pieces[0].data == data[:end]
        assert [piece.offset for piece in pieces] == [0, *range(end, len(data))]


def test_a_gigabyte_is_never_buffered() -> None:
    stream = stream_of(Http().responses, TO_CLIENT, owing(1, about="GET")())
    block = bytes(1024 * 1024)
    stream.feed(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % 2**30, 0.0)
    for _ in range(1024):
        (piece,) = stream.feed(block, 0.0)
        assert stream.kept_back == 0
    assert piece.ends


# The Host header.


def adjusted(data: bytes, backend: str, *, to_backend: bool = True) -> bytes:
    http = Http(overwrite_host_header=True)
    assert http.adjusting
    http.backend = backend
    direction = Direction.TO_BACKEND if to_backend else TO_CLIENT
    action = http.adjust(Message(data, direction, 0.0))
    assert isinstance(action, Forward)
    return action.message.data


def test_the_host_header_is_overwritten() -> None:
    changed = GET.replace(b"example.org:8000", b"backend:81")
    assert adjusted(GET, "backend:81") == changed
    assert adjusted(b"POST / HTTP/1.1\nhOst:x\n\nHost: y\n", "b:80") == (
        b"POST / HTTP/1.1\nhOst:b\n\nHost: y\n"
    )


@pytest.mark.parametrize(
    ("backend", "host"),
    [
        ("example.org:80", "example.org"),
        ("example.org:8080", "example.org:8080"),
        ("[::1]:80", "[::1]"),
        ("[::1]:8080", "[::1]:8080"),
        ("unix:/run/web:80", "localhost"),
    ],
)
def test_the_host_header_of_a_backend(backend: str, host: str) -> None:
    assert host_header(backend) == host


def test_nothing_else_is_adjusted() -> None:
    for data in (b"GET / HTTP/1.0\r\n\r\nHost: x\r\n", b"neither\r\nHost: x\r\n\r\n"):
        assert adjusted(data, "b:1") == data
    assert adjusted(OK + b"\r\nHost: x\r\n", "b:1", to_backend=False).endswith(b"Host: x\r\n")
    assert not Http().adjusting


# Any bytes.

SPACE = st.sampled_from(["", " ", "\t", "  "])
NAMES = st.sampled_from(["X-A", "Accept", "Cookie", "content-type", "Content-Lengthy", "Te"])
VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20)
BODIES = st.binary(max_size=300)


@st.composite
def heads_and_bodies(draw: st.DrawFn, line: str, *, bodies: bool = True) -> bytes:
    """A message whose framing is valid, without surprises."""
    lines = [f"{draw(NAMES)}:{draw(SPACE)}{draw(VALUES)}" for _ in range(draw(st.integers(0, 3)))]
    body = draw(BODIES) if bodies else b""
    framing = draw(st.sampled_from(["length", "chunked"]))
    name = draw(st.sampled_from(["Content-Length", "content-length", "CONTENT-LENGTH"]))
    if framing == "length" or not bodies:
        lines.insert(draw(st.integers(0, len(lines))), f"{name}: {len(body)}")
    else:
        lines.insert(draw(st.integers(0, len(lines))), "transfer-Encoding: chunked")
        pieces = cut(body, draw(st.sets(st.integers(0, len(body)), max_size=4)))
        extension = draw(st.sampled_from(["", ";a=b", ";x"]))
        body = b"".join(
            f"{len(piece):{draw(st.sampled_from('xX'))}}{extension}\r\n".encode() + piece + b"\r\n"
            for piece in pieces
        )
        body += draw(st.sampled_from([b"0\r\n\r\n", b"0\r\nTrailer: x\r\n\r\n", b"00\r\n\r\n"]))
    return "\r\n".join([line, *lines, "", ""]).encode() + body


METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PURGE"])
ASKING = METHODS.flatmap(lambda method: heads_and_bodies(f"{method} /x?y HTTP/1.1\r\nHost: h"))


@st.composite
def answered(draw: st.DrawFn) -> tuple[str, bytes]:
    """A method, and a response to it."""
    method = draw(METHODS)
    status = draw(st.sampled_from([200, 201, 204, 304, 404, 503]))
    bodies = method != "HEAD" and status not in (204, 304)
    return method, draw(heads_and_bodies(f"HTTP/1.1 {status} Some Words", bodies=bodies))


def end_by_h11(connection: h11.Connection, data: bytes) -> int:
    """Where the first message of some bytes ends, as h11 reads them."""
    connection.receive_data(data)
    while not isinstance(event := connection.next_event(), h11.EndOfMessage):
        assert event is not h11.NEED_DATA
    return len(data) - len(connection.trailing_data[0])


@given(st.lists(ASKING, min_size=1, max_size=4), st.data())
def test_h11_agrees_where_requests_end(messages: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(messages)
    for message in messages:
        assert end_by_h11(h11.Connection(h11.SERVER), message + GET) == len(message)
    wholes = requests(stream, data.draw(chunkings(stream)))
    assert [whole.data for whole in wholes] == messages


@given(st.lists(answered(), min_size=1, max_size=4), st.data())
def test_h11_agrees_where_responses_end(
    exchanges: list[tuple[str, bytes]], data: st.DataObject
) -> None:
    for method, response in exchanges:
        peer = h11.Connection(h11.CLIENT)
        peer.send(h11.Request(method=method, target="/", headers=[("Host", "h")]))
        peer.send(h11.EndOfMessage())
        assert end_by_h11(peer, response + OK) == len(response)
    stream = b"".join(response for _, response in exchanges)
    methods = [method for method, _ in exchanges]
    wholes = responses(stream, *methods, chunks=data.draw(chunkings(stream)))
    assert [whole.data for whole in wholes] == [response for _, response in exchanges]


def fed(direction: Direction, chunks: Iterable[bytes]) -> list[Message]:
    http = Http()
    parse = http.requests if direction is Direction.TO_BACKEND else http.responses
    stream = stream_of(parse, direction, owing(1, 2, 3, about="GET")())
    return feed_any(stream, chunks)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Valid traffic of which some bytes are others, or gone."""
    traffic = bytearray(b"".join(draw(st.lists(st.one_of(ASKING, st.just(OK)), max_size=3))))
    for _ in range(draw(st.integers(0, 4))):
        if traffic:
            place = draw(st.integers(0, len(traffic) - 1))
            traffic[place : place + draw(st.integers(0, 3))] = draw(
                st.sampled_from([b"", b"\r", b"\n", b"\0", b":", b" ", b"\xff", b"0", b"\r\n\r\n"])
            )
    return bytes(traffic)


@given(st.one_of(st.binary(max_size=400), damaged()), st.sampled_from(Direction), st.data())
def test_no_byte_is_changed(noise: bytes, direction: Direction, data: st.DataObject) -> None:
    pieces = fed(direction, data.draw(chunkings(noise)))
    assert b"".join(piece.data for piece in pieces) == noise


@given(damaged(), st.sampled_from(Direction), st.data())
def test_what_was_understood_does_not_depend_on_the_chunks(
    noise: bytes, direction: Direction, data: st.DataObject
) -> None:
    """Messages before the parser gives up, if it does: the same, however they arrive."""

    def understood(chunks: Iterable[bytes]) -> list[Whole]:
        http = Http()
        parse = http.requests if direction is Direction.TO_BACKEND else http.responses
        stream: Stream = stream_of(parse, direction, owing(1, 2, 3, about="GET")())
        pieces: list[Message] = []
        try:
            for chunk in chunks:
                pieces += stream.feed(chunk, 0.0)
        except ProtocolError:
            pieces += stream.surrender()
        return [whole for whole in put_together(pieces) if whole.complete and whole.labels][:-1]

    whole = understood([noise])
    split = understood(data.draw(chunkings(noise)))
    assert split[: len(whole)] == whole[: len(split)]


# Beginnings.


@pytest.mark.parametrize(
    ("begun", "labels", "unknown"),
    [
        (b"GE", {}, "method path query host provider model stream"),
        (b"\r\n\r\nGET ", {"method": "GET"}, "path query host provider model stream"),
        (b"GET /a b", {"method": "GET"}, "path query host provider model stream"),
        (b"GET /a?b", {"method": "GET", "path": "/a"}, "query host"),
        (b"GET /a b?c", {"method": "GET"}, "path query host provider model stream"),
        (
            b"GET /v1/responses?c",
            {"method": "GET", "path": "/v1/responses"},
            "query host provider model stream",
        ),
        (b"GET /a?b HTTP/1.1\r", {"method": "GET", "path": "/a"}, "query host"),
        (b"GET /a?b HTTP/1.1\r\n", {"method": "GET", "path": "/a", "query": "b"}, "host"),
        (b"GET http://h/ HTTP/1.1\n", {"method": "GET", "path": "/", "query": "", "host": "h"}, ""),
        (b"GET / HTTP/1.1\n hosts: a\nHo", {"method": "GET", "path": "/", "query": ""}, "host"),
        (
            b"GET / HTTP/1.1\nA: b\nHOST : a\nHost: c\n",
            {"method": "GET", "path": "/", "query": "", "host": "a"},
            "",
        ),
    ],
)
def test_what_is_known_of_a_request_is_announced(
    begun: bytes, labels: dict[str, str], unknown: str
) -> None:
    for chunks in ([begun], cut(begun, range(len(begun)))):
        stream = stream_of(Http().requests)
        assert not feed_all(stream, chunks)
        assert stream.announced is not None
        assert stream.announced.labels == {**labels, "reused": "no"}
        assert set(stream.unknown) == set(unknown.split())


def test_what_is_to_be_adjusted_is_not_announced() -> None:
    stream = stream_of(Http(overwrite_host_header=True).requests)
    feed_all(stream, [b"GET / HTTP/1.1\r\n"])
    assert stream.announced is None


@pytest.mark.parametrize("begun", [b"HTTP/1.1 200 ", b"HTTP/1.1 200 O", b"HTTP/1.0  200\r\nA: b"])
def test_the_status_is_announced(begun: bytes) -> None:
    stream = stream_of(Http().responses, TO_CLIENT, owing(7, about="GET")())
    assert not feed_all(stream, cut(begun, range(len(begun))))
    assert stream.announced is not None
    assert (stream.announced.labels, stream.announced.exchange) == ({"status": "200"}, 7)
    assert not stream.unknown


@pytest.mark.parametrize("begun", [b"G(", b"(", b"GET\rx", b"GET / \rHTTP", b"G\0", b"\r\r"])
def test_what_cannot_be_a_request_any_more_is_not_waited_for(begun: bytes) -> None:
    assert "not HTTP/1" in give_up(begun, whole=False)


@pytest.mark.parametrize(
    "begun", [b"HT ", b"HTTP/2", b"HTTP/1.x", b"HTTP/1.1 20x", b"HTTP/1.1 2000"]
)
def test_what_cannot_be_a_response_any_more_is_not_waited_for(begun: bytes) -> None:
    assert "not HTTP/1" in give_up(begun, "GET", whole=False)
