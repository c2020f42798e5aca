"""The forms of HTTP's faults: what is said in a response's place, and how a real one is spoilt."""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from ...fault import Fault, Values
from ...values.actions import Actions, Close, Forward, Hold, Reply, Wait
from ...values.messages import Message
from ..checks import check_lines
from .heads import (
    CHUNK,
    CHUNKED,
    REQUEST,
    as_chunked,
    expects_continue,
    head_of,
    is_old,
    says_close,
    status_and_size,
)
from .statuses import STATUSES, Told

if TYPE_CHECKING:
    from ...behavior import Firing

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
"""What words of the parameter ``retry_after`` stand for; anything else is sent as it is."""
REDIRECTS = frozenset({300, 301, 302, 303, 305, 307, 308})
REQUIRED_FIELDS = {
    401: ('WWW-Authenticate: Basic realm="restricted"',),
    405: ("Allow: {others}",),
    407: ('Proxy-Authenticate: Basic realm="restricted"',),
    416: ("Content-Range: bytes */0",),
    426: ("Upgrade: websocket", "Connection: upgrade"),
}
"""Fields that a response with the status must have, or should: RFC 9110, section 15."""
INTERIM = {100: "Continue", 102: "Processing", 103: "Early Hints"}
REASON = re.compile(rb"\A(HTTP/1\.\d \d{3})[^\r\n]*")


@dataclass(frozen=True, kw_only=True)
class HttpFault(Fault):
    """The root of these faults."""

    shape: str
    """What goes over the wire, in a line."""

    @property
    def wire(self) -> str:
        return self.shape

    def check(self, values: Values) -> None:
        check_lines(values, "reason", "content_type", "location", "retry_after")


# In the place of a response.


@dataclass(frozen=True, kw_only=True)
class Instead(HttpFault):
    """Takes the place of the response, and the backend hears nothing of the request.

    Where it was decided on when the response came, it takes the place of that.
    """

    def takes(self, message: Message, firing: Firing) -> bool:
        """Whether this is a piece of the message it acts on, the first of which it keeps."""
        if message.begins and message.final and not firing.kept:
            firing.kept.append(message)
        return bool(firing.kept) and firing.kept[0].direction is message.direction


@dataclass(frozen=True, kw_only=True)
class Ending(Instead):
    """No response at all: the connection ends as soon as there is a request."""

    reset: bool = False
    """With a RST, where no parameter says so."""

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        if not self.takes(message, firing):
            yield Forward(message)
        elif message.begins:
            yield Close(reset=bool(values.get("reset", self.reset)))


@dataclass(frozen=True, kw_only=True)
class Response(Instead):
    """Another response.

    It comes when all of the request has; to a client that waits for a word before it
    sends the body, at once.  The connection goes on if the client wants that, and can.
    """

    def render(self, first: Message, values: Values) -> tuple[int, list[str], bytes]:
        """The status, the lines of the head without those on framing, and the body."""
        raise NotImplementedError

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        if not self.takes(message, firing):
            yield Forward(message)
            return
        first = firing.kept[0]
        head = head_of(first)
        waits = not first.ends and first.data == head and expects_continue(head)
        closes = bool(values.get("close")) or waits or says_close(head)
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
        elif is_old(head):
            lines.append("Connection: keep-alive")
        rendered = "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")
        return rendered if first.about == "HEAD" else rendered + body


@dataclass(frozen=True, kw_only=True)
class Status(Response):
    """A response that is a status, with what the standard wants to be in it."""

    status: int = 0
    """Where no parameter says it."""

    def render(self, first: Message, values: Values) -> tuple[int, list[str], bytes]:
        status = cast(int, values.get("status", self.status))
        told = STATUSES.get(status, Told("", ""))
        reason = str(values["reason"]) or told.phrase
        content_type = str(values["content_type"])
        method = str(first.about)
        others = ", ".join(one for one in METHODS if one != method)
        lines = [f"HTTP/1.1 {status} {reason}", f"Content-Type: {content_type}"]
        lines += [line.format(others=others) for line in REQUIRED_FIELDS.get(status, ())]
        location = str(values.get("location", ""))
        if location or status in REDIRECTS:
            lines.append(f"Location: {location or _target(first)}")
        if after := str(values["retry_after"]):
            lines.append(f"Retry-After: {RETRY_AFTER.get(after, after)}")
        message = str(values["message"]) or told.meaning
        body = str(values["body"]) or page(status, reason, message, content_type)
        return status, lines, body.encode()


@dataclass(frozen=True, kw_only=True)
class Lie(Response):
    """A success that is none: a head, and content which does not go with it."""

    fields: tuple[str, ...]
    """Lines of its head; what is in braces is a parameter."""
    content: bytes

    def render(self, first: Message, values: Values) -> tuple[int, list[str], bytes]:
        fields = [line.format("", **values) for line in self.fields]
        return 200, ["HTTP/1.1 200 OK", *fields], self.content


def page(status: int, reason: str, message: str, content_type: str) -> str:
    """What a server shows people, or programs, with a status."""
    if "json" in content_type:
        return json.dumps({"status": status, "error": reason, "message": message})
    if "html" not in content_type:
        return f"{message}\n"
    title = html.escape(f"{status} {reason}", quote=False)
    return PAGE.format(title=title, message=html.escape(message, quote=False))


def _target(first: Message) -> str:
    """What a request asks for, to be sent back as it is."""
    found = REQUEST.match(first.data) if first.to_backend else None
    return found[2].decode("utf-8", "surrogateescape") if found else "/"


# The real response, spoilt.


