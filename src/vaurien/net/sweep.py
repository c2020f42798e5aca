"""Closes the connections of a proxy that have been idle for as long as its timeout."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from typing import Protocol as Interface

from ..values.events import Cut, Emit
from .closing import InUse
from .reactor import Reactor, Timer
from .turns import in_turns

if TYPE_CHECKING:
    from .connection import Connection

KEPT_WHILE_IDLE = InUse.HELD | InUse.WATCHED
"""What keeps an idle connection open."""
SWEEPS_PER_TIMEOUT = 20
"""Maximum number of sweeps for idle connections within one timeout."""


class SweptProxy(Interface):
    """The proxy as its sweep sees it."""

    reactor: Reactor
    name: str
    emit: Emit

    @property
    def connections(self) -> Iterable[Connection]: ...
    def in_use(self, connection: Connection) -> InUse: ...


def kept(connection: Connection) -> InUse:
    """What keeps this connection open: an answer, if its protocol tells that one is owed."""
    conversation = connection.conversation
    if conversation is None or connection.to_backend.ending is not None:
        return KEPT_WHILE_IDLE
    exchanges = conversation.exchanges
    owed = conversation.unanswered and (exchanges.pending or exchanges.replies)
    return KEPT_WHILE_IDLE | InUse.UNANSWERED if owed else KEPT_WHILE_IDLE


class Sweep:
    """Looks at all connections when the next of them may have become idle."""

    def __init__(self, proxy: SweptProxy, timeout: float) -> None:
        """``timeout``: seconds without a byte in either direction; 0 to close none."""
        self._proxy = proxy
        self._timeout = timeout
        self._timer: Timer | None = None

    def start(self) -> None:
        if self._timeout and self._timer is None:
            self._timer = self._proxy.reactor.call_later(self._timeout, self._sweep)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _sweep(self) -> None:
        proxy, timeout, timer = self._proxy, self._timeout, self._timer
        now = oldest = proxy.reactor.clock()

        def look_at(connection: Connection) -> None:
            nonlocal oldest
            active_at = connection.active_at
            if connection.closed or self._timer is not timer:
                return  # stopped meanwhile, perhaps by the last connection of a drain
            if now - active_at < timeout:
                oldest = min(oldest, active_at)
            elif not proxy.in_use(connection) & kept(connection) and not connection.is_draining():
                what = f"connection {connection.number} was idle for {timeout:g} s, and was closed"
                proxy.emit(Cut(proxy.name, what, connection=connection.number))
                connection.cut()

        def come_again() -> None:
            if self._timer is timer:
                pause = max(oldest + timeout - now, timeout / SWEEPS_PER_TIMEOUT)
                self._timer = proxy.reactor.call_at(now + pause, self._sweep)

        in_turns(proxy.reactor, proxy.connections, look_at, come_again)
