"""request-lost swallows the request, then closes."""

from __future__ import annotations

import pytest

from acting import ARRIVAL, actions_of, request
from lines import Lines
from scenario import World, echo
from vaurien.behaviors.request_lost import PATIENCE, RequestLost
from vaurien.values.actions import Close, Wait
from vaurien.values.messages import Direction


@pytest.mark.parametrize("reset", [False, True])
def test_all_of_the_request_is_swallowed(reset: bool) -> None:
    close = Close(reset=reset)
    behavior = RequestLost(reset=reset)
    assert actions_of(behavior, request(b"?")) == [close]
    in_pieces = actions_of(behavior, request(b"1", ends=False))
    assert in_pieces == [Wait(ARRIVAL + PATIENCE), close]  # for the rest, or in vain


def test_responses_are_none_of_its_business() -> None:
    assert not RequestLost().concerns(Direction.TO_CLIENT)


@pytest.mark.parametrize("seed", range(5))
def test_what_was_asked_before_is_answered_first(seed: int) -> None:
    world = World("request-lost command=LOST", protocol=Lines(), on_data=echo, seed=seed)
    client = world.client()
    client.say(b"GET 1\nGET 2\nLOST 3\nGET 4\n")
    world.run(lambda: bool(client.ended))
    assert bytes(client.heard) == b"GET 1\nGET 2\n"
    assert client.ended == "fin"
    assert bytes(world.backends[0].heard) == b"GET 1\nGET 2\n"


def test_a_chunk_is_a_request_where_there_is_no_framing() -> None:
    world = World("request-lost reset=true", on_data=echo)
    client = world.client()
    client.say(b"x")
    world.run(lambda: bool(client.ended))
    assert client.ended == "reset"
    assert not any(backend.heard for backend in world.backends)


def test_what_has_begun_to_be_swallowed_is_not_passed_on() -> None:
    world = World("request-lost", protocol=Lines(), on_data=echo, whole=True)
    client = world.client()
    client.say(b"PUT 6\nabc")
    world.run(lambda: bool(world.fired))
    world.apply()
    client.say(b"def")
    world.run(lambda: bool(client.ended))
    assert bytes(world.backends[0].heard) == b""
