"""reset tears connections down; how it counts bytes, see limit-data."""

from __future__ import annotations

import pytest

from acting import ARRIVAL, Stage, actions_of, firing, request, response
from lifting import ANSWER, QUESTION, lifted_at_any_moment
from lines import Lines
from scenario import World, echo
from vaurien.behaviors.reset import Reset
from vaurien.protocols.tcp import Tcp
from vaurien.values.actions import Close, Forward, Wait

RESET = Close(reset=True)


def test_of_a_whole_connection_it_comes_whatever_is_said() -> None:
    fired = firing(scope="connection", now=7.0)
    assert list(Reset().on_open(fired)) == [Wait(7), RESET]
    assert list(Reset(seconds=2.5).on_open(fired)) == [Wait(9.5), RESET]
    message = request(b"?")
    assert actions_of(Reset(), message, fired) == [Forward(message)]


def test_if_bytes_count_it_comes_with_them() -> None:
    fired = firing(scope="connection")
    assert list(Reset(bytes=10).on_open(fired)) == []
    message = response(b"0123456789")
    assert actions_of(Reset(bytes=10, seconds=3), message, fired) == [
        Forward(message),
        Wait(ARRIVAL + 3),
        # Time stands still here: the rule was lifted while it waited, and there is no rest.
    ]


def test_what_it_kept_back_goes_on_if_it_is_lifted() -> None:
    fired = firing(scope="connection")
    head, wait, rest = actions_of(Reset(bytes=4, seconds=3), response(b"0123456789"), fired)
    assert wait == Wait(ARRIVAL + 3)
    assert isinstance(head, Forward)
    assert isinstance(rest, Forward)
    assert (head.message.data, rest.message.data) == (b"0123", b"456789")
    assert (head.message.begins, head.message.ends) == (True, False)
    assert (rest.message.begins, rest.message.ends, rest.message.offset) == (False, True, 4)


def test_of_an_exchange_it_comes_in_place_of_the_message() -> None:
    late = firing(stage=Stage(Tcp(), ARRIVAL + 3, 0))
    assert actions_of(Reset(), request(b"?")) == [Wait(ARRIVAL), RESET]
    assert actions_of(Reset(seconds=3), request(b"?"), late) == [Wait(ARRIVAL + 3), RESET]


@pytest.mark.parametrize("seed", range(3))
def test_open_connections_on_which_nothing_is_said_are_reset_at_once(seed: int) -> None:
    world = World(on_data=echo, seed=seed)
    clients = [world.client() for _ in range(5)]
    clients[0].say(b"hello")
    world.run(lambda: clients[0].heard and len(world.backends) == 5)
    world.run(seconds=100)
    world.apply("reset")
    world.run(lambda: all(client.ended for client in clients))
    assert {client.ended for client in clients} == {"reset"}
    world.run(lambda: all(backend.ended for backend in world.backends))
    assert {backend.ended for backend in world.backends} == {"reset"}
    assert world.system.time == 100


def test_new_ones_are_reset_as_soon_as_they_have_a_backend() -> None:
    world = World("reset")
    client = world.client()
    world.run(lambda: client.ended and world.backends and world.backends[0].ended)
    assert (client.ended, world.backends[0].ended, world.system.time) == ("reset", "reset", 0)


def test_after_a_time() -> None:
    world = World("reset seconds=10", on_data=echo)
    world.run(seconds=3)
    client = world.client()
    client.say(b"hello")
    world.run(lambda: client.ended)
    assert (bytes(client.heard), client.ended, world.system.time) == (b"hello", "reset", 13)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("size", [1, 999, 1000])
@pytest.mark.parametrize("seconds", [0, 5])
def test_after_exactly_so_many_bytes(size: int, seconds: float, seed: int) -> None:
    rule = f"reset bytes={size} seconds={seconds} direction=to_client"
    world = World(rule, seed=seed)
    client = world.client()
    world.run(lambda: world.backends)
    world.backends[0].say(bytes(range(250)) * 4)
    world.run(lambda: client.ended)
    assert bytes(client.heard) == (bytes(range(250)) * 4)[:size]
    assert (client.ended, world.system.time) == ("reset", seconds)
    world.run(lambda: world.backends[0].ended)
    assert world.backends[0].ended == "reset"


