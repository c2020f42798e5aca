"""Look whether the peers are still there for whom something is kept that may never come."""

from __future__ import annotations

from collections.abc import Callable

from .reactor import Reactor, Timer

SHORTEST_LOOK = 1.0
"""Seconds between two looks ..."""
LOOKS = 4
"""... or, when that is longer, the time that they have waited divided by this."""
GONE = "nobody waits any more for what a rule keeps"
"""Why it closes a connection."""


class PeerWatch:
    """Looks from time to time, until nothing is kept or nobody waits for it."""

    __slots__ = ("_awaited", "_give_up", "_reactor", "_since", "_timer")

    def __init__(
        self, reactor: Reactor, awaited: Callable[[], list[bool]], give_up: Callable[[], None]
    ) -> None:
        """``awaited`` says of each thing that is kept whether somebody waits for it."""
        self._reactor = reactor
        self._awaited = awaited
        self._give_up = give_up
        self._since = 0.0
        self._timer: Timer | None = None

    def begin(self) -> None:
        """Something is kept from now on."""
        self._since = self._reactor.clock()
        self._look_later()

    def cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look_later(self) -> None:
        self.cancel()
        pause = max(SHORTEST_LOOK, (self._reactor.clock() - self._since) / LOOKS)
        self._timer = self._reactor.call_later(pause, self._look)

    def _look(self) -> None:
        awaited = self._awaited()
        if any(awaited):
            self._look_later()
        elif awaited:
            self._give_up()