@dataclass(frozen=True, kw_only=True)
class Spoilt(HttpFault):
    """Does something to the real response; interim responses before it pass."""

    bodies: bool = True
    """What it does, it does to the body: a response without one passes."""

    def spoil(self, message: Message, firing: Firing, values: Values, head: bytes) -> Actions:
        """What should happen to a piece of the response; the head is that of its first."""
        raise NotImplementedError

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        if not message.to_backend and message.final and message.begins:
            firing.kept[:] = [message]
        head = b"" if message.to_backend or not firing.kept else head_of(firing.kept[0])
        if head and (not self.bodies or status_and_size(head, message.about)[1]):
            yield from self.spoil(message, firing, values, head)
        else:
            yield Forward(message)


@dataclass(frozen=True, kw_only=True)
class Truncated(Spoilt):
    """A part of the body, and then the end."""

    def spoil(self, message: Message, firing: Firing, values: Values, head: bytes) -> Actions:
        size = status_and_size(head, message.about)[1]
        if size < 0:  # not known beforehand: a part of what came first
            size = len(firing.kept[0].data) - len(head)
        wanted = cast(int, values["bytes"]) or int(size * cast(float, values["fraction"]))
        left = len(head) + wanted - message.offset
        if message.ends:
            left = min(left, len(message.data) - 1)
        if left > 0:
            yield Forward(part(message, 0, left))
        if left < len(message.data):
            yield Close(reset=bool(values["reset"]))


@dataclass(frozen=True, kw_only=True)
class ChunksCut(Spoilt):
    """All of the body in chunks, and then the end in place of the last chunk, the empty one."""

    def spoil(self, message: Message, firing: Firing, values: Values, head: bytes) -> Actions:
        chunked = status_and_size(head, message.about)[1] == CHUNKED
        if message.begins:
            yield Forward(message.with_data(head if chunked else as_chunked(head)))
            firing.kept.append(message._replace(data=b"", about=0))
        body = message.data[max(0, len(head) - message.offset) :]
        over = message.ends
        if chunked:
            kept = firing.kept[1]
            body = kept.data + body
            known, left, over = before_last_chunk(body, cast(int, kept.about))
            firing.kept[1] = kept._replace(data=body[known:], about=left)
            body = body[:known]
        elif body:
            body = b"%x\r\n%b\r\n" % (len(body), body)
        if body:
            yield Forward(message.with_data(body))
        if over:
            yield Close(reset=bool(values["reset"]))


@dataclass(frozen=True, kw_only=True)
class BadChunk(Spoilt):
    """The head of a chunked response, and then no chunk."""

    def spoil(self, message: Message, firing: Firing, values: Values, head: bytes) -> Actions:
        yield Forward(message.with_data(as_chunked(head) + f"{values['size']}\r\n".encode()))
        yield Close()


@dataclass(frozen=True, kw_only=True)
class Slow(Spoilt):
    """The head or the body, so many bytes in each interval."""

    def spoil(self, message: Message, firing: Firing, values: Values, head: bytes) -> Actions:
        size, interval = cast(int, values["bytes"]), cast(float, values["interval"])
        since = firing.kept[0].at
        end = message.offset + len(message.data)
        start, stop = (len(head), end) if self.bodies else (0, len(head))  # what is slow
        place = message.offset
        while place < end:
            if start <= place < stop:
                step = (place - start) // size + 1
                yield Wait(since + step * interval)
                after = min(start + step * size, stop, end)
            else:
                after = start if place < start else end
            yield Forward(part(message, place - message.offset, after - message.offset))
            place = after


@dataclass(frozen=True, kw_only=True)
class Stalled(Spoilt):
    """The head, and nothing more until the rule is lifted."""

    def spoil(self, message: Message, firing: Firing, values: Values, head: bytes) -> Actions:
        if message.begins:
            yield Forward(part(message, 0, len(head)))
            yield Hold()
        rest = part(message, len(head) - message.offset, len(message.data))
        if rest.data:
            yield Forward(rest)


@dataclass(frozen=True, kw_only=True)
class Bare(Spoilt):
    """A status line without a phrase."""

    bodies: bool = False

    def spoil(self, message: Message, firing: Firing, values: Values, head: bytes) -> Actions:
        data = REASON.sub(rb"\1", message.data) if message.begins else message.data
        yield Forward(message.with_data(data))


@dataclass(frozen=True, kw_only=True)
class Flood(Spoilt):
    """Many interim responses before the real one."""

    bodies: bool = False

    def spoil(self, message: Message, firing: Firing, values: Values, head: bytes) -> Actions:
        if message.begins:
            status = cast(int, values["status"])
            interim = f"HTTP/1.1 {status} {INTERIM[status]}\r\n\r\n".encode()
            message = message.with_data(interim * cast(int, values["count"]) + message.data)
        yield Forward(message)


def part(message: Message, start: int, end: int) -> Message:
    """These of the bytes of a message, as a piece of its own; places beyond its ends are they."""
    start, end = (min(max(place, 0), len(message.data)) for place in (start, end))
    return message._replace(
        data=message.data[start:end],
        begins=message.begins and not start,
        ends=message.ends and end == len(message.data),
        offset=message.offset + start,
    )


def before_last_chunk(data: bytes, left: int) -> tuple[int, int, bool]:
    """How far the chunks go that are surely not the last, in the middle of a chunked body.

    ``left`` is how much of the chunk under way is still to come.

    Returns:
        The place; what is then left of the chunk under way; whether the last chunk begins
        at the place.
    """
    place = 0
    while True:
        step = min(left, len(data) - place)
        place, left = place + step, left - step
        found = None if left else CHUNK.match(data, place)
        if found is None:
            return place, left, False
        size = int(found[1], 16)
        if not size:
            return place, 0, True
        place, left = found.end(), size + len(b"\r\n")
