"""How the data of events is made worse: JSON goes in, other JSON comes out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from ...fault import Values
from .event_faults import At, EventFault, Steps, Told

Object = dict[str, object]
ARGUMENTS: tuple[str, ...] = ("arguments", "partial_json")
"""Members that have the JSON of a tool call, or a part of it."""
COMPLETED, INCOMPLETE = "response.completed", "response.incomplete"


@dataclass(frozen=True, kw_only=True)
class EditedEvents(EventFault):
    """Edits the data of events where it is an object; others pass."""

    def edit(self, data: Object, number: int, values: Values) -> Object | None:
        """Return the data to send, None to send no event; what is given may be changed."""
        raise NotImplementedError

    def change(self, at: At, told: Told, values: Values) -> Steps:
        event = at.event
        try:
            data, before = json.loads(event.text), json.loads(event.text)
        except (ValueError, RecursionError):  # the latter for arrays in arrays in arrays
            data = before = None
        if not isinstance(data, dict):
            yield event.data
            return
        edited = self.edit(data, at.number, values)
        if edited is None:
            return
        if edited == before:
            yield event.data
            return
        name = str(edited["type"]) if edited.get("type") != before.get("type") else ""
        yield event.with_text(json.dumps(edited, separators=(",", ":")).encode(), name)


def objects_in(value: object) -> Iterator[Object]:
    """Yield all objects in a JSON value, itself first."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield value
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def carries_content(data: Object) -> bool:
    """Whether an event adds to the answer."""
    kind = str(data.get("type", ""))
    if kind:
        return kind == "content_block_delta" or kind.endswith(".delta")
    choices = data.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    delta = first.get("delta") if isinstance(first, dict) else None
    return isinstance(delta, dict) and any(delta.get(each) for each in ("content", "tool_calls"))


@dataclass(frozen=True, kw_only=True)
class CutArguments(EditedEvents):
    """The JSON of tool calls is cut short; all else is as it should be."""

    def edit(self, data: Object, number: int, values: Values) -> Object | None:
        names = ARGUMENTS
        if str(data.get("type", "")).endswith("arguments.delta"):
            names = ("delta",)
        for each in objects_in(data):
            for name in names:
                if isinstance(text := each.get(name), str):
                    begins = text.startswith("{")
                    each[name] = text[: max(1, len(text) // 2)] if begins else ""
        return data


@dataclass(frozen=True, kw_only=True)
class ChangedReason(EditedEvents):
    """The answer ends for another reason, and early if it is cut short."""

    openai: str | None
    """Why it has ended: ``finish_reason``; None: that is missing."""
    anthropic: str | None
    """The same in ``stop_reason``."""
    response: str | None = None
    """The same in ``incomplete_details`` of a response that is incomplete; None: it is complete."""

    def edit(self, data: Object, number: int, values: Values) -> Object | None:
        if carries_content(data) and number > cast(int, values.get("events", number)):
            return None
        for each in objects_in(data):
            if isinstance(each.get("finish_reason"), str):
                each["finish_reason"] = self.openai
            if isinstance(each.get("stop_reason"), str):
                each["stop_reason"] = self.anthropic
            completed = each.get("object") == "response" and each.get("status") == "completed"
            if self.response and completed:
                each["status"] = "incomplete"
                each["incomplete_details"] = {"reason": self.response}
        if self.response and data.get("type") == COMPLETED:
            data["type"] = INCOMPLETE
        return data


@dataclass(frozen=True, kw_only=True)
class NoUsage(EditedEvents):
    """What the answer has cost is missing."""

    def edit(self, data: Object, number: int, values: Values) -> Object | None:
        if data.get("choices") == [] and data.get("usage"):
            return None
        for each in objects_in(data):
            each.pop("usage", None)
        return data


@dataclass(frozen=True, kw_only=True)
class EmptyAnswer(EditedEvents):
    """An answer without choices or content."""

    def edit(self, data: Object, number: int, values: Values) -> Object | None:
        if str(data.get("type", "")).startswith(("content_block_", "response.output_")):
            return None
        for each in objects_in(data):
            for name in ("choices", "content", "output"):
                if isinstance(each.get(name), list):
                    each[name] = []
        return data
