"""A proxy: what it counts and tells, its plan, its backend, and its end."""

from __future__ import annotations

import dataclasses
import errno
import socket

import pytest

from lines import Lines
from scenario import BACKEND, Peer, World, echo
from vaurien.errors import ListenError
from vaurien.net.address import Address
from vaurien.net.listener import Listener
from vaurien.net.proxy import Proxy
from vaurien.net.reactor import Reactor
from vaurien.net.simulated import SimulatedSystem
from vaurien.net.spec import Limits, ProxySpec
from vaurien.net.system import Endpoint, Socket
from vaurien.net.totals import Totals
from vaurien.protocols.tcp import Tcp
from vaurien.rules.plan import Plan
from vaurien.values.events import Fired, PluginFailed, Trouble
from vaurien.values.messages import Direction


def ask(world: World, question: bytes = b"?") -> Peer:
    """A client that gets its answer within a second."""
    client = world.client()
    client.say(question)
    world.run(lambda: len(client.heard) >= len(question), seconds=1)
    return client


# Counting and telling.


def test_it_counts_what_happens() -> None:
    world = World("delay sleep=0 times=1", on_data=echo, whole=True)
    clients = [ask(world, b"12345") for _ in range(3)]
    clients[0].reset()
    world.run(seconds=1)
    assert world.proxy.totals() == Totals(
        opened=3,
        closed=1,
        open=2,
        refused=0,
        killed=0,
        bytes_to_backend=15,
        bytes_to_client=15,
        chunks_to_backend=3,
        chunks_to_client=3,
        fired=1,
        gave_up=0,
    )


def test_it_counts_whom_it_refused() -> None:
    world = World(backend=False)
    for _ in range(2):
        world.client()
    world.run(seconds=1)
    totals = world.proxy.totals()
    assert (totals.opened, totals.closed, totals.open, totals.refused) == (2, 2, 0, 2)
    assert [event.text() for event in world.events] == [
        "backend backend:80 cannot be reached: [Errno 111] Connection refused"
    ] * 2


@pytest.mark.parametrize(
    ("code", "ended"), [(errno.ECONNREFUSED, "fin"), (errno.ECONNRESET, "reset")]
)
def test_a_client_without_backend_is_reset_if_the_backend_was(
    monkeypatch: pytest.MonkeyPatch, code: int, ended: str
) -> None:
    """A backend may reset a connection before it is seen that it had accepted it."""
    world = World(backend=False)
    client, dial = world.client(), world.system.dial
    monkeypatch.setattr(world.system, "dial", lambda endpoint: (dial(endpoint)[0], code))
    world.run(seconds=1)
    assert client.ended == ended


def test_it_tells_of_each_firing_with_what_was_known() -> None:
    world = World("error name=broken command=GET", protocol=Lines(), whole=True)
    client = world.client()
    client.say(b"SET a\nGET b\n")
    world.run(seconds=1)
    (event,) = world.events
    assert isinstance(event, Fired)
    assert (event.proxy, event.behavior, event.direction) == (
        "vaurien",
        "error",
        Direction.TO_BACKEND,
    )
    assert event.labels == {"command": "GET", "key": "b"}
    assert (event.rule, event.connection, event.exchange) == ("broken", 1, 2)


def test_connections_are_numbered_from_1() -> None:
    world = World("delay sleep=0", on_data=echo)
    for _ in range(3):
        ask(world)
    assert world.fired == [(1, 1, "delay"), (2, 1, "delay"), (3, 1, "delay")]


def test_a_connection_that_fails_inside_is_told_and_closed() -> None:
    world = World(on_data=echo)
    client = ask(world)
    (connection,) = world.proxy.connections
    connection.on_failure("Traceback: …")
    world.run(seconds=1)
    assert client.ended == "fin"
    (event,) = world.events
    assert isinstance(event, PluginFailed)
    assert event.text() == "connection 1 failed\nTraceback: …"


# Plans.


def test_a_plan_is_replaced_as_a_whole() -> None:
    world = World("hang")
    assert [rule.name for rule in world.proxy.plan.rules] == ["hang"]
    world.apply("delay", "error")
    assert [rule.name for rule in world.proxy.plan.rules] == ["delay", "error"]
    assert world.proxy.plan.generation == 1


def test_a_rule_that_stays_goes_on_counting() -> None:
    world = World("delay sleep=0 times=2", on_data=echo)
    ask(world)
    world.apply("hang percent=0", "delay sleep=0 times=2")
    for _ in range(3):
        ask(world)
    assert len(world.fired) == 2


