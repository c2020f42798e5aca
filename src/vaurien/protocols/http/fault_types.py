"""How the faults of HTTP are played: a response replaced, or the real one damaged."""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass, field
from typing import ClassVar, cast

from ...fault import Fault, FirstPiece, Values
from ...rules.firing import Firing
from ...values.actions import Actions, Close, Forward, Hold, Reply, Wait
from ...values.messages import Direction, Message
from ..checks import check_lines
from .heads import (
    CHUNK,
    CHUNKED,
    REQUEST,
    as_chunked,
    expects_continue,
    head_of,
    is_http_1_0,
    opens_tunnel,
    status_and_size,
    wants_close,
)
from .statuses import STATUSES, Status

PAGE = """<!DOCTYPE html>
<html>
<head><title>{title}</title></head>
<body>
<h1>{title}</h1>
<p>{message}</p>
</body>
</html>
"""
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
RETRY_AFTER = {
    "past": "Fri, 31 Dec 1999 23:59:59 GMT",
    "future": "Thu, 31 Dec 2099 23:59:59 GMT",
    "huge": "99999999999",
    "negative": "-1",
    "garbage": "in a while",
}
"""What the words of the parameter ``retry_after`` stand for; any other text is sent as it is."""
REDIRECTS = frozenset({300, 301, 302, 303, 305, 307, 308})
REQUIRED_FIELDS = {
    401: ('WWW-Authenticate: Basic realm="restricted"',),
    405: ("Allow: {others}",),
    407: ('Proxy-Authenticate: Basic realm="restricted"',),
    416: ("Content-Range: bytes */0",),
    426: ("Upgrade: websocket", "Connection: upgrade"),
}
"""Fields that a response with the status must or should have: RFC 9110, section 15."""
INTERIM = {100: "Continue", 102: "Processing", 103: "Early Hints"}
REASON = re.compile(rb"\A(HTTP/1\.\d \d{3})[^\r\n]*")


@dataclass(frozen=True, kw_only=True)
class HttpFault(Fault):
    """The base class of these faults."""

    shape: str
    """What goes over the wire, in one line."""

    @property
    def wire(self) -> str:
        return self.shape

    def check(self, values: Values) -> None:
        check_lines(values, "reason", "content_type", "location", "retry_after")


# Responses replaced.


@dataclass(frozen=True, kw_only=True)
class ReplacedResponse(HttpFault):
    """Replaces the response; the backend never sees the request.

    Where the rule matches on the response, the backend has seen it, and its response is
    replaced.
    """

    def first_piece(self, message: Message, firing: Firing) -> Message | None:
        """Return the first piece of the message acted on; None if this is no piece of it."""
        kept = firing.of_exchange(FirstPiece)
        answers = message.to_backend or message.final
        if kept.first is None and message.begins and answers:
            kept.first = message
        first = kept.first
        return first if first is not None and first.direction is message.direction else None


@dataclass(frozen=True, kw_only=True)
class ClosedConnection(ReplacedResponse):
    """No response at all: the connection is closed as soon as a request begins."""

    reset: bool = False
    """Close with a RST, where no parameter says so."""

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        if self.first_piece(message, firing) is None:
            yield Forward(message)
        elif message.begins:
            yield Close(reset=bool(values.get("reset", self.reset)))


@dataclass(frozen=True, kw_only=True)
class ForgedResponse(ReplacedResponse):
    """Another response.

    It is sent when the whole request has arrived, or at once if the client waits for
    100 Continue.  The connection stays open if the client wants that, and it is possible: not
    after a response with which the backend has left HTTP.
    """

    def render(self, first: Message, values: Values) -> tuple[int, list[str], bytes]:
        """Return the status code, the lines of the head except those on framing, and the body."""
        raise NotImplementedError

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        first = self.first_piece(message, firing)
        if first is None:
            yield Forward(message)
            return
        head = head_of(first)
        waits = not first.ends and first.data == head and expects_continue(head)
        closes = bool(values.get("close")) or waits or wants_close(head)
        closes |= not message.to_backend and leaves_http(first)
        if message.to_backend:
            if not (message.ends or waits):
                return
            yield Reply(self._bytes(first, head, values, closes=closes))
        elif message.begins:
            yield Forward(message.with_data(self._bytes(first, head, values, closes=closes)))
        if closes and (message.to_backend or message.begins):
            yield Close()

    def _bytes(self, first: Message, head: bytes, values: Values, *, closes: bool) -> bytes:
        status, lines, body = self.render(first, values)
        if status in (204, 304):
            body = b""
        else:
            lines.append(f"Content-Length: {len(body)}")
        if closes:
            lines.append("Connection: close")
        elif is_http_1_0(head):
            lines.append("Connection: keep-alive")
        rendered = "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")
        return rendered if first.about == "HEAD" else rendered + body


