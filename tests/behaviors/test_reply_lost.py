"""reply-lost swallows the response, then closes."""

from __future__ import annotations

import pytest

from acting import actions_of, response
from lines import Lines
from scenario import World, echo
from vaurien.actions import Close, Forward
from vaurien.behaviors.reply_lost import ReplyLost
from vaurien.messages import Direction


@pytest.mark.parametrize("reset", [False, True])
def test_all_of_the_response_is_swallowed(reset: bool) -> None:
    pieces = [response(b"1", ends=False), response(b"2", begins=False)]
    told = [actions_of(ReplyLost(reset=reset), piece) for piece in pieces]
    assert told == [[], [Close(reset=reset)]]


def test_what_does_not_end_the_exchange_passes() -> None:
    interim = response(b"go on")._replace(final=False)
    unasked = response(b"hear this")._replace(exchange=0)
    for message in (interim, unasked):
        assert actions_of(ReplyLost(), message) == [Forward(message)]


def test_requests_are_none_of_its_business() -> None:
    assert not ReplyLost().concerns(Direction.TO_BACKEND)


@pytest.mark.parametrize("seed", range(5))
def test_the_backend_has_the_request(seed: int) -> None:
    world = World("reply-lost command=MORE", protocol=Lines(), on_data=echo, seed=seed)
    client = world.client()
    client.say(b"GET 1\n")
    world.run(lambda: client.heard.count(b"\n") == 1)
    world.backends[0].say(b"!said unasked\n")
    world.run(lambda: client.heard.count(b"\n") == 2)
    client.say(b"MORE 2\n")
    world.run(lambda: client.heard.count(b"\n") == 3)
    client.say(b"QUIET 3\n")  # echoed, it is the last response
    world.run(lambda: bool(client.ended))
    assert bytes(client.heard) == b"GET 1\n!said unasked\nMORE 2\n"
    assert client.ended == "fin"
    assert bytes(world.backends[0].heard).endswith(b"MORE 2\nQUIET 3\n")


def test_a_chunk_is_a_response_where_there_is_no_framing() -> None:
    world = World("reply-lost reset=true", on_data=echo)
    client = world.client()
    client.say(b"x")
    world.run(lambda: bool(client.ended))
    assert (bytes(client.heard), client.ended) == (b"", "reset")
    assert bytes(world.backends[0].heard) == b"x"
