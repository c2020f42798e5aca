"""All proxies of a process: changed together, or not at all."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random

import pytest

from lines import Lines
from peers import Listening, Scripted, connect, receive_until_reset
from peers import echo as echo_back
from reactors import real_reactor, run_until
from scenario import AccountedProxy, Peer, World, echo
from vaurien import registry
from vaurien.errors import ListenError
from vaurien.net.address import Address
from vaurien.net.proxies import ClosePolicy, Proxies
from vaurien.net.proxy import Proxy
from vaurien.net.reactor import Reactor
from vaurien.net.spec import Limits, ProxySpec
from vaurien.net.system import Endpoint, Socket
from vaurien.protocol import Protocol
from vaurien.protocols.tcp import Tcp
from vaurien.rules.notation import make_rules, parse_rule
from vaurien.rules.plan import Plan, Rule

BACKEND = Address("backend", 80)
FOREVER = Limits(timeout=0)
FULL = Limits(timeout=0, max_connections=1)


class Site:
    """Some proxies in the simulated system, before a backend that echoes."""

    def __init__(self, *wanted: ProxySpec, seed: int = 0) -> None:
        self.world = World(on_data=echo, whole=True, seed=seed)
        self.world.run(seconds=1)
        self.system = self.world.system
        self.made = 0
        self.clients: list[Peer] = []
        self.proxies = Proxies(self.world.reactor, self._make, lambda _: AccountedProxy)
        self.apply(*wanted)

    def _make(self, spec: ProxySpec) -> Proxy:
        self.made += 1
        proxy = AccountedProxy(self.world.reactor, spec, self.world.events.append)
        self.world.proxies.append(proxy)
        return proxy

    def apply(self, *wanted: ProxySpec, drain: float = 0.0, moved: bool = False) -> None:
        self.proxies.apply(wanted, close_policy=ClosePolicy(drain, moved))

    def plan(self, *rules: str) -> Plan:
        return Plan(self.world.rules(*rules))

    def knock(self, port: int) -> Peer:
        """A client that connects."""
        peer = Peer(self.world, self.system.connect((int(socket.AF_INET), ("here", port))))
        self.clients.append(peer)
        return peer

    def is_served(self, client: Peer) -> bool:
        """Whether what a client says comes back within a second."""
        before = len(client.heard)
        client.say(b"?")
        self.world.run(lambda: len(client.heard) > before, seconds=1)
        return len(client.heard) > before

    def served(self, port: int) -> Peer:
        """A client that has had an answer."""
        client = self.knock(port)
        assert self.is_served(client)
        return client

    def is_open(self, port: int) -> bool:
        """Whether somebody listens there."""
        self.world.run(seconds=0.01)  # sockets are closed after a batch of events
        sockets = set(self.system._sockets)
        try:
            client = self.knock(port)
        except ConnectionRefusedError:
            for fd in set(self.system._sockets) - sockets:
                self.system._sockets[fd].close()
            return False
        client.close()
        self.world.run(seconds=1)
        return True

    def proxy(self, name: str) -> Proxy:
        found = self.proxies.get(name)
        assert found is not None
        return found

    def fail_at(self, *ports: int, times: int = 1_000_000) -> None:
        """Let listening on these ports fail this many times."""
        really: Callable[[Endpoint, int], Socket] = type(self.system).listen.__get__(self.system)
        left = times

        def listen(endpoint: Endpoint, backlog: int) -> Socket:
            nonlocal left
            if endpoint[1][1] in ports and left:
                left -= 1
                raise OSError(errno.EADDRINUSE, "address in use")
            return really(endpoint, backlog)

        self.system.listen = listen  # type: ignore[method-assign] # an error on demand


def at(
    name: str,
    port: int,
    *,
    protocol: Protocol | None = None,
    plan: Plan | None = None,
    limits: Limits = FOREVER,
    enabled: bool = True,
    backend: Address = BACKEND,
) -> ProxySpec:
    return ProxySpec(
        name=name,
        listen=Address("here", port),
        backend=backend,
        protocol=protocol or Tcp(),
        plan=plan or Plan(),
        limits=limits,
        enabled=enabled,
    )


# One after the other.


def test_proxies_are_there_by_their_names() -> None:
    site = Site(at("a", 1), at("b", 2))
    assert [proxy.name for proxy in site.proxies] == ["a", "b"]
    assert site.proxies.get("c") is None
    assert site.proxies.address_of("a") == Address("here", 1)
    assert site.proxies.address_of("c") is None
    assert site.is_served(site.knock(1))
    assert site.is_served(site.knock(2))


def test_what_stays_as_it_was_is_left_alone() -> None:
    site = Site(at("a", 1), at("b", 2))
    client, proxy, made = site.served(1), site.proxy("a"), site.made
    site.apply(at("c", 3), at("a", 1))
    assert site.proxy("a") is proxy
    assert site.made == made + 1
    assert site.is_served(client)
    assert site.is_open(3)
    assert not site.is_open(2)


class OtherProxy(Proxy):
    """A proxy of another class, as old plugins need it."""


def test_another_class_of_proxy_is_a_new_one_with_the_same_listener() -> None:
    site = Site()
    wanted: type[Proxy] = Proxy
    site.proxies = Proxies(
        site.world.reactor,
        lambda spec: wanted(site.world.reactor, spec),
        lambda _: wanted,
    )
    site.apply(at("a", 1))
    client, proxy = site.served(1), site.proxy("a")
    site.apply(at("a", 1, plan=site.plan("dummy")))
    assert site.proxy("a") is proxy
    wanted = OtherProxy
    site.apply(at("a", 1, plan=site.plan("dummy", "dummy")))
    assert type(site.proxy("a")) is OtherProxy
    assert not site.is_served(client)
    assert site.is_served(site.knock(1))
    site.proxies.close()


def test_another_plan_is_for_open_connections_too() -> None:
    site = Site(at("a", 1))
    client, proxy, made = site.served(1), site.proxy("a"), site.made
    site.apply(at("a", 1, plan=site.plan("hang")))
    assert site.made == made
    assert site.proxy("a") is proxy
    assert not site.is_served(client)
    site.apply(at("a", 1))
    site.world.run(seconds=1)
    assert (bytes(client.heard), client.ended) == (b"??", "")


def test_a_plan_that_is_set_again_begins_anew_where_its_rules_had_expired() -> None:
    site = Site(at("a", 1, plan=site_plan(1)))
    client = site.knock(1)
    assert not site.is_served(client)
    site.world.run(seconds=10)
    assert site.proxy("a").expired == {"hang"}
    site.apply(at("a", 1, plan=site_plan(1)))
    assert site.is_served(client)
    site.apply(at("a", 1, plan=site_plan(2)))
    assert not site.is_served(client)


def site_plan(generation: int) -> Plan:
    """A rule that lives for five seconds."""
    return Plan(rules_of("hang ttl=5"), generation)


def rules_of(*rules: str) -> tuple[Rule, ...]:
    return make_rules([parse_rule(rule) for rule in rules], registry.behaviors.get, Tcp)


@pytest.mark.parametrize("moved", [False, True])
def test_another_backend_is_for_new_connections_and_if_asked_for_all(moved: bool) -> None:
    site = Site(at("a", 1))
    client, proxy = site.served(1), site.proxy("a")
    site.apply(at("a", 1, backend=Address("elsewhere", 80)), moved=moved)
    assert site.proxy("a") is proxy
    assert site.is_served(client) is not moved
    assert client.ended == ("reset" if moved else "")
    new = site.knock(1)
    site.world.run(seconds=1)
    assert new.ended == "fin"  # nobody is elsewhere


@pytest.mark.parametrize("drain", [0.0, 10.0])
def test_what_is_removed_ends_its_connections_as_asked(drain: float) -> None:
    site = Site(at("a", 1), at("b", 2, plan=Plan(rules_of("hang"))))
    idle, held = site.served(1), site.knock(2)
    held.say(b"x")
    site.world.run(seconds=1)
    site.apply(drain=drain)
    begin = site.system.time
    assert not any(map(site.is_open, (1, 2)))
    site.world.run(lambda: bool(idle.ended), seconds=100)
    assert idle.ended == ("fin" if drain else "reset")
    site.world.run(lambda: bool(held.ended), seconds=100)
    assert held.ended == "reset"
    assert site.system.time - begin == pytest.approx(drain, abs=0.1)
    assert list(site.proxies) == []


@pytest.mark.parametrize(
    "changed",
    [at("a", 1, protocol=Lines()), at("a", 1, limits=Limits(timeout=99))],
    ids=["protocol", "limits"],
)
@pytest.mark.parametrize("drain", [0.0, 10.0])
def test_another_protocol_or_limits_make_it_a_new_one_at_the_same_listener(
    changed: ProxySpec, drain: float
) -> None:
    site = Site(at("a", 1))
    before, client = site.proxy("a"), site.served(1)
    listener = before.listener
    waiting = [site.knock(1) for _ in range(5)]  # in the listener's queue
    site.apply(changed, drain=drain)
    after = site.proxy("a")
    assert after is not before
    assert after.listener is listener
    assert before.listener is None
    for peer in waiting:
        assert site.is_served(peer)
    site.world.run(lambda: bool(client.ended), seconds=100)
    assert client.ended == ("fin" if drain else "reset")
    assert (after.totals().opened, before.totals().open) == (5, 0)


def test_who_moves_keeps_its_connections() -> None:
    site = Site(at("a", 1))
    client, proxy = site.served(1), site.proxy("a")
    site.apply(at("a", 2))
    assert site.proxy("a") is proxy
    assert site.proxies.address_of("a") == Address("here", 2)
    assert site.is_served(client)
    assert site.is_open(2)
    assert not site.is_open(1)


def test_who_moves_resets_its_connections_if_asked() -> None:
    site = Site(at("a", 1), at("b", 3))
    client, other = site.served(1), site.served(3)
    site.proxies.apply([at("a", 2), at("b", 3)], close_policy=ClosePolicy(reset_relocated=True))
    assert not site.is_served(client)
    assert client.ended == "reset"
    assert site.is_served(other)
    assert site.is_open(2)


def test_where_it_listens_or_did_last_is_known() -> None:
    site = Site(at("a", 1, enabled=False))
    proxy = site.proxy("a")
    assert proxy.bound is None
    site.apply(at("a", 1))
    bound = proxy.bound
    assert bound == (int(socket.AF_INET), ("here", 1))
    site.apply(at("a", 1, enabled=False))
    assert proxy.bound == bound
    site.apply(at("a", 2, enabled=False))
    assert proxy.bound is None


# Disabled, and enabled again.


def test_disabled_from_the_beginning_it_does_not_listen() -> None:
    site = Site(at("a", 1, enabled=False))
    assert site.proxies.address_of("a") == Address("here", 1)
    assert not site.is_open(1)
    site.apply(at("a", 1))
    assert site.is_open(1)


@pytest.mark.parametrize("drain", [0.0, 10.0])
def test_disabled_it_ends_its_connections_as_asked(drain: float) -> None:
    site = Site(at("a", 1))
    client, proxy = site.served(1), site.proxy("a")
    site.apply(at("a", 1, enabled=False), drain=drain)
    assert not site.is_open(1)
    site.world.run(lambda: bool(client.ended), seconds=100)
    assert client.ended == ("fin" if drain else "reset")
    site.apply(at("a", 1))
    assert site.proxy("a") is proxy
    assert site.is_served(site.knock(1))


@pytest.mark.parametrize("moment", [0.005 * step for step in range(30)])
def test_enabled_again_while_it_drains_it_keeps_whom_it_has(moment: float) -> None:
    site = Site(at("a", 1))
    client = site.served(1)
    (backend,) = site.world.backends
    backend.on_data = None
    site.world.run(seconds=1)
    client.say(b"y")  # and no answer
    site.world.run(seconds=1)
    site.apply(at("a", 1, enabled=False), drain=10)
    site.world.run(seconds=0.02)
    backend.say(b"answer")
    site.world.run(seconds=moment)
    drained = bool(client.ended)
    assert drained is (moment >= 0.13)  # it checks periodically whether the exchange is over
    site.apply(at("a", 1))
    site.world.run(seconds=100)
    assert bool(client.ended) is drained


def test_a_second_drain_has_a_time_of_its_own() -> None:
    on, off = (
        at("a", 1, plan=Plan(rules_of("hang")), enabled=enabled) for enabled in (True, False)
    )
    site = Site(on)
    client = site.knock(1)
    client.say(b"x")
    site.world.run(seconds=1)
    site.apply(off, drain=10)
    site.world.run(seconds=3)
    site.apply(on)
    site.world.run(seconds=3)
    site.apply(off, drain=10)
    begin = site.system.time
    site.world.run(lambda: bool(client.ended), seconds=100)
    assert site.system.time - begin == pytest.approx(10)


def test_who_is_removed_at_once_while_it_drains_is_gone_at_once() -> None:
    site = Site(at("a", 1, plan=Plan(rules_of("hang"))))
    client = site.knock(1)
    client.say(b"x")
    site.world.run(seconds=1)
    site.apply(at("a", 1, plan=Plan(rules_of("hang")), enabled=False), drain=10)
    site.world.run(seconds=1)
    site.apply()
    site.world.run(seconds=1)
    assert client.ended == "reset"


def test_a_disabled_one_that_moves_is_enabled_where_it_is_to_be() -> None:
    site = Site(at("a", 1))
    site.apply(at("a", 2, enabled=False))
    assert site.proxies.address_of("a") == Address("here", 2)
    site.apply(at("a", 2))
    assert site.is_open(2)
    assert not site.is_open(1)


def test_a_disabled_one_may_change_in_every_way() -> None:
    site = Site(at("a", 1))
    plan = site.plan("hang")
    site.apply(at("a", 1, enabled=False))
    site.apply(at("a", 3, enabled=False, protocol=Lines(), plan=plan, limits=FULL))
    site.apply(at("a", 3, protocol=Lines(), plan=plan, limits=FULL))
    assert not site.is_served(site.knock(3))
    assert isinstance(site.proxy("a").protocol, Lines)
    assert site.proxy("a").limits == FULL


# Addresses that change hands.


@pytest.mark.parametrize("count", [2, 3, 5])
def test_ports_may_be_swapped_and_nobody_is_lost(count: int) -> None:
    names = "abcde"[:count]
    site = Site(*(at(name, port) for port, name in enumerate(names, 1)))
    clients = [site.served(port) for port in range(1, count + 1)]
    waiting = [site.knock(port) for port in range(1, count + 1) for _ in range(3)]
    swapped = [port % count + 1 for port in range(1, count + 1)]
    site.apply(*(at(name, port) for port, name in zip(swapped, names, strict=True)))
    for peer in (*waiting, *clients):
        assert site.is_served(peer)
    addresses = [site.proxies.address_of(name) for name in names]
    assert addresses == [Address("here", port) for port in swapped]
    assert [proxy.totals().opened for proxy in site.proxies] == [4] * count


def test_a_new_one_takes_the_port_of_one_that_leaves() -> None:
    site = Site(at("a", 1))
    client = site.served(1)
    waiting = site.knock(1)
    site.apply(at("b", 1))
    assert site.is_served(waiting)
    assert client.ended == "reset"
    assert site.proxy("b").totals().opened == 1


def test_a_new_one_takes_the_port_of_one_that_is_disabled() -> None:
    site = Site(at("a", 1))
    site.apply(at("a", 1, enabled=False), at("b", 1))
    assert site.is_served(site.knock(1))
    with pytest.raises(ListenError) as caught:
        site.apply(at("a", 1), at("b", 1))
    assert caught.value.proxy == "a"


@pytest.mark.parametrize("drain", [0.0, 10.0])
def test_one_that_is_disabled_ends_its_connections_though_its_port_is_taken(drain: float) -> None:
    site = Site(at("a", 1))
    client = site.served(1)
    site.apply(at("a", 1, enabled=False), at("b", 1), drain=drain)
    site.world.run(lambda: bool(client.ended), seconds=100)
    assert client.ended == ("fin" if drain else "reset")
    assert site.is_served(site.knock(1))


@pytest.mark.parametrize("changed", [at("a", 1, protocol=Lines()), at("a", 1)])
@pytest.mark.parametrize("is_first", [False, True])
def test_of_two_that_want_a_port_the_one_that_has_it_keeps_it(
    changed: ProxySpec, is_first: bool
) -> None:
    site = Site(at("a", 1))
    client, listener = site.served(1), site.proxy("a").listener
    both = [changed, at("b", 1)]
    with pytest.raises(ListenError) as caught:
        site.apply(*(both if is_first else reversed(both)))
    assert caught.value.proxy == "b"
    assert site.proxy("a").listener is listener
    assert site.is_served(client)


def test_a_listener_may_pass_to_another_proxy_and_back() -> None:
    site = Site(at("a", 1), at("b", 2))
    client, listener = site.served(1), site.proxy("a").listener
    site.apply(at("c", 1))
    site.apply(at("a", 1))
    assert site.proxy("a").listener is listener
    site.world.run(seconds=1)
    assert client.ended == "reset"


def test_a_listener_at_its_limit_is_handed_over_with_those_who_wait() -> None:
    site = Site(at("a", 1, limits=FULL))
    site.served(1)
    waiting = [site.knock(1) for _ in range(3)]
    site.apply(at("a", 1))
    for peer in waiting:
        assert site.is_served(peer)


def test_one_that_is_full_is_as_full_where_it_moves() -> None:
    site = Site(at("a", 1, limits=FULL))
    client = site.served(1)
    site.apply(at("a", 2, limits=FULL))
    assert not site.is_served(site.knock(2))
    client.finish()
    site.world.backends[0].finish()
    site.world.run(seconds=1)
    assert site.proxy("a").totals().open == 1


def test_a_listener_that_refuses_listens_again_under_its_new_owner() -> None:
    site = Site(at("a", 1, plan=Plan(rules_of("refuse"))))
    assert not site.is_open(1)
    site.apply(at("b", 1))
    assert site.is_served(site.knock(1))
    site.apply(at("c", 1, plan=Plan(rules_of("refuse"))))
    assert not site.is_open(1)


# Not at all.


def portrait(site: Site) -> list[tuple[object, ...]]:
    """What can be seen of the proxies of a site from outside."""
    return [
        (proxy, proxy.name, proxy.address, proxy.backend, proxy.plan, proxy.listener)
        for proxy in site.proxies
    ]


@pytest.mark.parametrize("port", [4, 5, 6])
def test_a_change_that_fails_anywhere_has_changed_nothing(port: int) -> None:
    site = Site(at("a", 1), at("b", 2), at("c", 3), at("off", 7, enabled=False))
    clients = [site.served(port) for port in (1, 2, 3)]
    before, sockets = portrait(site), site.system.open_sockets
    wanted = (
        at("d", 5),
        at("a", 4),
        at("b", 2, protocol=Lines()),
        at("c", 3, plan=site.plan("hang"), backend=Address("elsewhere", 80)),
        at("e", 1),
        at("off", 6),
    )
    site.fail_at(port)
    with pytest.raises(ListenError) as caught:
        site.apply(*wanted)
    name = {4: "a", 5: "d", 6: "off"}[port]
    assert caught.value.proxy == name
    assert str(caught.value.strerror).startswith(f"proxy {name!r}: cannot listen on here:{port}:")
    assert portrait(site) == before
    site.world.run(seconds=1)
    assert site.system.open_sockets == sockets
    assert all(map(site.is_served, clients))
    site.fail_at()
    assert [site.is_open(port) for port in range(1, 8)] == [True] * 3 + [False] * 4
    site.apply(*wanted)
    assert [site.is_open(port) for port in range(1, 8)] == [True] * 6 + [False]


def test_after_a_change_that_failed_the_next_one_works() -> None:
    site = Site(at("a", 1))
    site.fail_at(2, times=2)
    with pytest.raises(ListenError):
        site.apply(at("b", 2))
    site.apply(at("b", 2))
    assert site.is_open(2)
    assert not site.is_open(1)


def test_a_failure_leaves_a_full_listener_at_rest() -> None:
    site = Site(at("a", 1, limits=FULL))
    first = site.served(1)
    second = site.knock(1)  # waits
    site.fail_at(2)
    with pytest.raises(ListenError):
        site.apply(at("b", 2))
    third = site.knock(1)
    steps = 0

    def count() -> bool:
        nonlocal steps
        steps += 1
        return steps > 1000

    site.world.run(count, seconds=5)
    assert steps < 100
    first.finish()
    site.world.backends[0].finish()
    site.world.run(seconds=1)
    served = [site.is_served(peer) for peer in (second, third)]
    assert served.count(True) == 1


def test_a_failure_leaves_one_that_refuses_refusing() -> None:
    site = Site(at("a", 1, plan=Plan(rules_of("refuse"))))
    site.fail_at(2)
    with pytest.raises(ListenError):
        site.apply(at("b", 2))
    assert not site.is_open(1)
    site.apply(at("a", 1))
    assert site.is_open(1)


def test_a_drain_works_where_listeners_were_let_go() -> None:
    site = Site(at("a", 1))
    client = site.served(1)
    site.fail_at(2, times=1)
    site.apply(at("b", 2), drain=10)
    site.world.run(seconds=5)
    assert client.ended == "fin"
    assert site.is_open(2)


# All of them.


def test_all_are_closed_together_and_those_too_that_still_drain() -> None:
    hang = Plan(rules_of("hang"))
    site = Site(at("a", 1, plan=hang), at("b", 2, plan=hang), at("c", 3, enabled=False))
    clients = [site.knock(port) for port in (1, 2)]
    for client in clients:
        client.say(b"x")
    site.world.run(seconds=1)
    site.apply(at("b", 2, plan=hang), drain=100)
    site.proxies.close()
    site.world.run(seconds=1)
    assert [client.ended for client in clients] == ["reset", "reset"]
    assert not any(map(site.is_open, (1, 2, 3)))


def test_all_are_drained_together() -> None:
    site = Site(at("a", 1, plan=Plan(rules_of("hang"))), at("b", 2), at("c", 3, enabled=False))
    held, idle = site.knock(1), site.served(2)
    held.say(b"x")
    site.world.run(seconds=1)
    done: list[float] = []
    begin = site.system.time
    site.proxies.drain(lambda: done.append(site.system.time - begin), 10)
    site.world.run(seconds=100)
    assert done == [10.0]
    assert (held.ended, idle.ended) == ("reset", "fin")


def test_a_drain_of_all_waits_for_those_that_are_leaving() -> None:
    site = Site(at("a", 1), at("b", 2))
    client, other = site.served(1), site.served(2)
    site.proxy("a").apply(site.plan("delay sleep=3"))
    client.say(b"!")
    site.world.run(seconds=0.1)
    site.apply(at("b", 2), drain=20)
    done: list[float] = []
    site.proxies.drain(lambda: done.append(site.world.system.time), 10)
    begun = site.world.system.time
    site.world.run(lambda: bool(done), seconds=100)
    site.world.run(seconds=0.1)
    assert (bytes(client.heard), client.ended, other.ended) == (b"?!", "fin", "fin")
    assert 2.8 < done[0] - begun < 4


def test_one_that_is_enabled_again_is_not_leaving_any_more() -> None:
    site = Site(at("a", 1))
    site.served(1)
    site.apply(at("a", 1, enabled=False), drain=20)
    site.apply(at("a", 1))
    assert not site.proxies._leaving


def test_a_drain_of_none_is_done_at_once() -> None:
    site = Site()
    done: list[bool] = []
    site.proxies.drain(lambda: done.append(True), 10)
    assert done == [True]


# At random.

NAMES = "abcd"
PORTS = range(1, 6)


def some(random: Random) -> list[ProxySpec]:
    """Proxies of different names and ports, in any state."""
    count = random.randint(0, len(NAMES))
    return [
        at(
            name,
            port,
            protocol=random.choice([Tcp(), Lines()]),
            plan=Plan((), random.randint(0, 1)),
            limits=random.choice([FOREVER, Limits(timeout=1000)]),
            enabled=random.random() < 0.8,
        )
        for name, port in zip(random.sample(NAMES, count), random.sample(PORTS, count), strict=True)
    ]


@pytest.mark.parametrize("seed", range(30))
def test_whatever_changes_who_listens_is_who_was_declared(seed: int) -> None:
    random = Random(seed)
    site = Site(seed=seed)
    held: dict[str, tuple[ProxySpec, Peer]] = {}  # a client of each proxy
    spec: list[ProxySpec] = []
    for _ in range(12):
        wanted = some(random)
        site.fail_at(*random.sample(PORTS, 1), times=random.choice([0, 0, 1, 9]))
        try:
            site.apply(*wanted, drain=random.choice([0.0, 1.0]))
        except ListenError:
            pass
        else:
            spec = wanted
        now = {each.name: each for each in spec}
        site.fail_at()
        assert {proxy.name for proxy in site.proxies} == set(now)
        ports = {each.listen.port for each in spec if each.enabled}
        assert {port for port in PORTS if site.is_open(port)} == ports
        for name, (before, client) in list(held.items()):
            after = now.get(name)
            if after is None or not after.enabled:
                stays = False
            else:
                stays = (after.protocol, after.limits) == (before.protocol, before.limits)
            if not stays:
                del held[name]
            else:
                assert site.is_served(client)
        for each in spec:
            if each.enabled and each.name not in held:
                held[each.name] = (each, site.served(each.listen.port))
    site.apply()
    for client in site.clients:
        client.close()
    site.world.run(seconds=10)
    open_peers = sum(not peer.sock.closed for peer in site.world.backends)
    assert site.system.open_sockets == 2 + open_peers


# In the real system.


@pytest.fixture
def reactor() -> Iterator[Reactor]:
    with real_reactor() as made:
        yield made


@pytest.fixture
def served_by() -> Iterator[Address]:
    """A backend that echoes."""
    with Scripted(echo_back) as backend:
        yield backend.address


@pytest.fixture
def proxies(reactor: Reactor) -> Iterator[Proxies]:
    def make(spec: ProxySpec) -> Proxy:
        return Proxy(reactor, spec)

    made = Proxies(reactor, make)
    yield made
    made.apply(())
    turn(reactor)
    assert list(made) == []


def turn(reactor: Reactor) -> None:
    """Handle what is there, and do not wait."""
    reactor.call_soon(lambda: None)
    reactor.run_once()


def really(
    name: str,
    listen: Address | str,
    backend: Address,
    *,
    protocol: Protocol | None = None,
    rules: tuple[str, ...] = (),
    enabled: bool = True,
    generation: int = 0,
) -> ProxySpec:
    return ProxySpec(
        name=name,
        listen=Address.parse(listen) if isinstance(listen, str) else listen,
        backend=backend,
        protocol=protocol or Tcp(),
        plan=Plan(rules_of(*rules), generation),
        limits=FOREVER,
        enabled=enabled,
    )


def talk(reactor: Reactor, client: socket.socket) -> None:
    """What a client says comes back."""
    client.sendall(b"hello")
    client.setblocking(False)
    heard = bytearray()

    def is_heard() -> bool:
        try:
            data = client.recv(100)
        except BlockingIOError:
            return False
        assert data
        heard.extend(data)
        return len(heard) == 5

    run_until(reactor, is_heard, "the echo")
    client.settimeout(30)


def refused(address: Address) -> bool:
    try:
        connect(address).close()
    except (ConnectionRefusedError, FileNotFoundError):
        return True
    return False


def address_of(proxies: Proxies, name: str) -> Address:
    found = proxies.address_of(name)
    assert found is not None
    return found


def test_port_0_stays_the_port_it_became(
    reactor: Reactor, proxies: Proxies, served_by: Address
) -> None:
    proxies.apply([really("a", "127.0.0.1:0", served_by), really("b", "localhost:0", served_by)])
    before = [address_of(proxies, name) for name in "ab"]
    assert all(address.port for address in before)
    proxies.apply(
        [
            really("a", "127.0.0.1:0", served_by, enabled=False),
            really("b", "localhost:0", served_by, protocol=Lines()),
        ]
    )
    turn(reactor)
    assert refused(before[0])
    assert [address_of(proxies, name) for name in "ab"] == before
    proxies.apply(
        [
            really("a", "127.0.0.1:0", served_by, protocol=Lines()),
            really("b", "localhost:0", served_by, rules=("delay sleep=0",)),
        ]
    )
    assert [address_of(proxies, name) for name in "ab"] == before
    for address in before:
        with connect(Address("127.0.0.1", address.port)) as client:
            talk(reactor, client)


def test_who_waits_to_be_accepted_is_neither_refused_nor_lost(
    reactor: Reactor, proxies: Proxies, served_by: Address
) -> None:
    proxies.apply([really("a", "127.0.0.1:0", served_by), really("b", "127.0.0.1:0", served_by)])
    a, b = (address_of(proxies, name) for name in "ab")
    proxies.apply([really("a", a, served_by), really("b", b, served_by)])
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(address)) for address in (a, b) for _ in range(20)]
        proxies.apply([really("a", b, served_by, protocol=Lines()), really("b", a, served_by)])
        clients += [stack.enter_context(connect(address)) for address in (a, b)]
        proxies.apply([really("c", b, served_by), really("b", a, served_by, protocol=Lines())])
        clients += [stack.enter_context(connect(address)) for address in (a, b)]
        for client in clients:
            talk(reactor, client)


def test_a_free_port_that_is_named_later_is_handed_over_with_those_who_wait(
    reactor: Reactor, proxies: Proxies, served_by: Address
) -> None:
    proxies.apply([really("a", "127.0.0.1:0", served_by), really("b", "127.0.0.1:0", served_by)])
    a, b = (address_of(proxies, name) for name in "ab")
    before = [proxy.listener for proxy in proxies]
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(address)) for address in (a, b) for _ in range(5)]
        proxies.apply([really("a", a, served_by), really("c", b, served_by)])
        assert [proxy.listener for proxy in proxies] == before
        for client in clients:
            talk(reactor, client)
        assert [proxy.totals().opened for proxy in proxies] == [5, 5]


@pytest.mark.parametrize(
    ("old", "new"), [("0.0.0.0", "127.0.0.1"), ("127.0.0.1", "0.0.0.0"), ("127.0.0.1", "localhost")]
)
@pytest.mark.parametrize("drain", [0.0, 1.0])
def test_an_address_may_take_the_place_of_one_that_covers_it(
    reactor: Reactor, proxies: Proxies, served_by: Address, old: str, new: str, drain: float
) -> None:
    proxies.apply([really("a", f"{old}:0", served_by)])
    port = address_of(proxies, "a").port
    with pytest.raises(ListenError) as caught:
        proxies.apply([really("a", f"{old}:0", served_by), really("b", f"{new}:{port}", served_by)])
    assert (caught.value.proxy, caught.value.errno) == ("b", errno.EADDRINUSE)
    with connect(Address("127.0.0.1", port)) as client:
        talk(reactor, client)
    proxies.apply([really("b", f"{new}:{port}", served_by)], close_policy=ClosePolicy(drain=drain))
    with connect(Address("127.0.0.1", port)) as client:
        talk(reactor, client)
    assert address_of(proxies, "b") == Address(new, port)


def test_a_port_that_somebody_has_changes_nothing(
    reactor: Reactor, proxies: Proxies, served_by: Address, tmp_path: Path
) -> None:
    path = f"{tmp_path}/new"
    proxies.apply([really("a", "127.0.0.1:0", served_by)])
    address = address_of(proxies, "a")
    descriptors = len(os.listdir("/proc/self/fd"))
    with Listening() as other, connect(address) as client:
        for _ in range(3):
            with pytest.raises(ListenError) as caught:
                proxies.apply(
                    [
                        really("new", f"unix:{path}", served_by),
                        really("b", "127.0.0.1:0", served_by),
                        really("c", other.address, served_by),
                    ]
                )
            assert caught.value.proxy == "c"
        assert not os.path.exists(path)
        talk(reactor, client)
        assert address_of(proxies, "a") == address
    proxies.apply([])
    turn(reactor)
    assert len(os.listdir("/proc/self/fd")) <= descriptors


def test_a_unix_socket_stays_under_its_new_owner_and_goes_with_the_last(
    reactor: Reactor, proxies: Proxies, served_by: Address, tmp_path: Path
) -> None:
    one, other = (f"unix:{tmp_path}/{name}" for name in ("one", "other"))
    proxies.apply([really("a", one, served_by), really("b", other, served_by)])
    proxies.apply([really("a", other, served_by), really("b", one, served_by, protocol=Lines())])
    turn(reactor)
    for text in (one, other):
        with connect(Address.parse(text)) as client:
            talk(reactor, client)
    proxies.apply([really("c", one, served_by)])
    turn(reactor)
    assert os.listdir(tmp_path) == ["one"]
    with connect(Address.parse(one)) as client:
        talk(reactor, client)
    proxies.apply([really("c", one, served_by, enabled=False)])
    assert os.listdir(tmp_path) == []


def test_a_port_that_is_refused_stays_ours(
    reactor: Reactor, proxies: Proxies, served_by: Address
) -> None:
    proxies.apply([really("a", "127.0.0.1:0", served_by)])
    address = address_of(proxies, "a")
    with connect(address) as client:
        talk(reactor, client)
        refusing = really("a", "127.0.0.1:0", served_by, rules=("refuse",), generation=1)
        proxies.apply([refusing])
        assert refused(address)
        with socket.socket() as foreign:
            foreign.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with pytest.raises(OSError, match="in use"):
                foreign.bind((address.host, address.port))
        with pytest.raises(ListenError):
            proxies.apply([refusing, really("b", address, served_by)])
        talk(reactor, client)  # who is connected goes on
    proxies.apply([really("a", "127.0.0.1:0", served_by, generation=2)])
    assert address_of(proxies, "a") == address
    with connect(address) as client:
        talk(reactor, client)


def test_those_whose_backend_moved_are_reset_if_asked(
    reactor: Reactor, proxies: Proxies, served_by: Address
) -> None:
    proxies.apply([really("a", "127.0.0.1:0", served_by)])
    address = address_of(proxies, "a")
    with connect(address) as client, Scripted(echo_back) as other:
        talk(reactor, client)
        proxies.apply([really("a", "127.0.0.1:0", other.address)])
        talk(reactor, client)
        with connect(address) as new:
            talk(reactor, new)
        assert other.accepted == 1
        proxies.apply(
            [really("a", "127.0.0.1:0", served_by)], close_policy=ClosePolicy(reset_moved=True)
        )
        turn(reactor)
        assert receive_until_reset(client) == b""


def test_no_descriptor_is_left(reactor: Reactor, proxies: Proxies, served_by: Address) -> None:
    def spec(generation: int) -> list[ProxySpec]:
        rules = ("refuse",) if generation % 3 == 2 else ("delay sleep=0",)
        return [
            really("a", "127.0.0.1:0", served_by, rules=rules, generation=generation),
            really("b", "localhost:0", served_by, protocol=[Tcp(), Lines()][generation % 2]),
            really("c", "127.0.0.1:0", served_by, enabled=generation % 2 == 0),
        ]

    def round_of(generation: int) -> None:
        proxies.apply(spec(generation))
        turn(reactor)

    for generation in range(6):
        round_of(generation)
    before = len(os.listdir("/proc/self/fd"))
    for generation in range(6, 24):
        round_of(generation)
    assert len(os.listdir("/proc/self/fd")) == before
