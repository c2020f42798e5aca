"""Waits on a socket for what a peer has to send, within a limit of time.

Law: whoever waits is called back once, or never after ``cancel``.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from math import inf
from typing import Generic, TypeVar

from ..reactor import Reactor, Timer
from ..system import Socket

T = TypeVar("T")


class Awaiting(Generic[T]):
    """A step of setting up a connection; subclasses handle the events of the socket."""

    __slots__ = ("_then", "_timer", "reactor", "sock")

    awaited = "answer"
    """What the peer has to send."""

    def __init__(self, reactor: Reactor, sock: Socket, then: Callable[[T | OSError], None]) -> None:
        """``then`` is called with the outcome; begin with ``_start``."""
        self.reactor = reactor
        self.sock = sock
        self._then: Callable[[T | OSError], None] | None = then
        self._timer: Timer | None = None

    def on_event(self, events: int) -> None:
        raise NotImplementedError

    def cancel(self) -> None:
        """Give up, without calling back."""
        self._then = None
        self._stop()

    def on_failure(self, report: str) -> None:
        del report
        self._end(OSError(errno.EIO, "the connection could not be set up"))

    def _start(self, interest: int, limit: float) -> None:
        """Watch the socket; ``limit`` in seconds from now."""
        self.reactor.add(self.sock.fileno(), self, interest)
        late = TimeoutError(errno.ETIMEDOUT, f"no {self.awaited} within {limit:g} s")
        later = self.reactor.call_later
        self._timer = later(limit, lambda: self._end(late)) if limit < inf else None

    def _stop(self) -> None:
        """Watch it no more."""
        if self._timer is not None:
            self._timer.cancel()
        self.reactor.unwatch(self.sock.fileno())

    def _end(self, outcome: T | OSError) -> None:
        then, self._then = self._then, None
        if then is not None:
            self._stop()
            then(outcome)


def closed() -> OSError:
    """Return what it means that a peer has ended."""
    return ConnectionAbortedError(errno.ECONNABORTED, "it closed the connection")
