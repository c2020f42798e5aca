"""The events in the body of a response, however they are cut into chunks.

Law: put together, the events are the body, byte for byte; what is not a whole event is one, too,
when the body ends.

A stream of server-sent events (WHATWG HTML, section 9.2.5) has events that end with an empty line;
a stream of JSON lines has one in each line.  Any other JSON is a single event.
"""

from __future__ import annotations

import enum
import re
from typing import NamedTuple

from .heads import CHUNK, CHUNKED, CONTENT_CODING, CONTENT_TYPE
from .members import members_of

EVENT_LIMIT = 1024 * 1024
"""Maximum size of an event in bytes; a longer one counts as several."""
EMPTY_LINE = re.compile(rb"(?:\r\n?+|\n)(?:\r\n?+|\n)")
LINE_END = re.compile(rb"\n")
NAME = re.compile(rb"(?:\A|[\r\n])event:[ ]?([^\r\n]*)")
DATA = re.compile(rb"(?:\A|[\r\n])data:[ ]?([^\r\n]*)")
DONE = b"[DONE]"
CALLED = ("type", "object")
"""Members of an event's data that say what it is, the better one first."""
JSON_LINES = frozenset({b"x-ndjson", b"ndjson", b"jsonl", b"x-jsonl", b"jsonlines"})
"""Subtypes of ``application`` whose content is JSON in each line."""


class Form(enum.Enum):
    """What the events of a body look like."""

    SENT = enum.auto()  # server-sent events
    LINES = enum.auto()  # JSON in each line
    WHOLE = enum.auto()  # JSON, all of it


class Event(NamedTuple):
    """An event, with the empty line or the line end behind it."""

    data: bytes
    form: Form

    @property
    def text(self) -> bytes:
        """Its data; b"" if it has none, as a comment."""
        if self.form is Form.SENT:
            return b"\n".join(DATA.findall(self.data))
        return self.data.strip()

    @property
    def name(self) -> str:
        """Its type: what it is called, or its data calls itself; done for ``[DONE]``."""
        if self.form is Form.SENT and (found := NAME.search(self.data)):
            return found[1].decode("utf-8", "replace")
        text = self.text
        if text == DONE:
            return "done"
        written = [name for name in CALLED if b'"%b"' % name.encode() in text]
        members = members_of(text, *written) if written else {}
        return members.get("type") or members.get("object", "")

    @property
    def keeps_alive(self) -> bool:
        """It says nothing: it is a comment or a ping."""
        return not self.text or (b"ping" in self.data and self.name == "ping")

    def with_text(self, text: bytes, name: str = "") -> bytes:
        """Return the event with other data and another name; ``""`` keeps that."""
        if self.form is not Form.SENT:
            return text + b"\n" * self.data.endswith(b"\n")
        called = name.encode() if name else found[1] if (found := NAME.search(self.data)) else b""
        return event_of(text, called.decode())


def event_of(text: bytes, name: str = "") -> bytes:
    """Return a server-sent event."""
    called = f"event: {name}\n".encode() if name else b""
    return called + b"data: " + text + b"\n\n"


def form_of(head: bytes) -> Form | None:
    """Return the form of the events in the body of a response, None if it has none.

    What is compressed has none.
    """
    coding = CONTENT_CODING.search(head)
    if coding and coding[1].strip().lower() not in (b"", b"identity"):
        return None
    found = CONTENT_TYPE.search(head)
    kind, _, subtype = found[1].lower().partition(b"/") if found else (b"", b"", b"")
    if (kind, subtype) == (b"text", b"event-stream"):
        return Form.SENT
    if kind == b"application" and subtype in JSON_LINES:
        return Form.LINES
    return Form.WHOLE if subtype == b"json" or subtype.endswith(b"+json") else None


class Content:
    """Takes the content out of a body, which is chunked or not."""

    def __init__(self, size: int) -> None:
        """``size``: that of ``body_size``."""
        self.ended = False
        """All of it has arrived, as far as the body tells."""
        self._chunked = size == CHUNKED
        self._held = b""  # a part of a line between two chunks
        self._left = max(0, size)  # bytes to come: of all, or of the chunk under way with its CRLF

    def feed(self, data: bytes) -> bytes:
        """Return the content in the bytes that arrive next."""
        if not self._chunked:
            self._left -= len(data)
            self.ended = self._left == 0
            return data
        data, self._held = self._held + data, b""
        found: list[bytes] = []
        place = 0
        while place < len(data) and not self.ended:
            if not self._left:
                line = CHUNK.match(data, place)
                if line is None:
                    self._held = data[place:]
                    break
                place = line.end()
                size = int(line[1], 16)
                self.ended = not size
                self._left = size + len(b"\r\n")
            step = min(self._left, len(data) - place)
            content = min(step, max(0, self._left - len(b"\r\n")))
            found.append(data[place : place + content])
            place += step
            self._left -= step
        return b"".join(found)


class Events:
    """Cuts the events out of a content."""

    def __init__(self, form: Form) -> None:
        self.form = form
        self._ending = EMPTY_LINE if form is Form.SENT else LINE_END
        self._buffer = b""
        self._searched = 0

    def feed(self, data: bytes) -> list[Event]:
        """Return the events that are whole with the content that arrives next."""
        buffer = self._buffer + data
        events: list[Event] = []
        begin = 0
        if self.form is not Form.WHOLE:
            place = self._searched
            while found := self._ending.search(buffer, place):
                place = found.end()
                events.append(Event(buffer[begin:place], self.form))
                begin = place
        if len(buffer) - begin > EVENT_LIMIT:
            events.append(Event(buffer[begin:], self.form))
            begin = len(buffer)
        self._buffer = buffer[begin:]
        self._searched = max(0, len(self._buffer) - len(b"\r\n\r"))
        return events

    def rest(self) -> list[Event]:
        """Return what has no end, as the content has ended."""
        rest, self._buffer = self._buffer, b""
        return [Event(rest, self.form)] if rest else []
