"""limit-data passes a number of bytes, then closes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from acting import Stage, actions_of, firing, request, response
from lines import Lines
from scenario import World, echo
from vaurien.behavior import Behavior, Firing
from vaurien.behaviors.limit_data import LimitData
from vaurien.behaviors.reset import Reset
from vaurien.errors import OptionError
from vaurien.protocols.tcp import Tcp
from vaurien.testing import at_work
from vaurien.values.actions import Action, Close, Forward, Wait
from vaurien.values.messages import Message


def asked(behavior: Behavior, message: Message, fired: Firing) -> list[Action]:
    """What a behavior asks for, but for waiting for no time."""
    told = actions_of(behavior, message, fired)
    return [action for action in told if action != Wait(message.at)]


def forwarded(actions: list[Action]) -> bytes:
    return b"".join(action.message.data for action in actions if isinstance(action, Forward))


LIMITS: list[tuple[Behavior, Close]] = [
    (LimitData(bytes=10), Close(at_once=True)),
    (Reset(bytes=10), Close(reset=True, at_once=True)),
]


@pytest.mark.parametrize(("behavior", "close"), LIMITS)
def test_bytes_are_counted_across_messages(behavior: Behavior, close: Close) -> None:
    fired = firing(scope="connection")
    for data in (b"012", b"3456"):
        message = request(data)
        assert asked(behavior, message, fired) == [Forward(message)]
    told = asked(behavior, request(b"789ab"), fired)
    assert forwarded(told) == b"789"
    assert told[-1] == close


@pytest.mark.parametrize(("behavior", "close"), LIMITS)
def test_each_direction_has_a_count_of_its_own(behavior: Behavior, close: Close) -> None:
    fired = firing(scope="connection")
    for message in (request(b"012345678"), response(b"abcdefghi")):
        assert asked(behavior, message, fired) == [Forward(message)]
    for message in (request(b"9"), response(b"j")):
        assert asked(behavior, message, fired)[-1] == close


@pytest.mark.parametrize(("behavior", "close"), LIMITS)
def test_the_byte_that_reaches_the_limit_is_the_last(behavior: Behavior, close: Close) -> None:
    message = response(b"0123456789")
    fired = firing(scope="connection")
    assert asked(behavior, message, fired) == [Forward(message), close]
    head, end = asked(behavior, response(b"0123456789."), firing(scope="connection"))
    assert isinstance(head, Forward)
    assert (head.message.data, head.message.begins, head.message.ends) == (
        b"0123456789",
        True,
        False,
    )
    assert end == close


@pytest.mark.parametrize(("behavior", "close"), LIMITS)
def test_each_exchange_has_a_count_of_its_own_if_drawn_for(
    behavior: Behavior, close: Close
) -> None:
    stage, source = Stage(Tcp()), at_work("exchange")
    for exchange in (1, 2):
        fired = firing(stage=stage, source=source, exchange=exchange)
        message = request(b"012345678")
        assert asked(behavior, message, fired) == [Forward(message)]
    assert asked(behavior, request(b"9"), fired)[-1] == replace(close, at_once=False)


def test_the_count_goes_on_from_exchange_to_exchange_of_a_connection() -> None:
    stage, source = Stage(Tcp()), at_work("connection")
    behavior = LimitData(bytes=10)
    told = [
        asked(behavior, request(b"0123"), firing(stage=stage, source=source, exchange=number))
        for number in (1, 2, 3)
    ]
    assert [forwarded(actions) for actions in told] == [b"0123", b"0123", b"01"]
    assert told[-1][-1] == Close(at_once=True)


def test_none_at_all_may_pass() -> None:
    assert actions_of(LimitData(bytes=0), request(b"?")) == [Close()]
    with pytest.raises(OptionError):
        LimitData(bytes=-1)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("size", [0, 1, 999, 1000])
def test_the_client_hears_exactly_so_many_and_then_a_fin(size: int, seed: int) -> None:
    world = World(f"limit-data bytes={size} direction=to_client", seed=seed)
    client = world.client()
    client.say(b"?" * 5000)
    world.run(lambda: world.backends)
    world.backends[0].say(bytes(range(250)) * 4)
    world.run(lambda: client.ended)
    assert bytes(client.heard) == (bytes(range(250)) * 4)[:size]
    assert client.ended == "fin"
    world.run(lambda: world.backends[0].ended)
    assert world.backends[0].ended


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("size", [0, 1, 999, 1000])
def test_so_it_is_with_the_backend(size: int, seed: int) -> None:
    world = World(f"limit-data bytes={size} direction=to_backend", seed=seed)
    client = world.client()
    client.say(bytes(range(250)) * 4)
    world.run(lambda: client.ended and world.backends[0].ended)
    (backend,) = world.backends
    assert (client.ended, backend.ended) == ("fin", "fin")
    assert bytes(backend.heard) == (bytes(range(250)) * 4)[:size]


@pytest.mark.parametrize(("behavior", "end"), [("limit-data", "fin"), ("reset", "reset")])
def test_a_client_that_reads_late_hears_them_all(behavior: str, end: str) -> None:
    said = bytes(range(250)) * 1000
    world = World(f"{behavior} bytes=200000 direction=to_client")
    client = world.client()
    world.run(lambda: world.backends)
    client.read(wanted=False)
    world.backends[0].say(said)
    world.run(seconds=5)
    client.read(wanted=True)
    world.run(lambda: client.ended)
    assert (bytes(client.heard), client.ended) == (said[:200_000], end)


def test_what_was_said_before_the_rule_came_does_not_count() -> None:
    world = World(on_data=echo)
    client = world.client()
    client.say(b"x" * 100)
    world.run(lambda: len(client.heard) == 100)
    world.apply("limit-data bytes=50 direction=to_client")
    client.say(b"y" * 100)
    world.run(lambda: client.ended)
    assert bytes(client.heard) == b"x" * 100 + b"y" * 50


@pytest.mark.parametrize("seed", range(3))
def test_messages_are_cut_anywhere(seed: int) -> None:
    rule = "limit-data bytes=8 scope=exchange direction=to_client"
    world = World(rule, protocol=Lines(), on_data=echo, seed=seed)
    client = world.client()
    client.say(b"GET 1\n")
    world.run(lambda: client.heard.endswith(b"\n"))
    client.say(b"GET 2\nGET 34567\nGET 8\n")
    world.run(lambda: client.ended)
    assert (bytes(client.heard), client.ended) == (b"GET 1\nGET 2\nGET 3456", "fin")


def test_directions_are_counted_apart() -> None:
    world = World("limit-data bytes=60", on_data=echo)
    client = world.client()
    client.say(b"x" * 59)
    world.run(lambda: len(client.heard) == 59)
    client.say(b"yz")
    world.run(lambda: client.ended and world.backends[0].ended)
    assert bytes(world.backends[0].heard) == b"x" * 59 + b"y"
