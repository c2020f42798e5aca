"""slow-close passes ends on later, and bytes at once."""

from __future__ import annotations

import pytest

from acting import ARRIVAL, firing
from lifting import ANSWER, QUESTION, lifted_at_any_moment
from scenario import World
from vaurien.behaviors.slow_close import SlowClose
from vaurien.values.actions import Wait
from vaurien.values.messages import Direction, Ended


@pytest.mark.parametrize("way", Direction)
@pytest.mark.parametrize("by_reset", [True, False])
def test_an_end_waits(way: Direction, by_reset: bool) -> None:
    ended = Ended(way, ARRIVAL, by_reset)
    assert list(SlowClose().on_end(ended, firing())) == [Wait(ARRIVAL + 1)]
    assert list(SlowClose(delay=2.5).on_end(ended, firing())) == [Wait(ARRIVAL + 2.5)]


@pytest.mark.parametrize("seed", range(3))
def test_the_end_is_late_and_the_bytes_are_not(seed: int) -> None:
    world = World("slow-close delay=5", seed=seed)
    client = world.client()
    world.run(lambda: world.backends)
    (backend,) = world.backends
    backend.say(b"that was all", finish=True)
    world.run(seconds=4.999)
    assert (bytes(client.heard), client.heard_at[-1], client.ended) == (b"that was all", 0, "")
    world.run(lambda: client.ended)
    assert (client.ended, world.system.time) == ("fin", 5)
    client.say(b"and back", finish=True)
    world.run(lambda: backend.ended)
    assert (bytes(backend.heard), backend.heard_at[-1]) == (b"and back", 5)
    assert (backend.ended, world.system.time) == ("fin", 10)


def test_a_reset_is_late_too() -> None:
    world = World("slow-close delay=5")
    client = world.client()
    world.run(lambda: world.backends)
    world.backends[0].reset()
    world.run(lambda: client.ended)
    assert (client.ended, world.system.time) == ("reset", 5)


def test_the_other_direction_is_not_concerned() -> None:
    world = World("slow-close delay=5 direction=to_client")
    client = world.client()
    client.finish()
    world.run(lambda: world.backends and world.backends[0].ended)
    assert world.system.time == 0
    world.backends[0].finish()
    world.run(lambda: client.ended)
    assert world.system.time == 5


def test_two_of_them_add_up() -> None:
    world = World("slow-close delay=5", "slow-close delay=3")
    client = world.client()
    client.finish()
    world.run(lambda: world.backends and world.backends[0].ended)
    assert world.system.time == 8


def test_lifting_it_loses_nothing() -> None:
    for lifted in lifted_at_any_moment("slow-close delay=3600"):
        assert (lifted.question, lifted.answer) == (QUESTION, ANSWER)
        assert lifted.ends == ("fin", "fin")
        assert lifted.over_at in (0, 3600)
