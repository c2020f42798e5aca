"""Lets the connections of a proxy finish, and closes each one that has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from typing import Protocol as Interface

from ..values.events import Cut, Emit
from .closing import FINISHED, InUse
from .reactor import Reactor, Timer
from .turns import in_turns

if TYPE_CHECKING:
    from .connection import Connection

DRAIN_IDLE = 0.1
"""Seconds without a byte after which a drain closes an answered connection."""
UNFINISHED = InUse.HELD | InUse.UNSENT | InUse.UNANSWERED
"""What a drain waits for."""


class DrainedProxy(Interface):
    """The proxy as its drain sees it."""

    reactor: Reactor
    name: str
    emit: Emit

    @property
    def connections(self) -> Mapping[Connection, None]: ...
    def in_use(self, connection: Connection) -> InUse: ...
    def stop_listening(self) -> None: ...
    def close(self) -> None: ...


class Drain:
    """One drain, which ends when the proxy is closed, or opened again."""

    def __init__(self, proxy: DrainedProxy, done: Callable[[], None], limit: float) -> None:
        """``done`` is called by the proxy when it is closed, ``limit`` seconds later at most."""
        self.done = done
        self._proxy = proxy
        self._over = False
        self._limit = proxy.reactor.call_later(limit, self._cut)
        self._next: Timer | None = None

    def cancel(self) -> None:
        """Close no more connections."""
        self._over = True
        for timer in (self._limit, self._next):
            if timer is not None:
                timer.cancel()

    def begin(self) -> None:
        """Accept nobody any more, and close what has finished."""
        if not self._over:
            self._proxy.stop_listening()
            self._close_finished()

    def _close_finished(self) -> None:
        """Close the connections that need not be waited for, until none is left."""
        proxy = self._proxy
        clock = proxy.reactor.clock

        def look_at(connection: Connection) -> None:
            if self._over or connection.closed:
                return
            connection.drain(wanted=True)
            idle = clock() - connection.active_at >= DRAIN_IDLE
            if idle and not proxy.in_use(connection) & UNFINISHED:
                connection.close(why=FINISHED)

        def come_again() -> None:
            if self._over:
                return
            if proxy.connections:
                self._next = proxy.reactor.call_later(DRAIN_IDLE / 2, self._close_finished)
            else:
                proxy.close()

        in_turns(proxy.reactor, proxy.connections, look_at, come_again)

    def _cut(self) -> None:
        """Close the others, in turns: the last one closes the proxy."""
        proxy = self._proxy
        proxy.emit(Cut(proxy.name, f"connections closed unfinished: {len(proxy.connections)}"))
        proxy.stop_listening()

        def cut(connection: Connection) -> None:
            if not self._over:
                connection.cut()

        def close() -> None:
            if not self._over:
                proxy.close()

        in_turns(proxy.reactor, proxy.connections, cut, close)
