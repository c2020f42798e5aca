"""refuse turns new clients away."""

from __future__ import annotations

import pytest

from acting import firing
from scenario import PROXY, World, echo
from vaurien.behaviors.refuse import Refuse
from vaurien.values.actions import Close


def test_a_client_is_reset() -> None:
    assert list(Refuse().on_connect(firing())) == [Close(reset=True)]


def test_nobody_listens() -> None:
    world = World("refuse", on_data=echo)
    for _ in range(3):
        with pytest.raises(ConnectionRefusedError):
            world.system.connect(PROXY)
        world.run(seconds=1)
    assert (world.proxy.totals().opened, world.fired) == (0, [])


def test_lifted_it_is_as_before() -> None:
    world = World(on_data=echo)
    early = world.client()
    early.say(b"early")
    world.run(lambda: early.heard)
    for _ in range(3):
        world.apply("refuse")
        with pytest.raises(ConnectionRefusedError):
            world.client()
        early.say(b".")
        heard = len(early.heard)
        world.run(lambda heard=heard: len(early.heard) > heard)  # type: ignore[misc]  # no inference
        world.apply()
        late = world.client()
        late.say(b"late")
        world.run(lambda late=late: bytes(late.heard) == b"late")  # type: ignore[misc]  # the same
    assert early.ended == ""


def test_who_is_drawn_is_reset_and_the_others_are_served() -> None:
    world = World("refuse percent=50", on_data=echo, seed=4)
    clients = [world.client() for _ in range(40)]
    for client in clients:
        client.say(b"hello")
    world.run(seconds=1)
    reset = [number for number, client in enumerate(clients, 1) if client.ended == "reset"]
    assert reset == [connection for connection, _, _ in world.fired]
    assert 10 < len(reset) < 30
    assert all(client.ended or bytes(client.heard) == b"hello" for client in clients)
    assert len(world.backends) == 40 - len(reset)


def test_so_many_times_means_the_first() -> None:
    world = World("refuse times=3", on_data=echo)
    ends = []
    for _ in range(5):
        client = world.client()
        client.say(b"hello")
        world.run(seconds=1)
        ends.append(client.ended)
    assert ends == ["reset"] * 3 + [""] * 2


def test_the_port_is_back_with_the_end_of_a_window() -> None:
    world = World("refuse on=10 off=50", on_data=echo)
    for minute in range(3):
        world.run(seconds=60 * minute + 9 - world.system.time)
        with pytest.raises(ConnectionRefusedError):
            world.client()
        world.run(seconds=60 * minute + 11 - world.system.time)
        client = world.client()
        client.say(b"hello")
        world.run(lambda client=client: bytes(client.heard) == b"hello")  # type: ignore[misc]  # no inference
