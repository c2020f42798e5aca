"""The catalogue of HTTP's faults: every status code that is not a success, and broken responses.

Sources: RFC 9110 (semantics), RFC 9112 (HTTP/1.1), and the IANA registry of status codes.
"""

from __future__ import annotations

import re
from collections.abc import Container

from ...fault import Catalogue, Fault
from ...values.options import Option
from .fault_types import (
    INTERIM,
    PAGE,
    REDIRECTS,
    RETRY_AFTER,
    BadChunk,
    BogusSuccess,
    ClosedConnection,
    InterimFlood,
    MissingReason,
    SlowResponse,
    StalledBody,
    StatusFault,
    TruncatedBody,
    TruncatedChunks,
)
from .llm_faults import LLM_FAULTS
from .statuses import STATUSES

TYPICAL = frozenset({429, 500, 502, 503, 504})
CLOSING = frozenset({408})
"""Status codes with which servers close the connection (RFC 9110, section 15.5.9)."""
FOLLOWED = (301, 302, 303, 307, 308)
"""Redirects that clients follow automatically."""
EXERCISES = {
    3: "following redirects, up to a limit",
    4: "telling permanent errors, which no retry fixes, from transient ones",
    5: "retries with a pause in between, and giving up",
    304: "caches: a client without a copy did not ask for this",
    401: "renewing credentials, once",
    407: "renewing the proxy's credentials, once",
    408: "a retry on a new connection",
    421: "a retry on another connection",
    425: "a retry without early data",
    429: "honoring Retry-After; slowing down",
    503: "honoring Retry-After; retries and circuit breakers",
}
"""By status code, or else by its class."""
LEAST, MOST = 200, 999
"""The status codes that a fault may have."""
UNUSUAL = "how the client handles that status code"
NOT_HEAD = {"method": "!~^HEAD$"}
"""Requests whose responses have bodies."""

RESET = Option("reset", bool, False, "close with a RST instead of a FIN")
BYTES = Option("bytes", int, 10, "bytes to send in each interval", minimum=1)
INTERVAL = Option("interval", float, 0.1, "seconds between two sends", minimum=0)
DEAD = "http://127.0.0.1:1/"
"""An address where nobody listens: port 1 is tcpmux, which nobody runs."""


def content_type(default: str) -> Option:
    return Option("content_type", str, default, "the Content-Type")


def status_options(status: int = 0, *, location: str = "") -> tuple[Option, ...]:
    """Return the parameters of a response with a status code; 0: it is a parameter itself."""
    words = ", ".join(RETRY_AFTER)
    options = [
        Option("reason", str, "", "reason phrase; '' for the usual one"),
        Option("message", str, "", "text of the error page; '' for the usual one"),
        Option("body", str, "", "the whole body, instead of an error page"),
        Option("content_type", str, "text/html", "format of the page: text/html, application/json"),
        Option("retry_after", str, "", f"Retry-After: seconds, a date, any text, or {words}"),
        Option("close", bool, status in CLOSING, "close the connection, with Connection: close"),
    ]
    if not status or status in REDIRECTS:
        text = "Location of a redirect; '' for the target of the request"
        options.append(Option("location", str, location, text))
    return tuple(options)


