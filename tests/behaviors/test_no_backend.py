"""no-backend treats clients as if the backend could not be reached."""

from __future__ import annotations

import pytest

from acting import firing
from scenario import World, echo
from vaurien.behaviors.no_backend import NoBackend
from vaurien.errors import OptionError
from vaurien.values.actions import Refuse, Wait
from vaurien.values.events import Trouble


def test_the_ways() -> None:
    fired = firing(now=7.0)
    assert list(NoBackend().on_connect(fired)) == [Refuse("Connection refused")]
    assert list(NoBackend(how="unreachable").on_connect(fired)) == [Refuse("No route to host")]
    assert list(NoBackend(how="timeout").on_connect(fired)) == [
        Wait(12),
        Refuse("no answer within 5 s"),
    ]
    assert list(NoBackend(how="timeout", timeout=0.5).on_connect(fired)) == [
        Wait(7.5),
        Refuse("no answer within 0.5 s"),
    ]


def test_there_is_no_other_way() -> None:
    with pytest.raises(OptionError, match="one of refused, timeout, unreachable"):
        NoBackend(how="sulking")


@pytest.mark.parametrize(
    ("options", "seconds", "reason"),
    [
        ("", 0, "Connection refused"),
        ("how=refused timeout=9", 0, "Connection refused"),
        ("how=unreachable", 0, "No route to host"),
        ("how=timeout", 5, "no answer within 5 s"),
        ("how=timeout timeout=9", 9, "no answer within 9 s"),
    ],
)
def test_the_client_is_closed(options: str, seconds: float, reason: str) -> None:
    world = World(f"no-backend {options}", on_data=echo)
    client = world.client()
    world.run(lambda: client.ended)
    assert (client.ended, bytes(client.heard)) == ("fin", b"")
    assert world.system.time == seconds
    assert (world.backends, world.proxy.totals().refused) == ([], 1)
    troubles = [event.text() for event in world.events if isinstance(event, Trouble)]
    told = f"{reason} (rule no-backend)"
    assert troubles == [f"backend backend:80 cannot be reached: {told}"]


def test_lifted_while_a_client_waits_it_gets_its_backend() -> None:
    world = World("no-backend how=timeout", on_data=echo)
    client = world.client()
    client.say(b"hello")
    world.run(seconds=4)
    world.apply()
    world.run(lambda: bytes(client.heard) == b"hello")
    assert (world.system.time, world.proxy.totals().refused) == (4, 0)


def test_connections_that_are_open_go_on() -> None:
    world = World(on_data=echo)
    client = world.client()
    client.say(b"early")
    world.run(lambda: client.heard)
    world.apply("no-backend")
    client.say(b"late")
    world.run(lambda: bytes(client.heard) == b"earlylate")
