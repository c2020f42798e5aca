"""Reaching a backend: resolve its name, then try its endpoints one after the other."""

from __future__ import annotations

import errno
import ipaddress
import os
from collections.abc import Callable
from functools import lru_cache
from math import inf

from .address import Address
from .reactor import Reactor, Timer
from .resolver import Resolved, Resolver
from .system import WRITE, Endpoint, Socket, is_local

AGAIN = 0.01
"""Seconds before it is tried again: no descriptor was left, or no room in a unix socket's queue."""
NO_DESCRIPTOR = (errno.EMFILE, errno.ENFILE)

OnDialled = Callable[[Socket | OSError], None]


class Dial:
    """One attempt to reach a backend, within a time limit for all of it."""

    __slots__ = (
        "_deadline",
        "_endpoints",
        "_listening",
        "_patience",
        "_reactor",
        "_sock",
        "_then",
        "_timer",
    )

    def __init__(
        self,
        reactor: Reactor,
        resolver: Resolver,
        address: Address,
        *,
        timeout: float,
        listening: list[Endpoint],
        then: OnDialled,
    ) -> None:
        """Calls back with a connected socket, or why there is none.

        ``listening``: the proxy's own endpoints, which it must not dial.
        """
        self._reactor = reactor
        self._listening = listening
        self._then: OnDialled | None = then
        self._sock: Socket | None = None
        self._endpoints: list[Endpoint] = []
        self._timer: Timer | None = None
        self._patience = timeout
        self._deadline = reactor.clock() + timeout
        resolver.resolve(address, self._on_resolved)
        if not self.done and self._timer is None:
            self._wait(1)

    @property
    def done(self) -> bool:
        """It has called back, or never will."""
        return self._then is None

    def cancel(self) -> None:
        """Give up; nobody is called back."""
        self._then = None
        self._finish()

    def on_event(self, events: int) -> None:
        """The socket has arrived, or failed."""
        del events
        sock = self._sock
        assert sock is not None
        code = self._reactor.system.error_of(sock)
        if not code and not self._reactor.system.arrived(sock):
            return
        self._reactor.unwatch(sock.fileno())
        self._sock = None
        self._on_dialled(sock, code)

    def on_failure(self, report: str) -> None:
        del report
        self._succeed_or_fail(OSError(errno.EIO, "the connection could not be set up"))

    def _on_resolved(self, answer: Resolved) -> None:
        if self._then is None:
            return
        if isinstance(answer, OSError):
            self._succeed_or_fail(answer)
        else:
            self._endpoints = list(answer)
            self._next(OSError(errno.EADDRNOTAVAIL, "the name has no address"))

    def _next(self, error: OSError) -> None:
        """Dial the next endpoint; there being none, fail with the last one's error."""
        if not self._endpoints:
            self._succeed_or_fail(error)
            return
        endpoint = self._endpoints.pop(0)
        try:
            if any(is_same(endpoint, own) for own in self._listening):
                raise OSError(errno.ELOOP, "the backend is the proxy itself")
            sock, code = self._reactor.system.dial(endpoint)
        except OSError as lacking:
            if lacking.errno in NO_DESCRIPTOR:
                self._try_again(endpoint, error)
            else:
                self._next(lacking)
            return
        if code == errno.EINPROGRESS:
            self._sock = sock
            self._reactor.add(sock.fileno(), self, WRITE)
            self._wait(1 + len(self._endpoints))
        elif code == errno.EAGAIN:
            self._reactor.discard(sock)
            self._try_again(endpoint, error)
        else:
            self._on_dialled(sock, code)

    def _try_again(self, endpoint: Endpoint, error: OSError) -> None:
        """Dial an endpoint again soon: something was lacking that may come back."""

        def retry() -> None:
            if self._then is not None:
                self._next(error)

        self._endpoints.insert(0, endpoint)
        self._reactor.call_later(AGAIN, retry)

    def _on_dialled(self, sock: Socket, code: int) -> None:
        if code:
            self._reactor.discard(sock)
            self._next(OSError(code, os.strerror(code)))
        else:
            self._succeed_or_fail(sock)

    def _wait(self, attempts: int) -> None:
        """Wait for one of so many attempts, which share what is left of the time."""
        if self._timer is not None:
            self._timer.cancel()
        if self._deadline < inf:
            now = self._reactor.clock()
            until = now + max(0.0, self._deadline - now) / attempts
            self._timer = self._reactor.call_at(until, self._on_timeout)

    def _on_timeout(self) -> None:
        error = OSError(errno.ETIMEDOUT, f"no answer within {self._patience:g} s")
        if self._sock is None:
            self._succeed_or_fail(error)
        else:
            self._reactor.discard(self._sock)
            self._sock = None
            self._next(error)

    def _succeed_or_fail(self, outcome: Socket | OSError) -> None:
        then, self._then = self._then, None
        self._finish()
        if then is not None:
            then(outcome)

    def _finish(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._sock is not None:
            self._reactor.discard(self._sock)
            self._sock = None


@lru_cache
def is_same(endpoint: Endpoint, listening: Endpoint) -> bool:
    """Whether dialling an endpoint would reach this listener of ours."""
    there, here = endpoint[1], listening[1]
    if isinstance(there, str) or isinstance(here, str):
        return there == here
    if there[1] != here[1]:
        return False
    dialled, bound = _plain(there[0]), _plain(here[0])
    if dialled.version != bound.version:
        return False
    if dialled.is_unspecified:  # reaches this machine's loopback
        return bound.is_loopback or bound.is_unspecified
    if bound.is_unspecified:
        return dialled.is_loopback or is_local(endpoint)
    return dialled == bound


def _plain(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    address = ipaddress.ip_address(host)
    return getattr(address, "ipv4_mapped", None) or address
