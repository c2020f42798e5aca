"""Closing idle connections."""

from __future__ import annotations

import pytest

from scenario import World, echo
from vaurien.net.spec import Limits
from vaurien.net.turns import PORTION


@pytest.mark.parametrize("timeout", [10.0, 0.0])
def test_idle_connections_are_closed_if_there_is_a_limit(timeout: float) -> None:
    world = World(limits=Limits(timeout=timeout), on_data=echo)
    client = world.client()
    client.say(b"?")
    world.run(seconds=100)
    assert client.ended == ("fin" if timeout else "")


def test_idle_connections_are_looked_at_in_turns() -> None:
    world = World(limits=Limits(timeout=1), whole=True)
    for _ in range(3 * PORTION):
        world.client()
    world.run(lambda: len(world.backends) == 3 * PORTION, seconds=0.5)
    left = len(world.proxy.connections)
    while left:
        world.reactor.run_once()
        before, left = left, len(world.proxy.connections)
        assert before - left <= PORTION
    assert world.system.time == pytest.approx(1.0)


def test_a_proxy_that_is_closed_and_opened_again_is_swept_again() -> None:
    world = World(limits=Limits(timeout=10), whole=True)
    world.client()
    world.run(seconds=5)
    world.proxy.close()
    world.proxy.open()
    client = world.client()
    world.run(lambda: bool(client.ended), seconds=100)
    assert world.system.time == pytest.approx(15.0)
