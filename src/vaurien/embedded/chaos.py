"""Start and stop proxies inside this process: ``with vaurien.chaos() as chaos``."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import cache
from time import time
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from .. import plugins
from ..authority.folder import authority, public_file
from ..config.document import Document
from ..config.names import Names
from ..config.replay import parse, read
from ..config.settings import GONE_PROTOCOL_OPTIONS, SEED
from ..config.source import drawn_seed
from ..config.state import State
from ..config.understand import understand
from ..control.server import Control
from ..errors import OptionError
from ..net.proxies import Proxies
from ..net.proxy import Proxy
from ..net.reactor import Reactor
from ..net.spec import ProxySpec
from ..registry import behaviors, protocols
from ..rules.notation import Entry
from ..rules.replay import Deciders
from ..trust import needs_trust, trusted
from ..values.events import Event, Fired
from ..values.texts import printable
from .handle import ProxyHandle
from .recording import LIMIT, RecordedProxy
from .trace import Trace

if TYPE_CHECKING:
    from ..verdicts.verdict import Verdict

T = TypeVar("T")
Replayable = str | os.PathLike[str]
"""A journal or a scenario: the path of a file, or its text."""
ANSWER_LIMIT = 10.0
"""Seconds that the reactor may take to answer."""
ANY_PORT = "127.0.0.1:0"
NO_RULES: Mapping[str, Sequence[Entry]] = MappingProxyType({})
LOG = logging.getLogger("vaurien")
LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class Chaos:
    """Proxies of a test: a reactor in a thread, from ``start`` to ``close``."""

    def __init__(
        self,
        seed: int | None = None,
        *,
        rules: Mapping[str, Sequence[Entry]] = NO_RULES,
        replay: Replayable | None = None,
    ) -> None:
        """``seed``: decides which rules fire; without one, it is drawn.

        ``rules``: those that proxies of these names have when they open.  ``replay``: see there.
        """
        plugins.install()
        self.seed = int(SEED.parse(drawn_seed() if seed is None else seed))
        known = behaviors.copy(), protocols.copy()
        self._names = Names(*known, cache(plugins.load_named), GONE_PROTOCOL_OPTIONS)
        self._reactor = Reactor()
        self._reactor.report = lambda text: LOG.error("%s", text)
        self.proxies = Proxies(self._reactor, self._make, lambda _: RecordedProxy)
        self.control = Control(
            self._reactor,
            self.proxies,
            State(seed=self.seed),
            find_behavior=self._names.behaviors.find,
        )
        self._rules = {name: list(entries) for name, entries in rules.items()}
        self._closing = ExitStack()
        self._trusting = False
        self._handles: dict[str, ProxyHandle] = {}
        self._deciders = Deciders()
        self._fired: list[tuple[float, Fired]] = []
        self._thread = threading.Thread(target=self._run, name="vaurien", daemon=True)
        self._thread.start()
        try:
            if replay is not None:
                self.replay(replay)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Chaos:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all proxies and their connections; it may be called again."""
        if self._thread.is_alive():
            self._reactor.post(self._reactor.stop)
            self._thread.join()
        self._closing.close()

    def proxy(
        self,
        backend: str,
        *,
        name: str = "",
        listen: str = ANY_PORT,
        protocol: str = "tcp",
        **table: object,
    ) -> ProxyHandle:
        """Open a proxy to a backend; ``table`` has further keys of a proxy's configuration.

        Without a name it is called after its protocol.

        Raises:
            DocumentError: something is wrong with the values; nothing has changed.
            ListenError: it cannot listen there.
            OptionError: the name is taken.
        """
        name = name or self._free_name(protocol)
        own = {"listen": listen, "backend": backend, "protocol": protocol, **table}
        document = Document({"proxies": {name: own}})
        spec: ProxySpec = understand(document, self._names, seed=self.seed).state.proxies[0]
        if needs_trust([spec]):
            self._trust()
        self.control.add(spec)
        handle = self._handles[name] = ProxyHandle(self, name)
        handle.add_rules(*self._rules.get(name, ()))
        return handle

    def open(self, specs: Iterable[ProxySpec]) -> None:
        """Open proxies as a configuration declares them, all or none.

        Raises:
            ListenError: one cannot listen.
        """
        wanted = tuple(specs)
        if needs_trust(wanted):
            self._trust()
        self.control.change(lambda state: replace(state, proxies=(*state.proxies, *wanted)))
        self._handles |= {spec.name: ProxyHandle(self, spec.name) for spec in wanted}

    def replay(self, what: Replayable) -> None:
        """Have rules fire where a journal or a scenario says, and nowhere else.

        ``what``: the path of a file, or its text, which may be empty.  A scenario brings its
        rules with it, also for proxies that are opened later.

        Raises:
            DocumentError: it is a scenario with problems.
            OptionError: it cannot be read.
        """
        name = os.fspath(what)
        is_text = not name or "\n" in name or name.startswith(("{", "[["))
        found = parse(name) if is_text else read(name)
        for warning in found.warnings:
            LOG.warning("%s", printable(warning))
        deciders = self._deciders = Deciders(found.places)

        def play() -> None:
            for proxy in self.proxies:
                proxy.apply(proxy.plan, deciders.of(proxy.name).make)

        self.call(play)
        for name in {fire.proxy for fire in found.fires}:
            self._rules[name] = [*self._rules.get(name, ()), *found.entries(name)]
            if name in self._handles:
                self._handles[name].add_rules(*found.entries(name))

    @property
    def journal(self) -> str:
        """What rules have fired so far, as lines of JSON that can be replayed.

        Of more than ``LIMIT`` it has the first.
        """
        from ..control.journal import entry

        fired = self.call(lambda: list(self._fired))
        return "".join(entry(event, at).decode() for at, event in fired)

    @property
    def not_placed(self) -> tuple[str, ...]:
        """The places of a replay that no exchange has been so far, in a line each."""
        return tuple(self.call(self._deciders.left))

    @property
    def ca_file(self) -> str:
        """The path of the certificate that clients are to trust, of proxies that terminate TLS.

        Those that look at their environment, as most do, need not be told.

        Raises:
            AuthorityError: there is none, and none can be made.
        """
        authority()
        return public_file()

    def trace(self) -> Trace:
        """Return what all proxies have seen."""
        proxies = {name: handle.trace() for name, handle in self._handles.items()}
        return Trace(proxies, self.now)

    @property
    def now(self) -> float:
        """The time in seconds on the clock of what was seen."""
        return self._reactor.clock()

    def verdict(self) -> Verdict:
        """Return what clients of all proxies did wrong when something failed."""
        from ..verdicts.verdict import judge

        return judge(self.trace())

    def __getitem__(self, name: str) -> ProxyHandle:
        """Return a proxy by its name."""
        return self._handles[name]

    def __iter__(self) -> Iterator[ProxyHandle]:
        return iter(list(self._handles.values()))

    def reset(self) -> None:
        """Remove all rules of all proxies, and enable those that are disabled."""

        def healed(state: State) -> State:
            proxies = tuple(replace(spec.with_rules(()), enabled=True) for spec in state.proxies)
            return replace(state, proxies=proxies)

        self.control.change(healed)

    def call(self, call: Callable[[], T]) -> T:
        """Call in the reactor's thread, or here after its end; return what it returns."""
        if self._thread.is_alive():
            with suppress(CancelledError):  # it ends just now
                return self._reactor.submit(call).result(ANSWER_LIMIT)
            self._thread.join()
        return call()

    def _trust(self) -> None:
        """Let programs of this process, and those that it starts, trust the authority."""
        if not self._trusting:
            self._closing.enter_context(trusted())
            self._trusting = True

    def _free_name(self, protocol: str) -> str:
        number, name = 1, protocol
        while name in self._handles:
            number += 1
            name = f"{protocol}-{number}"
        return name

    def _make(self, spec: ProxySpec) -> Proxy:
        if plugins.proxy_type(spec, live=False) is not Proxy:
            raise OptionError("is of an old form, which cannot be recorded", given=spec.name)
        proxy = RecordedProxy(self._reactor, spec, self._on_event)
        proxy.apply(proxy.plan, self._deciders.of(spec.name).make)
        return proxy

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Fired) and len(self._fired) < LIMIT:
            self._fired.append((time(), event))
        LOG.log(LEVELS[event.level], "%s: %s", event.proxy, printable(event.text()))

    def _run(self) -> None:
        try:
            self._reactor.run()
        finally:
            self.proxies.close()
            self._reactor.close()


@contextmanager
def chaos(seed: int | None = None, *, replay: Replayable | None = None) -> Iterator[Chaos]:
    """Yield a ``Chaos``, whose proxies are closed at the end."""
    with Chaos(seed, replay=replay) as started:
        yield started
