"""Connect to a backend: resolve its name, then try its endpoints one after the other."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from math import inf

from .address import Address
from .reactor import Reactor, Timer
from .resolver import Resolved, Resolver
from .system import WRITE, Endpoint, Socket

RETRY_DELAY = 0.01
"""Seconds before a retry, when descriptors or room in a unix socket's queue ran out."""
NO_DESCRIPTOR = (errno.EMFILE, errno.ENFILE)

OnDialled = Callable[[Socket | OSError], None]


class Dial:
    """One attempt to reach a backend, with one time limit for all its endpoints."""

    __slots__ = (
        "_check",
        "_deadline",
        "_endpoints",
        "_forbidden",
        "_lacks",
        "_reactor",
        "_retry",
        "_sock",
        "_then",
        "_timeout",
        "_timer",
    )

    def __init__(
        self,
        reactor: Reactor,
        resolver: Resolver,
        address: Address,
        *,
        timeout: float,
        check: Callable[[Endpoint], None],
        then: OnDialled,
    ) -> None:
        """Call back with a connected socket, or with the error.

        ``timeout`` in seconds.  ``check`` raises OSError for an endpoint that is never dialled.
        """
        self._reactor = reactor
        self._check = check
        self._then: OnDialled | None = then
        self._forbidden: OSError | None = None  # says more than that another endpoint refused
        self._sock: Socket | None = None
        self._endpoints: list[Endpoint] = []
        self._timer: Timer | None = None
        self._retry: Timer | None = None
        self._lacks: OSError | None = None  # of descriptors, at the last attempt
        self._timeout = timeout
        self._deadline = reactor.clock() + timeout
        resolver.resolve(address, self._on_resolved)
        if self._then is not None and self._timer is None:
            self._start_timer(1)

    @property
    def done(self) -> bool:
        """It has called back, or was cancelled."""
        return self._then is None

    def cancel(self) -> None:
        """Give up, without calling back."""
        self._then = None
        self._release()

    def on_event(self, events: int) -> None:
        """The socket is connected, or has failed."""
        del events
        sock = self._sock
        assert sock is not None
        code = self._reactor.system.pending_error(sock)
        if not code and not self._reactor.system.is_connected(sock):
            return
        self._reactor.unwatch(sock.fileno())
        self._sock = None
        if code:
            self._on_refused(sock, code)
        else:
            self._call_back(sock)

    def on_failure(self, report: str) -> None:
        del report
        self._call_back(OSError(errno.EIO, "the connection could not be set up"))

    def _on_resolved(self, answer: Resolved) -> None:
        if self._then is None:
            return
        if isinstance(answer, OSError):
            self._call_back(answer)
        else:
            self._endpoints = list(answer)
            self._dial_next(OSError(errno.EADDRNOTAVAIL, "the name has no address"))

    def _dial_next(self, error: OSError) -> None:
        """Dial the next endpoint, or fail with the last one's error if none is left."""
        if not self._endpoints:
            self._call_back(self._forbidden or error)
            return
        endpoint = self._endpoints.pop(0)
        try:
            self._check(endpoint)
        except OSError as forbidden:
            self._forbidden = forbidden
            self._dial_next(forbidden)
            return
        try:
            sock, code = self._reactor.system.dial(endpoint)
        except OSError as failure:
            if failure.errno in NO_DESCRIPTOR:
                self._try_again(endpoint, error, failure)
            else:
                self._dial_next(failure)
            return
        self._lacks = None
        if code == errno.EINPROGRESS:
            self._sock = sock
            self._reactor.add(sock.fileno(), self, WRITE)
            self._start_timer(1 + len(self._endpoints))
        elif code == errno.EAGAIN:
            self._reactor.discard(sock)
            self._try_again(endpoint, error, None)
        elif code:
            self._on_refused(sock, code)
        else:
            self._call_back(sock)

    def _try_again(self, endpoint: Endpoint, error: OSError, lack: OSError | None) -> None:
        """Dial an endpoint again soon: what ran out may be free again; ``lack`` if it was ours."""

        def retry() -> None:
            if self._then is not None:
                self._dial_next(error)

        self._endpoints.insert(0, endpoint)
        self._lacks = lack
        if self._timer is None:
            self._start_timer(1)
        self._retry = self._reactor.call_later(RETRY_DELAY, retry)

    def _on_refused(self, sock: Socket, code: int) -> None:
        self._reactor.discard(sock)
        self._dial_next(OSError(code, os.strerror(code)))

    def _start_timer(self, attempts: int) -> None:
        """Limit this attempt to its share of the time left for all ``attempts``."""
        if self._timer is not None:
            self._timer.cancel()
        if self._deadline < inf:
            now = self._reactor.clock()
            until = now + max(0.0, self._deadline - now) / attempts
            self._timer = self._reactor.call_at(until, self._on_timeout)

    def _on_timeout(self) -> None:
        self._timer = None
        error = OSError(errno.ETIMEDOUT, f"no answer within {self._timeout:g} s")
        if self._sock is None:
            self._call_back(self._lacks or error)
        else:
            self._reactor.discard(self._sock)
            self._sock = None
            self._dial_next(error)

    def _call_back(self, outcome: Socket | OSError) -> None:
        then, self._then = self._then, None
        self._release()
        if then is not None:
            then(outcome)

    def _release(self) -> None:
        for timer in (self._timer, self._retry):
            if timer is not None:
                timer.cancel()
        if self._sock is not None:
            self._reactor.discard(self._sock)
            self._sock = None
