"""Streams of events that stall, slow down, break off, and lose their order."""

from __future__ import annotations

import json
from typing import Any

import pytest

from acting import ARRIVAL, Stage, firing
from event_scripts import (
    COMMENT,
    DONE,
    FOUR,
    LINES,
    ONE,
    PING,
    SENT,
    THREE,
    TWO,
    asked,
    chunks,
    event,
    pieces_of,
    told,
)
from event_scripts import whole as json_whole
from vaurien.fault import values_of
from vaurien.protocols.http.events import event_of
from vaurien.protocols.http.faults import CATALOGUE
from vaurien.protocols.tcp import Tcp
from vaurien.values.actions import Close, Forward, Hold, Wait

EVENTS = [ONE, TWO, THREE, FOUR, DONE]


def joined(*events: bytes) -> bytes:
    return b"".join(events)


def test_a_stall_before_the_first_event() -> None:
    outcome = told("first-token-stall", EVENTS)
    assert outcome.actions == [Hold()]
    assert outcome.pieces[0].endswith(b"\r\n\r\n")  # the head comes before
    assert outcome.content == joined(*EVENTS)


def test_a_stall_for_some_time() -> None:
    assert told("token-stall", EVENTS, seconds=2.5).actions == [Wait(ARRIVAL + 2.5)]
    assert told("token-stall", EVENTS, events=9).actions == []


def test_events_at_a_rate() -> None:
    outcome = told("slow-tokens", [ONE, COMMENT, TWO, THREE], rate=4)
    assert outcome.actions == [Wait(ARRIVAL + each / 4) for each in (1, 1, 2)]
    assert outcome.content == joined(ONE, COMMENT, TWO, THREE)


def test_events_that_come_more_slowly_are_not_delayed() -> None:
    fault, fired = CATALOGUE.find("slow-tokens"), firing()
    values = values_of(fault, {"rate": 2})
    first, second = pieces_of(SENT + chunks(ONE + TWO, len(ONE)), len(ONE) + len(b"b\r\n\r\n"))[:2]
    assert not any(isinstance(each, Wait) for each in fault.play(first, fired, values))
    late = second._replace(at=ARRIVAL + 7)
    assert not any(isinstance(each, Wait) for each in fault.play(late, fired, values))


@pytest.mark.parametrize(
    ("provider", "keep_alive"), [("openai", b": keep-alive\n\n"), ("anthropic", None)]
)
def test_keep_alives_until_the_rule_is_lifted(provider: str, keep_alive: bytes | None) -> None:
    stage = Stage(Tcp(), ARRIVAL, ARRIVAL)
    fault, fired = CATALOGUE.find("keep-alives-only"), firing(stage=stage)
    asked(provider, fired, "keep-alives-only")
    (piece,) = pieces_of(SENT + chunks(ONE + TWO + DONE))
    done, data = [], b""
    for action in fault.play(piece, fired, values_of(fault, {"events": 1, "interval": 2})):
        if isinstance(action, Forward):
            data += action.message.data
        elif isinstance(action, Wait):
            done.append(action.until - ARRIVAL)
            if len(done) < 3:  # the third ends early, as the rule is lifted
                stage.at = action.until
    assert done == [2, 4, 6]
    assert data.count(keep_alive or event_of(b'{"type": "ping"}', "ping")) == 3
    assert data.index(b"one") < data.index(keep_alive or b"ping") < data.index(b"two")


@pytest.mark.parametrize(
    ("provider", "parameters", "last"),
    [
        (
            "openai",
            {},
            {
                "message": "The engine is currently overloaded, please try again later.",
                "type": "server_error",
                "param": None,
                "code": None,
            },
        ),
        (
            "compatible",
            {"error": "quota", "message": "no"},
            {
                "message": "no",
                "type": "insufficient_quota",
                "param": None,
                "code": "insufficient_quota",
            },
        ),
    ],
)
def test_an_error_after_the_200(
    provider: str, parameters: dict[str, Any], last: dict[str, object]
) -> None:
    outcome = told("stream-error", EVENTS, provider=provider, events=2, **parameters)
    assert outcome.content == joined(ONE, TWO, spaced({"error": last}))
    assert outcome.is_whole


def spaced(data: object, name: str = "") -> bytes:
    return event(json.dumps(data), name)


def test_an_error_of_anthropic() -> None:
    error = {"type": "overloaded_error", "message": "Overloaded"}
    body = {"type": "error", "error": error, "request_id": "req_011CVaurien0000000000000"}
    for events, provider in (([ONE], "anthropic"), ([event({}, "message_start")], "")):
        outcome = told("stream-error", events, provider=provider, events=0)
        assert outcome.content == spaced(body, "error")


def test_an_error_where_there_are_no_sent_events() -> None:
    outcome = told("stream-error", LINES + chunks(b"{}\n{}\n"), events=1)
    assert outcome.content.startswith(b'{}\n{"error": {')
    outcome = told("stream-error", json_whole({"choices": []}))
    assert outcome.content.startswith(b'{"error": {')


def test_the_half_of_an_event() -> None:
    outcome = told("cut-event", EVENTS, events=2)
    assert outcome.content == joined(ONE, TWO, THREE[: len(THREE) // 2])
    assert outcome.is_whole
    assert outcome.actions == [Close()]


@pytest.mark.parametrize(("end", "reset"), [("fin", False), ("rst", True)])
def test_the_connection_may_end_with_it(end: str, *, reset: bool) -> None:
    outcome = told("cut-event", EVENTS, events=2, end=end)
    assert outcome.content == joined(ONE, TWO, THREE[: len(THREE) // 2])
    assert not outcome.is_whole
    assert outcome.actions == [Close(reset=reset)]


def test_a_part_of_a_character() -> None:
    accented = event("déjà")
    outcome = told("cut-utf8", [ONE, accented, DONE], events=1)
    assert outcome.content == joined(ONE, b"data: d\xc3")
    outcome = told("cut-utf8", [ONE, TWO, DONE], events=1)  # there is none: one is added
    assert outcome.content == joined(ONE, TWO[: len(TWO) // 2], b"\xe2\x82")
    for data in (b"data: d\xc3", b"\xe2\x82"):
        with pytest.raises(UnicodeDecodeError, match="unexpected end"):
            data.decode()


def test_no_terminator() -> None:
    assert told("no-terminator", EVENTS).content == joined(ONE, TWO, THREE, FOUR)
    for name in ("message_stop", "response.completed"):
        outcome = told("no-terminator", [ONE, event({"type": name}, name)])
        assert outcome.content == ONE
        assert outcome.is_whole


def test_an_event_twice() -> None:
    assert told("duplicate-event", EVENTS, events=1).content == joined(ONE, TWO, *EVENTS[1:])
    assert told("duplicate-event", json_whole({"a": 1})).content == b'{"a":1}'


def test_an_event_after_the_next() -> None:
    outcome = told("reordered-events", [ONE, TWO, PING, THREE, DONE], events=1)
    assert outcome.content == joined(ONE, PING, THREE, TWO, DONE)
    outcome = told("reordered-events", [ONE, TWO], events=1)  # there is no next one
    assert outcome.content == joined(ONE, TWO)