def test_the_backend_gets_exactly_so_many_too() -> None:
    world = World("reset bytes=7 direction=to_backend", on_data=echo)
    client = world.client()
    client.say(b"0123456789")
    world.run(lambda: client.ended and world.backends[0].ended)
    (backend,) = world.backends
    assert (bytes(backend.heard), backend.ended, client.ended) == (b"0123456", "reset", "reset")


def test_one_exchange_of_many() -> None:
    world = World("reset scope=exchange after=2 times=1", protocol=Lines(), on_data=echo)
    client = world.client()
    client.say(b"GET 1\nGET 2\n")
    world.run(lambda: client.heard.count(b"\n") == 2)
    client.say(b"GET 3\n")
    world.run(lambda: client.ended)
    assert (bytes(client.heard), client.ended) == (b"GET 1\nGET 2\n", "reset")
    assert bytes(world.backends[0].heard) == b"GET 1\nGET 2\n"


@pytest.mark.parametrize("scope", ["", "scope=connection"])
@pytest.mark.parametrize("seconds", [0, 3])
def test_a_match_has_it_come_with_what_it_matches(scope: str, seconds: int) -> None:
    world = World(f"reset command=PUT seconds={seconds} {scope}", protocol=Lines(), on_data=echo)
    client = world.client()
    client.say(b"GET 1\n")
    world.run(lambda: client.heard == b"GET 1\n")
    world.run(seconds=100)
    assert not client.ended
    client.say(b"PUT 3\nabc")
    asked_at = world.system.time
    world.run(lambda: client.ended)
    assert (bytes(client.heard), client.ended) == (b"GET 1\n", "reset")
    assert bytes(world.backends[0].heard) == b"GET 1\n"
    assert world.system.time - asked_at == pytest.approx(seconds)


def test_an_answer_is_reset_after_its_request_has_arrived() -> None:
    rule = "reset scope=exchange direction=to_client command=PUT"
    world = World(rule, protocol=Lines(), on_data=echo)
    client = world.client()
    client.say(b"PUT 3\nabcGET 2\n")
    world.run(lambda: client.ended)
    assert (bytes(client.heard), client.ended) == (b"", "reset")
    assert world.backends[0].heard.startswith(b"PUT 3\nabc")


@pytest.mark.parametrize("seed", range(3))
def test_it_may_wait_for_the_first_byte_as_reset_peer_does(seed: int) -> None:
    """The backend gets the request, the answer is lost, and idle connections stay."""
    world = World("reset wait=on direction=to_client seconds=3", on_data=echo, seed=seed)
    idle, client = world.client(), world.client()
    world.run(seconds=100)
    client.say(b"hello")
    asked_at = world.system.time
    world.run(lambda: client.ended)
    assert (bytes(client.heard), client.ended) == (b"", "reset")
    assert world.system.time - asked_at == pytest.approx(3, abs=0.1)
    assert b"hello" in [bytes(backend.heard) for backend in world.backends]
    world.run(seconds=100)
    assert idle.ended == ""


def test_waiting_for_the_first_byte_it_follows_its_percentage_once_for_a_connection() -> None:
    world = World("reset wait=on direction=to_client percent=50", on_data=echo, seed=1)
    clients = [world.client() for _ in range(40)]
    for _ in range(5):
        for client in clients:
            if not client.ended:
                client.say(b"hello")
        world.run(seconds=1)
    heard = [len(client.heard) for client in clients]
    assert set(heard) == {0, 25}  # reset with the first answer, or never
    assert 8 < heard.count(0) < 32


@pytest.mark.parametrize(
    "options",
    [
        "seconds=3600",
        "seconds=3600 wait=on",
        "bytes=10000 seconds=3600",
        "scope=exchange seconds=3600",
    ],
)
def test_lifted_in_time_it_never_comes(options: str) -> None:
    for lifted in lifted_at_any_moment(f"reset {options}", seeds=2):
        if lifted.over_at < 3600:
            assert (lifted.question, lifted.answer) == (QUESTION, ANSWER)
            assert lifted.ends == ("fin", "fin")
        else:
            assert lifted.client.ended == "reset"
