"""What a proxy has counted, and how it adds up."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from scenario import World, echo
from vaurien.net.totals import add
from vaurien.values.messages import Direction


def test_what_a_link_has_carried_is_added_to_its_direction() -> None:
    world = World(on_data=echo, whole=True)
    client = world.client()
    client.say(b"12345")
    world.run(lambda: len(client.heard) == 5, seconds=1)
    client.say(b"678")
    world.run(lambda: len(client.heard) == 8, seconds=1)
    world.backends[0].say(b"!")
    world.run(lambda: len(client.heard) == 9, seconds=1)
    (connection,) = world.proxy.connections
    sums = {Direction.TO_BACKEND: [100, 10], Direction.TO_CLIENT: [0, 0]}
    for link in connection.links:
        add(sums, link)
    assert sums == {Direction.TO_BACKEND: [108, 12], Direction.TO_CLIENT: [9, 3]}


def test_totals_are_those_of_open_and_of_closed_connections_and_do_not_change() -> None:
    world = World(on_data=echo, whole=True)
    clients = [world.client() for _ in range(2)]
    for client in clients:
        client.say(b"12")
    world.run(seconds=1)
    clients[0].reset()
    world.run(seconds=1)
    totals = world.proxy.totals()
    assert (totals.opened, totals.closed, totals.open) == (2, 1, 1)
    assert (totals.bytes_to_backend, totals.bytes_to_client) == (4, 4)
    assert (totals.chunks_to_backend, totals.chunks_to_client) == (2, 2)
    with pytest.raises(FrozenInstanceError):
        totals.open = 2  # type: ignore[misc] # that it is refused is the point
