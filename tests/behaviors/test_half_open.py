"""half-open never tells one peer that the other has gone."""

from __future__ import annotations

import pytest

from acting import ARRIVAL, firing
from lifting import ANSWER, QUESTION, lifted_at_any_moment
from scenario import World
from vaurien.behaviors.half_open import HalfOpen
from vaurien.values.actions import Hold
from vaurien.values.messages import Direction, Ended

AGES = 1e6


@pytest.mark.parametrize("way", Direction)
@pytest.mark.parametrize("by_reset", [True, False])
def test_an_end_is_held(way: Direction, by_reset: bool) -> None:
    assert list(HalfOpen().on_end(Ended(way, ARRIVAL, by_reset), firing())) == [Hold()]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("how", ["fin", "close", "reset"])
@pytest.mark.parametrize("rule", ["half-open", "half-open direction=to_client"])
def test_the_client_hears_only_when_it_is_lifted(rule: str, how: str, seed: int) -> None:
    world = World(rule, seed=seed)
    client = world.client()
    world.run(lambda: world.backends)
    (backend,) = world.backends
    backend.say(b"good bye")
    world.run(lambda: len(client.heard) == 8)
    if how == "fin":
        backend.finish()
    elif how == "close":
        backend.close()
    else:
        backend.reset()
    world.run(seconds=AGES)
    client.say(b"are you there?")
    world.run(seconds=AGES)
    client.say(b"hello?")
    world.run(seconds=AGES)
    assert (bytes(client.heard), client.ended) == (b"good bye", "")
    world.apply()
    world.run(lambda: client.ended)
    assert client.ended == ("reset" if how != "fin" else "fin")
    assert world.system.time <= 3 * AGES


def test_the_backend_is_told_if_the_client_alone_is_not_to_hear() -> None:
    world = World("half-open direction=to_client")
    client = world.client()
    client.say(b"good bye", finish=True)
    world.run(lambda: world.backends and world.backends[0].ended)
    assert bytes(world.backends[0].heard) == b"good bye"


@pytest.mark.parametrize("how", ["fin", "reset"])
def test_the_backend_may_be_the_one_that_never_hears(how: str) -> None:
    world = World("half-open direction=to_backend")
    client = world.client()
    client.say(b"good bye")
    world.run(lambda: world.backends and len(world.backends[0].heard) == 8)
    (backend,) = world.backends
    if how == "fin":
        client.finish()
    else:
        client.reset()
    world.run(seconds=AGES)
    backend.say(b"are you there?")
    world.run(seconds=AGES)
    assert backend.ended == ""
    world.apply()
    world.run(lambda: backend.ended)
    assert backend.ended == how


def test_what_is_said_before_the_end_arrives_and_so_does_the_other_direction() -> None:
    world = World("half-open direction=to_client")
    client = world.client()
    world.run(lambda: world.backends)
    (backend,) = world.backends
    backend.say(ANSWER, finish=True)
    client.say(QUESTION)
    world.run(seconds=AGES)
    assert (bytes(client.heard), bytes(backend.heard)) == (ANSWER, QUESTION)
    assert client.ended == ""


def test_it_is_over_with_the_time_to_live_of_its_rule() -> None:
    world = World("half-open ttl=60")
    client = world.client()
    world.run(lambda: world.backends)
    world.backends[0].finish()
    world.run(lambda: client.ended)
    assert (client.ended, world.system.time) == ("fin", 60)


def test_lifting_it_loses_nothing() -> None:
    for rule in ("half-open", "half-open direction=to_client", "half-open direction=to_backend"):
        for lifted in lifted_at_any_moment(rule):
            assert (lifted.question, lifted.answer) == (QUESTION, ANSWER)
            assert lifted.ends == ("fin", "fin")