def status_fault(status: int) -> StatusFault:
    """Return the fault that is a status code, also one without a meaning."""
    phrase, text = STATUSES.get(status, ("", "a status code that no standard defines"))
    return StatusFault(
        name=str(status),
        aliases=(phrase.lower().replace(" ", "-"),) if phrase else (),
        meaning=f"{phrase}: {text}" if phrase else text,
        exercises=EXERCISES.get(status, EXERCISES.get(status // 100, UNUSUAL)),
        parameters=status_options(status),
        typical=status in TYPICAL,
        shape=f"HTTP/1.1 {status} {phrase}".rstrip(),
        status=status,
    )


def any_status(code: str, _given: Container[str]) -> StatusFault | None:
    """Return the fault that is a status code, if it may be one (RFC 9110, section 15)."""
    known = re.fullmatch("[0-9]{3}", code) and LEAST <= int(code) <= MOST
    return status_fault(int(code)) if known else None


FAULTS: tuple[Fault, ...] = (
    *map(status_fault, STATUSES),
    StatusFault(
        name="status",
        aliases=("error",),
        meaning="any status code, with any text",
        exercises=UNUSUAL,
        parameters=(
            Option("status", int, 503, "the status code", minimum=LEAST, maximum=MOST),
            *status_options(),
        ),
        shape="HTTP/1.1 STATUS REASON",
    ),
    StatusFault(
        name="redirect-loop",
        meaning="a redirect to the URL that was requested",
        exercises="the limit on the number of redirects",
        parameters=(
            Option("status", int, 307, "which redirect", choices=FOLLOWED),
            *status_options(),
        ),
        shape="HTTP/1.1 307, Location: the target of the request",
    ),
    StatusFault(
        name="dead-redirect",
        meaning="a redirect to an address where nobody listens",
        exercises="errors while following redirects",
        parameters=(
            Option("status", int, 302, "which redirect", choices=FOLLOWED),
            *status_options(location=DEAD),
        ),
        shape=f"HTTP/1.1 302, Location: {DEAD}",
    ),
    # The connection is closed.
    ClosedConnection(
        name="stale-keep-alive",
        meaning="the server closes a kept-alive connection just as the client reuses it",
        exercises="retries on a new connection, of requests that may be retried",
        applies_to={"reused": "yes"},
        parameters=(RESET,),
        shape="FIN or RST, 0 bytes, on a reused connection",
    ),
    ClosedConnection(
        name="empty-reply",
        meaning="the server closes the connection without a response",
        exercises="errors other than status codes; retries",
        shape="FIN, 0 bytes",
    ),
    ClosedConnection(
        name="reset",
        meaning="the server resets the connection",
        exercises="errors other than status codes; retries",
        shape="RST, 0 bytes",
        reset=True,
    ),
    # A success that is none.
    BogusSuccess(
        name="corrupt-gzip",
        meaning="content declared as gzip that can't be decompressed",
        exercises="errors that show only while the content is read",
        applies_to=NOT_HEAD,
        parameters=(content_type("text/html"),),
        shape="HTTP/1.1 200, Content-Encoding: gzip, a gzip header, garbage",
        fields=("Content-Type: {content_type}", "Content-Encoding: gzip"),
        content=b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + bytes(range(255, 0, -5)),
    ),
    BogusSuccess(
        name="wrong-charset",
        meaning="content declared as UTF-8 that is ISO 8859-1",
        exercises="decoding of text",
        applies_to=NOT_HEAD,
        parameters=(content_type("application/json; charset=utf-8"),),
        shape=r"HTTP/1.1 200, {…charset=utf-8}, d\xe9j\xe0 vu",
        fields=("Content-Type: {content_type}",),
        content='{"message": "déjà vu"}'.encode("latin-1"),
    ),
    BogusSuccess(
        name="html-for-json",
        meaning="an HTML error page sent as a success and declared as JSON",
        exercises="parsing of JSON, and the error message when it fails",
        applies_to=NOT_HEAD,
        parameters=(content_type("application/json"),),
        shape="HTTP/1.1 200, Content-Type: application/json, <!DOCTYPE html>…",
        fields=("Content-Type: {content_type}",),
        content=PAGE.format(title="502 Bad Gateway", message=STATUSES[502].text).encode(),
    ),
    BogusSuccess(
        name="html-page",
        meaning="an HTML page sent as a success, as captive portals and gateways do",
        exercises="looking at the Content-Type of what comes",
        applies_to=NOT_HEAD,
        parameters=(content_type("text/html"),),
        shape="HTTP/1.1 200, Content-Type: text/html, <!DOCTYPE html>…",
        fields=("Content-Type: {content_type}",),
        content=PAGE.format(title="Sign in", message="Sign in to use this network.").encode(),
    ),
    BogusSuccess(
        name="duplicate-content-length",
        meaning="a response with two different lengths",
        exercises="strictness of the parser: response splitting starts like this",
        shape="HTTP/1.1 200, Content-Length: 7, Content-Length: 6",
        fields=("Content-Type: text/plain", "Content-Length: 7"),
        content=b"hello\n",
    ),
    BogusSuccess(
        name="huge-header",
        meaning="a header field with a very long value",
        exercises="limits of the parser",
        parameters=(
            Option("size", int, 64 * 1024, "bytes of its value", minimum=0, maximum=2**24),
        ),
        shape="HTTP/1.1 200, X-Padding: xxx… of 64 KiB",
        fields=("Content-Type: text/plain", "X-Padding: {0:x>{size}}"),
        content=b"hello\n",
    ),
    # The real response, damaged.
    TruncatedBody(
        name="truncated-body",
        meaning="the connection ends in the middle of the body",
        exercises="detecting incomplete content",
        parameters=(
            Option("fraction", float, 0.5, "fraction of the body to pass", minimum=0, maximum=1),
            Option("bytes", int, 0, "bytes of the body to pass; 0: by fraction", minimum=0),
            RESET,
        ),
        shape="the real head, a part of the body, FIN or RST",
    ),
    TruncatedChunks(
        name="truncated-chunks",
        meaning="the connection ends before the last chunk",
        exercises="detecting incomplete content of unknown length",
        parameters=(RESET,),
        shape="the real response in chunks, without 0\\r\\n\\r\\n; FIN or RST",
    ),
    BadChunk(
        name="bad-chunk",
        meaning="something that is not a chunk where a chunk should begin",
        exercises="strictness of the parser",
        parameters=(Option("size", str, "zz", "text sent as the size of the chunk"),),
        shape="the real head, Transfer-Encoding: chunked, zz\\r\\n; FIN",
    ),
    SlowResponse(
        name="slow-headers",
        meaning="the head arrives a few bytes at a time",
        exercises="the total timeout, as each single read is in time",
        parameters=(BYTES, INTERVAL),
        shape="the real response, its head a few bytes at a time",
        needs_body=False,
    ),
    SlowResponse(
        name="slow-body",
        meaning="the body arrives a few bytes at a time",
        exercises="the total timeout, as each single read is in time",
        parameters=(BYTES, INTERVAL),
        shape="the real response, its body a few bytes at a time",
    ),
    StalledBody(
        name="stall-after-headers",
        meaning="the head arrives, and the body does not",
        exercises="the read timeout",
        shape="the real head; the body when the rule is lifted",
    ),
    MissingReason(
        name="missing-reason",
        meaning="a status line that ends after the status code",
        exercises="tolerance of the parser: some servers send this",
        shape="HTTP/1.1 200\\r\\n",
    ),
    InterimFlood(
        name="interim-flood",
        meaning="many interim responses before the real one",
        exercises="limits of the parser, and support for interim responses",
        parameters=(
            Option("count", int, 1000, "number of interim responses", minimum=1, maximum=100_000),
            Option("status", int, 103, "status code of each", choices=tuple(INTERIM)),
        ),
        shape="HTTP/1.1 103 Early Hints, many times, and the real response",
    ),
    *LLM_FAULTS,
)

CATALOGUE = Catalogue(
    FAULTS, any_code=any_status, codes=f"any other status code from {LEAST} to {MOST}"
)
