"""Running proxies: what a process opens at its start and closes at its end, in which order."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from .. import plugins
from ..config.configuration import Configuration
from ..config.document import Document
from ..config.sections import origin_of
from ..errors import OptionError
from ..net.backends import Backends
from ..net.loops import API
from ..net.permitted import Permitted
from ..net.proxies import Proxies
from ..net.reactor import Reactor
from ..net.recent import Recent
from ..net.spec import ProxySpec
from ..values.events import Emit, Event
from . import logs

if TYPE_CHECKING:
    from socket import socket

    from ..config.state import State
    from ..control.journal import Journal
    from ..control.otel.sender import Telemetry
    from ..control.server import Control
    from ..control.sockets import Opened
    from ..control.store import Store
    from ..net.proxy import Proxy
    from ..rules.replay import Deciders
    from .activation import Activation
    from .notify import Notify

LOG = logs.LOGGER
RESERVED_DESCRIPTORS = 64
"""Descriptors that traffic leaves to the API and to files; fewer if there are few."""
COLLECTED_AT = 10_000
"""New objects between two runs of the collector of reference cycles; Python's default is 700."""
PASSED = "LISTEN_FDS"
"""In the environment if systemd has opened sockets."""
MOST_DESCRIPTORS = 10240
"""The limit that macOS really has where it reports none."""


def begin(configuration: Configuration) -> None:
    """Open the log, and raise the limit of open files.

    Raises:
        OptionError: the log cannot be written.
    """
    with writable(configuration.document, "log_output", configuration.log_output):
        logs.configure(configuration.log_level, configuration.log_output, configuration.log_format)
    for warning in configuration.warnings:
        LOG.warning("%s", warning)
    raise_descriptor_limit()


def collect_seldom() -> None:
    """Turn the collector of reference cycles on, for a process that serves.

    What exists now stays, so the collector can skip it; later, only closed connections leave
    cycles, while each message makes and frees a dozen objects.
    """
    gc.freeze()
    gc.set_threshold(COLLECTED_AT)
    gc.enable()


class Running:
    """The open proxies of a process; everything opened here is closed by ``closing``.

    ``named``: log lines start with the proxy's name.  ``live`` and ``plain``: see
    ``plugins.proxy_type``.
    """

    def __init__(
        self,
        configuration: Configuration,
        closing: ExitStack,
        *,
        named: bool = False,
        live: bool = False,
        plain: type[Proxy] | None = None,
    ) -> None:
        """Open all proxies, or none.

        Raises:
            ListenError: an address cannot be listened on.
            OptionError: a file cannot be written.
        """
        self.configuration = configuration
        self._closing = closing
        activation = _activation(configuration.state)
        self.reactor = Reactor(activation.system if activation else None)
        closing.callback(self.reactor.close)
        self.reactor.report = partial(LOG.error, "%s")
        self.reactor.limit_descriptors(descriptors_for_traffic())
        self.recent = Recent.of_process()
        """The last events; none are kept without the HTTP API."""
        self._journal: Journal | None = None
        self._telemetry: Telemetry | None = None
        self._named = named
        self._deciders = _deciders(configuration)
        self.notify: Notify | None = None
        """Tells the service manager, if there is one."""
        self.emit = self._subscribers(named=named)
        self.proxies = Proxies(
            self.reactor,
            partial(self._make, live=live, plain=plain),
            partial(plugins.proxy_type, live=live, plain=plain),
            Backends(Permitted(configuration.allow_backend)),
        )
        self._api = self._open_api(activation.api if activation else None)
        wanted = configuration.state.proxies
        self.proxies.apply(wanted, hosts=self.proxies.resolve(wanted))
        closing.callback(self.proxies.close)
        self._start_statsd()

    def control(self, *, store: Store | None = None, config_digest: str = "") -> Control:
        """Return what changes the proxies, which are in the configuration's state; see there."""
        from ..control.server import Control

        names = self.configuration.names
        control = Control(
            self.reactor,
            self.proxies,
            self.configuration.state,
            find_behavior=names.behaviors.get,
            find_protocol=names.protocols.get,
            store=store,
            config_digest=config_digest,
            recent=self.recent,
        )
        control.toxiproxy_metrics = self.configuration.toxiproxy_metrics
        if self._telemetry is not None:
            self._telemetry.start(control)
            self._closing.callback(self._telemetry.close, self.proxies)
        return control

    def start_http(self, control: Control, token: str = "") -> None:
        """Serve the HTTP API, if the configuration asks for it; ``token``: one more that it takes.

        Raises:
            OptionError: its tokens cannot be used.
        """
        if self._api:
            from .api import start

            self._closing.callback(start(self.configuration, control, self._api, token).stop)
            self._closing.callback(control.feed.close)

    @property
    def api_url(self) -> str:
        """The URL of the API for programs of this machine; it must be served."""
        from .api import local_url

        return local_url(self._api[0])

    def listing(self) -> str:
        """Return where everything listens, as a line of JSON."""
        from .announce import listing

        return listing(self._api, self.proxies)

    def announce(self) -> None:
        """Tell where everything listens.

        Raises:
            OptionError: the port file cannot be written.
        """
        name = self.configuration.port_file
        if name or self._named or self._api:
            from .announce import port_file

            text = self.listing()
            LOG.info("listening: %s", text)
            if name:
                with writable(self.configuration.document, "port_file", name):
                    self._closing.enter_context(port_file(name, text))

    def _open_api(self, passed: socket | None) -> list[Opened]:
        """Listen for the API, before proxies can be told to use it as a backend."""
        if not self.configuration.has_api:
            if passed is not None:
                raise OptionError("a socket was passed for the API, which takes --http")
            return []
        from .api import open_api

        opened = open_api(self.configuration, self._closing, passed)
        endpoints = [endpoint for each in opened for endpoint in each.endpoints]
        self.proxies.backends.loops.listen(API, endpoints)
        return opened

    def replayed(self) -> list[str]:
        """Return in lines what was replayed, and what could not be; none without a replay."""
        if self._deciders is None or self.configuration.replaying is None:
            return []
        return self._deciders.summary()

    def reopen(self) -> None:
        """Open the log and the journal anew, as they may have been moved; safe in any thread."""
        logs.reopen()
        if self._journal is not None:
            self.reactor.post(self._journal.reopen)

    def _subscribers(self, *, named: bool) -> Emit:
        """Subscribe the log and the journal to events; return the function that emits them."""
        named = named and self.configuration.log_format == logs.TEXT
        event_log = logs.EventLog(self.reactor.call_later, named=named)
        self._closing.callback(event_log.close)
        subscribers: list[Emit] = [event_log]

        def emit(event: Event) -> None:
            for subscriber in subscribers:
                subscriber(event)

        name = self.configuration.journal
        if name:
            from ..control.journal import Journal

            with writable(self.configuration.document, "journal", name):
                self._journal = Journal(name, self.reactor, emit)
            self._closing.callback(self._journal.close)
            subscribers.append(self._journal)
        if self.configuration.otel:
            self._telemetry = telemetry(self.reactor, emit)
            subscribers.append(self._telemetry)
        if self.configuration.has_api:
            subscribers.append(self.recent.add)
        return emit

    def _make(self, spec: ProxySpec, *, live: bool, plain: type[Proxy] | None) -> Proxy:
        configuration = self.configuration
        proxy = plugins.make_proxy(
            self.reactor,
            spec,
            self.emit,
            settings={**classic_of(spec), **configuration.classic},
            max_threads=configuration.max_plugin_threads,
            live=live,
            plain=plain,
        )
        if configuration.has_api:
            proxy.recent = self.recent
        if self._deciders is not None:
            proxy.apply(proxy.plan, self._deciders.of(spec.name).make)
        heard = bool(configuration.journal) or LOG.isEnabledFor(logs.LEVELS["debug"])
        proxy.emits_firings = heard or configuration.otel or plain is not None
        return proxy

    def _start_statsd(self) -> None:
        where = self.configuration.statsd
        if where is None:
            return
        from ..control.statsd import Statsd

        statsd = Statsd(
            self.reactor,
            self.proxies,
            where.server,
            emit=self.emit,
            prefix=where.prefix,
            sample_rate=where.sample_rate,
        )
        statsd.start()
        self._closing.callback(statsd.close)


