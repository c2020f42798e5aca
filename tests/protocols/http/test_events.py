"""The events in a body, however they are cut."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_scripts import COMMENT, DONE, LINES, ONE, PING, SENT, TWO, chunks, event
from feeding import chunkings, cut
from vaurien.protocols.http import events
from vaurien.protocols.http.events import Content, Event, Events, Form, form_of
from vaurien.protocols.http.heads import CHUNKED, UNTIL_CLOSE


def split(data: list[bytes], form: Form = Form.SENT) -> list[bytes]:
    found = Events(form)
    return [one.data for part in data for one in found.feed(part)] + [
        one.data for one in found.rest()
    ]


# Events.


@given(st.data(), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_they_are_the_same_however_they_arrive(data: st.DataObject, end: bytes) -> None:
    whole = [one.replace(b"\n", end) for one in (ONE, COMMENT, event({"a": "é"}, "b"), DONE)]
    parts = data.draw(chunkings(b"".join(whole)))
    found = split(parts)
    assert b"".join(found) == b"".join(whole)
    # A CR may be the first half of an end that has arrived: then the rest begins the next event.
    assert [one.strip(b"\r\n") for one in found if one.strip(b"\r\n")] == [
        one.strip(b"\r\n") for one in whole
    ]


@given(st.lists(st.sampled_from([b"a", b"\n", b"\r", b"data: x"]), max_size=12), st.data())
def test_no_byte_is_lost(parts: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(parts)
    for form in Form:
        assert b"".join(split(data.draw(chunkings(whole)), form)) == whole


def test_json_lines() -> None:
    assert split([b'{"a": 1}\n{"b"', b": 2}\n{"], Form.LINES) == [
        b'{"a": 1}\n',
        b'{"b": 2}\n',
        b"{",
    ]


def test_other_json_is_one_event() -> None:
    found = Events(Form.WHOLE)
    assert [*found.feed(b'{"a":\n'), *found.feed(b"\n1}\n")] == []
    assert [one.data for one in found.rest()] == [b'{"a":\n\n1}\n']


def test_a_long_event_counts_as_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "EVENT_LIMIT", 10)
    assert split([b"data: 12345", b"678\n\n", ONE]) == [b"data: 12345", b"678\n\n", ONE]


@pytest.mark.parametrize(
    ("data", "name", "text", "keeps_alive"),
    [
        (ONE, "", b"one", False),
        (DONE, "done", b"[DONE]", False),
        (PING, "ping", b'{"type":"ping"}', True),
        (COMMENT, "", b"", True),
        (b"\n\n", "", b"", True),
        (event({"object": "chunk"}), "chunk", b'{"object":"chunk"}', False),
        (event({"type": "a", "object": "b"}), "a", b'{"type":"a","object":"b"}', False),
        (event({"type": "a"}, "b"), "b", b'{"type":"a"}', False),
        (b"data:1\r\ndata: 2\r\nevent:x\r\n\r\n", "x", b"1\n2", False),
    ],
)
def test_what_an_event_says(data: bytes, name: str, text: bytes, *, keeps_alive: bool) -> None:
    found = Event(data, Form.SENT)
    assert (found.name, found.text, found.keeps_alive) == (name, text, keeps_alive)


def test_other_data() -> None:
    assert Event(PING, Form.SENT).with_text(b"{}") == event({}, "ping")
    assert Event(PING, Form.SENT).with_text(b"{}", "pong") == event({}, "pong")
    assert Event(ONE, Form.SENT).with_text(b"{}") == event({})
    assert Event(b'{"a": 1}\n', Form.LINES).with_text(b"{}") == b"{}\n"
    assert Event(b'{"a": 1}', Form.WHOLE).with_text(b"{}") == b"{}"


# Content.


@given(st.data())
def test_content_is_taken_out_of_chunks(data: st.DataObject) -> None:
    content = b"".join([ONE, COMMENT, TWO])
    body = chunks(content, data.draw(st.integers(1, 40))).replace(b"1\r\n", b"1;a=b\r\n", 1)
    taken = Content(CHUNKED)
    parts = data.draw(chunkings(body + b"Trailer: x\r\n\r\n"))
    assert b"".join(map(taken.feed, parts)) == content
    assert taken.ended


def test_content_that_is_not_in_chunks() -> None:
    open_ended, sized = Content(UNTIL_CLOSE), Content(len(ONE + TWO))
    assert open_ended.feed(ONE) == sized.feed(ONE) == ONE
    assert not open_ended.ended
    assert not sized.ended
    sized.feed(TWO)
    assert sized.ended


def test_every_byte_of_a_chunk_is_content_at_once() -> None:
    taken = Content(CHUNKED)
    found = [taken.feed(part) for part in cut(b"3\r\nabc\r\n", range(9))]
    assert found == [b"", b"", b"", b"a", b"b", b"c", b"", b""]


# Forms.


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        ("text/event-stream", Form.SENT),
        ("Text/Event-Stream; charset=utf-8", Form.SENT),
        ("application/x-ndjson", Form.LINES),
        ("application/json", Form.WHOLE),
        ("application/problem+json;a=b", Form.WHOLE),
        ("text/html", None),
        ("", None),
    ],
)
def test_the_content_type_tells_the_form(kind: str, form: Form | None) -> None:
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n\r\n".encode()
    assert form_of(head) is form


def test_what_is_compressed_has_no_events() -> None:
    assert form_of(SENT) is Form.SENT
    assert form_of(LINES) is Form.LINES
    coded = SENT.replace(b"\r\nTransfer", b"\r\nContent-Encoding: %b\r\nTransfer")
    assert form_of(coded % b"gzip") is None
    assert form_of(coded % b"identity") is Form.SENT
    assert form_of(b"HTTP/1.1 200 OK\r\n\r\n") is None


def test_events_are_json() -> None:
    assert json.loads(Event(PING, Form.SENT).text) == {"type": "ping"}
