"""A peer that speaks TLS: how it is closed."""

from __future__ import annotations

import pytest

from scenario import World, echo
from secured import Certified, Talk, client_of, secure_backend
from vaurien.net.closing import RESET_LIMIT
from vaurien.net.simulated import CAPACITY
from vaurien.net.tls.spec import Tls


def talking(certified: Certified, *rules: str) -> tuple[World, Talk]:
    """A client that has had an answer."""
    tls = Tls(mode="terminate", cert=certified.cert)
    world = World(*rules, whole=True, on_data=echo, tls=tls)
    client = client_of(world, certified)
    client.say(b"hello")
    world.run(lambda: len(client.heard) == 5)
    return world, client


def test_the_client_is_told_of_a_close(certified: Certified) -> None:
    world, client = talking(certified)
    (connection,) = world.proxy.connections
    connection.close()
    world.run(lambda: client.peer.ended)
    assert (client.notified, client.peer.ended) == (True, "fin")


def test_a_reset_says_nothing(certified: Certified) -> None:
    world, client = talking(certified)
    (connection,) = world.proxy.connections
    connection.close(reset=True)
    world.run(lambda: client.peer.ended)
    assert (client.notified, client.peer.ended) == (False, "reset")


@pytest.mark.parametrize("reads", [True, False])
def test_a_client_with_no_room_is_told_when_it_has_some(certified: Certified, reads: bool) -> None:
    world, client = talking(certified)
    (connection,) = world.proxy.connections
    client.peer.read(wanted=False)
    client.peer.sock.inbox += bytes(CAPACITY)  # the socket takes nothing
    connection.close()
    began = world.system.time
    world.run(seconds=1)
    assert connection.closed
    assert not client.peer.sock.fin_received
    if reads:
        del client.peer.sock.inbox[:CAPACITY]
        client.peer.read(wanted=True)
        world.run(lambda: client.peer.ended)
        assert (client.notified, client.peer.ended) == (True, "fin")
    else:
        world.run(lambda: client.peer.sock.fin_received)
        assert world.system.time - began >= RESET_LIMIT


@pytest.mark.parametrize("ragged", [True, False])
def test_who_complains_of_an_end_without_a_close_notify_is_not_in_trouble(
    certified: Certified, ragged: bool
) -> None:
    talks, backend = secure_backend(certified.server())
    tls = Tls(mode="both", ca=certified.ca, cert=certified.cert)
    world = World(whole=True, on_data=backend, tls=tls)
    client = client_of(world, certified)
    client.say(b"hello")
    world.run(lambda: talks and talks[0].heard)
    if ragged:
        client.peer.finish()
        world.run(lambda: talks[0].peer.ended)
    talks[0].take_end()
    world.run(lambda: client.peer.ended)
    assert client.peer.ended == "reset"
    said = [event.text() for event in world.events]
    assert all("it sent the alert decode error" in line for line in said)
    assert bool(said) is not ragged


def test_a_backend_that_ends_while_the_client_has_no_room(certified: Certified) -> None:
    world, client = talking(certified)
    client.peer.read(wanted=False)
    client.peer.sock.inbox += bytes(CAPACITY)
    world.backends[0].finish()
    world.run(seconds=1)
    (connection,) = world.proxy.connections
    assert not client.peer.sock.fin_received
    del client.peer.sock.inbox[:CAPACITY]
    client.peer.read(wanted=True)
    world.run(lambda: client.peer.ended)
    assert (client.notified, client.peer.ended) == (True, "fin")
    assert not connection.closed  # the client may still send
