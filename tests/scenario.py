"""Scenarios on the simulated reactor: scripted clients, backends, and a proxy between."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from functools import partial
from typing import ClassVar

from vaurien import plugins, registry
from vaurien.net.address import Address
from vaurien.net.closing import RESET_LIMIT
from vaurien.net.connection import Connection
from vaurien.net.decisions import FIRING_SIZE
from vaurien.net.proxy import Proxy
from vaurien.net.reactor import Reactor, Timer
from vaurien.net.simulated import CAPACITY, SimulatedSocket, SimulatedSystem, SimulationOver
from vaurien.net.spec import Limits, ProxySpec, matching
from vaurien.net.system import ERROR, HANGUP, READ, WRITE
from vaurien.net.tls.spec import Tls
from vaurien.protocol import Protocol
from vaurien.rules.notation import Entry, make_rules, parse_rule
from vaurien.rules.plan import Plan, Rule
from vaurien.values.events import Emit, Event, Fired

PROXY = (int(socket.AF_INET), ("proxy", 8000))
BACKEND = (int(socket.AF_INET), ("backend", 80))

OnData = Callable[["Peer", bytes], None]


class Peer:
    """One scripted end: remembers what it hears, says what it is told to say."""

    def __init__(self, world: World, sock: SimulatedSocket, on_data: OnData | None = None) -> None:
        self.world = world
        self.sock = sock
        self.heard = bytearray()
        self.heard_at: list[float] = []
        self.ended: str = ""
        self.on_data = on_data
        self.reads = True
        self._saying = bytearray()
        self._then_finish = False
        self._broken = False
        self._deaf = False  # its connection is over, and the poller would say so for ever
        self._buffer = bytearray(64 * 1024)
        world.peers.append(self)
        world.reactor.add(sock.fileno(), self, READ)

    def say(self, data: bytes, *, finish: bool = False) -> None:
        self._saying += data
        self._then_finish |= finish
        self._update()

    def finish(self) -> None:
        self.say(b"", finish=True)

    def reset(self) -> None:
        self.world.system.reset_on_close(self.sock)
        self.close()

    def close(self) -> None:
        self.world.reactor.discard(self.sock)

    def read(self, *, wanted: bool) -> None:
        self.reads = wanted
        self._update()

    def on_failure(self, report: str) -> None:
        raise AssertionError(report)

    def on_event(self, events: int) -> None:
        if self.sock.closed:
            return
        if events & WRITE and (self._saying or self._then_finish):
            self._speak()
        if self.reads and events & (READ | ERROR | HANGUP) and not self.ended:
            self._listen()
        if not self.reads and events & (ERROR | HANGUP):
            self.world.reactor.unwatch(self.sock.fileno())  # it will hear of it when it reads
        elif self.ended == "reset" or (
            self.ended and (self.sock.fin_sent or events & (ERROR | HANGUP))
        ):
            self._deaf = True
            self.world.reactor.unwatch(self.sock.fileno())
        elif not self.sock.closed:
            self._update()

    def _speak(self) -> None:
        try:
            while self._saying:
                del self._saying[: self.sock.send(bytes(self._saying[:CAPACITY]))]
            if self._then_finish:
                self._then_finish = False
                self.sock.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            pass
        except OSError:
            self._broken = True
            self._saying.clear()
            self._then_finish = False

    def _listen(self) -> None:
        try:
            size = self.sock.recv_into(self._buffer)
        except BlockingIOError:
            return
        except OSError:
            self.ended = "reset"
            return
        if not size:
            self.ended = "reset" if self._broken else "fin"
            return
        data = bytes(self._buffer[:size])
        self.heard += data
        self.heard_at.append(self.world.system.time)
        if self.on_data is not None:
            self.on_data(self, data)

    def _update(self) -> None:
        if self.sock.closed or self._deaf:
            return
        interest = READ if self.reads and not self.ended else 0
        if self._saying or self._then_finish:
            interest |= WRITE
        self.world.reactor.unwatch(self.sock.fileno())
        self.world.reactor.add(self.sock.fileno(), self, interest)


class AccountedProxy(Proxy):
    """Remembers its connections, to see that nothing is left of them."""

    def __init__(self, reactor: Reactor, spec: ProxySpec, emit: Emit) -> None:
        super().__init__(reactor, spec, emit)
        self.closed: list[Connection] = []

    def on_closed(self, connection: Connection) -> None:
        super().on_closed(connection)
        self.closed.append(connection)


class World:
    """A simulated system with a backend and a proxy; the clock starts at 0.

    After each test its worlds are asked to ``account``, by a fixture in ``conftest``.
    """

    made: ClassVar[list[World]] = []

    def __init__(
        self,
        *rules: str | Entry,
        seed: int = 0,
        whole: bool = False,
        protocol: Protocol | None = None,
        on_data: OnData | None = None,
        limits: Limits | None = None,
        backend: bool = True,
        proxy: type[AccountedProxy] = AccountedProxy,
        tls: Tls | None = None,
    ) -> None:
        plugins.install()
        self.system = SimulatedSystem(seed, whole=whole)
        self.reactor = Reactor(self.system)
        self.reactor.report = self._fail
        self.seed = seed
        self.events: list[Event] = []
        self.peers: list[Peer] = []
        self.backends: list[Peer] = []
        self.on_data = on_data
        self.protocol = protocol or registry.protocols.get("tcp")()
        self._tls = tls
        self.proxy = proxy(
            self.reactor,
            ProxySpec(
                listen=Address("proxy", 8000),
                backend=Address("backend", 80),
                protocol=self.protocol,
                plan=Plan(self.rules(*rules), 0, seed),
                limits=limits or Limits(timeout=0),
                tls=tls,
            ),
            self.events.append,
        )

        self.proxies = [self.proxy]
        self.proxy.open()
        if backend:
            self._listener = self.system.listen(BACKEND, 100)
            self.reactor.add(self._listener.fileno(), self, READ)
        World.made.append(self)

    def account(self) -> None:
        """Close the proxies, and check that nothing is left: bytes, timers, sockets, replies."""
        for proxy in self.proxies:
            proxy.close()
        self.reactor._end_batch()
        if self._tls is not None:
            self.run(seconds=2 * RESET_LIMIT)  # peers may have to take a close_notify
        assert self.reactor.waiting_bytes == 0
        for connection in (each for proxy in self.proxies for each in proxy.closed):
            assert connection.closed
            assert not connection.hooks or not connection.hooks.running
            for link in connection.links:
                assert (link.dead, link.player, link.blocked) == (True, None, False)
            _account_for_exchanges(connection)
        assert [timer.call for timer in self.timers] == []
        of_peers = {peer.sock for peer in self.peers}
        left = [
            sock.name
            for sock in self.system._sockets.values()
            if sock.peer in of_peers and sock not in of_peers
        ]
        assert left == []

    @property
    def timers(self) -> list[Timer]:
        """Those that vaurien waits for."""
        return [
            timer
            for *_, timer in self.reactor._timers
            if timer.call is not None and _module_of(timer.call).startswith("vaurien")
        ]

    def rules(self, *rules: str | Entry) -> tuple[Rule, ...]:
        entries = [parse_rule(rule) if isinstance(rule, str) else rule for rule in rules]
        return make_rules(entries, registry.behaviors.get, matching(type(self.protocol), self._tls))

    def apply(self, *rules: str | Entry) -> None:
        generation = self.proxy.plan.generation + 1
        self.proxy.apply(Plan(self.rules(*rules), generation, self.seed))

    def client(self, on_data: OnData | None = None) -> Peer:
        return Peer(self, self.system.connect(PROXY), on_data)

    def run(self, until: Callable[[], object] = lambda: False, *, seconds: float = 1e9) -> None:
        """Let things happen until a condition, a time, or until nothing can happen any more."""
        end = self.system.time + seconds
        timer = self.reactor.call_at(end, lambda: None)
        try:
            while not until() and self.system.time < end:
                self.reactor.run_once()
        except SimulationOver:
            pass
        finally:
            timer.cancel()

    @property
    def fired(self) -> list[tuple[int, int, str]]:
        found: Iterable[Fired] = (event for event in self.events if isinstance(event, Fired))
        return [(f.connection, f.exchange, f.rule) for f in found]

    # The backend's listener.

    def on_event(self, events: int) -> None:
        sock = self.system.accept(self._listener, BACKEND[0])
        assert isinstance(sock, SimulatedSocket)
        self.backends.append(Peer(self, sock, self.on_data))

    def on_failure(self, report: str) -> None:
        raise AssertionError(report)

    @staticmethod
    def _fail(report: str) -> None:
        raise AssertionError(report)


def _account_for_exchanges(connection: Connection) -> None:
    """Check that the memory which is counted is that of what is remembered."""
    decisions, exchanges = connection.decisions, connection.decisions.exchanges
    if exchanges is not None:
        decided = decisions._by_exchange or {}
        fired = sum(len(each.firings) for number, each in decided.items() if number)
        pending = sum(each.size for each in exchanges.pending)
        assert exchanges.remembered == pending + FIRING_SIZE * fired


def _module_of(call: Callable[[], None]) -> str:
    while isinstance(call, partial):
        call = call.func
    return call.__module__


def echo(peer: Peer, data: bytes) -> None:
    peer.say(data)
