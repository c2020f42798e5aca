"""An end of which bytes have been read already."""

from __future__ import annotations

from lines import Lines
from scenario import World, echo
from vaurien.net.tls.spec import Tls

LONG = b"GET " + b"a" * 20_000 + b"\n"


def test_what_was_read_comes_first_and_the_rest_is_read_as_ever() -> None:
    world = World(whole=True, on_data=echo, tls=Tls(mode="pass"))
    client = world.client()
    client.say(b"hello")
    world.run(lambda: len(client.heard) == 5)
    client.say(b" and more")
    world.run(lambda: len(client.heard) == 14)
    assert bytes(world.backends[0].heard) == b"hello and more"
    (connection,) = world.proxy.connections
    assert connection.client.splice_fd == connection.client.fd


def test_what_was_read_is_parsed_in_parts() -> None:
    world = World(protocol=Lines(), whole=True, on_data=echo, tls=Tls(mode="pass"))
    client = world.client()
    client.say(LONG)
    world.run(lambda: len(client.heard) == len(LONG))
    assert bytes(client.heard) == LONG


def test_it_waits_until_it_is_to_be_read() -> None:
    world = World("hang direction=to_backend", whole=True, on_data=echo, tls=Tls(mode="pass"))
    client = world.client()
    client.say(b"hello")
    world.run(seconds=1)
    assert bytes(world.backends[0].heard) == b""
    world.apply()
    world.run(lambda: len(client.heard) == 5)
    assert bytes(client.heard) == b"hello"
