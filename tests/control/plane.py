"""Many proxies and their control on a simulated system, in one thread.

Calls submitted to the reactor run at once.  A test decides which ports are taken, and
whether saving fails.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import TypeVar

from vaurien import plugins, registry
from vaurien.config.state import State
from vaurien.control.server import Control
from vaurien.control.store import Prepared, Store, StoreError
from vaurien.net.address import Address
from vaurien.net.proxies import Proxies
from vaurien.net.proxy import Proxy
from vaurien.net.reactor import Reactor
from vaurien.net.simulated import SimulatedSystem
from vaurien.net.spec import Limits, ProxySpec
from vaurien.net.system import Endpoint, Socket
from vaurien.protocols.tcp import Tcp
from vaurien.rules.notation import Entry, make_rules
from vaurien.rules.plan import Plan

T = TypeVar("T")
HOST = "here"
SEED = 7
BACKENDS = Address("there", 80), Address("elsewhere", 80)
CHOSEN = 40_000
"""The first of the ports that the system picks."""
FAMILY = int(socket.AF_INET)


def spec(
    name: str,
    port: int,
    *entries: Entry,
    backend: Address = BACKENDS[0],
    enabled: bool = True,
    limits: Limits = Limits(timeout=0),  # noqa: B008 - a value
) -> ProxySpec:
    """Make a proxy on a port, with the rules of these entries."""
    plugins.install()
    return ProxySpec(
        name=name,
        listen=Address(HOST, port),
        backend=backend,
        protocol=Tcp(),
        plan=Plan(make_rules(entries, registry.behaviors.get, Tcp), seed=SEED),
        limits=limits,
        enabled=enabled,
    )


class ContestedSystem(SimulatedSystem):
    """A system where others may have taken ports; port 0 picks a free one."""

    def __init__(self) -> None:
        super().__init__(whole=True)
        self.taken: set[int] = set()
        self._chosen = CHOSEN

    @property
    def listening(self) -> set[int]:
        """The ports on which the proxies listen."""
        return {int(name[1]) for name in self._listeners if name[0] == HOST}

    def listen(self, endpoint: Endpoint, backlog: int) -> Socket:
        family, name = endpoint
        host, port = str(name[0]), int(name[1])
        if not port:
            port, self._chosen = self._chosen, self._chosen + 1
        if port in self.taken:
            raise OSError(errno.EADDRINUSE, "Address already in use")
        return super().listen((family, (host, port)), backlog)


class Prompt(Reactor):
    """Runs submitted calls at once, unless it is ``stalled``."""

    stalled = False

    def submit(self, call: Callable[[], T]) -> Future[T]:
        future = super().submit(call)
        if not self.stalled:
            self.run_once()
        return future


class Doomed(Prepared):
    """A prepared state that cannot be committed."""

    def commit(self) -> None:
        self.discard()
        raise StoreError("the renaming failed")


class Flaky(Store):
    """Fails where a test wants it to: in "prepare" or in "commit"."""

    fault = ""

    def prepare(self, document: Mapping[str, object]) -> Prepared:
        if self.fault == "prepare":
            raise StoreError("the writing failed")
        prepared = super().prepare(document)
        if self.fault == "commit":
            prepared.__class__ = Doomed
        return prepared


class Plane:
    """Proxies under control, saved in a folder."""

    def __init__(self, folder: Path, *proxies: ProxySpec) -> None:
        plugins.install()
        self.system = ContestedSystem()
        self.reactor = Prompt(self.system)
        self.reactor.report = _fail
        self.proxies = Proxies(self.reactor, partial(Proxy, self.reactor))
        self.store = Flaky(str(folder / "state.json"))
        self.folder = folder
        for backend in BACKENDS:
            self.system.listen((FAMILY, (backend.host, backend.port)), 100)
        state = State(proxies, seed=SEED)
        self.proxies.apply(state.proxies)
        self.control = Control(
            self.reactor,
            self.proxies,
            state,
            find_behavior=registry.behaviors.get,
            store=self.store,
        )

    def close(self) -> None:
        self.proxies.close()
        self.reactor.close()
        self.store.close()

    def pass_time(self, seconds: float) -> None:
        """Advance the clock, and run the timers."""
        self.system.time += seconds
        self.reactor.call_soon(lambda: None)
        self.reactor.run_once()

    def connect(self, port: int) -> None:
        """Connect a client to a port, and serve it."""
        self.system.connect((FAMILY, (HOST, port)))
        self.pass_time(0)

    def plans(self) -> dict[str, Sequence[str]]:
        """The names of the rules that each proxy actually has."""
        return {proxy.name: [rule.name for rule in proxy.plan.rules] for proxy in self.proxies}

    @property
    def saved(self) -> dict[str, object]:
        """The proxies in the state file; empty if there is no file."""
        document = self.store.load() or {}
        proxies = document.get("proxies", {})
        assert isinstance(proxies, dict)
        return proxies

    @property
    def leftovers(self) -> set[str]:
        """Files in the folder that should not be there."""
        return {entry.name for entry in self.folder.iterdir()} - {"state.json", "state.json.lock"}


def _fail(report: str) -> None:
    raise AssertionError(report)
