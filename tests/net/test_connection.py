"""How connections begin, carry bytes and end, on the simulated reactor."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lines import Lines
from scenario import BACKEND, Peer, World, echo
from vaurien.net.closing import InUse
from vaurien.net.spec import Limits
from vaurien.values.events import Trouble

PLANS: list[tuple[str, ...]] = [
    (),
    ("delay after=1000000",),
    ("delay sleep=0",),
    ("delay sleep=1.5 percent=50",),
    ("delay sleep=1 direction=to_backend", "delay sleep=2 before=false percent=30"),
]


@pytest.mark.parametrize("rules", PLANS)
@pytest.mark.parametrize("framed", [False, True])
@given(
    chunks=st.lists(st.binary(max_size=3000), max_size=8),
    answers=st.lists(st.binary(max_size=3000), max_size=8),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=30, deadline=None)
def test_any_bytes_arrive_identical_and_in_order(
    rules: tuple[str, ...], framed: bool, chunks: list[bytes], answers: list[bytes], seed: int
) -> None:
    world = World(*rules, seed=seed, protocol=Lines() if framed else None)
    client = world.client()
    world.run(lambda: bool(world.backends), seconds=1)
    backend = world.backends[0]
    for said, peer in ((chunks, client), (answers, backend)):
        for chunk in said:
            peer.say(chunk)
            world.run(seconds=0.5)
        peer.finish()
    world.run(lambda: bool(client.ended and backend.ended), seconds=1000)
    assert bytes(backend.heard) == b"".join(chunks)
    assert bytes(client.heard) == b"".join(answers)
    assert (client.ended, backend.ended) == ("fin", "fin")


def test_half_close_works_both_ways() -> None:
    world = World()
    client = world.client()
    client.say(b"all I have", finish=True)
    world.run(seconds=1)
    backend = world.backends[0]
    assert (bytes(backend.heard), backend.ended, client.ended) == (b"all I have", "fin", "")
    backend.say(b"and my answer", finish=True)
    world.run(seconds=1)
    assert (bytes(client.heard), client.ended) == (b"and my answer", "fin")
    assert not world.proxy.connections


@pytest.mark.parametrize("rules", PLANS)
def test_a_reset_is_passed_on_as_a_reset_after_all_bytes(rules: tuple[str, ...]) -> None:
    world = World(*rules, on_data=echo)
    client = world.client()
    client.say(b"request")
    world.run(lambda: bytes(client.heard) == b"request", seconds=20)
    backend = world.backends[0]
    backend.say(b"last words" * 5000)
    world.run(lambda: not backend._saying, seconds=100)
    backend.reset()
    world.run(seconds=20)
    assert bytes(client.heard) == b"request" + b"last words" * 5000
    assert client.ended == "reset"
    assert not world.proxy.connections


@pytest.mark.parametrize("rules", PLANS)
def test_a_client_that_resets_is_a_reset_to_the_backend(rules: tuple[str, ...]) -> None:
    world = World(*rules)
    client = world.client()
    client.say(b"request")
    world.run(lambda: not client._saying, seconds=1)
    client.reset()
    world.run(seconds=20)
    backend = world.backends[0]
    assert (bytes(backend.heard), backend.ended) == (b"request", "reset")
    assert not world.proxy.connections


def test_a_client_that_resets_while_held_is_let_go() -> None:
    world = World("hang")
    client = world.client()
    client.say(b"request")
    world.run(seconds=1)
    client.reset()
    world.run(seconds=1)
    assert not world.proxy.connections


@pytest.mark.parametrize("seed", range(100))
def test_last_words_arrive_though_the_client_still_talks(seed: int) -> None:
    world = World(seed=seed)
    client = world.client()
    client.say(b"x" * 1000)
    world.run(lambda: bool(world.backends and world.backends[0].heard), seconds=1)
    backend = world.backends[0]
    backend.say(b"421 go away")
    world.run(lambda: not backend._saying, seconds=1)
    client.say(b"y" * 200_000)
    backend.reset()
    world.run(seconds=10)
    assert bytes(client.heard) == b"421 go away"
    assert client.ended == "reset"
    assert not world.proxy.connections


def test_a_sink_that_does_not_read_stops_the_source() -> None:
    world = World()
    client = world.client()
    world.run(lambda: bool(world.backends), seconds=1)
    backend = world.backends[0]
    backend.read(wanted=False)
    client.say(bytes(5_000_000), finish=True)
    world.run(seconds=100)
    (connection,) = world.proxy.connections
    assert connection.to_backend.bytes < 400_000
    backend.read(wanted=True)
    world.run(lambda: bool(backend.ended), seconds=100)
    assert len(backend.heard) == 5_000_000


def test_a_refused_backend_is_an_end_to_the_client() -> None:
    world = World(backend=False)
    client = world.client()
    world.run(seconds=1)
    assert client.ended == "fin"
    (trouble,) = world.events
    assert isinstance(trouble, Trouble)
    assert "backend:80" in trouble.text()


def test_a_silent_backend_is_given_up_and_stalls_nobody() -> None:
    world = World(limits=Limits(timeout=0, dial_timeout=5), on_data=echo)
    world.system.blackhole(BACKEND)
    waiting = world.client()
    world.run(seconds=1)
    world.system._blackholes.clear()
    served = world.client()
    served.say(b"hello")
    world.run(seconds=1)
    assert (bytes(served.heard), waiting.ended) == (b"hello", "")
    world.run(lambda: bool(waiting.ended))
    assert (waiting.ended, world.system.time) == ("fin", 5.0)


def test_idle_connections_are_closed_and_held_ones_are_not() -> None:
    world = World("hang times=1", limits=Limits(timeout=30), on_data=echo)
    held, idle = world.client(), world.client()
    held.say(b"x")
    world.run(seconds=1)
    idle.say(b"y")
    world.run(lambda: bool(idle.ended), seconds=100)
    assert 30 <= world.system.time <= 34
    world.run(seconds=1000)
    assert held.ended == ""


def test_so_many_connections_and_no_more() -> None:
    world = World(limits=Limits(timeout=0, max_connections=2), on_data=echo)
    clients = [world.client() for _ in range(3)]
    for client in clients:
        client.say(b"x")
    world.run(seconds=1)
    assert [bytes(client.heard) for client in clients] == [b"x", b"x", b""]
    clients[0].finish()
    world.backends[0].finish()
    world.run(seconds=1)
    assert bytes(clients[2].heard) == b"x"


def test_a_drain_lets_exchanges_finish_and_closes_the_others() -> None:
    world = World(on_data=None)
    idle, waiting = world.client(), world.client()
    world.run(seconds=1)
    waiting.say(b"question")
    world.run(seconds=1)
    done: list[float] = []
    world.proxy.drain(lambda: done.append(world.system.time), 10)
    world.run(seconds=1)
    assert (idle.ended, waiting.ended, done) == ("fin", "", [])
    asked = next(backend for backend in world.backends if backend.heard)
    asked.say(b"answer")
    world.run(lambda: bool(done))
    world.run(seconds=1)
    assert (bytes(waiting.heard), waiting.ended) == (b"answer", "fin")
    assert done[0] < 5


def test_a_drain_ends_at_its_limit() -> None:
    world = World("hang")
    client = world.client()
    client.say(b"x")
    world.run(seconds=1)
    done: list[float] = []
    world.proxy.drain(lambda: done.append(world.system.time), 10)
    world.run(lambda: bool(done))
    assert done == [11.0]
    world.run(seconds=1)
    assert client.ended


def _visit(world: World, number: int) -> Peer:
    client = world.client(lambda peer, data: peer.finish())
    client.say(b"%d" % number)
    return client


def test_thousands_of_connections_over_hours_repeat_by_their_seed() -> None:
    def run(seed: int) -> tuple[list[tuple[int, int, str]], float]:
        rules = ("delay sleep=60 percent=20", "error percent=10", "blackout percent=5")
        world = World(*rules, seed=seed, on_data=lambda peer, data: peer.say(data, finish=True))
        clients = []
        for number in range(2000):
            clients.append(_visit(world, number))
            world.run(seconds=5)
        world.run(lambda: not world.proxy.connections)
        world.run(seconds=1)
        assert all(client.ended for client in clients)
        assert world.system.open_sockets == 2 + sum(1 for _ in _open(world, clients))
        return world.fired, world.system.time

    def _open(world: World, clients: list[Peer]) -> list[Peer]:
        return [peer for peer in [*clients, *world.backends] if not peer.sock.closed]

    fired, hours = run(1)
    assert hours > 2 * 3600
    assert (fired, hours) == run(1)
    assert fired != run(2)[0]


def test_a_connection_whose_peers_have_both_reset_is_gone() -> None:
    world = World()
    client = world.client()
    client.read(wanted=False)
    world.run(lambda: bool(world.backends), seconds=1)
    world.backends[0].say(bytes(1_000_000))
    world.run(seconds=1)
    world.backends[0].reset()
    world.run(seconds=1)
    assert world.proxy.connections  # the client may still read what was sent before
    client.reset()
    world.run(seconds=1)
    assert not world.proxy.connections


def test_a_close_comes_though_the_backend_left_without_answering() -> None:
    world = World("blackout command=CUT", protocol=Lines())
    client = world.client()
    client.say(b"one\nCUT\n")
    world.run(seconds=1)
    assert client.ended == ""  # the first request still awaits its response
    world.backends[0].finish()
    world.run(seconds=1)
    assert client.ended == "fin"
    assert not world.proxy.connections


def test_clients_that_gave_up_on_a_hang_are_let_go_after_the_timeout() -> None:
    world = World("hang", limits=Limits(timeout=30))
    for number in range(20):
        client = world.client()
        client.say(b"anybody there?", finish=number % 2 == 0)
        world.reactor.call_later(1, client.close)
    world.run(seconds=100)
    assert not world.proxy.connections


@pytest.mark.parametrize("direction", ["", "direction=to_client", "direction=to_backend"])
def test_a_client_that_only_sends_no_more_is_held_as_any_other(direction: str) -> None:
    world = World(f"hang {direction}", limits=Limits(timeout=1), on_data=echo)
    client = world.client()
    client.say(b"anybody there?", finish=True)
    world.run(seconds=0.5)
    if direction == "direction=to_client":
        world.backends[0].finish()
    world.run(seconds=1000)
    assert (client.ended, bytes(client.heard)) == ("", b"")
    world.apply()
    world.run(seconds=0.1)
    assert bytes(client.heard) == b"anybody there?"


@pytest.mark.parametrize("rule", ["hang", "accept-then-silence", "hang direction=to_client"])
@pytest.mark.parametrize("way", ["close", "finish and close", "reset"])
def test_without_a_timeout_too_clients_that_left_during_a_hold_are_let_go(
    rule: str, way: str
) -> None:
    world = World(rule, on_data=echo)
    client = world.client()
    client.say(b"anybody there?", finish=way == "finish and close")
    world.run(seconds=100)
    assert world.proxy.connections
    client.reset() if way == "reset" else client.close()
    world.run(seconds=50)
    assert not world.proxy.connections


@pytest.mark.parametrize("size", [14, 3_000_000])
def test_who_hung_up_on_a_hang_is_let_go_however_much_they_said(size: int) -> None:
    world = World("hang", limits=Limits(timeout=30))
    client = world.client()
    client.say(bytes(size))
    world.run(seconds=1)
    client.close()
    world.run(seconds=100)
    assert not world.proxy.connections


def test_who_misses_bytes_that_were_held_sees_no_clean_end() -> None:
    world = World("hang", limits=Limits(timeout=30))
    client = world.client()
    client.say(b"anybody there?", finish=True)
    world.run(seconds=1)
    client.close()
    world.run(seconds=100)
    (backend,) = world.backends
    assert (bytes(backend.heard), backend.ended) == (b"", "reset")


def test_a_client_that_does_not_read_is_idle_whatever_is_queued_for_it() -> None:
    world = World("delay sleep=0.1 before=false", limits=Limits(timeout=30))
    client = world.client()
    client.read(wanted=False)
    world.run(lambda: bool(world.backends), seconds=1)
    world.backends[0].say(bytes(3_000_000))
    world.run(seconds=100)
    assert not world.proxy.connections
    client.read(wanted=True)
    world.run(seconds=1)
    assert client.ended == "reset"  # no clean end: bytes are missing
    assert len(client.heard) < 3_000_000


# What keeps it open.


def in_use(world: World) -> InUse:
    (connection,) = world.proxy.connections
    return connection.in_use()


def test_a_connection_without_a_backend_is_unanswered() -> None:
    world = World()
    world.system.blackhole(BACKEND)
    world.client()
    world.run(seconds=1)
    assert in_use(world) is InUse.UNANSWERED


def test_an_idle_connection_is_in_no_use_until_the_client_speaks() -> None:
    world = World()
    client = world.client()
    world.run(seconds=1)
    assert not in_use(world)
    client.say(b"?")
    world.run(seconds=1)
    assert in_use(world) is InUse.UNANSWERED
    world.backends[0].say(b"!")
    world.run(seconds=1)
    assert not in_use(world)


@pytest.mark.parametrize("rule", ["slow-accept delay=10", "slow-close delay=10"])
def test_a_rule_holds_a_connection_that_opens_or_ends_for_whom_it_makes_wait(rule: str) -> None:
    world = World(rule)
    client = world.client()
    world.run(seconds=1)
    if world.backends:
        world.backends[0].finish()
        world.run(seconds=1)
    assert InUse.HELD in in_use(world)
    client.reset()
    for backend in world.backends:
        backend.close()
    world.run(seconds=1)
    assert not world.proxy.connections or InUse.HELD not in in_use(world)


def test_a_delay_holds_to_its_end_and_a_hang_while_its_client_is_there() -> None:
    for rule, outlasts in (("delay sleep=10", InUse.HELD), ("hang", InUse(0))):
        world = World(rule)
        client = world.client()
        client.say(b"held")
        world.run(seconds=1)
        assert in_use(world) == InUse.HELD | InUse.QUEUED
        client.finish()
        world.run(seconds=1)
        assert in_use(world) == InUse.HELD | InUse.QUEUED
        client.close()
        world.run(seconds=0.1)
        assert in_use(world) == outlasts | InUse.QUEUED


def test_what_a_peer_does_not_take_is_unsent() -> None:
    world = World()
    client = world.client()
    client.read(wanted=False)
    world.run(lambda: bool(world.backends), seconds=1)
    world.backends[0].say(bytes(1_000_000))
    world.run(seconds=1)
    assert in_use(world) is InUse.UNSENT


def test_a_rule_watches_a_connection_until_the_client_ends() -> None:
    world = World("timeout lifetime=100 data=pass")
    client = world.client()
    world.run(seconds=1)
    assert in_use(world) is InUse.WATCHED
    client.finish()
    world.run(seconds=1)
    assert not in_use(world) & InUse.WATCHED


def test_live_changes_leave_no_timers_behind() -> None:
    world = World("delay sleep=3600")
    for _ in range(10):
        world.client().say(b"x")
    world.run(seconds=1)
    for number in range(100):
        world.apply("delay sleep=3600", f"error after={number + 1000000}")
    world.run(seconds=1)
    assert len(world.reactor._timers) < 50


def test_a_peer_that_has_reset_does_not_linger_whatever_was_not_sent_to_it() -> None:
    world = World()
    client = world.client()
    world.run(lambda: bool(world.backends), seconds=1)
    (connection,) = world.proxy.connections
    world.system.unsent = lambda sock: 5  # type: ignore[method-assign] # what a real system may say
    client.reset()
    world.run(seconds=1)
    assert not world.proxy.connections
    assert world.reactor._lingering == {connection.backend.sock}
    world.system.unsent = lambda sock: 0  # type: ignore[method-assign]
    world.run(seconds=1)
    assert not world.reactor._lingering


@pytest.mark.parametrize("count", [2, 100])  # in a turn, and in several
@pytest.mark.parametrize("rule", ["blackout", "error fault=BYE"])
def test_nothing_is_parsed_or_played_on_a_connection_that_a_message_has_closed(
    rule: str, count: int
) -> None:
    world = World(f"{rule} times=1", "delay sleep=1", protocol=Lines(), whole=True)
    client = world.client()
    client.say(b"GET a\n" * count)
    world.run(seconds=10)
    assert client.ended
    assert not world.proxy.connections
