"""Run until a signal: the single proxy of ``vaurien``, and what ``serve`` shares with it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Protocol

from ..config.configuration import Configuration
from ..config.sections import origin_of
from ..errors import ListenError, OptionError
from ..launch import report_ready
from ..net.reactor import Reactor
from . import logs
from .running import Running, begin, collect_seldom

if TYPE_CHECKING:
    from .notify import Notify

LOG = logs.LOGGER
NOTIFY = "NOTIFY_SOCKET"
"""In the environment if there is a service manager to be told."""
STOPPING = (signal.SIGTERM, signal.SIGINT)
OPENING_ANEW = (signal.SIGUSR1, signal.SIGHUP) if hasattr(signal, "SIGUSR1") else ()


class ForcedExit(BaseException):
    """A second signal: stop at once.  Not an ``Exception``, so plugins do not catch it."""


class Drains(Protocol):
    """One proxy or many, whose connections can be given time to finish."""

    def drain(self, done: Callable[[], None], limit: float) -> None:
        """Call ``done`` when all connections have finished, after ``limit`` seconds at most."""


def run(configuration: Configuration) -> int:
    """Run one proxy until a signal; return the exit status.

    Raises:
        OptionError: an address cannot be listened on, or a file cannot be written.
    """
    begin(configuration)

    def start(running: Running, closing: ExitStack) -> None:
        del closing
        if configuration.has_api or configuration.otel:
            running.start_http(running.control())
        running.announce()
        (proxy,) = running.proxies
        seed = proxy.plan.seed
        known = proxy.address, proxy.backend, seed
        LOG.info("ready: %s forwards to %s, seed %d", *known, extra={"proxy": proxy.name})

    try:
        return run_until_signalled(configuration, start, live=configuration.has_api)
    except ListenError as error:
        raise OptionError(f"{origin_of(configuration.document, 'proxy')}: {error.reason}") from None


def run_until_signalled(
    configuration: Configuration,
    start: Callable[[Running, ExitStack], None],
    *,
    named: bool = False,
    live: bool = False,
) -> int:
    """Open the proxies, call ``start``, and run until a signal; return the exit status.

    ``start`` may push what it opens on its stack, to be closed at the end.

    Raises:
        ListenError, OptionError: see ``Running``; and whatever ``start`` raises.
    """
    try:
        with ExitStack() as closing:
            running = Running(configuration, closing, named=named, live=live)
            notify = running.notify = _notify()
            # Before the HTTP API, which may take a while to start.
            signals = Signals(running.reactor, running.proxies, configuration.drain, running.reopen)
            signals.notify = notify
            start(running, closing)
            if notify is not None:
                notify.ready(f"proxies: {len(list(running.proxies))}")
                notify.keep_alive(running.reactor)
            logs.drain()  # whoever waits for it may read the log next
            report_ready(str if named else running.listing)  # one proxy: it fits in a pipe
            collect_seldom()
            running.reactor.run()
            told = running.replayed()
            for line in told:  # the first says how many were placed, the others which were not
                (LOG.info if len(told) == 1 else LOG.warning)("%s", line)
        ignore_signals()
    except ForcedExit:
        ignore_signals()
        LOG.info("stopped at once")
    LOG.info("Bye!")
    return 0


def _notify() -> Notify | None:
    if NOTIFY not in os.environ:
        return None
    from .notify import Notify

    return Notify()


class Signals:
    """Stops the proxies: the first signal lets connections finish, the second does not.

    SIGUSR1 has files opened anew, and so does SIGHUP unless it has another handler already, or
    is ignored.
    """

    def __init__(
        self, reactor: Reactor, proxies: Drains, limit: float, reopen: Callable[[], None]
    ) -> None:
        """``limit``: seconds that connections get to finish."""
        self._reactor = reactor
        self._proxies = proxies
        self._limit = limit
        self._reopen = reopen
        self._received = 0
        self.notify: Notify | None = None
        for number in STOPPING:
            signal.signal(number, self._on_signal)
        for number in OPENING_ANEW:
            if number != signal.SIGHUP or signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, self._on_reopen)
        if hasattr(signal, "SIGPIPE"):
            signal.signal(signal.SIGPIPE, signal.SIG_IGN)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del frame
        self._received += 1
        if self._received == 1:
            self._reactor.post(partial(self._drain, signal.Signals(number).name))
        elif self._received == 2:
            raise ForcedExit

    def _on_reopen(self, number: int, frame: FrameType | None) -> None:
        del frame
        self._reactor.post(partial(self._open_anew, signal.Signals(number).name))

    def _open_anew(self, name: str) -> None:
        told = self.notify if name == "SIGHUP" else None
        with told.reloading() if told else nullcontext():
            self._reopen()
        LOG.info("%s: the log and the journal are opened again", name)

    def _drain(self, name: str) -> None:
        if self.notify is not None:
            self.notify.stopping()
        self._proxies.drain(self._reactor.stop, self._limit)
        LOG.info("%s: connections get %g seconds to finish", name, self._limit)


def ignore_signals() -> None:
    """Ignore further signals: the process is ending anyway."""
    for number in (*STOPPING, *OPENING_ANEW):
        signal.signal(number, signal.SIG_IGN)
