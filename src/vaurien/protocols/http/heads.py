"""What the head of an HTTP/1 message says, and how its body is framed.

Law: where RFC 9112 leaves two readings of a framing, and software is known to take each
of them, it is refused, not guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ...errors import ProtocolError
from ...values.messages import Message

HEAD_LIMIT = 64 * 1024
"""Bytes of a head, and of the trailers of a chunked body."""
CHUNKED = -1
TO_THE_END = -2
"""Sizes of bodies that are not known beforehand: chunked, or whatever comes until the end."""

# A line ends with CRLF or LF alone (RFC 9112, section 2.2).  A CR elsewhere is no part of a
# head: some take it for a line's end, and some do not.
FIELD_LINES = rb"(?:[^\r\n]++\r?\n)*+\r?\n"
REQUEST_LINE = (
    rb"([!#$%&'*+\-.^_`|~\w]++)[ \t]++([^\r\n]*[^ \t\r\n])[ \t]++HTTP/1\.(\d)[ \t]*+\r?\n"
)
STATUS_LINE = rb"HTTP/1\.(\d)[ \t]++(\d{3})(?:[ \t][^\r\n]*+)?\r?\n"
REQUEST = re.compile(rb"(?:\r?\n)*+" + REQUEST_LINE + FIELD_LINES)
"""The head of a request: its method, its target, and the minor version of HTTP/1."""
RESPONSE = re.compile(STATUS_LINE + FIELD_LINES)
"""The head of a response: the minor version, and the status."""

VALUE = rb"([^\r\n]*+(?:\r?\n[ \t][^\r\n]*+)*+)"  # with its obs-folds
FRAMING = re.compile(
    rb"\n(?:content-length:[ \t]*+(\d{1,18})(?=[ \t]*+\r?\n[^ \t])"  # as by far most say it
    rb"|(content-length|transfer-encoding)([ \t]*+):" + VALUE + rb")",
    re.IGNORECASE,
)
FRAMING_LINE = re.compile(
    rb"(?<=\n)(?:content-length|transfer-encoding)[ \t]*+:" + VALUE + rb"\r?\n", re.IGNORECASE
)
CONNECTION = re.compile(rb"\nconnection[ \t]*+:" + VALUE, re.IGNORECASE)
EXPECTS_CONTINUE = re.compile(rb"\nexpect[ \t]*+:[ \t]*+100-continue[ \t]*+\r?\n", re.IGNORECASE)
CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*+(?:;[^\r\n]*+)?\r?\n")
"""The line before a chunk, with its size (RFC 9112, section 7.1)."""
SPACE = b" \t\r\n"
DIGITS = 18
"""Of a Content-Length; more than a petabyte is no size but an attack."""
CODINGS = frozenset({b"gzip", b"x-gzip", b"deflate", b"compress", b"x-compress"})
"""Transfer codings besides ``chunked`` (RFC 9112, section 7)."""


def head_of(message: Message) -> bytes:
    """The head of a message, of its first piece; nothing, if something has replaced it."""
    pattern = REQUEST if message.to_backend else RESPONSE
    found = pattern.match(message.data)
    return found[0] if found else b""


def body_size(head: bytes, minor: bytes, otherwise: int) -> int:
    """How many bytes of body follow a head, or ``CHUNKED``, or ``TO_THE_END``.

    ``otherwise`` is what follows if the head does not say: nothing after a request,
    and all that comes after a response.  See RFC 9112, section 6.3.

    Raises:
        ProtocolError: that cannot be known.
    """
    named = FRAMING.findall(head)
    if not named:
        return otherwise
    if len(named) == 1 and named[0][0]:
        return int(named[0][0])
    lengths: list[bytes] = []
    codings: list[bytes] = []
    for length, name, gap, value in named:
        if gap:
            raise ProtocolError("white space between the name of a framing field and its colon")
        (codings if name and name[:1] in b"tT" else lengths).append(length or value)
    if not codings:
        return _length(b",".join(lengths))
    if minor == b"0":
        raise ProtocolError("a Transfer-Encoding in HTTP/1.0")
    if lengths and otherwise != TO_THE_END:
        raise ProtocolError("a request with both Content-Length and Transfer-Encoding")
    coded = _list(coding.lower() for coding in codings)
    if coded[-1:] == [b"chunked"] and coded.count(b"chunked") == 1:
        return CHUNKED
    if otherwise == TO_THE_END and coded and CODINGS.issuperset(coded) and not lengths:
        return TO_THE_END
    raise ProtocolError(f"a body of unknown length: Transfer-Encoding {coded!r}")


def status_and_size(head: bytes, asked: object) -> tuple[int, int]:
    """The status of a response to a request with the method ``asked``, and its body's size.

    Raises:
        ProtocolError: that cannot be known.
    """
    found = RESPONSE.match(head)
    if found is None:
        raise ProtocolError("no head of a response")
    status = int(found[2])
    if is_bare(status, asked):
        return status, 0
    return status, body_size(head, found[1], TO_THE_END)


def is_bare(status: int, asked: object) -> bool:
    """Whether a response has no body, whatever its head says."""
    return (
        status < 200
        or status in (204, 304)
        or asked == "HEAD"
        or (asked == "CONNECT" and status < 300)
    )


def is_tunnel(status: int, asked: object) -> bool:
    """Whether the connection is none of HTTP's from this response on."""
    return status == 101 or (asked == "CONNECT" and 200 <= status < 300)


def says_close(head: bytes) -> bool:
    """Whether the sender of a head wants the connection closed after the exchange.

    See RFC 9112, section 9.3.
    """
    options = {option.lower() for option in _list(CONNECTION.findall(head))}
    return b"close" in options or (is_old(head) and b"keep-alive" not in options)


def is_old(head: bytes) -> bool:
    """Whether a head is of HTTP/1.0."""
    found = REQUEST.match(head)
    if found:
        return found[3] == b"0"
    return head.startswith(b"HTTP/1.0")


def expects_continue(head: bytes) -> bool:
    """Whether a client waits for a word before it sends the body (RFC 9110, section 10.1.1)."""
    return EXPECTS_CONTINUE.search(head) is not None


def as_chunked(head: bytes) -> bytes:
    """The head of a response, saying that its body is chunked and nothing else of its size."""
    return FRAMING_LINE.sub(b"", head).rstrip(b"\r\n") + b"\r\nTransfer-Encoding: chunked\r\n\r\n"


def _length(value: bytes) -> int:
    """A Content-Length, which may be told several times."""
    digits = value.strip(SPACE)
    if b"," in digits:
        first, *others = (element.strip(SPACE) for element in digits.split(b","))
        digits = first if set(others) == {first} else b""
    if not digits.isdigit() or len(digits) > DIGITS:
        raise ProtocolError(f"a body of unknown length: Content-Length {value!r}")
    return int(digits)


def _list(values: Iterable[bytes]) -> list[bytes]:
    """The elements of a field that is a list, from all the lines it is given in."""
    elements = (element.strip(SPACE) for value in values for element in value.split(b","))
    return [element for element in elements if element]
