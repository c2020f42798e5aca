"""Closing idle connections."""

from __future__ import annotations

import pytest

from lines import Lines
from scenario import Peer, World, echo
from vaurien.net.spec import Limits
from vaurien.net.turns import PORTION
from vaurien.protocol import Protocol
from vaurien.protocols.tcp import Tcp


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


def idle_after(world: World, client: Peer) -> float:
    """How long after the client's last word the proxy ends it."""
    begun = world.system.time
    world.run(lambda: bool(client.ended), seconds=1000)
    return world.system.time - begun


@pytest.mark.parametrize("rules", [(), ("delay after=1000",)], ids=["quiet", "armed"])
def test_a_connection_that_is_owed_an_answer_is_not_idle(rules: tuple[str, ...]) -> None:
    world = World(*rules, protocol=Lines(), limits=Limits(timeout=10), whole=True)
    client = world.client()
    client.say(b"GET a\n")
    world.run(seconds=100)
    assert client.ended == ""
    world.backends[0].say(b"yes\n")
    world.run(lambda: bool(client.heard), seconds=1)
    assert idle_after(world, client) == pytest.approx(10, abs=1)
    assert bytes(client.heard) == b"yes\n"


@pytest.mark.parametrize("rules", [(), ("delay after=1000",)], ids=["quiet", "armed"])
def test_of_several_answers_the_last_counts(rules: tuple[str, ...]) -> None:
    world = World(*rules, protocol=Lines(), limits=Limits(timeout=10), whole=True)
    client = world.client()
    client.say(b"GET a\nGET b\n")
    world.run(seconds=1)
    world.backends[0].say(b"yes\n")
    world.run(seconds=100)
    assert client.ended == ""
    world.backends[0].say(b"BODY 4\nab")
    world.run(seconds=100)  # amid the answer
    assert client.ended == ""
    world.backends[0].say(b"cd")
    assert idle_after(world, client) == pytest.approx(10, abs=1)


@pytest.mark.parametrize(
    ("protocol", "said"),
    [
        (Tcp(), b"GET a\n"),  # nobody can tell
        (Lines(), b""),
        (Lines(), b"QUIET a\n"),  # needs no answer
        (Lines(), b"GE"),  # is no request yet
    ],
)
def test_a_connection_that_is_owed_nothing_is_idle(protocol: Protocol, said: bytes) -> None:
    world = World(protocol=protocol, limits=Limits(timeout=10), whole=True)
    client = world.client()
    client.say(said)
    assert idle_after(world, client) == pytest.approx(10, abs=1)


def test_a_client_that_has_ended_is_not_waited_for() -> None:
    world = World(protocol=Lines(), limits=Limits(timeout=10), whole=True)
    client = world.client()
    client.say(b"GET a\n", finish=True)
    assert idle_after(world, client) == pytest.approx(10, abs=1)


def test_a_connection_that_is_parsed_no_more_is_owed_nothing() -> None:
    world = World(protocol=Lines(), limits=Limits(timeout=10), whole=True)
    client = world.client()
    client.say(b"GET a\n")
    world.run(seconds=1)
    world.backends[0].say(b"OPAQUE\n")
    world.run(lambda: bool(client.heard), seconds=1)
    client.say(b"GET b\n")
    assert idle_after(world, client) == pytest.approx(10, abs=1)
