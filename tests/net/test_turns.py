"""No connection keeps the reactor to itself: how much is done between two polls."""

from __future__ import annotations

from itertools import islice
from time import process_time
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acting import firing, request
from lines import Lines
from scenario import Peer, World, echo
from vaurien import registry
from vaurien.behavior import Behavior, Firing
from vaurien.net.actor import BATCH
from vaurien.net.framing import READ_SIZE
from vaurien.net.reactor import BUFFER_SIZE
from vaurien.net.simulated import CAPACITY
from vaurien.net.turns import PORTION, in_turns
from vaurien.rules.active import step_size_of
from vaurien.rules.active_plan import TURN, TURN_DECISIONS
from vaurien.values.actions import Actions, Forward, Hold
from vaurien.values.messages import Message
from vaurien.values.options import option

ARMED = ("delay after=1000000",)
MANY = tuple(f"delay after=1000000 name=rule{number}" for number in range(100))
REQUEST = b"GET a\n"


def answer(peer: Peer, data: bytes) -> None:
    """Answer each request with a line, whatever the pieces that they come in."""
    peer.say(b"yes\n" * data.count(b"\n"))


@pytest.mark.parametrize("rules", [(), ARMED, MANY], ids=["quiet", "armed", "many"])
@pytest.mark.parametrize("pipelined", [REQUEST, b"X\n"], ids=["requests", "shortest"])
def test_a_pipelining_client_has_turns_of_bounded_size(
    rules: tuple[str, ...], pipelined: bytes
) -> None:
    world = World(*rules, protocol=Lines(), whole=True, on_data=answer)
    client = world.client()
    world.run(lambda: world.backends, seconds=1)
    (connection,) = world.proxy.connections
    count = CAPACITY // len(pipelined)
    client.say(pipelined * count)
    assert connection.conversation is not None
    exchanges = connection.conversation.exchanges
    turn = min(TURN, TURN_DECISIONS // len(rules)) if rules else TURN
    while exchanges.begun < count or exchanges.pending:
        before = exchanges.begun, len(exchanges.pending), connection.to_backend.bytes
        world.reactor.run_once()
        begun = exchanges.begun - before[0]
        assert begun <= 2 * turn  # an event, and what was left over
        assert before[1] + begun - len(exchanges.pending) <= 2 * turn
        assert connection.to_backend.bytes - before[2] <= READ_SIZE
    assert bytes(world.backends[0].heard) == pipelined * count
    world.run(lambda: len(client.heard) == count * 4, seconds=1)
    assert bytes(client.heard) == b"yes\n" * count


class Laborious(Behavior):
    """Notes the sizes of the messages that it has acted on."""

    name = "test-laborious"
    scopes = ("connection",)
    effort: int = option(100, "bytes that are a step")
    acted: ClassVar[list[int]] = []

    @property
    def step_size(self) -> int:
        return self.effort

    def on_message(self, message: Message, firing: Firing) -> Actions:
        self.acted.append(len(message.data))
        yield Forward(message)


registry.register(Laborious)


@pytest.mark.parametrize("framed", [False, True])
@pytest.mark.parametrize("before", [(), ("hang",)])
def test_work_that_is_long_for_each_byte_has_turns_of_fewer(
    before: tuple[str, ...], *, framed: bool
) -> None:
    rules = before or ("test-laborious",)
    world = World(*rules, protocol=Lines() if framed else None, whole=True)
    client = world.client()
    world.run(lambda: world.backends, seconds=1)
    (connection,) = world.proxy.connections
    data = b"PUT 500000\n" + bytes(500_000)
    client.say(data[:250_000])
    if before:
        world.run(seconds=1)
        world.apply("test-laborious direction=to_backend")
    client.say(data[250_000:])
    Laborious.acted.clear()
    read = connection.to_backend.bytes
    while len(world.backends[0].heard) < len(data):
        world.reactor.run_once()
        acted = Laborious.acted[:]
        Laborious.acted.clear()
        assert connection.to_backend.bytes - read <= BATCH * 100
        read = connection.to_backend.bytes
        assert len(acted) <= 2 or sum(acted) <= 2 * BATCH * 100
    assert bytes(world.backends[0].heard) == data


def test_the_room_is_that_of_the_rules_that_are_on() -> None:
    world = World("delay", whole=True)
    world.client()
    world.run(lambda: world.backends, seconds=1)
    (connection,) = world.proxy.connections
    for rules, room in (
        (["delay"], BUFFER_SIZE),
        (["test-laborious effort=10", "delay"], 640),
        (["test-laborious effort=10 direction=to_client start=9"], BUFFER_SIZE),
        (["test-laborious effort=1e4..10/1..1e4/1"], 640),
        (["test-laborious effort=0"], BATCH),
        (["slow-close"], BUFFER_SIZE),
        ([], BUFFER_SIZE),
    ):
        world.apply(*rules)
        connection.apply()
        assert [link.room for link in connection.links] == [room, room]


@pytest.mark.parametrize(
    "rule",
    [
        *(f"corrupt rate={rate}" for rate in (0.00001, 0.0001, 0.001, 0.005, 0.006, 0.1, 0.7, 1)),
        *(f"packet-loss size={size} loss=0" for size in (1, 10, 100, 1460)),
        *(f"packet-loss size=1 loss={loss}" for loss in (1, 10, 50, 90, 100)),
        "packet-loss size=1 loss=50 correlation=90",
        "duplicate",
        "bandwidth burst=10000000 rate=10000000",
        "latency delay=1 jitter=1 distribution=pareto",
        "limit-data bytes=1000000",
        "reorder",
        "slicer",
    ],
)
def test_the_work_of_a_turn_is_short(rule: str) -> None:
    """In CPU time: a hundredth of a second is ten times what it takes, and less than it took."""
    world = World()
    (made,) = world.rules(rule)
    size = min(BUFFER_SIZE, BATCH * step_size_of(made))
    took = []
    for _ in range(5):
        fired = firing(scope="connection")
        begun = process_time()
        actions = made.behavior.on_message(request(bytes(size)), fired)
        assert list(islice(actions, BATCH))
        took.append(process_time() - begun)
    assert min(took) < 0.01


@pytest.mark.parametrize("rules", [(), ARMED], ids=["quiet", "armed"])
def test_others_have_their_turn_beside_a_pipelining_client(rules: tuple[str, ...]) -> None:
    world = World(*rules, protocol=Lines(), whole=True, on_data=answer)
    busy, other = world.client(), world.client()
    world.run(lambda: len(world.backends) == 2, seconds=1)
    busy.say(REQUEST * 10_000)
    for trips in range(1, 51):
        other.say(REQUEST)
        polls = 0
        while len(other.heard) < 4 * trips:
            world.reactor.run_once()
            polls += 1
        assert polls <= 6  # as without the other client
    assert len(busy.heard) < 4 * 10_000


def test_a_body_is_read_in_large_pieces() -> None:
    world = World(*ARMED, protocol=Lines(), whole=True)
    client = world.client()
    world.run(lambda: world.backends, seconds=1)
    client.say(b"PUT 1000000\n" + bytes(1_000_000))
    world.run(seconds=1)
    (connection,) = world.proxy.connections
    assert len(world.backends[0].heard) == 1_000_012
    assert connection.to_backend.chunks < 1_000_000 / CAPACITY + 4


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 1000),
    rules=st.lists(
        st.sampled_from(["", "delay sleep=0.001 percent=50", "hang", "slicer size=3", "error"]),
        min_size=1,
        max_size=6,
    ),
    pause=st.sampled_from([0.0, 0.0001, 0.01]),
)
def test_no_byte_is_lost_or_out_of_order_whatever_changes_meanwhile(
    seed: int, rules: list[str], pause: float
) -> None:
    """Rules come and go amid a burst of requests, some of which the proxy has not parsed yet."""
    world = World(protocol=Lines(), seed=seed, on_data=answer)
    client = world.client()
    world.run(lambda: world.backends, seconds=1)
    client.say(REQUEST * 600)
    for rule in rules:
        polls = iter(range(3))
        world.run(lambda polls=polls: next(polls, None) is None)  # type: ignore[misc]
        world.apply(*filter(None, [rule]))
        world.run(seconds=pause)
    world.apply()
    world.run(seconds=5)
    client.say(REQUEST)
    world.run(seconds=5)
    (connection,) = world.proxy.connections
    backend = bytes(world.backends[0].heard)
    assert backend == REQUEST * (len(backend) // len(REQUEST))
    assert client.heard.count(b"\n") == 601
    assert not connection.to_backend.paused
    assert [link.quiet for link in connection.links] == [True, True]


# What one turn writes leaves at once.


def sends_after(world: World, peer: Peer, data: bytes) -> int:
    """Return in how many sends the proxy passes something on."""
    world.run(seconds=1)
    peer.say(data)
    before = world.system.sends
    world.run(lambda: world.system.sends > before, seconds=1)  # of the peer
    world.run(seconds=1)
    return world.system.sends - before - 1


@pytest.mark.parametrize("rules", [(), ARMED, ("delay sleep=0.1",)], ids=["quiet", "armed", "late"])
def test_requests_that_come_together_leave_together(rules: tuple[str, ...]) -> None:
    world = World(*rules, protocol=Lines(), whole=True)
    client = world.client()
    assert sends_after(world, client, REQUEST * 16) == 1
    assert bytes(world.backends[0].heard) == REQUEST * 16
    assert sends_after(world, world.backends[0], b"yes\n" * 16) == 1
    assert bytes(client.heard) == b"yes\n" * 16


def test_replies_of_one_turn_leave_together() -> None:
    world = World("error", protocol=Lines(), whole=True)
    client = world.client()
    assert sends_after(world, client, REQUEST * 16) == 1
    assert client.heard.count(b"\n") == 16


def test_what_a_rule_cuts_into_pieces_leaves_in_pieces() -> None:
    world = World("slicer size=3", protocol=Lines(), whole=True)
    client = world.client()
    assert sends_after(world, client, REQUEST * 4) == 8
    assert bytes(world.backends[0].heard) == REQUEST * 4


@pytest.mark.parametrize("then", ["abort", "blackout"])
def test_a_close_does_not_overtake_what_was_written_in_the_same_turn(then: str) -> None:
    world = World(f"{then} direction=to_client after=3", protocol=Lines(), whole=True)
    client = world.client()
    world.run(seconds=1)
    client.say(REQUEST * 4)
    world.run(seconds=1)
    world.backends[0].say(b"yes\n" * 4)
    world.run(seconds=1)
    assert bytes(client.heard) == b"yes\n" * 3
    assert client.ended


def test_an_end_does_not_overtake_what_was_written_in_the_same_turn() -> None:
    world = World(*ARMED, protocol=Lines(), whole=True)
    client = world.client()
    world.run(seconds=1)
    client.say(REQUEST * 500 + b"GE", finish=True)
    world.run(seconds=1)
    assert bytes(world.backends[0].heard) == REQUEST * 500 + b"GE"
    assert world.backends[0].ended == "fin"


# Work on many connections.


def test_work_on_many_things_is_done_in_turns() -> None:
    world = World()
    done: list[int] = []
    ends: list[int] = []
    in_turns(world.reactor, range(PORTION + 10), done.append, lambda: ends.append(len(done)))
    assert (done, ends) == (list(range(PORTION)), [])
    world.reactor.run_once()
    assert (done, ends) == (list(range(PORTION + 10)), [PORTION + 10])


ASKED: list[tuple[int, float]] = []
"""The connections that ``Opener`` was asked to act on, and when."""


class Opener(Behavior):
    """Waits on every other connection."""

    name = "test-opener"
    scopes = ("connection",)

    def on_open(self, firing: Firing) -> Actions:
        ASKED.append((firing.connection, firing.now))
        if firing.connection % 2:
            yield Hold()


@pytest.fixture(autouse=True)
def _opener() -> None:
    registry.behaviors.register(Opener)
    ASKED.clear()


def crowd(world: World, size: int) -> list[Peer]:
    """Return clients that are connected."""
    clients = [world.client() for _ in range(size)]
    world.run(lambda: len(world.backends) == size, seconds=1)
    return clients


def following(world: World) -> list[int]:
    """Return the numbers of the connections that follow the present plan."""
    now = world.proxy.active_plan.generation
    return [each.number for each in world.proxy.connections if each.generation == now]


def test_an_idle_connection_notices_a_plan_when_it_carries_something() -> None:
    world = World("hang after=1000", whole=True, on_data=echo)
    clients = crowd(world, 5)
    for client in clients:
        client.say(b"before")
    world.run(seconds=1)
    world.apply("delay sleep=3")
    assert following(world) == []
    clients[2].say(b"x")
    world.run(seconds=4)
    assert following(world) == [3]
    assert clients[2].heard_at[-1] == pytest.approx(4.0)
    assert bytes(clients[2].heard) == b"beforex"


@pytest.mark.parametrize("rule", ["hang", "test-opener"])
def test_a_connection_that_holds_something_is_told_of_a_plan_at_once(rule: str) -> None:
    world = World(rule, protocol=Lines(), whole=True)
    clients = crowd(world, 5)
    clients[2].say(b"PUT 10\nhalf")
    world.run(seconds=0.1)
    world.apply()
    assert following(world) == ([1, 2, 3, 4, 5] if rule == "test-opener" else [3])
    world.apply("dummy")  # they hold nothing any more
    assert following(world) == []


def test_a_message_of_which_only_a_part_has_come_is_passed_on_when_rules_go() -> None:
    world = World(*ARMED, protocol=Lines(), whole=True)
    (client,) = crowd(world, 1)
    client.say(b"GE")
    world.run(seconds=1)
    assert not world.backends[0].heard
    world.apply()
    world.run(seconds=1)
    assert bytes(world.backends[0].heard) == b"GE"


def test_many_connections_that_hold_something_are_told_in_turns() -> None:
    world = World("hang", whole=True)
    size = 3 * PORTION + 5
    for client in crowd(world, size):
        client.say(b"x")
    world.run(seconds=1)
    world.apply()
    told = [len(following(world))]
    while told[-1] < size:
        world.reactor.run_once()
        told.append(len(following(world)))
    assert told == [PORTION, 2 * PORTION, 3 * PORTION, size]
    world.run(seconds=1)
    assert sum(len(backend.heard) for backend in world.backends) == size


def test_another_plan_does_not_keep_the_last_ones_from_being_told() -> None:
    world = World("hang", whole=True)
    for client in crowd(world, 3 * PORTION):
        client.say(b"x")
    world.run(seconds=1)
    for _ in range(3):
        world.apply()
    world.run(seconds=1)
    assert sum(len(backend.heard) for backend in world.backends) == 3 * PORTION


def test_a_rule_that_goes_and_comes_again_is_decided_on_anew() -> None:
    """Though the connection was idle while the rule was off, and did not notice."""
    world = World("delay sleep=0.1 on=1 off=1", protocol=Lines(), whole=True)
    (client,) = crowd(world, 1)
    world.run(seconds=0.5)
    client.say(REQUEST)
    world.run(seconds=2)
    world.backends[0].say(b"yes\n")
    world.run(seconds=1)
    assert world.fired == [(1, 1, "delay")] * 2


def test_a_hook_of_a_rule_that_goes_and_comes_again_runs_anew() -> None:
    world = World("test-opener on=1 off=1", whole=True)
    crowd(world, 2)
    world.run(seconds=4.5)
    assert [number for number, _ in ASKED] == [1, 2, 1, 2, 1, 2]
    assert [int(at) for _, at in ASKED] == [0, 0, 2, 2, 4, 4]


def test_connections_to_a_backend_that_is_replaced_are_reset_in_turns() -> None:
    world = World(whole=True)
    crowd(world, 2 * PORTION)
    world.proxy.change_backend(world.proxy.backend, reset=True)
    assert len(world.proxy.connections) == PORTION
    world.run(lambda: not world.proxy.connections, seconds=1)


def test_a_drain_closes_what_is_finished_in_turns() -> None:
    world = World(whole=True)
    crowd(world, 3 * PORTION)
    world.run(seconds=1)
    done: list[float] = []
    world.proxy.drain(lambda: done.append(world.system.time), 10)
    assert len(world.proxy.connections) == 2 * PORTION
    world.run(lambda: bool(done), seconds=1)
    assert not world.proxy.connections


def test_a_drain_that_is_over_closes_the_others_in_turns() -> None:
    world = World("hang", whole=True)
    for client in crowd(world, 3 * PORTION):
        client.say(b"x")
    done: list[float] = []
    world.proxy.drain(lambda: done.append(world.system.time), 1)
    world.run(lambda: len(world.proxy.connections) < 3 * PORTION, seconds=2)
    while not done:
        before = len(world.proxy.connections)
        world.reactor.run_once()
        assert before - len(world.proxy.connections) <= PORTION
    assert not world.proxy.connections


@pytest.mark.parametrize("opened_again", [False, True])
def test_the_connections_of_a_proxy_that_ends_are_reset_in_turns(opened_again: bool) -> None:
    """Also if it serves others already."""
    world = World(whole=True)
    clients = crowd(world, 3 * PORTION)
    done: list[bool] = []
    world.proxy.reset("the test ends it", lambda: done.append(True))
    assert len(world.proxy.connections) == 2 * PORTION
    if opened_again:
        world.proxy.open()
        clients.append(world.client())
    left = len(world.proxy.connections)
    while not done:
        world.reactor.run_once()
        before, left = left, len(world.proxy.connections)
        assert before - left <= PORTION
    world.run(seconds=1)
    assert [client.ended for client in clients] == ["reset"] * 3 * PORTION + [""] * opened_again
