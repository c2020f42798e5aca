"""Proxies for tests: in a thread of the test's own process, or by the command line."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypeVar

from knowing import find_behavior
from peers import LOOPBACK, PATIENCE, wait_until
from servers import stop
from vaurien import plugins
from vaurien.launch import READY_FD
from vaurien.net.address import Address
from vaurien.net.proxy import Proxy
from vaurien.net.reactor import Reactor
from vaurien.net.spec import Limits, ProxySpec, matching
from vaurien.net.system import SelectorPoller, System
from vaurien.net.tls.spec import Tls
from vaurien.net.totals import Totals
from vaurien.protocol import Protocol as Framing
from vaurien.protocols.tcp import Tcp
from vaurien.rules.notation import make_rules, parse_mix, parse_rule
from vaurien.rules.plan import Plan
from vaurien.values.events import Event, Fired, PluginFailed, Trouble

T = TypeVar("T")

HARMLESS: dict[str, tuple[str, ...]] = {
    "quiet": (),
    "dummy": ("dummy",),
    "armed": ("hang after=1000000000",),
    "delayed": ("delay sleep=0.001", "delay sleep=0.001 before=false percent=30"),
}
"""Plans under which everything works."""
NO_LIMITS = Limits(timeout=0, dial_timeout=PATIENCE)


def make_plan(
    *rules: str,
    mix: str = "",
    seed: int = 0,
    generation: int = 0,
    protocol: type[Framing] = Tcp,
    tls: Tls | None = None,
) -> Plan:
    """A plan of independent rules, written as for ``--rule``, after a mix if there is one."""
    plugins.install()
    entries = [*(parse_mix(mix) if mix else ()), *map(parse_rule, rules)]
    return Plan(make_rules(entries, find_behavior, matching(protocol, tls)), generation, seed)


class RunningProxy:
    """A proxy, its reactor, and the thread that runs it.

    ``portable``: with the poller of systems that have no epoll, and without splice.
    """

    def __init__(
        self,
        backend: Address,
        *rules: str,
        mix: str = "",
        seed: int = 0,
        listen: Address = LOOPBACK,
        limits: Limits = NO_LIMITS,
        portable: bool = False,
        protocol: Framing | None = None,
        tls: Tls | None = None,
    ) -> None:
        system = System(SelectorPoller() if portable else None)
        if portable:
            system.splice = None
        self.reactor = Reactor(system)
        self.reports: list[str] = []
        self.reactor.report = self.reports.append
        self.events: list[Event] = []
        self.proxy = Proxy(
            self.reactor,
            ProxySpec(
                listen=listen,
                backend=backend,
                protocol=protocol or Tcp(),
                plan=make_plan(
                    *rules, mix=mix, seed=seed, protocol=type(protocol or Tcp()), tls=tls
                ),
                limits=limits,
                tls=tls,
            ),
            self.events.append,
        )
        self._thread = threading.Thread(target=self.reactor.run, name="reactor", daemon=True)

    def __enter__(self) -> Self:
        try:
            self.proxy.open()
        except BaseException:
            self.reactor.close()
            raise
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.call(self.proxy.close)
        self.call(self.reactor.stop)
        self._thread.join(PATIENCE)
        self.reactor.close()
        failures = [event.text() for event in self.events if isinstance(event, PluginFailed)]
        if self.reports or failures:
            raise AssertionError("\n".join([*self.reports, *failures]))
        assert not self.proxy.connections

    @property
    def address(self) -> Address:
        return self.proxy.address

    def call(self, wanted: Callable[[], T]) -> T:
        """Have something called in the reactor's thread, and wait for it."""
        return self.reactor.submit(wanted).result(PATIENCE)

    def change(self, *rules: str, mix: str = "") -> None:
        """Replace the plan."""
        now = self.proxy.plan
        plan = make_plan(
            *rules,
            mix=mix,
            seed=now.seed,
            generation=now.generation + 1,
            protocol=type(self.proxy.protocol),
            tls=self.proxy.tls,
        )
        self.call(lambda: self.proxy.apply(plan))

    def use_backend(self, backend: Address) -> None:
        """New connections go there."""

        def use() -> None:
            self.proxy.backend = backend

        self.call(use)

    @property
    def totals(self) -> Totals:
        return self.call(self.proxy.totals)

    @property
    def fired(self) -> list[Fired]:
        return [event for event in list(self.events) if isinstance(event, Fired)]

    @property
    def troubles(self) -> list[str]:
        return [event.text() for event in list(self.events) if isinstance(event, Trouble)]

    def wait_for_connections(self, count: int) -> None:
        """Wait until this many connections are open."""
        wait_until(lambda: self.totals.open == count, f"{count} open connections")

    def wait_for_firings(self, count: int) -> None:
        """Wait until rules have fired this many times."""
        wait_until(lambda: self.totals.fired >= count, f"{count} firings")


class StartProxy(Protocol):
    """How the fixture ``start_proxy`` is called."""

    def __call__(
        self,
        backend: Address,
        *rules: str,
        mix: str = "",
        seed: int = 0,
        listen: Address = LOOPBACK,
        limits: Limits = NO_LIMITS,
        portable: bool = False,
        protocol: Framing | None = None,
    ) -> RunningProxy: ...


class CommandLineProxy:
    """A proxy that the command line started, as a process of its own."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log
        ready = re.search(r"ready: (\S+) forwards to", self.log)
        assert ready is not None, self.log
        self.address = Address.parse(ready[1])

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    @property
    def peak_memory(self) -> int:
        """The most memory it has had so far, in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        peak = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert peak is not None
        return int(peak[1]) * 1024


@contextmanager
def command_line(
    backend: Address,
    *words: str,
    log: Path,
    listen: Address = LOOPBACK,
    descriptors: int = 0,
) -> Iterator[CommandLineProxy]:
    """Run ``vaurien`` with these words; ``descriptors`` is how many it may have open."""
    command = [sys.executable, "-m", "vaurien", "--proxy", str(listen), "--backend", str(backend)]
    if descriptors:
        command = ["sh", "-c", f'ulimit -n {descriptors} && exec "$@"', "sh", *command]
    ready, tell = os.pipe()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, *words],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[tell],
            env={**os.environ, READY_FD: str(tell)},
        )
    os.close(tell)
    try:
        poll = select.poll()
        poll.register(ready, select.POLLIN)
        assert poll.poll(PATIENCE * 1000), "it does not get ready"
        assert os.read(ready, 1) == b"\n", log.read_text()
        yield CommandLineProxy(process, log)
    finally:
        os.close(ready)
        stop(process)
