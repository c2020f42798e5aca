"""http: HTTP/1.0 and HTTP/1.1 (RFC 9112); each request and each response is a message.

HTTP/2, TLS, and whatever follows an upgrade or a CONNECT are opaque.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from functools import cache, partial
from typing import ClassVar

from ...errors import ProtocolError
from ...protocol import Parser, Protocol, Stream
from ...rules.kinds import SOME, Kind, Texts, texts
from ...values.actions import Forward
from ...values.messages import Message
from ...values.options import option
from .faults import CATALOGUE
from .heads import (
    CHUNK,
    CHUNKED,
    HEAD_END,
    HEAD_LIMIT,
    HOST,
    HOST_LINE,
    REQUEST,
    REQUEST_HEAD,
    RESPONSE_HEAD,
    STATUS_BEGUN,
    TOO_LONG,
    UNTIL_CLOSE,
    Form,
    begun_request,
    read_request,
    read_response,
    trace_of,
)
from .llm import ASKED, LLM_LABELS, PEEK_LIMIT, PROVIDERS, asked_of, is_endpoint
from .members import Members
from .semantics import SEMANTICS

WHY_SIZE = 40
LINE_KEPT = 8 * 1024
HEAD_KEPT = 32 * 1024
"""Bytes of a first line, and of a head, for which a rule may have to wait: nginx and Apache take
lines of 8 KiB, and nginx a head of 32; Node 16."""
CHUNK_LINE_LIMIT = 16 * 1024
PLAIN_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})\r\n")
TRACED = b"raceparent"
"""In heads that may have a ``traceparent``: clients begin it with either case."""
CRLF = re.compile(rb"\r\n")
HTTP_2 = re.compile(rb"PRI \* HTTP/2|\0\0.\x04\0", re.DOTALL)
"""How a client begins, and a server: with its settings (RFC 9113 section 3.4)."""
EMPTY_LINES = (b"\r\n", b"\n")
METHODS = "GET POST PUT DELETE HEAD OPTIONS PATCH CONNECT TRACE"


def _path_meant(text: str) -> str:
    """Return the path of a URL, and its query as a match of its own."""
    found = re.fullmatch(r"(?:https?://[^/?#]*)?([^\0- ?#]*)(?:\?([^\0- #]*))?(?:#.*)?", text)
    if found is None:
        return ""
    return f"{found[1] or '/'} with query={found[2]}" if found[2] else found[1] or "/"


PATH = Texts(
    pattern="[^\0- ?#]*",
    never="[\0- ?#]",
    allowed="a path such as /a/b, without blanks, query and fragment",
    meant=_path_meant,
)


class Http(Protocol):
    """See the module.  What requests note for their responses is the method."""

    name = "http"
    labels: ClassVar[Mapping[str, str]] = {
        "method": "the method: GET, POST",
        "path": "the path as sent, without the query",
        "query": "the query: what follows the first ? of the target",
        "host": "the host, with its port if the client sent one",
        "reused": "no for the first request of a connection, yes for all later ones",
        "provider": "of requests to a language model: openai, anthropic or compatible",
        "model": "of these, the model that is asked",
        "stream": "of these, yes if the answer is to come as a stream of events, otherwise no",
    }
    response_labels: ClassVar[Mapping[str, str]] = {"status": "the status code: 200, 503"}
    tallied: ClassVar[str] = "method"
    alpn: ClassVar[tuple[str, ...]] = ("http/1.1", "http/1.0")
    semantics = SEMANTICS
    faults = CATALOGUE

    overwrite_host_header: bool = option(
        False, "replace the Host header of requests with the backend's address"
    )

    @classmethod
    @cache
    def kinds(cls) -> Sequence[Kind]:
        return (
            {
                "method": texts(METHODS, r"[!#$%&'*+\-.^_`~\w]+", r"[^!#$%&'*+\-.^_`~\w]"),
                "path": PATH,
                "query": texts((), "[^\0- #]*", "[\0- #]", "what follows the ?, without blanks"),
                "host": texts((), "[^\0- /?#]*", "[\0- /?#]", "HOST or HOST:PORT"),
                "reused": texts("yes no"),
                "provider": texts(PROVIDERS),
                "model": SOME,
                "stream": texts("yes no"),
                "status": texts((), r"\d{3}", r"\D", "a status code of three digits"),
            },
        )

    def __post_init__(self) -> None:
        super().__post_init__()
        self.adjusting = self.overwrite_host_header

    # Parsing.

    def requests(self, stream: Stream) -> Parser:
        reused = "no"
        while True:
            head = stream.ahead(HEAD_END)
            read = read_request(head, reused)
            if read is not None:
                stream.advance(len(head))
            elif stream.drained:
                yield
                continue
            else:
                head = yield from _head(stream, REQUEST_HEAD, partial(self._announce, reused))
                read = read_request(head, reused)
                assert read is not None
            method, labels, size, once, tells_model = read
            reused = "yes"
            if TRACED in head and (trace := trace_of(head)):
                self.traced = stream.exchanges.begun + 1, trace
            if tells_model and not stream.watching:
                labels, size = yield from self._peek(stream, labels, size)
            if not (once or size):
                if stream.message(labels, method):
                    yield
                continue
            stream.begin(labels, final=not once, about=method)
            if size:
                yield from _body(stream, size)
            stream.end()

    def _peek(
        self, stream: Stream, labels: Mapping[str, str], size: int
    ) -> Generator[None, None, tuple[Mapping[str, str], int]]:
        """Look for labels in a body; return all labels, and how much of the body is to come."""
        members = Members(ASKED)
        unseen = min(size, PEEK_LIMIT)
        left = size
        stream.keep_limit = PEEK_LIMIT + HEAD_LIMIT
        while unseen and not members.over:
            piece = stream.at_hand(unseen)
            if not piece:
                if not self.adjusting:
                    stream.announce(labels, unknown=ASKED)
                yield
                continue
            stream.advance(len(piece))
            members.feed(piece)
            unseen -= len(piece)
            left -= len(piece)
        return {**labels, **asked_of(members, whole=not left)}, left

    def _announce(self, reused: str, stream: Stream, begun: bytes) -> None:
        if not self.adjusting:
            labels = begun_request(begun, reused)
            unknown = self.labels.keys() - labels.keys()
            if "path" in labels and not is_endpoint(labels["path"]):
                unknown -= LLM_LABELS
            stream.announce(labels, unknown=unknown)

    def responses(self, stream: Stream) -> Parser:
        while True:
            head = stream.ahead(HEAD_END)
            method = stream.asked
            read = read_response(head, method)
            if read is not None:
                stream.advance(len(head))
            elif stream.drained:
                yield
                continue
            else:
                head = yield from _head(stream, RESPONSE_HEAD, _announce_response)
                read = read_response(head, stream.asked)
                assert read is not None
            labels, size, final, tunnel, error = read
            if final and not (error or tunnel) and size >= 0 and stream.take(size):
                if stream.message(labels):
                    yield
                continue
            stream.begin(labels, final=final)
            if error:
                stream.error(error)
            if size > 0:
                yield from stream.skip(size, last=True)
            elif size:
                yield from _body(stream, size)
            stream.end()
            if tunnel:
                stream.turn_opaque()
                return

    # Adjusting.

    def adjust(self, message: Message) -> Forward:
        found = REQUEST.match(message.data) if message.to_backend and message.begins else None
        field = HOST.search(message.data, 0, found.end()) if found else None
        if field is None:
            return Forward(message)
        data = message.data
        host = host_header(self.backend).encode()
        return Forward(message.with_data(data[: field.start(1)] + host + data[field.end(1) :]))


def host_header(backend: str) -> str:
    """Return the Host header that clients send to an address: they leave out port 80."""
    return "localhost" if backend.startswith("unix:") else backend.removesuffix(":80")


def _announce_response(stream: Stream, begun: bytes) -> None:
    if found := STATUS_BEGUN.match(begun):
        stream.announce({"status": found[1].decode()})


def _head(
    stream: Stream, form: Form, announce: Callable[[Stream, bytes], None]
) -> Generator[None, None, bytes]:
    """Take a head with unusual line ends, or line by line: it is not whole, or not HTTP.

    ``announce``: is given the first line, or a part of it, and later that with the Host field.

    Raises:
        ProtocolError: it is not HTTP, or too long.
    """
    if (found := stream.match(form.head)) is not None:
        return found[0]
    if stream.match(form.alien):
        raise ProtocolError(_why_not_http(stream.at_hand(WHY_SIZE)))
    lines: list[bytes] = []
    taken = 0
    named = False
    while True:
        stream.keep_limit = HEAD_KEPT if lines else LINE_KEPT
        if not lines:
            yield from _first_line(stream, form.begun, announce)
        line = yield from stream.readline(HEAD_LIMIT)
        taken += len(line)
        if taken > HEAD_LIMIT:
            raise ProtocolError(TOO_LONG)
        if line not in EMPTY_LINES:
            if not lines and not form.first.fullmatch(line):
                raise ProtocolError(_why_not_http(line))
            lines.append(line)
            is_host = not named and HOST_LINE.match(line) is not None
            if len(lines) == 1 or is_host:
                named |= is_host
                announce(stream, lines[0] + line * is_host)
        elif lines:
            break
    whole = form.head.fullmatch(b"".join(lines) + line)
    if whole is None:
        raise ProtocolError("a head with a CR in the middle of a line")
    return whole[0]


def _first_line(
    stream: Stream, begun: re.Pattern[bytes], announce: Callable[[Stream, bytes], None]
) -> Parser:
    """Wait for the first line of a head, as long as it can be one.

    Raises:
        ProtocolError: it is not HTTP.
    """
    while b"\n" not in (line := stream.at_hand(LINE_KEPT)):
        if not begun.fullmatch(line):
            raise ProtocolError(_why_not_http(line))
        announce(stream, line)
        if len(line) == LINE_KEPT:
            return
        yield


def _why_not_http(data: bytes) -> str:
    if data.startswith(b"\x16"):
        return "TLS, which is not decrypted: it begins with a handshake record"
    if HTTP_2.match(data):
        return "HTTP/2, which is not supported: only HTTP/1.0 and 1.1 are"
    return f"not HTTP/1: {data[:WHY_SIZE]!r}"


def _body(stream: Stream, size: int) -> Parser:
    """Skip a body; ``size`` is that of ``body_size``."""
    if size == UNTIL_CLOSE:
        yield from stream.rest()
    elif size != CHUNKED:
        yield from stream.skip(size, last=True)
    else:
        yield from _chunks(stream)


def _chunks(stream: Stream) -> Parser:
    """Skip a chunked body and its trailers."""
    while True:
        found = stream.match(PLAIN_CHUNK)
        if found is None:
            line = yield from stream.readline(CHUNK_LINE_LIMIT)
            found = CHUNK.fullmatch(line)
            if found is None:
                raise ProtocolError(f"not the size of a chunk: {line[:40]!r}")
        size = int(found[1], 16)
        if not size:
            break
        yield from stream.skip(size)
        if not stream.match(CRLF) and (end := (yield from stream.read(2))) != b"\r\n":
            raise ProtocolError(f"a chunk that ends with {end!r}, not with CRLF")
    taken = 0
    while (line := (yield from stream.readline(HEAD_LIMIT))) not in EMPTY_LINES:
        taken += len(line)
        if taken > HEAD_LIMIT:
            raise ProtocolError(f"trailers of more than {HEAD_LIMIT} bytes")