def telemetry(reactor: Reactor, emit: Emit) -> Telemetry:
    """Return what sends to OpenTelemetry.

    Raises:
        OptionError: a package is missing, or a variable of the environment cannot be used.
    """
    try:
        from ..control.otel.sender import Telemetry

        return Telemetry(reactor, emit)
    except ModuleNotFoundError as error:
        takes = "takes packages of OpenTelemetry: pip install 'vaurien[otel]'"
        raise OptionError(f"otel {takes} ({error.name} is missing)") from None
    except OptionError:
        raise
    except (ValueError, RuntimeError) as error:  # of a variable that these packages read
        raise OptionError(f"otel cannot be used: {error}") from None


def _activation(state: State) -> Activation | None:
    """Return the sockets that systemd has opened, if there are any.

    Raises:
        OptionError: one of them is nobody's.
    """
    if PASSED not in os.environ:
        return None
    from .activation import Activation

    return Activation(state)


def _deciders(configuration: Configuration) -> Deciders | None:
    """Return what makes the rules of proxies, where somebody keeps or says where they fire."""
    if not configuration.journal and configuration.replaying is None:
        return None
    from ..rules.replay import Deciders

    return Deciders(configuration.replaying)


def classic_of(spec: ProxySpec) -> dict[str, object]:
    """Return what old plugins find of their proxy in their settings."""
    return {
        "proxy": str(spec.listen),
        "backend": str(spec.backend),
        "protocol": spec.protocol.name,
        "timeout": spec.limits.timeout,
        "backlog": spec.limits.backlog,
    }


@contextmanager
def writable(document: Document, key: str, name: str) -> Iterator[None]:
    """Name the setting of a file that cannot be written.

    Raises:
        OptionError: instead of the OSError.
    """
    try:
        yield
    except OSError as error:
        origin = origin_of(document, key)
        reason = error.strerror or error
        raise OptionError(f"{origin}{origin.equals}{name!r} cannot be written: {reason}") from None


def descriptors_for_traffic() -> int:
    """Return how many descriptors traffic may use; the others are for the API, files and so on."""
    try:
        import resource
    except ImportError:
        return sys.maxsize
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return most - min(RESERVED_DESCRIPTORS, most // 8)


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