def test_rules_are_gone_each_in_its_time() -> None:
    world = World("hang ttl=10", "delay sleep=1000 ttl=20 name=slow", "dummy")
    rules = []
    for _ in range(5):
        world.run(seconds=5)
        rules.append(sorted(world.proxy.expired))
    assert rules == [[], ["hang"], ["hang"], ["hang", "slow"], ["hang", "slow"]]
    assert not world.proxy.active_plan.acts_on_messages


def test_another_plan_does_not_prolong_a_rules_life() -> None:
    world = World("hang ttl=10")
    world.run(seconds=9)
    world.apply("hang ttl=10", "dummy")
    world.run(seconds=1)
    assert world.proxy.expired == {"hang"}


def test_what_connections_keep_is_gone_with_the_rules() -> None:
    rules = ("latency scope=connection jitter=0.1", "timeout lifetime=1000 data=pass", "slow-close")
    world = World(*rules, on_data=echo)
    clients = [ask(world) for _ in range(5)]
    kept = [connection.memory for connection in world.proxy.connections]
    assert all(memory.own and len(memory.connection_draws) == 2 for memory in kept)
    for _ in range(20):
        world.apply(*rules[1:])
        for client in clients:
            client.say(b"?")
        world.run(seconds=1)
        assert all(not memory.own and len(memory.connection_draws) == 1 for memory in kept)
        world.apply(*rules)
        for client in clients:
            client.say(b"?")
        world.run(seconds=1)
    world.apply()
    world.run(seconds=1)
    assert not any(memory.own or memory.connection_draws for memory in kept)
    assert len(world.proxy.connections) == 5


# Nobody listens.


def is_refused(world: World) -> bool:
    try:
        world.client()
    except ConnectionRefusedError:
        return True
    return False


def test_while_it_refuses_nobody_gets_in_and_those_inside_go_on() -> None:
    world = World("refuse start=10 on=10 off=10", on_data=echo)
    client = ask(world)
    refused = []
    for _ in range(8):
        world.run(seconds=5)
        refused.append(is_refused(world))
        client.say(b"!")
        world.run(lambda: client.heard.endswith(b"!"), seconds=1)
        client.heard.clear()
        world.run(seconds=5 * len(refused) - world.system.time)
    assert client.ended == ""
    assert refused == [False, True, True, False, False, True, True, False]


def test_who_waits_to_be_accepted_when_it_begins_to_refuse_is_reset() -> None:
    world = World(on_data=echo)
    waiting = [world.client() for _ in range(200)]
    world.apply("refuse")
    world.run(seconds=1)  # they are accepted in turns
    assert is_refused(world)
    assert {client.ended for client in waiting} == {"reset"}
    assert world.proxy.totals().opened == 200
    assert not world.backends


def test_some_connections_are_reset_where_not_all_are_refused() -> None:
    world = World("refuse percent=50", seed=1)
    clients = []
    for _ in range(20):
        clients.append(world.client())
        world.run(seconds=1)
    ended = [client.ended for client in clients]
    assert set(ended) == {"", "reset"}
    assert not is_refused(world)


def test_it_accepts_no_more_than_it_may_after_it_refused() -> None:
    world = World(limits=Limits(timeout=0, max_connections=2), on_data=echo)
    first, _ = ask(world), ask(world)
    world.apply("refuse")
    world.apply()
    waiting = [world.client() for _ in range(3)]
    world.run(seconds=1)
    assert world.proxy.totals().open == 2
    first.finish()
    world.backends[0].finish()
    world.run(seconds=1)
    assert world.proxy.totals().opened == 3
    assert not any(client.ended for client in waiting)


def test_it_listens_again_when_the_address_is_free_again() -> None:
    world = World("refuse", on_data=echo)
    listen = world.system.listen
    failing = True

    def fails(endpoint: Endpoint, backlog: int) -> Socket:
        if failing:
            raise OSError(98, "address in use")
        return listen(endpoint, backlog)

    world.system.listen = fails  # type: ignore[method-assign] # an error on demand
    world.apply()
    world.run(seconds=1)
    assert is_refused(world)
    assert "cannot listen on proxy:8000 again" in world.events[0].text()
    failing = False
    world.run(seconds=1)
    assert bytes(ask(world).heard) == b"?"


# Its backend.


def test_another_backend_is_for_new_connections() -> None:
    world = World(on_data=echo)
    old = ask(world)
    world.proxy.backend = Address("nobody", 80)
    new = world.client()
    world.run(seconds=1)
    assert new.ended == "fin"
    old.say(b"still here")
    world.run(seconds=1)
    assert bytes(old.heard) == b"?still here"


