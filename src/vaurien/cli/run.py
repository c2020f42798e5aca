"""Running one proxy, from its settings to its last byte."""

from __future__ import annotations

import gc
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING

from .. import plugins
from ..errors import OptionError
from ..events import Emit, Event
from ..launch import tell_ready
from ..net.reactor import Reactor
from . import logs
from .given import Given, blamed_on
from .settings import Settings

if TYPE_CHECKING:
    from ..net.proxy import Proxy

LOG = logs.LOGGER
MOST_DESCRIPTORS = 10240
"""As many as macOS allows where it says that there is no limit."""
STOPPING = (signal.SIGTERM, signal.SIGINT)


class AtOnce(BaseException):
    """A second signal: whatever is under way, end.  No plugin catches it by mistake."""


def run(settings: Settings) -> int:
    """Run a proxy until a signal ends it; returns the exit status.

    Raises:
        OptionError: an address cannot be listened on, or a file not be written.
    """
    with _writable(settings.log_output):
        logs.configure(settings.log_level, str(settings.log_output.value))
    raise_descriptor_limit()
    try:
        with ExitStack() as closing:
            reactor = Reactor()
            closing.callback(reactor.close)
            reactor.report = partial(LOG.error, "%s")
            proxy = _open_proxy(settings, reactor, closing)
            _start_statsd(settings, reactor, proxy, closing)
            Signals(reactor, proxy, settings.drain)  # from now on: the API may take a while
            _start_control(settings, reactor, proxy, closing)
            seed = settings.plan.seed
            LOG.info("ready: %s passes on to %s, seed %d", proxy.address, proxy.backend, seed)
            tell_ready()
            gc.freeze()  # what is there now stays: the collector need not look at it again
            reactor.run()
        ignore_signals()
    except AtOnce:
        LOG.info("ended at once")
    LOG.info("Bye!")
    return 0


def _open_proxy(settings: Settings, reactor: Reactor, closing: ExitStack) -> Proxy:
    event_log = logs.EventLog(reactor.call_later)
    closing.callback(event_log.close)
    subscribers: list[Emit] = [event_log]

    def emit(event: Event) -> None:
        for subscriber in subscribers:
            subscriber(event)

    if settings.journal is not None:
        from ..journal import Journal

        with _writable(settings.journal):
            journal = Journal(str(settings.journal.value), reactor, emit)
        closing.callback(journal.close)
        subscribers.append(journal)
    proxy = plugins.make_proxy(
        reactor,
        settings.proxy,
        settings.backend,
        protocol=settings.protocol,
        plan=settings.plan,
        emit=emit,
        limits=settings.limits,
        settings=settings.classic,
        max_threads=settings.max_plugin_threads,
        live=settings.http is not None,
    )
    proxy.tells_firings = settings.journal is not None or LOG.isEnabledFor(logs.LEVELS["debug"])
    with blamed_on(settings.places["proxy"]):
        proxy.open()
    closing.callback(proxy.close)
    return proxy


def _start_statsd(settings: Settings, reactor: Reactor, proxy: Proxy, closing: ExitStack) -> None:
    if settings.statsd is None:
        return
    from ..control.statsd import Statsd

    statsd = Statsd(
        reactor,
        proxy,
        settings.statsd.server,
        prefix=settings.statsd.prefix,
        sample_rate=settings.statsd.sample_rate,
    )
    statsd.start()
    closing.callback(statsd.close)


def _start_control(settings: Settings, reactor: Reactor, proxy: Proxy, closing: ExitStack) -> None:
    if settings.http is None:
        return
    from ..control.http import start_control
    from ..control.server import Control

    control = Control(reactor, proxy, find_behavior=settings.find_behavior)
    with blamed_on(settings.places["http"]):
        thread = start_control(control, settings.http.host, settings.http.port)
    closing.callback(thread.stop)
    LOG.info("Started the HTTP server: http://%s", thread.address)


class Signals:
    """Ends the proxy: the first signal lets its connections finish, the second doesn't."""

    def __init__(self, reactor: Reactor, proxy: Proxy, limit: float) -> None:
        """``limit``: how many seconds connections get to finish."""
        self._reactor = reactor
        self._proxy = proxy
        self._limit = limit
        self._received = 0
        for number in STOPPING:
            signal.signal(number, self._on_signal)
        if hasattr(signal, "SIGPIPE"):
            signal.signal(signal.SIGPIPE, signal.SIG_IGN)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del frame
        self._received += 1
        if self._received == 1:
            self._reactor.post(partial(self._drain, signal.Signals(number).name))
        elif self._received == 2:
            raise AtOnce

    def _drain(self, name: str) -> None:
        LOG.info("%s: connections get %g seconds to finish", name, self._limit)
        self._proxy.drain(self._reactor.stop, self._limit)


def ignore_signals() -> None:
    """It is ending anyway."""
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def _writable(given: Given) -> Iterator[None]:
    """Whatever goes wrong inside, it is about a file that cannot be written."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise OptionError(f"{given.place}={given.value!r} cannot be written: {reason}") from None


def raise_descriptor_limit() -> None:
    """Allow as many descriptors as the system lets us: a connection takes two."""
    try:
        import resource
    except ImportError:
        return
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if now == most:
        return
    for wanted in (most, max(now, MOST_DESCRIPTORS)):
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
            return
