"""How faults act on the events of a response: what they see, and what the client gets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acting import firing, response
from event_scripts import (
    ASKED,
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
    told,
    whole,
)
from scenario import Peer, World
from vaurien.fault import values_of
from vaurien.protocols.http.faults import CATALOGUE
from vaurien.protocols.http.heads import as_chunked, closing
from vaurien.protocols.http.parser import Http
from vaurien.values.actions import Close, Forward

EVENTS = [ONE, COMMENT, TWO, PING, THREE, DONE]
RAW = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
SIZED = RAW.replace(b"\r\n\r\n", b"\r\nContent-Length: %d\r\n\r\n" % len(ONE + TWO))


def test_the_request_asks_for_no_coding() -> None:
    assert asked("openai", firing()) == ASKED.replace(b"Accept-Encoding: gzip\r\n", b"")


@given(st.integers(1, 30))
def test_each_event_is_a_chunk_of_its_own(size: int) -> None:
    outcome = told("token-stall", EVENTS, size=size, events=99)
    framed = [b"%x\r\n%b\r\n" % (len(one), one) for one in EVENTS]
    assert outcome.pieces == [as_chunked(SENT), *framed, b"0\r\n\r\n"]
    assert outcome.actions == []


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        SENT.replace(b"\r\nT", b"\r\nContent-Encoding: gzip\r\nT") + chunks(ONE + TWO),
    ],
)
def test_what_has_no_events_passes(answer: bytes) -> None:
    assert told("cut-event", answer, events=0).data == answer


def test_a_body_of_known_size_becomes_chunked() -> None:
    outcome = told("duplicate-event", SIZED + ONE + TWO, events=0)
    assert outcome.data.startswith(RAW[:-2] + b"Transfer-Encoding: chunked\r\n\r\n")
    assert outcome.content == ONE + ONE + TWO
    assert outcome.is_whole


def test_a_body_that_ends_with_the_connection_stays_one() -> None:
    outcome = told("duplicate-event", RAW + ONE + TWO, events=0)
    assert outcome.data == RAW + ONE + ONE + TWO
    assert outcome.actions == []
    outcome = told("cut-event", RAW + ONE + TWO, events=1)
    assert outcome.data == closing(RAW) + ONE + TWO[: len(TWO) // 2]
    assert outcome.actions == [Close()]


def test_the_oldest_clients_get_no_chunks() -> None:
    old = SIZED.replace(b"HTTP/1.1", b"HTTP/1.0")
    outcome = told("duplicate-event", old + ONE + TWO, events=0)
    assert outcome.data == RAW.replace(b"HTTP/1.1", b"HTTP/1.0") + ONE + ONE + TWO
    assert outcome.actions == [Close()]


def test_keep_alives_do_not_count() -> None:
    outcome = told("duplicate-event", EVENTS, events=2)
    assert outcome.content == b"".join([ONE, COMMENT, TWO, PING, THREE, THREE, DONE])


def test_events_of_one_type_count() -> None:
    named = [event("x", "a"), event("y", "b"), event("z", "b"), DONE]
    outcome = told("duplicate-event", named, events=1, event="b")
    assert outcome.content == b"".join([*named[:3], named[2], DONE])
    outcome = told("duplicate-event", named, events=0, event="done")
    assert outcome.content == b"".join([*named, DONE])


def test_a_line_is_an_event() -> None:
    outcome = told("duplicate-event", LINES + chunks(b'{"a":1}\n{"b":2}\n'), events=1)
    assert outcome.content == b'{"a":1}\n{"b":2}\n{"b":2}\n'


def test_json_that_is_no_stream_is_one_event() -> None:
    outcome = told("cut-event", whole({"a": "bcdefgh"}), events=7)
    assert outcome.content == b'{"a":"b'
    assert outcome.is_whole


def test_what_follows_the_end_is_dropped() -> None:
    outcome = told("cut-event", [ONE, TWO, THREE, FOUR], size=20, events=1)
    assert outcome.content == ONE + TWO[: len(TWO) // 2]
    assert outcome.is_whole
    assert b"\r\nConnection: close\r\n\r\n" in outcome.data
    assert outcome.actions == [Close()]


def test_an_event_without_its_end_is_one_as_the_body_ends() -> None:
    outcome = told("duplicate-event", [ONE, b"data: x\n"], events=1)
    assert outcome.content == ONE + b"data: x\n" * 2


def test_interim_responses_pass() -> None:
    fault, early = CATALOGUE.find("cut-event"), b"HTTP/1.1 103 Early Hints\r\n\r\n"
    interim = response(early)._replace(final=False)
    assert [*fault.play(interim, firing(), values_of(fault, {}))] == [Forward(interim)]


@pytest.mark.parametrize(
    "answer", [SENT + chunks(ONE + TWO)[:-5], SENT + chunks(ONE + TWO)[:-9], SIZED + ONE + TWO[:-2]]
)
def test_what_the_backend_does_not_end_is_not_ended(answer: bytes) -> None:
    outcome = told("duplicate-event", answer, size=9, events=0)
    assert outcome.content.startswith(ONE + ONE + b"data: tw")
    assert not outcome.is_whole
    assert outcome.actions == []


# In a simulated system, where a seed decides how bytes arrive.

ASKING = (
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\n"
    b'Content-Length: 30\r\n\r\n{"model": "m", "stream": true}'
)


@pytest.mark.parametrize("seed", range(30))
def test_events_arrive_in_any_way(seed: int) -> None:
    told_so_far = 0

    def answer(peer: Peer, _: bytes) -> None:
        nonlocal told_so_far
        asked = bytes(peer.heard).count(b"true}")
        peer.say((SENT + chunks(b"".join(EVENTS), 5)) * (asked - told_so_far))
        told_so_far = asked

    rule = "error fault=duplicate-event events=1 model=m stream=yes every=2"
    world = World(rule, seed=seed, protocol=Http(), on_data=answer)
    client = world.client()
    client.say(ASKING * 3, finish=True)
    world.run(seconds=60)
    plain = SENT + chunks(b"".join(EVENTS), 5)
    changed = told("duplicate-event", plain, events=1).data
    assert bytes(client.heard) == plain + changed + plain
    (backend,) = [peer for peer in world.peers if peer is not client]
    uncoded = ASKING.replace(b"Accept-Encoding: gzip\r\n", b"")
    assert bytes(backend.heard) == ASKING + uncoded + ASKING
