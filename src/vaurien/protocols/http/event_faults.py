"""How faults of a stream of events are played: event by event, each in a chunk of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple, cast

from ...fault import Values
from ...rules.firing import Firing
from ...values.actions import Action, Actions, Close, Forward
from ...values.messages import Message
from .events import Content, Event, Events, Form, form_of
from .fault_types import HttpFault
from .heads import (
    ACCEPTED_CODINGS,
    UNTIL_CLOSE,
    as_chunked,
    closing,
    head_of,
    is_http_1_0,
    status_and_size,
    unframed,
)

LAST_CHUNK = b"0\r\n\r\n"
Steps = Iterator[bytes | Action]
"""Bytes of the body that the client is sent, and what else is done."""


@dataclass(slots=True)
class Told:
    """What is kept of a response whose events are acted on."""

    provider: str = ""
    """The label of the request; "" if that was not seen."""
    head: bytes = b""
    """That of the real response; b"" before it begins."""
    events: Events | None = None
    """None: this response has no events, and passes."""
    content: Content = field(default_factory=lambda: Content(UNTIL_CLOSE))
    chunked: bool = False
    """The client is sent chunks; otherwise the body ends with the connection."""
    sized: bool = False
    """The backend says where the real body ends."""
    sent: int = 0
    """Bytes that the client has been sent, with the head."""
    counted: int = 0
    """Events so far, of those that count."""
    over: bool = False
    """The rest of the real response is dropped."""
    finished: bool = False
    """The client has been sent the end."""
    due: float = 0.0
    """When the last event left, in seconds on the reactor's clock."""
    held: bytes = b""
    """An event that the next one overtakes."""

    def begin(self, first: Message) -> bytes:
        """Take the first piece of the response; return the head to send."""
        self.head = head_of(first)
        if not self.head:
            return b""
        size = status_and_size(self.head, first.about)[1]
        form = form_of(self.head) if size else None
        if form is None:
            return b""
        self.events, self.content = Events(form), Content(size)
        self.sized = size != UNTIL_CLOSE
        self.chunked = self.sized and not is_http_1_0(self.head)
        return as_chunked(self.head) if self.chunked else unframed(self.head)

    def piece(self, message: Message, data: bytes, *, ends: bool = False) -> Forward:
        """Return what sends bytes in place of a piece of the response."""
        place, self.sent = self.sent, self.sent + len(data)
        begins = place == 0
        return Forward(message._replace(data=data, begins=begins, ends=ends, offset=place, left=0))

    def framed(self, data: bytes) -> bytes:
        """Return content as it is in the body."""
        return b"%x\r\n%b\r\n" % (len(data), data) if self.chunked and data else data


class At(NamedTuple):
    """An event that has arrived."""

    event: Event
    number: int
    """Its number, counted from 1; 0 if it does not count."""
    at: float
    """When it was whole, in seconds on the reactor's clock."""
    firing: Firing


@dataclass(frozen=True, kw_only=True)
class EventFault(HttpFault):
    """Acts on the events of the real response; those without events pass.

    Content that is compressed cannot be seen, so the request asks for none.
    """

    ends_early: ClassVar[bool] = False
    """It may end the response before the real one ends; the connection ends with it then, as what
    the backend still sends would be in the way of the next response."""

    def change(self, at: At, told: Told, values: Values) -> Steps:
        """Act on an event."""
        raise NotImplementedError

    def last(self, told: Told) -> Steps:
        """Act on the end of the content, if that arrives."""
        del told
        yield from ()

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        told = firing.of_exchange(Told)
        if message.to_backend:
            told.provider = message.labels.get("provider", told.provider)
            yield Forward(_asking_for_no_coding(message))
            return
        begins = message.begins and message.final
        if begins and (head := told.begin(message)):
            yield told.piece(message, closing(head) if self.ends_early else head)
        if told.events is None or not message.final:
            yield Forward(message)
            return
        for step in self._steps(message, told, firing, values):
            yield told.piece(message, told.framed(step)) if isinstance(step, bytes) else step
        if (told.over or message.ends) and not told.finished:
            told.finished = True
            whole = told.over or told.content.ended  # otherwise the backend has broken off
            yield told.piece(message, LAST_CHUNK if told.chunked and whole else b"", ends=True)
            if told.over or (told.sized and not told.chunked):
                yield Close()

    def _steps(self, message: Message, told: Told, firing: Firing, values: Values) -> Steps:
        """Act on a piece of the response."""
        assert told.events is not None
        if told.over:
            return
        content = told.content.feed(message.data[len(told.head) * message.begins :])
        events = told.events.feed(content)
        if message.ends:
            events += told.events.rest()
        for event in events:
            at = At(event, _number(event, told, values), message.at, firing)
            yield from self.change(at, told, values)
            if told.over:
                return
        if message.ends:
            yield from self.last(told)


def _number(event: Event, told: Told, values: Values) -> int:
    """Count an event; of JSON that is no stream, the only one is the one that is acted on."""
    if event.form is Form.WHOLE:
        return cast(int, values.get("events", 0)) + 1
    wanted = values.get("event")
    if event.name == wanted if wanted else not event.keeps_alive:
        told.counted += 1
        return told.counted
    return 0


def _asking_for_no_coding(message: Message) -> Message:
    """Return the first piece of a request without Accept-Encoding; others as they are."""
    head = head_of(message) if message.begins else b""
    if not head:
        return message
    return message.with_data(ACCEPTED_CODINGS.sub(b"", head) + message.data[len(head) :])
