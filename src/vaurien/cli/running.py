"""Running proxies: what a process opens at its start and closes at its end, in which order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from .. import plugins
from ..config.given import Given, blamed_on
from ..config.settings import Settings, classic_of
from ..errors import ListenError, OptionError
from ..net.proxies import Proxies
from ..net.reactor import Reactor
from ..net.spec import ProxySpec
from ..values.events import Emit, Event
from . import logs

if TYPE_CHECKING:
    from ..control.server import Control
    from ..net.proxy import Proxy

LOG = logs.LOGGER
MOST_DESCRIPTORS = 10240
"""The limit that macOS really has where it reports none."""


def begin(settings: Settings) -> None:
    """Open the log, and raise the limit of open files.

    Raises:
        OptionError: the log cannot be written.
    """
    with writable(settings.log_output):
        logs.configure(settings.log_level, str(settings.log_output.value))
    raise_descriptor_limit()


class Running:
    """The open proxies of a process; everything opened here is closed by ``closing``.

    ``named``: log lines start with the proxy's name.  ``live``: plans may be replaced.
    """

    def __init__(
        self, settings: Settings, closing: ExitStack, *, named: bool = False, live: bool = False
    ) -> None:
        """Open all proxies, or none.

        Raises:
            OptionError: an address cannot be listened on, or a file cannot be written.
        """
        self.settings = settings
        self._closing = closing
        self.reactor = Reactor()
        closing.callback(self.reactor.close)
        self.reactor.report = partial(LOG.error, "%s")
        self.emit = self._subscribers(named=named)
        self.proxies = Proxies(
            self.reactor,
            partial(self._make, live=live),
            partial(plugins.proxy_type, live=live),
        )
        with _blamed_on_proxy(settings):
            self.proxies.apply(settings.proxies)
        closing.callback(self.proxies.close)
        self._start_statsd()

    def start_http(self, control: Control) -> None:
        """Serve the HTTP API, if the settings ask for it.

        Raises:
            OptionError: its address cannot be listened on.
        """
        address = self.settings.http
        if address is None:
            return
        from ..control.http import start_control

        with blamed_on(self.settings.places["http"]):
            thread = start_control(control, address.host, address.port)
        self._closing.callback(thread.stop)
        LOG.info("Started the HTTP server: http://%s", thread.address)

    def _subscribers(self, *, named: bool) -> Emit:
        """Subscribe the log and the journal to events; return the function that emits them."""
        event_log = logs.EventLog(self.reactor.call_later, named=named)
        self._closing.callback(event_log.close)
        subscribers: list[Emit] = [event_log]

        def emit(event: Event) -> None:
            for subscriber in subscribers:
                subscriber(event)

        given = self.settings.journal
        if given is not None:
            from ..control.journal import Journal

            with writable(given):
                journal = Journal(str(given.value), self.reactor, emit)
            self._closing.callback(journal.close)
            subscribers.append(journal)
        return emit

    def _make(self, spec: ProxySpec, *, live: bool) -> Proxy:
        settings = self.settings
        proxy = plugins.make_proxy(
            self.reactor,
            spec,
            self.emit,
            settings={**classic_of(spec), **settings.classic},
            max_threads=settings.max_plugin_threads,
            live=live,
        )
        proxy.emits_firings = settings.journal is not None or LOG.isEnabledFor(logs.LEVELS["debug"])
        return proxy

    def _start_statsd(self) -> None:
        if self.settings.statsd is None:
            return
        from ..control.statsd import Statsd

        statsd = Statsd(
            self.reactor,
            self.proxies,
            self.settings.statsd.server,
            emit=self.emit,
            prefix=self.settings.statsd.prefix,
            sample_rate=self.settings.statsd.sample_rate,
        )
        statsd.start()
        self._closing.callback(statsd.close)


@contextmanager
def _blamed_on_proxy(settings: Settings) -> Iterator[None]:
    """Name the flag of the proxy that could not be opened, if it has one."""
    try:
        yield
    except ListenError as error:
        if "proxy" not in settings.places:
            raise OptionError(error.strerror or "") from None
        reason = (error.strerror or "").removeprefix(f"proxy {error.proxy!r}: ")
        raise OptionError(f"{settings.places['proxy']}: {reason}") from None


@contextmanager
def writable(given: Given) -> Iterator[None]:
    """Report an OSError of the block as a file that cannot be written.

    Raises:
        OptionError: instead of the OSError.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise OptionError(f"{given.place}={given.value!r} cannot be written: {reason}") from None


def raise_descriptor_limit() -> None:
    """Raise the limit of file descriptors as far as possible: a connection takes two."""
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
