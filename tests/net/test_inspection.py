"""What is seen of open connections, and how they are killed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scenario import BACKEND, Peer, World, echo
from vaurien.net.inspection import KILLED, Inspected, inspect, kill, kill_one
from vaurien.net.turns import PORTION
from vaurien.protocols.redis.parser import Redis
from vaurien.rules.notation import Entry
from vaurien.values.events import Cut

GET = b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n"


def only(world: World) -> Inspected:
    (found,) = inspect(world.proxy)
    return found


def ask(world: World, data: bytes = b"hello") -> Peer:
    client = world.client()
    world.run(seconds=1)
    client.say(data)
    world.run(seconds=1)
    return client


def test_what_a_connection_has_carried() -> None:
    world = World(on_data=echo, whole=True)
    client = ask(world)
    world.backends[0].say(b"!")
    world.run(seconds=2)
    assert only(world).age >= 4
    assert replace(only(world), age=4.0) == Inspected(
        proxy="vaurien",
        number=1,
        client=f"client:{client.sock.name[1]}",
        backend="backend:80",
        state="idle",
        age=4.0,
        bytes_to_backend=5,
        bytes_to_client=6,
        exchanges=0,
        held_by=(),
        waiting_bytes=0,
    )


def test_the_exchanges_of_a_framed_protocol() -> None:
    world = World(protocol=Redis(), on_data=lambda peer, _: peer.say(b"$-1\r\n"))
    ask(world, GET * 3)
    assert only(world).exchanges == 3


@pytest.mark.parametrize(
    ("rules", "state", "held_by"),
    [
        ((), "unanswered", ()),
        (("delay sleep=60 direction=to_backend",), "held", ("delay",)),
        (("hang direction=to_backend",), "held", ("hang",)),
        (("delay sleep=0", "hang direction=to_backend"), "held", ("hang",)),
        (("bandwidth rate=1 direction=to_backend",), "held", ("bandwidth",)),
        (("slow-accept delay=60",), "held", ("slow-accept",)),
        (("delay percent=0",), "unanswered", ()),
        (("accept-then-silence",), "held", ("accept-then-silence",)),
    ],
)
def test_what_holds_it(
    rules: tuple[str | Entry, ...], state: str, held_by: tuple[str, ...]
) -> None:
    world = World(*rules, whole=True)
    ask(world)
    seen = only(world)
    assert (seen.state, seen.held_by) == (state, held_by)
    assert (seen.waiting_bytes > 0) is (held_by != () and "accept" not in held_by[0])


def test_a_lifted_rule_holds_nothing() -> None:
    world = World("hang direction=to_backend", on_data=echo, whole=True)
    ask(world)
    world.apply()
    world.run(seconds=1)
    assert (only(world).state, only(world).held_by, only(world).waiting_bytes) == ("idle", (), 0)


def test_a_backend_that_does_not_answer_the_dial() -> None:
    world = World(backend=False, whole=True)
    world.system.blackhole(BACKEND)
    ask(world)
    assert (only(world).state, only(world).backend) == ("connecting", "backend:80")


def test_a_peer_that_does_not_read() -> None:
    world = World(whole=True)
    client = world.client()
    client.read(wanted=False)
    client.say(b"?")
    world.run(lambda: world.backends, seconds=1)
    world.backends[0].say(bytes(1_000_000))
    world.run(seconds=1)
    assert only(world).state == "blocked"
    assert only(world).waiting_bytes > 0


def test_a_peer_that_has_ended_its_side() -> None:
    world = World(whole=True)
    client = ask(world)
    client.finish()
    world.run(seconds=1)
    assert only(world).state == "half_closed"


def test_they_are_seen_page_by_page() -> None:
    world = World(whole=True)
    for _ in range(PORTION + 10):
        world.client()
    world.run(seconds=1)
    first = inspect(world.proxy)
    assert [each.number for each in first] == list(range(1, PORTION + 1))
    rest = inspect(world.proxy, first[-1].number)
    assert [each.number for each in rest] == list(range(PORTION + 1, PORTION + 11))
    assert [each.number for each in inspect(world.proxy, 3, 2)] == [4, 5]
    assert inspect(world.proxy, PORTION + 10) == []


@pytest.mark.parametrize(("reset", "ended"), [(True, "reset"), (False, "fin")])
def test_one_is_killed(reset: bool, ended: str) -> None:
    world = World("hang", whole=True)
    clients = [ask(world) for _ in range(3)]
    assert kill_one(world.proxy, 2, reset=reset)
    world.run(seconds=1)
    assert [client.ended for client in clients] == ["", ended, ""]
    assert [each.number for each in inspect(world.proxy)] == [1, 3]
    assert (world.proxy.totals().killed, world.proxy.totals().open) == (1, 2)
    cuts = [event.what for event in world.events if isinstance(event, Cut)]
    assert cuts == [f"connection 2 closed: {KILLED}"]


@pytest.mark.parametrize("number", [0, 2, 4])
def test_there_is_no_such_connection_to_kill(number: int) -> None:
    world = World(whole=True)
    for _ in range(3):
        ask(world)
    assert kill_one(world.proxy, 2, reset=True)
    assert not kill_one(world.proxy, number, reset=True)
    assert world.proxy.totals().killed == 1


def test_all_are_killed_in_portions_but_no_newcomers() -> None:
    world = World(whole=True)
    for _ in range(PORTION + 10):
        world.client()
    world.run(seconds=1)
    assert kill(world.proxy, PORTION + 5, reset=True) == PORTION
    assert kill(world.proxy, PORTION + 5, reset=True) == 5
    assert kill(world.proxy, PORTION + 5, reset=True) == 0
    assert len(world.proxy.connections) == 5
    assert world.proxy.totals().killed == PORTION + 5
