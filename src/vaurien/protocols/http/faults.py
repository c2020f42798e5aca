"""The catalogue of HTTP's faults: every status that is no success, and what goes wrong besides.

Sources: RFC 9110 (semantics), RFC 9112 (HTTP/1.1), and the IANA registry of statuses.
"""

from __future__ import annotations

from ...fault import Catalogue, Fault
from ...values.options import Option
from .forms import (
    INTERIM,
    PAGE,
    REDIRECTS,
    RETRY_AFTER,
    BadChunk,
    Bare,
    ChunksCut,
    Ending,
    Flood,
    Lie,
    Slow,
    Spoilt,
    Stalled,
    Status,
    Truncated,
)
from .statuses import STATUSES

TYPICAL = frozenset({429, 500, 502, 503, 504})
CLOSING = frozenset({408})
"""Statuses with which servers close the connection (RFC 9110, section 15.5.9)."""
LOOPING = (301, 302, 303, 307, 308)
"""Redirects that clients follow by themselves."""
EXERCISES = {
    3: "following redirects, and where it ends",
    4: "telling mistakes, which no retry mends, from passing trouble",
    5: "retries with a pause in between, and giving up",
    304: "caches: nobody who has no copy asks for this",
    401: "renewing credentials, once",
    407: "renewing the proxy's credentials, once",
    408: "a retry on a new connection",
    421: "a retry on another connection",
    425: "a retry without early data",
    429: "the pause that Retry-After asks for; slowing down",
    503: "the pause that Retry-After asks for; retries and circuit breakers",
}
"""By status, or else by its class."""
NOT_HEAD = {"method": "~^(?!HEAD$)"}
"""Requests whose responses have bodies."""

RESET = Option("reset", bool, False, "end with a RST instead of a FIN")
BYTES = Option("bytes", int, 10, "how many bytes at a time", minimum=1)
INTERVAL = Option("interval", float, 0.1, "seconds from one time to the next", minimum=0)
CONTENT_TYPE = Option("content_type", str, "text/html", "the Content-Type; text/html")
DEAD = "http://127.0.0.1:1/"
"""Where nobody listens: port 1 is the TCP port multiplexer's, which nobody runs."""


def told(status: int = 0, *, location: str = "") -> tuple[Option, ...]:
    """What may be told of a response with a status."""
    words = ", ".join(RETRY_AFTER)
    options = [
        Option("reason", str, "", "the phrase after the status, if not the usual one"),
        Option("message", str, "", "what the body tells people, if not what the status means"),
        Option("body", str, "", "the whole body, instead"),
        Option("content_type", str, "text/html", "the body's: text/html, application/json, …"),
        Option("retry_after", str, "", f"Retry-After: seconds, a date, any text, or {words}"),
        Option("close", bool, status in CLOSING, "close the connection, and say so"),
    ]
    if not status or status in REDIRECTS:
        options.append(Option("location", str, location, "where it leads; '' is to itself"))
    return tuple(options)


