"""Every close that vaurien itself decides on has an event that says why."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import replace

import pytest

from lines import Lines
from scenario import AccountedProxy, Peer, World, echo
from vaurien.net.address import Address
from vaurien.net.closing import FINISHED
from vaurien.net.proxies import ClosePolicy, Proxies
from vaurien.net.proxy import Proxy
from vaurien.net.spec import Limits, ProxySpec
from vaurien.rules.plan import Plan
from vaurien.values.events import Cut


def cuts(world: World) -> list[str]:
    """What was told of closes."""
    return [event.what for event in world.events if isinstance(event, Cut)]


def talking(world: World, count: int = 2) -> list[Peer]:
    """Clients that have said something."""
    clients = [world.client() for _ in range(count)]
    for client in clients:
        client.say(b"?")
    world.run(seconds=1)
    return clients


def test_a_client_that_ends_by_itself_is_not_told() -> None:
    world = World(on_data=echo, whole=True)
    ended, gone, reset = talking(world, 3)
    ended.finish()
    gone.close()
    reset.reset()
    world.run(seconds=1)
    for backend in world.backends:
        if not backend.sock.closed:
            backend.close()
    world.run(seconds=1)
    assert not world.proxy.connections
    assert cuts(world) == []


def test_a_rule_that_asks_for_the_close_is_told_as_fired() -> None:
    world = World("blackout", whole=True)
    talking(world)
    assert [rule for _, _, rule in world.fired] == ["blackout", "blackout"]
    assert cuts(world) == []


def test_an_idle_connection() -> None:
    world = World(limits=Limits(timeout=10), on_data=echo, whole=True)
    talking(world, 1)
    world.run(seconds=30)
    assert cuts(world) == ["connection 1 was idle for 10 s, and was closed"]


def test_a_connection_that_misses_what_a_rule_has_dropped() -> None:
    world = World("timeout name=lost", whole=True)
    talking(world)
    world.apply()
    world.run(seconds=1)
    why = "rule lost is off, and has dropped messages"
    assert cuts(world) == [f"connection {number} closed: {why}" for number in (1, 2)]


def test_a_connection_whose_rule_has_expired_or_gone_off() -> None:
    world = World("timeout name=lost stop=5", whole=True)
    talking(world, 1)
    world.run(seconds=10)
    assert cuts(world) == ["connection 1 closed: rule lost is off, and has dropped messages"]


def test_a_connection_that_is_held_for_nobody() -> None:
    world = World("hang", whole=True)
    (client,) = talking(world, 1)
    client.close()
    world.run(seconds=10)
    assert cuts(world) == ["connection 1 closed: nobody waits any more for what a rule keeps"]


def test_a_drain() -> None:
    world = World(on_data=echo, whole=True)
    talking(world)
    world.proxy.drain(lambda: None, 10)
    world.run(seconds=1)
    assert cuts(world) == [f"connection {number} closed: {FINISHED}" for number in (1, 2)]


def test_a_drain_of_a_protocol_that_is_parsed() -> None:
    def answer(peer: Peer, data: bytes) -> None:
        peer.world.reactor.call_later(1, lambda: peer.say(b"yes\n"))

    world = World(protocol=Lines(), on_data=answer, whole=True)
    client = world.client()
    client.say(b"GET a\n")
    world.run(seconds=0.5)
    world.proxy.drain(lambda: None, 10)
    world.run(lambda: bool(client.ended), seconds=0.51)
    assert bytes(client.heard) == b"yes\n"
    world.run(seconds=0.2)
    assert cuts(world) == [f"connection 1 closed: {FINISHED}"]


def test_a_drain_that_is_over() -> None:
    world = World("hang", whole=True)
    talking(world)
    world.proxy.drain(lambda: None, 10)
    world.run(seconds=20)
    assert cuts(world) == ["connections closed unfinished: 2"]


def test_a_backend_that_cannot_be_reached() -> None:
    world = World(backend=False, whole=True)
    (client,) = talking(world, 1)
    assert client.ended == "fin"
    texts = [event.text() for event in world.events]
    assert texts == ["backend backend:80 cannot be reached: [Errno 111] Connection refused"]


def change_backend(proxies: Proxies, spec: ProxySpec) -> None:
    moved = replace(spec, backend=Address("elsewhere", 80))
    proxies.apply([moved], close_policy=ClosePolicy(reset_moved=True))


def remove(proxies: Proxies, spec: ProxySpec) -> None:
    proxies.apply([])


def disable(proxies: Proxies, spec: ProxySpec) -> None:
    proxies.apply([replace(spec, enabled=False)])


def change_protocol(proxies: Proxies, spec: ProxySpec) -> None:
    proxies.apply([replace(spec, protocol=Lines())])


def end(proxies: Proxies, spec: ProxySpec) -> None:
    proxies.close()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (change_backend, "its backend was replaced"),
        (remove, "the proxy was removed"),
        (disable, "the proxy was disabled"),
        (change_protocol, "the proxy was replaced"),
        (end, "the process ends"),
    ],
)
def test_a_change_that_closes(change: Callable[[Proxies, ProxySpec], None], why: str) -> None:
    world = World(on_data=echo, whole=True)

    def make(spec: ProxySpec) -> Proxy:
        proxy = AccountedProxy(world.reactor, spec, world.events.append)
        world.proxies.append(proxy)
        return proxy

    proxies = Proxies(world.reactor, make, lambda _: AccountedProxy)
    spec = ProxySpec(
        name="a",
        listen=Address("here", 1),
        backend=Address("backend", 80),
        protocol=world.protocol,
        plan=Plan(),
        limits=Limits(timeout=0),
    )
    proxies.apply([spec])
    for _ in range(2):
        peer = Peer(world, world.system.connect((int(socket.AF_INET), ("here", 1))))
        peer.say(b"?")
    world.run(seconds=1)
    change(proxies, spec)
    world.run(seconds=1)
    told = [event for event in world.events if isinstance(event, Cut)]
    assert [(event.proxy, event.what) for event in told] == [
        ("a", f"connection {number} closed: {why}") for number in (1, 2)
    ]
    proxies.close()