@dataclass(frozen=True, kw_only=True)
class StatusFault(ForgedResponse):
    """A response with a status code, and the fields that the standard requires with it."""

    status: int = 0
    """The status code, where no parameter gives it."""

    def render(self, first: Message, values: Values) -> tuple[int, list[str], bytes]:
        status = cast(int, values.get("status", self.status))
        known = STATUSES.get(status, Status("", ""))
        reason = str(values["reason"]) or known.phrase
        content_type = str(values["content_type"])
        others = ", ".join(method for method in METHODS if method != str(first.about))
        lines = [f"HTTP/1.1 {status} {reason}", f"Content-Type: {content_type}"]
        lines += [line.format(others=others) for line in REQUIRED_FIELDS.get(status, ())]
        location = str(values.get("location", ""))
        if location or status in REDIRECTS:
            lines.append(f"Location: {location or _target(first)}")
        if after := str(values["retry_after"]):
            lines.append(f"Retry-After: {RETRY_AFTER.get(after, after)}")
        message = str(values["message"]) or known.text
        body = str(values["body"]) or page(status, reason, message, content_type)
        return status, lines, body.encode()


@dataclass(frozen=True, kw_only=True)
class BogusSuccess(ForgedResponse):
    """A 200 whose head and content contradict each other, or that parsers may choke on."""

    fields: tuple[str, ...]
    """Lines of the head, with the names of parameters in braces."""
    content: bytes

    def render(self, first: Message, values: Values) -> tuple[int, list[str], bytes]:
        fields = [line.format("", **values) for line in self.fields]
        return 200, ["HTTP/1.1 200 OK", *fields], self.content


def page(status: int, reason: str, message: str, content_type: str) -> str:
    """Return an error page: HTML, a JSON object or plain text, by its Content-Type."""
    if "json" in content_type:
        return json.dumps({"status": status, "error": reason, "message": message})
    if "html" not in content_type:
        return f"{message}\n"
    title = html.escape(f"{status} {reason}", quote=False)
    return PAGE.format(title=title, message=html.escape(message, quote=False))


def leaves_http(response: Message) -> bool:
    """Whether the backend leaves HTTP with a response, of which this is the first piece."""
    head = head_of(response)
    return bool(head) and opens_tunnel(status_and_size(head, response.about)[0], response.about)


def _target(first: Message) -> str:
    """Return the target of a request, as it was sent; "/" where only the response is known."""
    found = REQUEST.match(first.data) if first.to_backend else None
    return found[2].decode("utf-8", "surrogateescape") if found else "/"


# The real response damaged.


class ChunkFilter:
    """Lets a chunked body pass up to the last chunk, which is the empty one."""

    def __init__(self) -> None:
        self.ended = False
        """The last chunk has begun."""
        self._held = b""  # what may be the line before the last chunk
        self._left = 0  # bytes to come of the chunk under way, with its CRLF

    def feed(self, data: bytes) -> bytes:
        """Return the bytes of those fed so far that are certain to precede the last chunk."""
        data = self._held + data
        place = 0
        while not self.ended:
            step = min(self._left, len(data) - place)
            place += step
            self._left -= step
            line = None if self._left else CHUNK.match(data, place)
            if line is None:
                break
            if size := int(line[1], 16):
                place, self._left = line.end(), size + len(b"\r\n")
            else:
                self.ended = True
        self._held = data[place:]
        return data[:place]


@dataclass(slots=True)
class RealResponse:
    """What is kept of a response that is damaged, from its first piece on."""

    head: bytes = b""
    """b"" before the response begins, and where another rule has replaced it."""
    at: float = 0.0
    """When the first piece arrived, in seconds on the reactor's clock."""
    size: int = 0
    """Size of the first piece in bytes."""
    chunks: ChunkFilter = field(default_factory=ChunkFilter)
    """Where the body is chunked."""


