"""The data of events, made worse."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from event_scripts import DONE, ONE, PING, event, told
from event_scripts import whole as json_whole
from llm_server import (
    ARGUMENTS,
    WORDS,
    chat_events,
    chat_whole,
    message_events,
    message_whole,
    response_events,
    response_whole,
)
from vaurien.protocols.http.edited_faults import carries_content, objects_in
from vaurien.protocols.http.events import Event, Events, Form


def data_of(content: bytes) -> list[Any]:
    """The data of all events, those that are no JSON as texts."""
    found = [Event(one.data, Form.SENT).text for one in Events(Form.SENT).feed(content)]
    return [json.loads(text) if text[:1] == b"{" else text.decode() for text in found]


def stream(name: str, real: Iterable[bytes], **parameters: Any) -> list[Any]:
    outcome = told(name, [*real], **parameters)
    assert outcome.is_whole
    assert outcome.actions == []
    return data_of(outcome.content)


def one(name: str, body: object) -> Any:
    return json.loads(told(name, json_whole(body)).content)


def test_what_is_no_object_passes_as_it_is() -> None:
    spaced = b'data: {"a" :  1}\n\n'
    assert told("no-usage", [ONE, spaced, b"data: [1]\n\n", DONE]).content == b"".join(
        [ONE, spaced, b"data: [1]\n\n", DONE]
    )


def test_what_is_nested_too_deeply_passes_as_it_is() -> None:
    nested = b"data: " + b"[" * 100_000 + b"\n\n"
    assert told("no-usage", [nested]).content == nested


def test_objects_in_objects() -> None:
    found = list(objects_in({"a": [{"b": 1}, 2], "c": {"d": {}}}))
    assert len(found) == 4
    assert {"b": 1} in found


@pytest.mark.parametrize(
    ("data", "carries"),
    [
        ({"choices": [{"delta": {"content": "x"}}]}, True),
        ({"choices": [{"delta": {"tool_calls": [{}]}}]}, True),
        ({"choices": [{"delta": {"role": "assistant", "content": ""}}]}, False),
        ({"choices": [{"delta": {}, "finish_reason": "stop"}]}, False),
        ({"choices": []}, False),
        ({"choices": "x"}, False),
        ({"type": "content_block_delta"}, True),
        ({"type": "message_delta"}, False),
        ({"type": "response.output_text.delta"}, True),
        ({"type": "response.completed"}, False),
        ({}, False),
    ],
)
def test_what_adds_to_an_answer(data: dict[str, object], *, carries: bool) -> None:
    assert carries_content(data) is carries


# Tool calls.


def test_arguments_are_cut_and_all_else_is_as_usual() -> None:
    before = data_of(b"".join(chat_events(tool=True)))
    after = stream("cut-tool-call", chat_events(tool=True))
    assert len(after) == len(before)
    assert after[-3:] == before[-3:]
    arguments = [
        call["function"]["arguments"]
        for each in after[:-2]
        for call in each["choices"][0]["delta"].get("tool_calls", [])
    ]
    assert arguments == ["", ARGUMENTS[0][: len(ARGUMENTS[0]) // 2], "", ""]


def test_arguments_of_anthropic() -> None:
    after = stream("cut-tool-call", message_events(tool=True))
    partial = [each["delta"]["partial_json"] for each in after if "partial_json" in str(each)]
    assert partial == ["", ARGUMENTS[0][: len(ARGUMENTS[0]) // 2], "", ""]
    assert after[-2]["delta"]["stop_reason"] == "tool_use"


def test_arguments_of_responses() -> None:
    kind = "response.function_call_arguments"
    events = [
        event({"type": f"{kind}.delta", "delta": '{"a": 1'}),
        event({"type": f"{kind}.done", "arguments": '{"a": 1}'}),
    ]
    delta, done = stream("cut-tool-call", events)
    assert (delta["delta"], done["arguments"]) == ('{"a', '{"a"')


# Why it has ended.


def test_an_answer_that_is_too_long() -> None:
    after = stream("finish-length", chat_events(tool=False), events=3)
    words = [each["choices"][0]["delta"].get("content") for each in after[:-2]]
    assert words == ["", *WORDS[:2], None]
    assert after[-3]["choices"][0]["finish_reason"] == "length"
    assert after[-2]["usage"]
    assert after[-1] == "[DONE]"


def test_a_message_that_is_too_long() -> None:
    after = stream("finish-length", message_events(tool=False), events=3)
    assert [each["type"] for each in after] == [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert after[-2]["delta"]["stop_reason"] == "max_tokens"


def test_a_response_that_is_too_long() -> None:
    outcome = told("content-filter", [*response_events()], events=2)
    *_, done, last = data_of(outcome.content)
    assert done["type"] == "response.output_text.done"
    assert last["type"] == "response.incomplete"
    assert last["response"]["status"] == "incomplete"
    assert last["response"]["incomplete_details"] == {"reason": "content_filter"}
    assert b"event: response.incomplete\n" in outcome.content


def test_reasons_where_there_is_no_stream() -> None:
    assert one("finish-length", chat_whole())["choices"][0]["finish_reason"] == "length"
    assert one("content-filter", message_whole())["stop_reason"] == "refusal"
    assert one("finish-length", response_whole())["status"] == "incomplete"
    assert one("no-finish-reason", message_whole())["stop_reason"] is None
    assert one("no-finish-reason", response_whole()) == response_whole()


def test_a_reason_that_is_missing() -> None:
    after = stream("no-finish-reason", chat_events(tool=False))
    assert {each["choices"][0]["finish_reason"] for each in after[:-2]} == {None}
    assert len(after) == len(WORDS) + 4


# What else is missing.


def test_usage_is_missing() -> None:
    assert "usage" not in str(stream("no-usage", chat_events(tool=False)))
    assert "usage" not in str(stream("no-usage", message_events(tool=False)))
    assert "usage" not in str(stream("no-usage", response_events()))
    assert "usage" not in one("no-usage", chat_whole())


def test_an_answer_without_choices_or_content() -> None:
    assert {str(each["choices"]) for each in stream("empty-choice", chat_events(tool=False))[:-1]}
    after = stream("empty-choice", chat_events(tool=False))
    assert [each["choices"] for each in after[:-1]] == [[]] * (len(after) - 1)
    kinds = [each["type"] for each in stream("empty-choice", message_events(tool=False))]
    assert kinds == ["message_start", "ping", "message_delta", "message_stop"]
    last = stream("empty-choice", response_events())[-1]
    assert last["response"]["output"] == []
    assert one("empty-choice", message_whole())["content"] == []
    assert one("empty-choice", chat_whole())["choices"] == []
    assert told("empty-choice", [PING]).content == PING
