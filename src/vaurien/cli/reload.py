"""Reload a configuration: it takes effect as a whole, or the log says why not.

A file that has not changed changes nothing.  One that has replaces live changes; the state
file with these is kept as a copy.

Law: neither traffic nor a signal handler waits for a reload.  A separate thread reads and
checks the file, and only a valid one reaches the data plane.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from queue import SimpleQueue
from types import FrameType
from typing import TYPE_CHECKING

from ..config.configuration import Configuration
from ..config.document import DocumentError
from ..config.source import Source
from ..control.server import ChangedError
from ..control.writer import StalledError
from ..errors import EndingError, VaurienError
from ..net.proxies import ClosePolicy
from ..values.texts import printable
from . import logs

if TYPE_CHECKING:
    from ..config.state import State
    from ..control.server import Control
    from ..control.store import Store
    from ..net.spec import ProxySpec
    from .notify import Notify

LOG = logs.LOGGER
PATIENCE = 30.0
"""Seconds that a caller waits for the outcome of a reload."""
END_LIMIT = 5.0
"""Seconds to wait, at the end, for a reload in progress."""
SWITCH_INTERVAL = 0.00005
"""Maximum seconds that the data plane waits for the interpreter while a file is read."""
AT_START = (
    "http",
    "http_socket",
    "token_file",
    "insecure",
    "allow_host",
    "allow_backend",
    "port_file",
    "toxiproxy_metrics",
    "statsd",
    "otel",
    "journal",
    "log_level",
    "log_output",
    "log_format",
    "drain",
    "max_plugin_threads",
)
"""Settings that take effect only at the next start."""


ReloadRequests = SimpleQueue["Future[None] | None"]
"""One item for each request that has not been handled yet; a future gets the outcome."""


def requests_from_signals() -> ReloadRequests:
    """Handle SIGHUP by putting an item into a queue, which is for ``Reloads``."""
    requests: ReloadRequests = SimpleQueue()

    def on_signal(number: int, frame: FrameType | None) -> None:
        del number, frame
        requests.put(None)  # safe in a signal handler

    signal.signal(signal.SIGHUP, on_signal)
    return requests


class Reloads:
    """Reloads a file on request; requests that arrive together cause a single reload."""

    def __init__(
        self,
        source: Source,
        control: Control,
        configuration: Configuration,
        requests: ReloadRequests,
        store: Store | None = None,
        reopen: Callable[[], None] = lambda: None,
    ) -> None:
        """``configuration``: the one at start.  ``store``: where the state is saved.
        ``reopen`` opens the log and the journal anew."""
        self._source = source
        self._control = control
        self._at_start = configuration
        self._declared = configuration.state
        """The state that the current configuration declares."""
        self._store = store
        self._reopen = reopen
        self._ended = False
        self.notify: Notify | None = None
        """Tells the service manager of each reload."""
        self._requests = requests
        control.reload = self.reload_now if source.name else None
        self._thread = threading.Thread(target=self._work, name="reload", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop reloading, and wait for a reload in progress."""
        self._ended = True
        self._requests.put(None)
        self._thread.join(END_LIMIT)

    def reload_now(self) -> None:
        """Reload, and wait for the outcome; not in the reactor's thread.

        Raises:
            VaurienError: the file was not applied, for this reason.
        """
        outcome: Future[None] = Future()
        self._requests.put(outcome)
        try:
            outcome.result(PATIENCE)
        except CancelledError:
            raise EndingError from None
        except TimeoutError:
            raise StalledError(f"the reload did not finish within {PATIENCE:g} s") from None

    def reload(self) -> VaurienError | None:
        """Open the log and the journal anew; read the file, and apply it if it is valid.

        Return why it was not applied, which is logged.
        """
        self._reopen()
        if not self._source.name:
            LOG.warning("SIGHUP: there is no configuration file to reload")
            return None
        LOG.info("SIGHUP: reloading %s", printable(self._source.name))
        try:
            document = self._source.read()
            configuration = self._source.understand(document)
            digest = self._source.digest(document, configuration.state)
            if digest == self._control.config_digest:
                LOG.info("The configuration has not changed; live changes are kept")
            else:
                while not self._apply(configuration, digest):
                    pass  # there was a live change in the meantime, which is to be kept, too
        except DocumentError as error:
            for problem in error.problems:
                LOG.error("%s", problem)
            count = len(error.problems)
            LOG.error("The configuration was not applied; problems: %d", count)
            return error
        except EndingError as ending:
            LOG.warning("The configuration was not applied: %s", ending)
            return ending
        except VaurienError as error:
            reason = getattr(error, "strerror", None) or error
            LOG.error("The configuration was not applied: %s", reason)
            return error
        return None

    def _apply(self, configuration: Configuration, digest: str) -> bool:
        """Replace the state; False if it has changed since it was looked at."""
        before = self._control.state
        wanted = configuration.state
        lost = not any(same(state, before) for state in (self._declared, wanted))
        keeping = self._store.copied("replaced") if lost and self._store else nullcontext("")
        undo = configuration.names.adopt()
        try:
            with keeping as copy:
                self._control.replace(
                    wanted,
                    close_policy=ClosePolicy(
                        drain=self._at_start.drain, reset_moved=configuration.reset_moved
                    ),
                    config_digest=digest,
                    find_behavior=configuration.names.behaviors.get,
                    find_protocol=configuration.names.protocols.get,
                    instead_of=before,
                )
        except ChangedError:
            undo()
            return False
        except BaseException:
            undo()
            raise
        self._declared = wanted
        if lost:
            kept = f"; the state with them is kept as {printable(copy)}" if copy else ""
            LOG.warning("Live changes are discarded%s", kept)
        for name, line in changes(before, self._control):
            LOG.info("%s", line, extra={"proxy": name})
        late = [
            key for key in AT_START if getattr(configuration, key) != getattr(self._at_start, key)
        ]
        if late:
            LOG.warning("Takes effect at the next start: %s", ", ".join(late))
        return True

    def _work(self) -> None:
        while True:
            waiting = [self._requests.get()]
            while not self._requests.empty():  # this thread is the only consumer
                waiting.append(self._requests.get())
            outcomes = [each for each in waiting if each is not None]
            if self._ended:
                for outcome in outcomes:
                    outcome.cancel()
                return
            error: Exception | None
            try:
                with _giving_way(), self.notify.reloading() if self.notify else nullcontext():
                    error = self.reload()
            except Exception as bug:  # a bug in a plugin; the next file may work
                LOG.exception("The configuration was not applied")
                error = bug
            for outcome in outcomes:
                if error is None:
                    outcome.set_result(None)
                else:
                    outcome.set_exception(error)


