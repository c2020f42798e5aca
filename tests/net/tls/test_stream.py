"""TLS over a socket, between scripted peers: nothing is lost, and what is held is bounded."""

from __future__ import annotations

import pytest

from lines import Lines
from scenario import World, echo
from secured import Certified, Talk, client_of, secure_backend
from vaurien.net.simulated import CAPACITY
from vaurien.net.tls.end import TlsEnd
from vaurien.net.tls.spec import Tls
from vaurien.net.tls.stream import PIECE, SENT_AT_ONCE
from vaurien.values.events import Trouble

MUCH = bytes(range(256)) * 4000


def terminating(certified: Certified, seed: int = 0, *rules: str, lines: bool = False) -> World:
    """A world whose backend, without TLS, echoes."""
    return World(
        *rules,
        seed=seed,
        on_data=echo,
        protocol=Lines() if lines else None,
        tls=Tls(mode="terminate", cert=certified.cert),
    )


def ends_of(world: World) -> tuple[TlsEnd, World]:
    (connection,) = world.proxy.connections
    assert isinstance(connection.client, TlsEnd)
    return connection.client, world


@pytest.mark.parametrize("seed", range(4))
def test_a_client_that_does_not_read_stops_the_backend(certified: Certified, seed: int) -> None:
    world = terminating(certified, seed)
    client = client_of(world, certified)
    world.run(lambda: world.backends)
    world.run(lambda: client.done, seconds=1)
    client.peer.read(wanted=False)
    world.backends[0].say(MUCH)
    world.run(seconds=1)
    end, _ = ends_of(world)
    assert end.incoming.blocked
    assert end.layer.unsent is not None
    assert len(end.layer.unsent) <= SENT_AT_ONCE * PIECE + 1000
    assert not end.incoming.source.interest & 1
    assert len(world.backends[0]._saying) > len(MUCH) - 6 * CAPACITY
    client.peer.read(wanted=True)
    world.run(lambda: len(client.heard) == len(MUCH))
    assert bytes(client.heard) == MUCH


@pytest.mark.parametrize("seed", range(4))
def test_what_was_received_waits_for_a_backend_that_does_not_read(
    certified: Certified, seed: int
) -> None:
    world = terminating(certified, seed)
    client = client_of(world, certified)
    world.run(lambda: world.backends)
    world.backends[0].read(wanted=False)
    client.say(MUCH)
    world.run(seconds=1)
    assert ends_of(world)[0].outgoing.blocked
    world.backends[0].read(wanted=True)
    world.run(lambda: len(client.heard) == len(MUCH))
    assert bytes(world.backends[0].heard) == bytes(client.heard) == MUCH


@pytest.mark.parametrize("seed", range(4))
def test_parsers_and_rules_notice_nothing(certified: Certified, seed: int) -> None:
    world = terminating(certified, seed, "delay sleep=2 command=GET", lines=True)
    client = client_of(world, certified)
    requests = b"PUT 300\n" + b"x" * 300 + b"GET a\n" * 30
    client.say(requests)
    world.run(lambda: len(world.backends) > 0 and len(world.backends[0].heard) == len(requests))
    assert bytes(world.backends[0].heard) == requests
    assert world.system.time >= 2
    assert len(world.fired) == 30


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_a_client_that_sends_no_more_can_still_read(certified: Certified, version: str) -> None:
    world = terminating(certified)
    context = certified.client()
    context.maximum_version = getattr(context.maximum_version, version)
    client = Talk(world.client(), context, "proxy")
    client.say(b"hello")
    world.run(lambda: len(client.heard) == 5)
    client.finish()
    world.run(lambda: world.backends[0].ended)
    world.backends[0].say(MUCH, finish=True)
    world.run(lambda: client.notified)
    assert bytes(client.heard) == b"hello" + MUCH


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
@pytest.mark.parametrize("seed", range(4))
def test_a_backend_that_sends_no_more_can_still_read(
    certified: Certified, seed: int, version: str
) -> None:
    world = World(seed=seed, tls=Tls(mode="terminate", cert=certified.cert))
    context = certified.client()
    context.maximum_version = getattr(context.maximum_version, version)
    client = Talk(world.client(), context, "proxy")
    client.say(b"hello")
    world.run(lambda: world.backends and len(world.backends[0].heard) == 5)
    world.backends[0].read(wanted=False)
    client.say(MUCH)
    world.run(seconds=1)
    world.backends[0].finish()  # while there is data of the client in every buffer
    world.run(lambda: client.notified)
    world.backends[0].read(wanted=True)
    world.run(lambda: len(world.backends[0].heard) == 5 + len(MUCH))
    assert bytes(world.backends[0].heard[5:]) == MUCH
    assert client.peer.ended == "fin"


def test_an_end_without_close_notify_is_passed_on_as_one(certified: Certified) -> None:
    talks, backend = secure_backend(certified.server())
    world = World(on_data=backend, tls=Tls(mode="both", ca=certified.ca, cert=certified.cert))
    client = client_of(world, certified)
    world.run(lambda: talks and talks[0].done and client.done, seconds=1)
    talks[0].say(b"all there ")
    talks[0].peer.finish()
    world.run(lambda: client.peer.ended)
    assert (bytes(client.heard), client.notified, client.peer.ended) == (
        b"all there ",
        False,
        "fin",
    )
    client.finish()


def test_a_reset_is_passed_on_as_a_reset(certified: Certified) -> None:
    talks, backend = secure_backend(certified.server())
    world = World(on_data=backend, tls=Tls(mode="both", ca=certified.ca, cert=certified.cert))
    client = client_of(world, certified)
    world.run(lambda: talks and talks[0].done and client.done, seconds=1)
    talks[0].peer.reset()
    world.run(lambda: client.peer.ended)
    assert client.peer.ended == "reset"


def test_a_record_that_nobody_has_encrypted_ends_the_connection(certified: Certified) -> None:
    world = terminating(certified)
    client = client_of(world, certified)
    client.say(b"hello")
    world.run(lambda: len(client.heard) == 5)
    client.peer.say(bytes.fromhex("17 0303 0020") + bytes(32))
    world.run(lambda: world.backends[0].ended)
    assert world.backends[0].ended == "reset"
    (trouble,) = world.events
    assert isinstance(trouble, Trouble)
    assert trouble.what == "connection 1: TLS with the client failed"
    assert trouble.detail == "decryption failed or bad record mac"


def test_what_comes_with_the_end_of_the_handshake_is_read(certified: Certified) -> None:
    world = World(whole=True, on_data=echo, tls=Tls(mode="terminate", cert=certified.cert))
    client = client_of(world, certified)
    client.say(b"early")  # in one send with the client's Finished
    world.run(lambda: len(client.heard) == 5)
    assert bytes(world.backends[0].heard) == b"early"
