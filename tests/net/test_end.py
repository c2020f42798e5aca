"""One peer of a connection: the events it is watched for, and what they lead to."""

from __future__ import annotations

import pytest

from scenario import Peer, World
from vaurien.net.connection import Connection
from vaurien.net.system import ERROR, HANGUP, READ, WRITE


def connected() -> tuple[World, Peer, Peer, Connection]:
    """Return a client, its backend and their connection, on which nothing was sent yet."""
    world = World(whole=True)
    client = world.client()
    world.run(lambda: bool(world.backends), seconds=1)
    (connection,) = world.proxy.connections
    return world, client, world.backends[0], connection


def interest(world: World, fd: int) -> int | None:
    """Return the events that the poller watches a descriptor for; None if it does not."""
    return world.system._interests.get(fd)


def test_each_end_carries_what_the_other_is_told() -> None:
    _, _, _, connection = connected()
    client, backend = connection.client, connection.backend
    assert client.outgoing is backend.incoming is connection.to_backend
    assert client.incoming is backend.outgoing is connection.to_client


def test_it_tells_the_poller_what_is_wanted_and_only_when_that_changes() -> None:
    world, _, _, connection = connected()
    end = connection.client
    assert interest(world, end.fd) == end.interest == READ
    end.want(WRITE, wanted=True)
    assert interest(world, end.fd) == end.interest == READ | WRITE
    asked = []
    world.system.modify = lambda *what: asked.append(what)  # type: ignore[method-assign] # counts
    end.want(WRITE, wanted=True)
    end.want(READ, wanted=True)
    assert asked == []
    end.want(READ, wanted=False)
    assert asked == [(end.fd, WRITE)]


def test_what_is_not_wanted_is_not_read() -> None:
    world, client, backend, connection = connected()
    connection.client.want(READ, wanted=False)
    client.say(b"hello")
    world.run(seconds=1)
    assert bytes(backend.heard) == b""
    connection.client.want(READ, wanted=True)
    world.run(seconds=1)
    assert bytes(backend.heard) == b"hello"


def test_an_event_that_is_not_wanted_any_more_is_no_reason_to_read() -> None:
    world, client, backend, connection = connected()
    client.say(b"hello")
    connection.client.want(READ, wanted=False)
    connection.client.on_event(READ | WRITE)
    world.run(seconds=1)
    assert bytes(backend.heard) == b""


def test_a_peer_that_resets_while_nothing_is_read_of_it_is_heard_of_once() -> None:
    world, client, backend, connection = connected()
    backend.read(wanted=False)
    client.say(bytes(1_000_000))
    world.run(seconds=1)
    assert connection.to_backend.blocked
    end = connection.client
    assert not end.interest & READ
    client.reset()
    steps = 0

    def count() -> bool:
        nonlocal steps
        steps += 1
        return steps > 1000

    world.run(count, seconds=1)
    assert steps < 100
    assert (end.unwatched, end.broken) == (True, True)
    assert interest(world, end.fd) is None
    backend.read(wanted=True)  # what was sent before can still be read, and then the reset
    world.run(seconds=10)
    assert backend.ended == "reset"
    assert len(backend.heard) > 100_000


def test_muted_it_is_added_again_when_something_is_wanted() -> None:
    world, _, _, connection = connected()
    end = connection.client
    end.want(READ, wanted=False)
    end.on_event(HANGUP)
    assert (end.unwatched, end.broken) == (True, False)
    assert interest(world, end.fd) is None
    end.want(READ, wanted=True)
    assert not end.unwatched
    assert interest(world, end.fd) == READ


@pytest.mark.parametrize("events", [ERROR, HANGUP, ERROR | HANGUP, READ | WRITE])
def test_of_a_connection_that_is_closed_nothing_is_wanted(events: int) -> None:
    world, client, _, connection = connected()
    connection.close()
    end = connection.client
    end.want(READ, wanted=True)
    end.on_event(events)
    world.run(seconds=1)
    assert interest(world, end.fd) is None
    assert client.ended == "fin"


def test_a_failure_is_that_of_its_connection() -> None:
    world, client, backend, connection = connected()
    connection.backend.on_failure("Traceback: …")
    world.run(seconds=1)
    assert (client.ended, backend.ended) == ("fin", "fin")
    assert "Traceback: …" in world.events[0].text()