def test_a_client_that_leaves_before_there_is_a_backend_is_no_trouble() -> None:
    world = World()
    world.system.blackhole(BACKEND)
    client = world.client()
    world.run(seconds=1)
    (connection,) = world.proxy.connections
    connection.close()
    client.close()
    world.run(seconds=100)
    assert world.events == []
    assert world.system.open_sockets == 2  # the two that listen
    assert world.proxy.totals().refused == 0


# Its limits.


def test_at_the_limit_of_connections_it_says_so() -> None:
    world = World(limits=Limits(timeout=0, max_connections=1), on_data=echo)
    ask(world)
    assert [event.text() for event in world.events] == [
        "1 connections are open, the maximum; more clients wait"
    ]
    assert isinstance(world.events[0], Trouble)


def test_traffic_in_either_direction_keeps_a_connection() -> None:
    world = World(limits=Limits(timeout=10))
    client = world.client()
    world.run(lambda: bool(world.backends), seconds=1)
    for _ in range(30):
        world.backends[0].say(b"x")
        world.run(seconds=9)
    assert (len(client.heard), client.ended) == (30, "")


# Its end.


def test_closed_it_leaves_nothing() -> None:
    world = World("delay sleep=1000", "hang ttl=500", limits=Limits(timeout=77))
    clients = [world.client() for _ in range(3)]
    for client in clients:
        client.say(b"held")
    world.run(seconds=1)
    world.proxy.close()
    world.proxy.close()
    world.run(seconds=1)
    assert [client.ended for client in clients] == ["reset"] * 3  # what was held is missing
    assert not world.proxy.connections
    assert not any(timer.call for *_, timer in world.reactor._timers)
    with pytest.raises(ConnectionRefusedError):
        world.client()


def test_the_address_outlives_the_listener() -> None:
    world = World()
    before = world.proxy.address
    world.proxy.close()
    assert world.proxy.address == before == Address("proxy", 8000)


def spec(port: int, backend: str = "backend") -> ProxySpec:
    return ProxySpec(listen=Address("proxy", port), backend=Address(backend, 80), protocol=Tcp())


def test_an_address_in_use_is_told() -> None:
    world = World()
    second = Proxy(world.reactor, spec(8000))
    with pytest.raises(ListenError, match="cannot listen on proxy:8000: address in use"):
        second.open()


def test_a_drain_without_connections_is_done_at_once() -> None:
    world = World()
    done: list[float] = []
    world.proxy.drain(lambda: done.append(world.system.time), 10)
    assert done == [0.0]
    world.run(seconds=100)
    assert done == [0.0]


def test_a_drain_serves_those_who_wait_already() -> None:
    world = World(on_data=echo)
    client = world.client()
    client.say(b"in time")
    done: list[float] = []
    world.proxy.drain(lambda: done.append(world.system.time), 10)
    world.run(lambda: bool(done))
    world.run(seconds=1)
    assert (bytes(client.heard), client.ended) == (b"in time", "fin")
    assert done[0] < 1
    with pytest.raises(ConnectionRefusedError):
        world.client()


def test_by_itself_a_proxy_tells_nobody() -> None:
    system = SimulatedSystem()
    proxy = Proxy(Reactor(system), spec(1, "nobody"))
    proxy.open()
    system.connect((int(socket.AF_INET), ("proxy", 1)))
    while not proxy.totals().refused:
        proxy.reactor.run_once()
    assert proxy.plan == Plan()
    assert dataclasses.astuple(proxy.limits) == (0.0, 5.0, 0, 8192)


# Asked by other threads.


class Interrupted(Proxy):
    """Whenever somebody looks for its listener, another thread has taken it by the next look."""

    _there: Listener | None = None

    @property
    def _listener(self) -> Listener | None:
        listener, self._there = self._there, None
        return listener

    @_listener.setter
    def _listener(self, listener: Listener | None) -> None:
        self._there = listener


def test_where_it_listens_may_be_asked_while_it_ceases_to() -> None:
    world = World()
    proxy = Interrupted(world.reactor, spec(0))
    listener = proxy.make_listener(Address("proxy", 81))
    proxy._listener = listener
    assert proxy.address == Address("proxy", 81)
    listener.close()


def test_a_drain_that_a_sweep_ends_leaves_nothing() -> None:
    world = World(limits=Limits(timeout=1))
    client = world.client()
    world.run(seconds=0.5)
    client.say(b"no answer comes")
    world.run(seconds=0.1)
    drained: list[float] = []
    world.proxy.drain(lambda: drained.append(world.system.time), 10)
    world.run(seconds=20)
    assert drained == [pytest.approx(1.5)]
    assert not any(timer.call for *_, timer in world.reactor._timers)
