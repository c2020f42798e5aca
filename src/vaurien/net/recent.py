"""The last events of a process, numbered, for whoever asks later.

Law: the data plane only appends, in the reactor's thread, and waits for nobody; any thread may
read.  A firing is kept as the parts of its event, which is made when somebody reads it.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Mapping
from itertools import count
from typing import NamedTuple

from ..rules.firing import Facts
from ..values.events import Event, Fired
from ..values.messages import Direction

SIZE = 4096
"""Events that are kept."""

FiringParts = tuple[str, str, str, Facts, Direction, Mapping[str, str], str]
"""The proxy's name, the rule's and the behavior's, what the firing knows, the direction and the
labels of the message, and the detail."""
Kept = tuple[int, float, Event | FiringParts]
"""A number, a time in seconds since 1970, and an event or its parts."""


class Numbered(NamedTuple):
    """An event that was kept."""

    number: int
    """Counted without gaps, in the order of the events."""
    at: float
    """When it happened, in seconds since 1970."""
    event: Event


class Recent(deque[Kept]):
    """The last ``size`` events; the number of the very first is ``first``.

    Firings are appended as they are in ``Proxy.on_fired``: a call of Python for each would cost
    more than all the rest.
    """

    def __init__(
        self, size: int = SIZE, clock: Callable[[], float] = time.time, first: int = 1
    ) -> None:
        super().__init__(maxlen=size)
        self.first = first
        self.numbers = count(first)
        self.clock = clock

    @classmethod
    def of_process(cls) -> Recent:
        """Return one whose numbers no earlier process has used, unless the clock was set back.

        They begin with the microseconds since 1970, faster than which no events come.
        """
        return cls(first=int(time.time() * 1e6))

    def add(self, event: Event) -> None:
        """Keep an event that is no firing: a subscriber to events."""
        if not isinstance(event, Fired):
            self.append((next(self.numbers), self.clock(), event))

    @property
    def newest(self) -> int:
        """The number of the newest event; ``first`` - 1 if there is none yet."""
        try:
            return self[-1][0]
        except IndexError:
            return self.first - 1

    def after(self, number: int) -> list[Kept]:
        """Return the events with greater numbers that are still kept, oldest first."""
        if self.newest <= number:
            return []
        kept = list(self)
        return kept[bisect_right(kept, number, key=lambda each: each[0]) :]


def numbered(kept: Kept) -> Numbered:
    """Return an event that was kept."""
    number, at, event = kept
    if isinstance(event, Event):
        return Numbered(number, at, event)
    proxy, rule, behavior, facts, direction, labels, detail = event
    connection, exchange, drawn, of_rule, times = facts
    draw, _ = drawn or of_rule.roll(connection, exchange)
    fired = Fired(
        proxy,
        rule,
        behavior,
        connection,
        max(exchange, 0),
        draw,
        times,
        direction,
        labels,
        detail,
    )
    return Numbered(number, at, fired)
