"""http: HTTP/1.0 and HTTP/1.1 (RFC 9112), of which each request and response is a message.

HTTP/2, TLS, and what follows an upgrade or a CONNECT are bytes without meaning here.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from functools import lru_cache
from typing import ClassVar, NamedTuple

from ...errors import ProtocolError
from ...protocol import Parser, Protocol, Stream
from ...values.actions import Forward
from ...values.messages import Message
from ...values.options import option
from .faults import CATALOGUE
from .heads import (
    CHUNK,
    CHUNKED,
    HEAD_LIMIT,
    REQUEST,
    REQUEST_LINE,
    RESPONSE,
    STATUS_LINE,
    TO_THE_END,
    body_size,
    is_tunnel,
    status_and_size,
)

ALIEN_REQUEST = re.compile(rb"(?=([^!#$%&'*+\-.^_`|~\w\r\n][\s\S]{0,15}))")
ALIEN_RESPONSE = re.compile(rb"(?=([^H][\s\S]{0,15}))")
"""The first bytes of what is no HTTP/1: looked at, not taken."""
FIRST_LINE = re.compile(rb"(?:\r?\n)*+" + REQUEST_LINE)
STATUS = re.compile(STATUS_LINE)
TOO_LONG = f"a head of more than {HEAD_LIMIT} bytes"
CHUNK_LINE_LIMIT = 16 * 1024
PLAIN_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})\r\n")
CRLF = re.compile(rb"\r\n")
EMPTY_LINES = (b"\r\n", b"\n")

HOST = re.compile(rb"\nhost[ \t]*+:[ \t]*+([^\r\n]*+)", re.IGNORECASE)
ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://(?:[^/?#@]*@)?([^/?#]*)(.*)", re.DOTALL)
HEADS = 128
"""Heads that are remembered: most peers say the same again and again."""
LABEL_LIMIT = 2000
"""Characters of each label."""

ERRORS = frozenset({408, 429, *range(500, 600)})
"""Statuses that say the backend is not well, or asked for too much."""


class Http(Protocol):
    """See the module."""

    name = "http"
    labels: ClassVar[Mapping[str, str]] = {
        "method": "the method: GET, POST",
        "path": "the path, as it was sent, without the query",
        "query": "what follows the first ? of the target",
        "host": "the host, with its port if that was sent",
        "reused": "yes, if it is not the first request of its connection; no, if it is",
    }
    response_labels: ClassVar[Mapping[str, str]] = {"status": "the status: 200, 503"}
    tallied: ClassVar[str] = "method"
    faults = CATALOGUE

    overwrite_host_header: bool = option(
        False, "put the backend's address into the Host header of requests"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self.adjusting = self.overwrite_host_header

    # Parsing.

    def requests(self, stream: Stream) -> Parser:
        reused = "no"
        while True:
            if stream.drained:
                yield
            found = stream.match(REQUEST)
            if found is None:
                found = yield from _head(stream, REQUEST, ALIEN_REQUEST, FIRST_LINE)
            method, labels, size = read_request(found[0], reused)
            stream.begin(labels, about=method)
            if size:
                yield from _body(stream, size)
            stream.end()
            reused = "yes"

    def responses(self, stream: Stream) -> Parser:
        while True:
            if stream.drained:
                yield
            found = stream.match(RESPONSE)
            if found is None:
                found = yield from _head(stream, RESPONSE, ALIEN_RESPONSE, STATUS)
            asked = stream.asked
            labels, size, final, tunnel, error = read_response(found[0], asked)
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
        named = HOST.search(message.data, 0, found.end()) if found else None
        if named is None:
            return Forward(message)
        data = message.data
        host = host_of(self.backend).encode()
        return Forward(message.with_data(data[: named.start(1)] + host + data[named.end(1) :]))


class Asked(NamedTuple):
    """What the head of a request says."""

    method: str
    labels: Mapping[str, str]
    size: int
    """Of the body; see ``body_size``."""


class Told(NamedTuple):
    """What the head of a response says."""

    labels: Mapping[str, str]
    size: int
    """Of the body; see ``body_size``."""
    final: bool
    tunnel: bool
    """What follows is none of HTTP's."""
    error: str
    """The status, if the backend is not well; '' if it is."""


