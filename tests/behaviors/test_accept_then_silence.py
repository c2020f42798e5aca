"""accept-then-silence lets clients connect, and that is all."""

from __future__ import annotations

import pytest

from acting import firing
from lifting import ANSWER, QUESTION, lifted_at_any_moment
from scenario import World, echo
from vaurien.behaviors.accept_then_silence import AcceptThenSilence
from vaurien.values.actions import Hold

AGES = 1e6


def test_a_client_is_held() -> None:
    assert list(AcceptThenSilence().on_connect(firing())) == [Hold()]


@pytest.mark.parametrize("seed", range(3))
def test_no_byte_comes_until_it_is_lifted(seed: int) -> None:
    world = World("accept-then-silence", on_data=echo, seed=seed)
    clients = [world.client() for _ in range(3)]
    for client in clients:
        client.say(QUESTION)
    world.run(seconds=AGES)
    assert [(bytes(client.heard), client.ended) for client in clients] == [(b"", "")] * 3
    assert world.backends == []
    world.apply()
    world.run(lambda: all(client.heard == QUESTION for client in clients))
    assert world.system.time == AGES


def test_connections_that_are_open_go_on() -> None:
    world = World(on_data=echo)
    client = world.client()
    client.say(b"early")
    world.run(lambda: client.heard)
    world.apply("accept-then-silence")
    client.say(b"late")
    world.run(lambda: bytes(client.heard) == b"earlylate")


def test_lifting_it_loses_nothing() -> None:
    for lifted in lifted_at_any_moment("accept-then-silence"):
        assert (lifted.question, lifted.answer) == (QUESTION, ANSWER)
        assert lifted.ends == ("fin", "fin")