@contextmanager
def _giving_way() -> Iterator[None]:
    """Let other threads get the interpreter soon.

    An exchange on a quiet connection requests the interpreter about six times, so Python's
    default interval of 5 ms would delay it by tens of milliseconds.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def same(spec: State, now: State) -> bool:
    """Return whether proxies are as declared, except for rules that have expired."""
    there = {proxy.name: proxy for proxy in now.proxies}
    return len(there) == len(spec.proxies) and all(
        proxy.name in there and _is_left(proxy, there[proxy.name]) for proxy in spec.proxies
    )


def _is_left(spec: ProxySpec, now: ProxySpec) -> bool:
    """Return whether a proxy is as declared, except for expired rules and elapsed lifetimes."""
    lives = {rule.name: rule.ttl for rule in now.plan.rules if rule.ttl}
    left = tuple(
        replace(rule, ttl=lives[rule.name]) if rule.ttl else rule
        for rule in spec.plan.rules
        if not rule.ttl or rule.name in lives
    )
    # The seed is not compared: it cannot be changed live, and a random one always differs.
    return left == now.plan.rules and replace(spec, plan=now.plan) == now


def changes(before: State, control: Control) -> Iterator[tuple[str, str]]:
    """Yield the name of each proxy that has changed, and a line about it."""
    earlier = {spec.name: spec for spec in before.proxies}
    for spec in control.state.proxies:
        if earlier.pop(spec.name, None) != spec:
            yield spec.name, summary(spec, control)
    yield from ((name, f"{name}: removed") for name in earlier)


def summary(spec: ProxySpec, control: Control) -> str:
    """Describe a proxy in one line, for the log."""
    name = spec.name
    if not spec.enabled:
        return f"{name}: disabled"
    return f"{name}: {control.address(name)} forwards to {spec.backend}"
