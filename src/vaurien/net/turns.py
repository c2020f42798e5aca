"""Work on many connections, a bounded part of it between two polls of the reactor.

Law: nothing here is done for all connections of a proxy in one callback.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Protocol as Interface
from typing import TypeVar

from .reactor import Reactor

T = TypeVar("T")
PORTION = 64
"""Connections that are worked on in one turn, or steps of work that take about as long."""


def in_turns(
    reactor: Reactor,
    items: Iterable[T],
    act: Callable[[T], None],
    then: Callable[[], None] | None = None,
) -> None:
    """Act on each item, on the first ones now and on the others in later turns; then call."""
    in_steps(reactor, map(act, list(items)), then)


def in_steps(
    reactor: Reactor, steps: Iterator[object], then: Callable[[], None] | None = None
) -> None:
    """Take the first steps of work now and the others in later turns; then call."""

    def go_on() -> None:
        taken = sum(1 for _ in islice(steps, PORTION))
        if taken == PORTION:
            reactor.call_next(go_on)
        elif then is not None:
            then()

    go_on()


class Follower(Interface):
    """A connection that follows the plan of its proxy."""

    closed: bool
    number: int

    @property
    def holds(self) -> bool: ...
    def apply(self) -> None: ...


class Followers:
    """The connections of a proxy that a new plan must be told at once: those that hold something.

    The others notice it when they next carry something.
    """

    def __init__(self, reactor: Reactor) -> None:
        self._reactor = reactor
        self._holding: dict[Follower, None] = {}
        self._untold: dict[Follower, None] = {}

    def hold(self, connection: Follower) -> None:
        """A connection begins to hold something for a rule."""
        self._holding[connection] = None

    def leave(self, connection: Follower) -> None:
        """A connection has closed."""
        self._holding.pop(connection, None)
        self._untold.pop(connection, None)

    def tell(self, others: Iterable[Follower] = ()) -> None:
        """Have connections follow a new plan: those that hold something, and others."""
        telling = bool(self._untold)
        concerned = sorted({*self._holding, *others}, key=lambda connection: connection.number)
        self._untold.update(dict.fromkeys(concerned))  # the first of them stay the first
        if telling:
            self._tell()
        else:
            self._go_on()

    def _go_on(self) -> None:
        self._tell()
        if self._untold:
            self._reactor.call_next(self._go_on)

    def _tell(self) -> None:
        for connection in list(islice(self._untold, PORTION)):
            if self._untold.pop(connection, self) is self:
                continue  # it has closed meanwhile
            connection.apply()
            if not connection.holds:
                self._holding.pop(connection, None)