@lru_cache(HEADS)
def read_request(head: bytes, reused: str) -> Asked:
    """Read the head of a request.

    Raises:
        ProtocolError: it is too long, or does not say what follows.
    """
    found = REQUEST.fullmatch(head)
    if found is None or len(head) > HEAD_LIMIT:
        raise ProtocolError(TOO_LONG)
    method = found[1].decode()
    path, query, host = _target(found[2].decode("utf-8", "replace"))
    if not host and (named := HOST.search(head)):
        host = named[1].decode("utf-8", "replace").rstrip()
    named_so = {"method": method, "path": path, "query": query, "host": host}
    labels = {name: value[:LABEL_LIMIT] for name, value in named_so.items()} | {"reused": reused}
    return Asked(method, labels, body_size(head, found[3], 0))


@lru_cache(HEADS)
def read_response(head: bytes, asked: object) -> Told:
    """Read the head of a response to a request with this method; None for an unknown one.

    Raises:
        ProtocolError: it is too long, or does not say what follows.
    """
    if len(head) > HEAD_LIMIT:
        raise ProtocolError(TOO_LONG)
    status, size = status_and_size(head, asked)
    tunnel = is_tunnel(status, asked)
    error = str(status) if status in ERRORS else ""
    return Told({"status": str(status)}, size, status >= 200 or tunnel, tunnel, error)


def host_of(backend: str) -> str:
    """What clients write into the Host header for an address: port 80 goes without saying."""
    return "localhost" if backend.startswith("unix:") else backend.removesuffix(":80")


def _target(target: str) -> tuple[str, str, str]:
    """The path and query of a request target, and the host if that is told in it."""
    host = ""
    if not target.startswith("/") and (absolute := ABSOLUTE.fullmatch(target)):
        host = absolute[1]
        target = absolute[2] if absolute[2].startswith("/") else "/" + absolute[2]
    path, _, query = target.partition("?")
    return path, query, host


def _head(
    stream: Stream,
    head: re.Pattern[bytes],
    alien: re.Pattern[bytes],
    first: re.Pattern[bytes],
) -> Generator[None, None, re.Match[bytes]]:
    """Take a head that has not arrived as a whole, or is none, line by line.

    Raises:
        ProtocolError: it is none, which is found out as soon as possible.
    """
    if found := stream.match(alien):
        raise ProtocolError(_what_is(found[1]))
    lines: list[bytes] = []
    taken = 0
    while True:
        line = yield from stream.readline(HEAD_LIMIT)
        taken += len(line)
        if taken > HEAD_LIMIT:
            raise ProtocolError(TOO_LONG)
        if line not in EMPTY_LINES:
            if not lines and not first.fullmatch(line):
                raise ProtocolError(_what_is(line))
            lines.append(line)
        elif lines:
            break
    whole = head.fullmatch(b"".join(lines) + line)
    if whole is None:
        raise ProtocolError("a head with a CR in the middle of a line")
    return whole


def _what_is(data: bytes) -> str:
    """Why these bytes are not parsed."""
    if data.startswith(b"\x16"):
        return "TLS, which is not looked into: it begins with a handshake record"
    if data.startswith(b"PRI * HTTP/2"):
        return "HTTP/2 with prior knowledge, which is not parsed: HTTP/1.0 and 1.1 are"
    return f"no HTTP/1: {data[:40]!r}"


def _body(stream: Stream, size: int) -> Parser:
    """Let a body pass; size as of ``body_size``."""
    if size == TO_THE_END:
        yield from stream.rest()
    elif size != CHUNKED:
        yield from stream.skip(size, last=True)
    else:
        yield from _chunks(stream)


def _chunks(stream: Stream) -> Parser:
    """Let a chunked body pass, with its trailers."""
    while True:
        found = stream.match(PLAIN_CHUNK)
        if found is None:
            line = yield from stream.readline(CHUNK_LINE_LIMIT)
            found = CHUNK.fullmatch(line)
            if found is None:
                raise ProtocolError(f"no size of a chunk: {line[:40]!r}")
        size = int(found[1], 16)
        if not size:
            break
        yield from stream.skip(size)
        if not stream.match(CRLF) and (end := (yield from stream.read(2))) != b"\r\n":
            raise ProtocolError(f"a chunk that ends with {end!r}")
    taken = 0
    while (line := (yield from stream.readline(HEAD_LIMIT))) not in EMPTY_LINES:
        taken += len(line)
        if taken > HEAD_LIMIT:
            raise ProtocolError(f"trailers of more than {HEAD_LIMIT} bytes")
