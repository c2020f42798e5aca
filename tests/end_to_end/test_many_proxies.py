"""Two hundred proxies in one process, changed all the time under two thousand connections."""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import pytest

from end_to_end.proxies import NO_LIMITS, make_plan
from peers import LOOPBACK, PATIENCE, wait_until
from vaurien import plugins
from vaurien.config.state import State
from vaurien.control.server import Control
from vaurien.net.address import Address
from vaurien.net.proxies import Proxies
from vaurien.net.proxy import Proxy
from vaurien.net.reactor import Reactor
from vaurien.net.spec import ProxySpec
from vaurien.plugins import BEHAVIORS
from vaurien.protocols.redis.parser import Redis
from vaurien.protocols.tcp import Tcp
from vaurien.registry import behaviors
from vaurien.rules.notation import parse_rule
from vaurien.values.events import Event, PluginFailed

T = TypeVar("T")
PROXIES = {"held": 90, "live": 90, "apart": 10, "framed": 10}
"""By their clients: those whom a hang holds, those that talk, and those that may lose."""
CLIENTS = {"held": 1000, "live": 1000, "apart": 20, "framed": 20}
CHANGES = int(os.environ.get("CHANGES", "15"))
"""How often each behavior is added, and how often it is removed; ``make stress`` says 1,000."""
ROUNDS = 3
MORE_ROUNDS = 7
"""Rounds on a machine with other things to do, of which one must be undisturbed."""
AT_ONCE = 20
"""Proxies that have a behavior at the same time, at most."""
CHUNKS = 3
"""What clients must have said to each proxy that has one: fewer than it has clients."""
LONGEST = 0.1
"""Seconds that a change may take."""
HANG = "hang name=lasting"
ONLY_DELAYING = {
    "dummy": "",
    "delay": "sleep=0.005",
    "hang": "",
    "latency": "delay=0.004 jitter=0.003 distribution=normal correlation=25",
    "bandwidth": "rate=1000000 burst=4000",
    "slicer": "size=1500 variation=500 delay=0.0003",
    "packet-loss": "loss=20 correlation=25 rto=0.01 rtt=0.002",
    "slow-accept": "delay=0.01",
    "slow-close": "delay=0.01",
    "accept-then-silence": "",
    "half-open": "",
}
"""Under these, with these options, every byte and every end arrives."""
NEEDS_MESSAGES = ("duplicate-request",)
"""These know nothing to do with bytes that are no messages."""
NEEDS_TLS = ("handshake",)
"""These do not belong on proxies without TLS."""


def names(kind: str) -> list[str]:
    """The names of the proxies of a kind."""
    return [f"{kind}-{number}" for number in range(PROXIES[kind])]


def kinds_for(behavior: str) -> tuple[str, ...]:
    """The proxies that a behavior is put on: where it does no harm, or where it may."""
    if behavior in ONLY_DELAYING:
        return ("held", "live")
    return ("framed",) if behavior in NEEDS_MESSAGES else ("apart",)