def of_status(status: int) -> Status:
    """The fault that is a status."""
    phrase, meaning = STATUSES[status]
    return Status(
        name=str(status),
        aliases=(phrase.lower().replace(" ", "-"),),
        meaning=f"{phrase}: {meaning}",
        exercises=EXERCISES.get(status, EXERCISES[status // 100]),
        parameters=told(status),
        typical=status in TYPICAL,
        shape=f"HTTP/1.1 {status} {phrase}",
        status=status,
    )


ANY_STATUS = (
    Status(
        name="status",
        aliases=("error",),
        meaning="any status, with all that may be told of one",
        exercises="whatever a client does about that status",
        parameters=(
            Option("status", int, 503, "the status", minimum=200, maximum=999),
            *told(),
        ),
        shape="HTTP/1.1 STATUS REASON",
    ),
    Status(
        name="redirect-loop",
        meaning="a redirect to where it came from",
        exercises="the limit to the number of redirects",
        parameters=(
            Option("status", int, 307, "which redirect", choices=LOOPING),
            *told(),
        ),
        shape="HTTP/1.1 307, Location: the target of the request",
    ),
    Status(
        name="dead-redirect",
        meaning="a redirect to where nobody listens",
        exercises="errors in the middle of following redirects",
        parameters=(
            Option("status", int, 302, "which redirect", choices=LOOPING),
            *told(location=DEAD),
        ),
        shape=f"HTTP/1.1 302, Location: {DEAD}",
    ),
)
ENDINGS = (
    Ending(
        name="stale-keep-alive",
        meaning="the server has closed a kept connection at the moment of its next use",
        exercises="retries on a new connection, of what may be retried",
        applies_to={"reused": "yes"},
        parameters=(RESET,),
        shape="FIN or RST, 0 bytes, on a reused connection",
    ),
    Ending(
        name="empty-reply",
        meaning="the server closes without a word",
        exercises="errors other than statuses; retries",
        shape="FIN, 0 bytes",
    ),
    Ending(
        name="reset",
        meaning="the server resets the connection",
        exercises="errors other than statuses; retries",
        shape="RST, 0 bytes",
        reset=True,
    ),
)
LIES = (
    Lie(
        name="corrupt-gzip",
        meaning="content said to be gzip, which can't be unpacked",
        exercises="errors found while the content is read",
        applies_to=NOT_HEAD,
        parameters=(CONTENT_TYPE,),
        shape="HTTP/1.1 200, Content-Encoding: gzip, a gzip header, garbage",
        fields=("Content-Type: {content_type}", "Content-Encoding: gzip"),
        content=b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + bytes(range(255, 0, -5)),
    ),
    Lie(
        name="wrong-charset",
        meaning="content said to be UTF-8, which is ISO 8859-1",
        exercises="decoding of texts",
        applies_to=NOT_HEAD,
        parameters=(
            Option("content_type", str, "application/json; charset=utf-8", "what it is said to be"),
        ),
        shape=r"HTTP/1.1 200, {…charset=utf-8}, d\xe9j\xe0 vu",
        fields=("Content-Type: {content_type}",),
        content='{"message": "déjà vu"}'.encode("latin-1"),
    ),
    Lie(
        name="html-for-json",
        meaning="the page of an error, as a success and said to be JSON",
        exercises="parsing of JSON, and what is said when it fails",
        applies_to=NOT_HEAD,
        parameters=(Option("content_type", str, "application/json", "what it is said to be"),),
        shape="HTTP/1.1 200, Content-Type: application/json, <!DOCTYPE html>…",
        fields=("Content-Type: {content_type}",),
        content=PAGE.format(title="502 Bad Gateway", message=STATUSES[502].meaning).encode(),
    ),
    Lie(
        name="duplicate-content-length",
        meaning="a response of two lengths",
        exercises="the parser's strictness: response splitting begins so",
        shape="HTTP/1.1 200, Content-Length: 7, Content-Length: 6",
        fields=("Content-Type: text/plain", "Content-Length: 7"),
        content=b"hello\n",
    ),
    Lie(
        name="huge-header",
        meaning="a field of the head that is very long",
        exercises="the parser's limits",
        parameters=(
            Option("size", int, 64 * 1024, "bytes of its value", minimum=0, maximum=2**24),
        ),
        shape="HTTP/1.1 200, X-Padding: xxx… of 64 KiB",
        fields=("Content-Type: text/plain", "X-Padding: {0:x>{size}}"),
        content=b"hello\n",
    ),
)
SPOILT: tuple[Spoilt, ...] = (
    Truncated(
        name="truncated-body",
        meaning="the connection ends in the middle of the body",
        exercises="noticing that content is incomplete",
        parameters=(
            Option("fraction", float, 0.5, "how much of the body passes", minimum=0, maximum=1),
            Option("bytes", int, 0, "how many bytes of it, if not 0", minimum=0),
            RESET,
        ),
        shape="the real head, a part of the body, FIN or RST",
    ),
    ChunksCut(
        name="truncated-chunks",
        meaning="the connection ends before the last chunk",
        exercises="noticing that content of unknown length is incomplete",
        parameters=(RESET,),
        shape="the real response in chunks, without 0\\r\\n\\r\\n; FIN or RST",
    ),
    BadChunk(
        name="bad-chunk",
        meaning="where a chunk should begin, something else does",
        exercises="the parser's strictness",
        parameters=(Option("size", str, "zz", "what is said to be the chunk's size"),),
        shape="the real head, Transfer-Encoding: chunked, zz\\r\\n; FIN",
    ),
    Slow(
        name="slow-headers",
        meaning="the head comes little by little",
        exercises="the limit to the whole time, where each read is in time",
        parameters=(BYTES, INTERVAL),
        shape="the real response, its head a few bytes at a time",
        bodies=False,
    ),
    Slow(
        name="slow-body",
        meaning="the body comes little by little",
        exercises="the limit to the whole time, where each read is in time",
        parameters=(BYTES, INTERVAL),
        shape="the real response, its body a few bytes at a time",
    ),
    Stalled(
        name="stall-after-headers",
        meaning="the head comes, and the body does not",
        exercises="the limit to the time of a read",
        shape="the real head; the body when the rule is lifted",
    ),
    Bare(
        name="missing-reason",
        meaning="a status line that ends with the status",
        exercises="the parser's tolerance: some servers send this",
        shape="HTTP/1.1 200\\r\\n",
    ),
    Flood(
        name="interim-flood",
        meaning="many interim responses before the real one",
        exercises="the parser's limits, and its knowledge of interim responses",
        parameters=(
            Option("count", int, 1000, "how many", minimum=1, maximum=100_000),
            Option("status", int, 103, "which interim response", choices=tuple(INTERIM)),
        ),
        shape="HTTP/1.1 103 Early Hints, many times, and the real response",
    ),
)
FAULTS: tuple[Fault, ...] = (*map(of_status, STATUSES), *ANY_STATUS, *ENDINGS, *LIES, *SPOILT)

CATALOGUE = Catalogue(FAULTS)
