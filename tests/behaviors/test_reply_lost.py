"""reply-lost swallows the response, then closes."""

from __future__ import annotations

import pytest

from acting import actions_of, firing, request, response
from lines import Lines
from scenario import World, echo
from vaurien.behaviors.reply_lost import ReplyLost
from vaurien.values.actions import Close, Drop, Forward


@pytest.mark.parametrize("reset", [False, True])
def test_all_of_the_response_is_swallowed(reset: bool) -> None:
    question = request(b"?")
    pieces = [question, response(b"1", ends=False), response(b"2", begins=False)]
    fired = firing()
    told = [actions_of(ReplyLost(reset=reset), piece, fired) for piece in pieces]
    assert told == [[Forward(question)], [Drop()], [Close(reset=reset)]]


def test_who_has_not_asked_all_is_not_left_waiting() -> None:
    fired = firing()
    begun = request(b"?", ends=False)
    assert actions_of(ReplyLost(), begun, fired) == [Forward(begun)]
    assert actions_of(ReplyLost(), response(b"1", ends=False), fired) == [Close()]


def test_what_does_not_end_the_exchange_passes() -> None:
    interim = response(b"go on")._replace(final=False)
    unasked = response(b"hear this")._replace(exchange=0)
    for message in (interim, unasked):
        assert actions_of(ReplyLost(), message) == [Forward(message)]


def test_what_has_begun_to_be_lost_is_lost_though_another_response_follows() -> None:
    fired = firing()
    pieces = [
        request(b"?"),
        response(b"1", ends=False),
        response(b"2", begins=False)._replace(final=False),
        response(b"3")._replace(final=False),
        response(b"4"),
    ]
    told = [actions_of(ReplyLost(), piece, fired) for piece in pieces]
    assert told[1:] == [[Drop()], [Drop()], [Drop()], [Close()]]


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