class Crowd:
    """The process of ``crowd.py``."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.backend = Address("127.0.0.1", int(self._line()))

    def connect(self, **ports: list[int]) -> None:
        """Have a connection made for each port, by kind."""
        self._say(json.dumps(ports))
        assert self._line() == "ready\n"

    def stop_talking(self) -> None:
        self._say("")

    @property
    def are_content(self) -> bool:
        """They have not seen anything wrong; if they have, they have said so and ended."""
        return self._process.poll() is None

    def counted(self) -> dict[str, int]:
        """What it has counted, once all pending responses have arrived; fail if they do not."""
        counted: dict[str, int] = json.loads(self._line())
        assert self._process.wait(PATIENCE) == 0
        return counted

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the crowd has ended: see what it said"
        return line


@contextmanager
def crowd() -> Iterator[Crowd]:
    command = [sys.executable, str(Path(__file__).with_name("crowd.py"))]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Crowd(process)
        finally:
            process.kill()


class Fleet:
    """Many proxies in one reactor, and their control."""

    def __init__(self, clients: Crowd) -> None:
        plugins.install()
        self._clients = clients
        self.reactor = Reactor()
        self.reports: list[str] = []
        self.reactor.report = self.reports.append
        self.proxies = Proxies(self.reactor, self._make)
        self._lasting = dict.fromkeys(names("held"), HANG)
        spec = tuple(
            ProxySpec(
                name=name,
                listen=LOOPBACK,
                backend=clients.backend,
                protocol=Redis() if kind == "framed" else Tcp(),
                plan=make_plan(*self._rules(name)),
                limits=NO_LIMITS,
            )
            for kind in PROXIES
            for name in names(kind)
        )
        self.proxies.apply(spec)
        state = State(spec)
        self._control = Control(self.reactor, self.proxies, state, find_behavior=behaviors.get)
        self._thread = threading.Thread(target=self.reactor.run, name="reactor", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.call(self.proxies.close)
        self.call(self.reactor.stop)
        self._thread.join(PATIENCE)
        self.reactor.close()
        assert not self.reports, "\n".join(self.reports)

    def _make(self, spec: ProxySpec) -> Proxy:
        return Proxy(self.reactor, spec, self._on_event)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, PluginFailed):
            self.reports.append(event.text())

    def _rules(self, name: str) -> tuple[str, ...]:
        return (self._lasting[name],) if name in self._lasting else ()

    def call(self, wanted: Callable[[], T]) -> T:
        """Have something called in the reactor's thread, and wait for it."""
        return self.reactor.submit(wanted).result(PATIENCE)

    def change(self, name: str, *rules: str) -> float:
        """Give a proxy these rules besides the one that lasts; the seconds that it took."""
        entries = [parse_rule(rule) for rule in (*self._rules(name), *rules)]
        begun = time.monotonic()
        self._control.set_plan(entries, name)
        return time.monotonic() - begun

    def flush_partial(self) -> None:
        """Take away the rules that last."""
        held = list(self._lasting)
        self._lasting.clear()
        for name in held:
            self.change(name)

    def fired(self, kind: str) -> int:
        """How often rules have fired on all proxies of a kind."""
        proxies = [self.proxies.get(name) for name in names(kind)]
        return self.call(lambda: sum(proxy.totals().fired for proxy in proxies if proxy))

    def wait_for_chunks(self, names: Sequence[str]) -> None:
        """Wait until clients of these proxies have said something more, or will not."""
        proxies = [self.proxies.get(name) for name in names]

        def said() -> int:
            return sum(proxy.totals().chunks_to_backend for proxy in proxies if proxy)

        enough = self.call(said) + CHUNKS * len(proxies)
        wait_until(
            lambda: self.call(said) >= enough or not self._clients.are_content,
            "clients said something",
        )

    def ports(self, kind: str) -> list[int]:
        """As many ports as there are clients of a kind, its proxies by turns."""
        addresses = [self.proxies.address_of(name) for name in names(kind)]
        ports = [address.port for address in addresses if address is not None]
        return list(islice(cycle(ports), CLIENTS[kind]))


def durations_of_changes(fleet: Fleet, behavior: str, count: int) -> list[float]:
    """Put a behavior on one proxy after the other, and take it away soon after."""
    rule = f"{behavior} name=changing {ONLY_DELAYING.get(behavior, '')}"
    took = []
    where = [name for kind in kinds_for(behavior) for name in names(kind)]
    turns = cycle(random.sample(where, len(where)))
    having: deque[str] = deque()
    for name in islice(turns, count):
        took.append(fleet.change(name, rule))
        having.append(name)
        if len(having) > AT_ONCE:
            took.append(fleet.change(having.popleft()))
    if behavior in ONLY_DELAYING:
        fleet.wait_for_chunks([name for name in having if name in names("live")])
    took += map(fleet.change, having)
    return took


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    """As many open files as the system allows; the processes started inherit it."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("many_descriptors")
def test_no_change_of_two_hundred_proxies_waits_or_loses_a_byte() -> None:
    descriptors = len(os.listdir("/dev/fd"))
    with crowd() as clients, Fleet(clients) as fleet:
        clients.connect(
            held=fleet.ports("held"),
            live=fleet.ports("live"),
            apart=[*fleet.ports("apart"), *fleet.ports("framed")],
        )
        wait_until(lambda: fleet.fired("held") == CLIENTS["held"], "all of them are held")
        for behavior in [each for each in BEHAVIORS if each not in NEEDS_TLS]:
            longest: list[float] = []
            while len(longest) < ROUNDS or (
                min(longest) >= LONGEST and len(longest) < ROUNDS + MORE_ROUNDS
            ):
                longest.append(max(durations_of_changes(fleet, behavior, CHANGES // ROUNDS)))
            assert min(longest) < LONGEST, behavior
            assert clients.are_content, behavior
        clients.stop_talking()
        fleet.flush_partial()
        assert clients.counted()["exchanges"] > CLIENTS["live"]
    assert len(os.listdir("/dev/fd")) == descriptors
