"""slow-accept leaves new clients waiting."""

from __future__ import annotations

import pytest

from acting import firing
from lifting import ANSWER, QUESTION, lifted_at_any_moment
from scenario import World, echo
from vaurien.behaviors.slow_accept import SlowAccept
from vaurien.values.actions import Wait


def test_a_client_waits() -> None:
    fired = firing(now=7.0)
    assert list(SlowAccept().on_connect(fired)) == [Wait(8)]
    assert list(SlowAccept(delay=0.5).on_connect(fired)) == [Wait(7.5)]


@pytest.mark.parametrize("rules", [["slow-accept delay=8"], ["slow-accept delay=5"] * 2])
def test_the_backend_is_dialled_afterwards(rules: list[str]) -> None:
    names = [f"{rule} name=rule{number}" for number, rule in enumerate(rules)]
    world = World(*names, on_data=echo)
    client = world.client()
    client.say(b"hello")
    delay = 8 if len(rules) == 1 else 10
    world.run(seconds=delay - 0.001)
    assert (client.ended, world.backends) == ("", [])
    world.run(lambda: client.heard == b"hello")
    assert world.system.time == delay


def test_every_client_waits_from_its_own_arrival() -> None:
    world = World("slow-accept delay=8", on_data=echo)
    first = world.client()
    first.say(b"first")
    world.run(seconds=5)
    second = world.client()
    second.say(b"second")
    world.run(lambda: first.heard)
    assert world.system.time == 8
    world.run(lambda: second.heard)
    assert world.system.time == 13


def test_connections_that_are_open_go_on() -> None:
    world = World(on_data=echo)
    client = world.client()
    client.say(b"early")
    world.run(lambda: client.heard)
    world.apply("slow-accept delay=8")
    client.say(b"late")
    world.run(lambda: bytes(client.heard) == b"earlylate")
    assert world.system.time == 0


def test_lifting_it_loses_nothing() -> None:
    for lifted in lifted_at_any_moment("slow-accept delay=3600"):
        assert (lifted.question, lifted.answer) == (QUESTION, ANSWER)
        assert lifted.ends == ("fin", "fin")