@dataclass(frozen=True, kw_only=True)
class DamagedResponse(HttpFault):
    """Does something to the real response; interim responses before it pass."""

    only: ClassVar[Direction | None] = Direction.TO_CLIENT

    needs_body: bool = True
    """It is the body that is damaged: responses without one pass."""

    def damage(self, message: Message, values: Values, real: RealResponse) -> Actions:
        """Act on a piece of the response."""
        raise NotImplementedError

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        real = firing.of_exchange(RealResponse)
        if not message.to_backend and message.final and message.begins:
            real.head, real.at, real.size = head_of(message), message.at, len(message.data)
        damaged = real.head and not message.to_backend
        if not damaged or (self.needs_body and not status_and_size(real.head, message.about)[1]):
            yield Forward(message)
        else:
            yield from self.damage(message, values, real)


@dataclass(frozen=True, kw_only=True)
class TruncatedBody(DamagedResponse):
    """A part of the body, then the end of the connection."""

    def damage(self, message: Message, values: Values, real: RealResponse) -> Actions:
        size = status_and_size(real.head, message.about)[1]
        if size < 0:  # unknown: the fraction is one of what arrived first
            size = real.size - len(real.head)
        wanted = cast(int, values["bytes"]) or int(size * cast(float, values["fraction"]))
        left = len(real.head) + wanted - message.offset
        if message.ends:
            left = min(left, len(message.data) - 1)
        if left > 0:
            yield Forward(message.part(0, min(left, len(message.data))))
        if left < len(message.data):
            yield Close(reset=bool(values["reset"]))


@dataclass(frozen=True, kw_only=True)
class TruncatedChunks(DamagedResponse):
    """The whole body in chunks, then the end of the connection instead of the last chunk."""

    def damage(self, message: Message, values: Values, real: RealResponse) -> Actions:
        head = real.head
        chunked = status_and_size(head, message.about)[1] == CHUNKED
        if message.begins:
            yield Forward(message.with_data(head if chunked else as_chunked(head)))
        body = message.data[max(0, len(head) - message.offset) :]
        ended = message.ends
        if chunked:
            body = real.chunks.feed(body)
            ended = real.chunks.ended
        elif body:
            body = b"%x\r\n%b\r\n" % (len(body), body)
        if body:
            yield Forward(message.with_data(body))
        if ended:
            yield Close(reset=bool(values["reset"]))


@dataclass(frozen=True, kw_only=True)
class BadChunk(DamagedResponse):
    """The head of a chunked response, then something that is not a chunk."""

    def damage(self, message: Message, values: Values, real: RealResponse) -> Actions:
        yield Forward(message.with_data(as_chunked(real.head) + f"{values['size']}\r\n".encode()))
        yield Close()


@dataclass(frozen=True, kw_only=True)
class SlowResponse(DamagedResponse):
    """The head or the body, a few bytes in each interval."""

    def damage(self, message: Message, values: Values, real: RealResponse) -> Actions:
        size, interval = cast(int, values["bytes"]), cast(float, values["interval"])
        head, end = len(real.head), message.offset + len(message.data)
        slow = range(head, end) if self.needs_body else range(head)
        place = message.offset
        while place < end:
            if place in slow:
                step = (place - slow.start) // size + 1
                yield Wait(real.at + step * interval)
                after = min(slow.start + step * size, slow.stop, end)
            else:
                after = slow.start if place < slow.start else end
            yield Forward(message.part(place - message.offset, after - message.offset))
            place = after


@dataclass(frozen=True, kw_only=True)
class StalledBody(DamagedResponse):
    """The head, then nothing until the rule is lifted."""

    def damage(self, message: Message, values: Values, real: RealResponse) -> Actions:
        if message.begins:
            yield Forward(message.part(0, len(real.head)))
            yield Hold()
        rest = message.part(max(0, len(real.head) - message.offset), len(message.data))
        if rest.data:
            yield Forward(rest)


@dataclass(frozen=True, kw_only=True)
class MissingReason(DamagedResponse):
    """A status line without a reason phrase."""

    needs_body: bool = False

    def damage(self, message: Message, values: Values, real: RealResponse) -> Actions:
        data = REASON.sub(rb"\1", message.data) if message.begins else message.data
        yield Forward(message.with_data(data))


@dataclass(frozen=True, kw_only=True)
class InterimFlood(DamagedResponse):
    """Many interim responses before the real one."""

    needs_body: bool = False

    def damage(self, message: Message, values: Values, real: RealResponse) -> Actions:
        if message.begins:
            status = cast(int, values["status"])
            interim = f"HTTP/1.1 {status} {INTERIM[status]}\r\n\r\n".encode()
            message = message.with_data(interim * cast(int, values["count"]) + message.data)
        yield Forward(message)
