"""What the head of an HTTP/1 message says, and how its body is framed.

Law: where RFC 9112 leaves two readings of a message's framing, and implementations are known
to differ, the message is rejected, not guessed at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from ...errors import ProtocolError
from ...values.messages import Message
from .llm import provider_of

HEAD_END = b"\r\n\r\n"
HEAD_LIMIT = 64 * 1024
"""Maximum size in bytes of a head, and of the trailers of a chunked body."""
TOO_LONG = f"a head of more than {HEAD_LIMIT} bytes"
CHUNKED = -1
UNTIL_CLOSE = -2
"""Body sizes that are not known in advance: chunked, or up to the end of the connection."""

# A line ends with CRLF or with a bare LF (RFC 9112, section 2.2).  A CR anywhere else is
# rejected: some implementations take it for the end of the line, and some do not.
FIELD_LINES = rb"(?:[^\r\n]++\r?\n)*+\r?\n"
REQUEST_LINE = (
    rb"([!#$%&'*+\-.^_`|~\w]++)[ \t]++([^\r\n]*[^ \t\r\n])[ \t]++HTTP/1\.(\d)[ \t]*+\r?\n"
)
STATUS_LINE = rb"HTTP/1\.(\d)[ \t]++(\d{3})(?:[ \t][^\r\n]*+)?\r?\n"
REQUEST = re.compile(rb"(?:\r?\n)*+" + REQUEST_LINE + FIELD_LINES)
"""The head of a request.  Groups: method, target, minor version of HTTP/1."""
RESPONSE = re.compile(STATUS_LINE + FIELD_LINES)
"""The head of a response.  Groups: minor version, status code."""


class Form(NamedTuple):
    """What a head looks like while it arrives."""

    head: re.Pattern[bytes]
    """All of it."""
    first: re.Pattern[bytes]
    """Its first line."""
    alien: re.Pattern[bytes]
    """What no head begins with; takes nothing."""
    begun: re.Pattern[bytes]
    """The beginning of its first line."""


def _begun_with(text: bytes, rest: bytes) -> bytes:
    """Return a pattern for a text and what follows, or the beginning of it."""
    for byte in reversed(text):
        rest = b"(?:" + re.escape(bytes([byte])) + rest + b")?"
    return rest


REQUEST_HEAD = Form(
    REQUEST,
    re.compile(REQUEST_LINE),
    re.compile(rb"(?=[^!#$%&'*+\-.^_`|~\w\r\n])"),
    re.compile(rb"(?:[!#$%&'*+\-.^_`|~\w]++(?:[ \t][^\r\n]*+)?)?\r?"),
)
RESPONSE_HEAD = Form(
    RESPONSE,
    re.compile(STATUS_LINE),
    re.compile(rb"(?=[^H])"),
    re.compile(
        _begun_with(b"HTTP/1.", rb"(?:\d(?:[ \t]++(?:\d{3}(?:[ \t][^\r\n]*+)?|\d{0,2}))?\r?)?")
    ),
)
METHOD_BEGUN = re.compile(rb"([^ \t]++)[ \t]++(?:(/[^ \t\r\n?]*+)\?)?")
"""The beginning of a request line.  Groups: the method; the path if a query follows."""
STATUS_BEGUN = re.compile(rb"HTTP/1\.\d[ \t]++(\d{3})[ \t\r\n]")
"""The beginning of a status line.  Group: the status code."""
HOST_LINE = re.compile(rb"host[ \t]*+:", re.IGNORECASE)

VALUE = rb"([^\r\n]*+(?:\r?\n[ \t][^\r\n]*+)*+)"  # with its obs-folds
FRAMING = re.compile(
    rb"\n(?:content-length:[ \t]*+(\d{1,18})(?=[ \t]*+\r?\n[^ \t])"  # by far the most frequent
    rb"|(content-length|transfer-encoding)([ \t]*+):" + VALUE + rb")",
    re.IGNORECASE,
)
FRAMING_LINE = re.compile(
    rb"(?<=\n)(?:content-length|transfer-encoding)[ \t]*+:" + VALUE + rb"\r?\n", re.IGNORECASE
)
HOST = re.compile(rb"\nhost[ \t]*+:[ \t]*+([^\r\n]*+)", re.IGNORECASE)
TRACEPARENT = re.compile(
    rb"\ntraceparent[ \t]*+:[ \t]*+([!-~]{1,512}+)[ \t]*+(?=\r?\n)", re.IGNORECASE
)
CONNECTION = re.compile(rb"\nconnection[ \t]*+:" + VALUE, re.IGNORECASE)
UPGRADE = re.compile(rb"\nupgrade[ \t]*+:", re.IGNORECASE)
CONTENT_TYPE = re.compile(rb"\ncontent-type[ \t]*+:[ \t]*+([^\r\n;, \t]*+)", re.IGNORECASE)
CONTENT_CODING = re.compile(rb"\ncontent-encoding[ \t]*+:([^\r\n]*+)", re.IGNORECASE)
ACCEPTED_CODINGS = re.compile(rb"(?<=\n)accept-encoding[ \t]*+:" + VALUE + rb"\r?\n", re.IGNORECASE)
DATE = re.compile(rb"\ndate[ \t]*+:[ \t]*+([^\r\n]*+)", re.IGNORECASE)
EXPECT_CONTINUE = re.compile(rb"\nexpect[ \t]*+:[ \t]*+100-continue[ \t]*+\r?\n", re.IGNORECASE)
ABSOLUTE_FORM = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://(?:[^/?#@]*@)?([^/?#]*)(.*)", re.DOTALL)
"""A request target in absolute form.  Groups: authority, the rest."""
CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*+(?:;[^\r\n]*+)?\r?\n")
"""The line before a chunk, with its size (RFC 9112, section 7.1)."""
WHITE_SPACE = b" \t\r\n"
MAX_DIGITS = 18
"""Maximum length of a Content-Length; more than a petabyte is no size but an attack."""
CODINGS = frozenset({b"gzip", b"x-gzip", b"deflate", b"compress", b"x-compress"})
"""Transfer codings besides ``chunked`` (RFC 9112, section 7)."""

CACHED_HEADS = 128
"""Heads that stay parsed: most peers send the same ones again and again."""
LABEL_LIMIT = 2000
"""Maximum length of a label, in characters."""
ERRORS = frozenset({408, 429, *range(500, 600)})
"""Status codes that count as errors of the backend: overloaded, or out of order."""


class RequestHead(NamedTuple):
    """What the head of a request says."""

    method: str
    labels: Mapping[str, str]
    size: int
    """Size of the body in bytes, or ``CHUNKED``."""
    once: bool
    """It asks to leave HTTP: the backend may take a copy for what follows that."""
    tells_model: bool
    """Its body says which model is asked."""


class ResponseHead(NamedTuple):
    """What the head of a response says."""

    labels: Mapping[str, str]
    size: int
    """Size of the body in bytes, or ``CHUNKED``, or ``UNTIL_CLOSE``."""
    final: bool
    """It is not an interim response (1xx)."""
    tunnel: bool
    """What follows on the connection is not HTTP."""
    error: str
    """The status code if it is one of ``ERRORS``, otherwise ''."""


@lru_cache(CACHED_HEADS)
def read_request(head: bytes, reused: str) -> RequestHead | None:
    """Read the head of a request, None if it is none; ``reused`` becomes the label of that name.

    Raises:
        ProtocolError: the head is too long, or the size of the body can't be known.
    """
    found = REQUEST.fullmatch(head)
    if found is None:
        return None
    if len(head) > HEAD_LIMIT:
        raise ProtocolError(TOO_LONG)
    method = found[1].decode()
    labels = {"host": "", **_labels(found, head, reused)}
    once = method == "CONNECT" or UPGRADE.search(head) is not None
    size = body_size(head, found[3], 0)
    tells_model = False
    if provider := provider_of(labels["path"], labels["host"], head):
        labels["provider"] = provider
        tells_model = size > 0 and not expects_continue(head)
    return RequestHead(method, labels, size, once, tells_model)


def begun_request(begun: bytes, reused: str) -> Mapping[str, str]:
    """Return the labels that are known from the beginning of a request's head.

    That is a part of the request line; or that line, and the Host field once it has arrived.
    """
    if b"\n" in begun and (found := REQUEST_HEAD.first.match(begun)):
        return _labels(found, begun, reused)
    texts = {"reused": reused}
    if part := METHOD_BEGUN.match(begun):
        texts["method"] = part[1].decode()
        if part[2] is not None:
            texts["path"] = part[2].decode("utf-8", "replace")
    return {name: text[:LABEL_LIMIT] for name, text in texts.items()}


def _labels(found: re.Match[bytes], head: bytes, reused: str) -> dict[str, str]:
    """Return the labels of a request line; without a host if neither that nor a field has it."""
    path, query, host = _split_target(found[2].decode("utf-8", "replace"))
    texts = {"method": found[1].decode(), "path": path, "query": query, "reused": reused}
    if host:
        texts["host"] = host
    elif field := HOST.search(head):
        texts["host"] = field[1].decode("utf-8", "replace").rstrip()
    return {name: text[:LABEL_LIMIT] for name, text in texts.items()}


@lru_cache(CACHED_HEADS)
def read_response(head: bytes, method: object) -> ResponseHead | None:
    """Read the head of a response, None if it is none.

    ``method``: that of the request; None if it is unknown.

    Raises:
        ProtocolError: the head is too long, or the size of the body can't be known.
    """
    if RESPONSE.fullmatch(head) is None:
        return None
    if len(head) > HEAD_LIMIT:
        raise ProtocolError(TOO_LONG)
    status, size = status_and_size(head, method)
    tunnel = opens_tunnel(status, method)
    error = str(status) if status in ERRORS else ""
    return ResponseHead({"status": str(status)}, size, status >= 200 or tunnel, tunnel, error)


def trace_of(head: bytes) -> str:
    """Return the ``traceparent`` of a request (W3C Trace Context); "" if it has none, or two."""
    found = TRACEPARENT.findall(head)
    return found[0].decode() if len(found) == 1 else ""


def head_of(message: Message) -> bytes:
    """Return the head from the first piece of a message; b"" if a rule has replaced it."""
    pattern = REQUEST if message.to_backend else RESPONSE
    found = pattern.match(message.data)
    return found[0] if found else b""


def body_size(head: bytes, minor: bytes, default: int) -> int:
    """Return the size in bytes of the body after a head, or ``CHUNKED``, or ``UNTIL_CLOSE``.

    ``minor``: the minor version of HTTP/1.  ``default``: the size where no field gives it, 0
    for requests and ``UNTIL_CLOSE`` for responses.  See RFC 9112, section 6.3.

    Raises:
        ProtocolError: the size can't be known.
    """
    fields = FRAMING.findall(head)
    if not fields:
        return default
    if len(fields) == 1 and fields[0][0]:
        return int(fields[0][0])
    lengths: list[bytes] = []
    codings: list[bytes] = []
    for length, name, gap, value in fields:
        if gap:
            raise ProtocolError("white space between the name of a framing field and its colon")
        (codings if name and name[:1] in b"tT" else lengths).append(length or value)
    if not codings:
        return _content_length(b",".join(lengths))
    if minor == b"0":
        raise ProtocolError("a Transfer-Encoding in HTTP/1.0")
    if lengths and default != UNTIL_CLOSE:
        raise ProtocolError("a request with both Content-Length and Transfer-Encoding")
    coded = _elements(coding.lower() for coding in codings)
    if coded[-1:] == [b"chunked"] and coded.count(b"chunked") == 1:
        return CHUNKED
    if default == UNTIL_CLOSE and coded and CODINGS.issuperset(coded) and not lengths:
        return UNTIL_CLOSE
    raise ProtocolError(f"a body of unknown length: Transfer-Encoding {coded!r}")


def status_and_size(head: bytes, method: object) -> tuple[int, int]:
    """Return the status code of a response to a request with this method, and its body's size.

    The size is that of ``body_size``.

    Raises:
        ProtocolError: it is no head of a response, or the size can't be known.
    """
    found = RESPONSE.match(head)
    if found is None:
        raise ProtocolError("not the head of a response")
    status = int(found[2])
    if has_no_body(status, method):
        return status, 0
    return status, body_size(head, found[1], UNTIL_CLOSE)


def has_no_body(status: int, method: object) -> bool:
    """Whether a response has no body, whatever its head says."""
    return (
        status < 200
        or status in (204, 304)
        or method == "HEAD"
        or (method == "CONNECT" and status < 300)
    )


def opens_tunnel(status: int, method: object) -> bool:
    """Whether the connection stops being HTTP after this response."""
    return status == 101 or (method == "CONNECT" and 200 <= status < 300)


def wants_close(head: bytes) -> bool:
    """Whether the sender of a head wants the connection closed after the exchange.

    See RFC 9112, section 9.3.
    """
    options = {option.lower() for option in _elements(CONNECTION.findall(head))}
    return b"close" in options or (is_http_1_0(head) and b"keep-alive" not in options)


def is_http_1_0(head: bytes) -> bool:
    """Whether the version in a head is HTTP/1.0."""
    found = REQUEST.match(head)
    if found:
        return found[3] == b"0"
    return head.startswith(b"HTTP/1.0")


def expects_continue(head: bytes) -> bool:
    """Whether a client waits for 100 Continue before it sends the body (RFC 9110, 10.1.1)."""
    return EXPECT_CONTINUE.search(head) is not None


def as_chunked(head: bytes) -> bytes:
    """Return the head of a response with ``chunked`` as its only framing."""
    return FRAMING_LINE.sub(b"", head).rstrip(b"\r\n") + b"\r\nTransfer-Encoding: chunked\r\n\r\n"


def closing(head: bytes) -> bytes:
    """Return the head of a message after which its sender closes the connection."""
    return head.rstrip(b"\r\n") + b"\r\nConnection: close\r\n\r\n"


def unframed(head: bytes) -> bytes:
    """Return the head of a response without any framing: its body ends with the connection."""
    return FRAMING_LINE.sub(b"", head)


def _split_target(target: str) -> tuple[str, str, str]:
    """Return the path, the query and the host of a request target; '' for those it lacks."""
    host = ""
    if not target.startswith("/") and (absolute := ABSOLUTE_FORM.fullmatch(target)):
        host = absolute[1]
        target = absolute[2] if absolute[2].startswith("/") else "/" + absolute[2]
    path, _, query = target.partition("?")
    return path, query, host


def _content_length(value: bytes) -> int:
    """Parse a Content-Length, which may be repeated.

    Raises:
        ProtocolError: it is no number, or its repetitions differ.
    """
    digits = value.strip(WHITE_SPACE)
    if b"," in digits:
        first, *others = (element.strip(WHITE_SPACE) for element in digits.split(b","))
        digits = first if set(others) == {first} else b""
    if not digits.isdigit() or len(digits) > MAX_DIGITS:
        raise ProtocolError(f"a body of unknown length: Content-Length {value!r}")
    return int(digits)


def _elements(values: Iterable[bytes]) -> list[bytes]:
    """Return the elements of a list field, from the values of all its lines."""
    elements = (element.strip(WHITE_SPACE) for value in values for element in value.split(b","))
    return [element for element in elements if element]
