"""How streams of events stall, slow down, break off, and lose their order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, cast

from ...fault import Values
from ...values.actions import Close, Hold, Wait
from .event_faults import At, EventFault, Steps, Told
from .events import Event, Form, event_of
from .llm_errors import error_body, refusal_of

CHARACTER = re.compile(rb"[\xc2-\xf4][\x80-\xbf]++")
"""A character that takes several bytes in UTF-8."""
PART = "€".encode()[:2]
"""A part of one."""
COMMENT, PING = b": keep-alive\n\n", event_of(b'{"type": "ping"}', "ping")
BLANK = {Form.LINES: b"\n", Form.WHOLE: b" "}
"""What keeps a connection alive and means nothing, in other forms than server-sent events."""
TERMINATORS = frozenset(
    {"done", "message_stop", "response.completed", "response.incomplete", "response.failed"}
)
"""The last events of streams, by name."""
ANTHROPIC = re.compile("message_|content_block_|ping$")
"""Names of events in Anthropic's API."""


@dataclass(frozen=True, kw_only=True)
class StalledStream(EventFault):
    """Some events, then nothing until the rule is lifted, or for some time."""

    def change(self, at: At, told: Told, values: Values) -> Steps:
        if at.number == cast(int, values["events"]) + 1:
            seconds = cast(float, values["seconds"])
            yield Wait(at.at + seconds) if seconds else Hold()
        yield at.event.data


@dataclass(frozen=True, kw_only=True)
class SlowStream(EventFault):
    """Events at a limited rate."""

    def change(self, at: At, told: Told, values: Values) -> Steps:
        if told.due > at.at:
            yield Wait(told.due)
        if at.number:
            told.due = max(told.due, at.at) + 1 / cast(float, values["rate"])
        yield at.event.data


@dataclass(frozen=True, kw_only=True)
class KeepAlives(EventFault):
    """Some events, then only what keeps the connection alive, until the rule is lifted."""

    def change(self, at: At, told: Told, values: Values) -> Steps:
        if at.number == cast(int, values["events"]) + 1:
            due = at.at
            while at.firing.now >= due:  # it is not when the rule has been lifted
                yield _keep_alive(at.event, told)
                due += cast(float, values["interval"])
                yield Wait(due)
        yield at.event.data


def _keep_alive(event: Event, told: Told) -> bytes:
    if event.form is not Form.SENT:
        return BLANK[event.form]
    return PING if provider_told(event, told) == "anthropic" else COMMENT


def provider_told(event: Event, told: Told) -> str:
    """Return whose API an event is of: that of the request, if it was seen."""
    return told.provider or ("anthropic" if ANTHROPIC.match(event.name) else "openai")


@dataclass(frozen=True, kw_only=True)
class ErrorEvent(EventFault):
    """Some events, then one that tells of an error; the stream ends with it."""

    ends_early: ClassVar[bool] = True

    def change(self, at: At, told: Told, values: Values) -> Steps:
        event = at.event
        if at.number != cast(int, values["events"]) + 1:
            yield event.data
            return
        provider = provider_told(event, told)
        refusal = refusal_of(provider, str(values["error"]))
        text = str(values["message"]) or refusal.message
        body = error_body(provider, refusal, text).encode()
        if event.form is Form.SENT:
            yield event_of(body, "error" if provider == "anthropic" else "")
        else:
            yield body + b"\n"
        told.over = True


@dataclass(frozen=True, kw_only=True)
class CutStream(EventFault):
    """Some events, then a part of one; the response, or the connection, ends with it."""

    ends_early: ClassVar[bool] = True

    in_character: bool = False
    """The part ends within a character."""

    def change(self, at: At, told: Told, values: Values) -> Steps:
        event = at.event
        if at.number != cast(int, values["events"]) + 1:
            yield event.data
            return
        yield self._part(event.data)
        told.over = True
        if values["end"] != "clean":
            told.finished = True
            yield Close(reset=values["end"] == "rst")

    def _part(self, data: bytes) -> bytes:
        if not self.in_character:
            return data[: max(1, len(data) // 2)]
        if found := CHARACTER.search(data):
            return data[: found.start() + 1]
        return data[: len(data) // 2] + PART


@dataclass(frozen=True, kw_only=True)
class NoTerminator(EventFault):
    """All events but the last one, which says that the stream is whole."""

    def change(self, at: At, told: Told, values: Values) -> Steps:
        if at.event.name not in TERMINATORS:
            yield at.event.data


@dataclass(frozen=True, kw_only=True)
class DuplicateEvent(EventFault):
    """An event twice."""

    def change(self, at: At, told: Told, values: Values) -> Steps:
        yield at.event.data
        if at.number == cast(int, values["events"]) + 1 and at.event.form is not Form.WHOLE:
            yield at.event.data


@dataclass(frozen=True, kw_only=True)
class ReorderedEvents(EventFault):
    """An event after the one that follows it."""

    def change(self, at: At, told: Told, values: Values) -> Steps:
        if at.number == cast(int, values["events"]) + 1 and at.event.form is not Form.WHOLE:
            told.held = at.event.data
            return
        yield at.event.data
        if told.held and at.number:
            yield from self.last(told)

    def last(self, told: Told) -> Steps:
        held, told.held = told.held, b""
        if held:
            yield held
