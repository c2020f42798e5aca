"""What proxies have carried lately, second by second, for those who watch.

Law: traffic is not affected.  Once a second the proxies' counters are read, in turns, in the
reactor's thread; a proxy whose counters have not changed costs little more than a look at them.
Other threads read ``latest``, a value that is replaced as a whole, and ask for the rest.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import repeat
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from ..net.turns import in_steps
from .tracks import IDLE, NO_TIMES, NOTHING, Counts, Sample, Series, Tallied, Track, added

if TYPE_CHECKING:
    from ..net.proxy import Proxy
    from ..net.reactor import Reactor, Timer
    from ..net.totals import Count
    from ..parsing.tally import Tally
    from ..rules.active_plan import ActivePlan

KINDS_AT_ONCE = 16
"""Kinds of requests whose latencies are added up in one step."""
SOONEST = 0.5
"""Seconds until the next sample, at least."""
STEPS = 8
"""Steps that a proxy with traffic takes, besides those of its connections and kinds."""
LIVES = 200
"""Lives that are kept for a proxy, at most."""
OFF = ""
"""In the place of a rule: the proxy itself was off."""


class Samples(NamedTuple):
    """What all proxies have carried in one second."""

    number: int
    """Seconds since sampling began; 0: it has not."""
    at: int
    """When the second ended, in seconds since 1970."""
    proxies: Mapping[str, Sample]
    """By name; a proxy whose sample has not changed keeps the very same one."""
    totals: Sample


NO_SAMPLES = Samples(0, 0, MappingProxyType({}), IDLE)


@dataclass
class Life:
    """A time in which a rule was on, or the proxy off, to the second."""

    rule: str
    """``OFF``: there is none."""
    behavior: str
    begun: int
    """In seconds since 1970."""
    ended: int | None = None
    """None: it is on."""


class Watched:
    """A proxy, and what it had counted when it was last looked at."""

    def __init__(self, proxy: Proxy, before: Watched | None, begun: int) -> None:
        """``before``: who had its name; ``begun``: the number of the second before the first."""
        self.proxy = proxy
        self.track: Track = Track(begun) if before is None else before.track
        self.lives: deque[Life] = deque(maxlen=LIVES) if before is None else before.lives
        self.sample = IDLE
        self.open = 0
        self.carried = NOTHING
        """What it has counted since it was looked at before."""
        self._tallied = NOTHING
        self._held = 0.0
        self._plan: ActivePlan | None = None
        self._is_off = False

    def look(self, number: int) -> Iterator[None]:
        """Look at the proxy, in steps."""
        tally, count = self.proxy.tally, self.proxy.count()
        for connection in list(self.proxy.connections):
            count.add(connection.links)
            yield
        counts = _counts(count, tally)
        if (count.open, counts, tally.held.total) == (self.open, self._tallied.counts, self._held):
            self.carried = NOTHING
            if self.sample != (still := IDLE._replace(open=count.open)):
                self.sample = still
            return
        latencies = NO_TIMES
        tables = [latency.buckets for latency in tally.latencies.values()]
        for first in range(0, len(tables), KINDS_AT_ONCE):
            latencies = added(latencies, *tables[first : first + KINDS_AT_ONCE])
            yield
        before, self._tallied = self._tallied, Tallied(counts, latencies, tuple(tally.held.buckets))
        self.open, self._held = count.open, tally.held.total
        self.carried = self._tallied.minus(before)
        self.sample = self.track.add(number, count.open, self.carried)
        yield from repeat(None, STEPS)

    def follow_state(self, at: int) -> None:
        """Note which rules have come on and gone off in the second that ends at this time.

        And whether the proxy has been turned off or on.
        """
        plan, is_off = self.proxy.active_plan, self.proxy.listener is None
        if plan is self._plan and is_off is self._is_off:
            return  # the plan is replaced whenever a rule turns on or off
        self._plan, self._is_off = plan, is_off
        rules = plan.by_name()
        on = {name: rules[name].rule.behavior.name for name in rules if plan.is_on(rules[name])}
        if is_off:
            on[OFF] = ""
        for life in self.lives:
            if life.ended is None:
                if on.get(life.rule) == life.behavior:
                    del on[life.rule]
                else:
                    life.ended = at
        for name, behavior in on.items():
            self.lives.append(Life(name, behavior, at - 1))


class History:
    """Samples proxies, from ``start`` to ``stop``."""

    def __init__(
        self, reactor: Reactor, proxies: Iterable[Proxy], clock: Callable[[], float] = time.time
    ) -> None:
        """``proxies`` may change: it is iterated once a second."""
        self._reactor = reactor
        self._proxies = proxies
        self._clock = clock
        self._watched: dict[str, Watched] = {}
        self._totals = Track(0)
        self._number = 0
        self._sampled = 0.0
        self._runs = False
        self._timer: Timer | None = None
        self.latest = NO_SAMPLES
        """The last second; safe to read in any thread."""

    def start(self) -> None:
        """Begin, soon; safe in any thread."""
        self._reactor.post(self._start)

    def stop(self) -> None:
        """End, soon; safe in any thread."""
        self._reactor.post(self._stop)

    def read(self, proxy: str, span: int) -> Series:
        """Return the series of a proxy, '' for the sums; it is empty before there is a sample.

        ``span``: see ``tracks.SPANS``.  Call this in the reactor's thread.
        """
        now = self.latest
        if not proxy:
            track = self._totals
        elif proxy in self._watched:
            track = self._watched[proxy].track
        else:
            track = Track(now.number)
        return track.read(span, now.number, now.at)

    def lives(self, proxy: str) -> list[Life]:
        """Return when the rules of a proxy were on, and when it was off.

        Call this in the reactor's thread.
        """
        watched = self._watched.get(proxy)
        return [] if watched is None else list(map(replace, watched.lives))

    def _start(self) -> None:
        if not self._runs:
            self._runs = True
            self._sampled = self._reactor.clock()
            self._wait()

    def _stop(self) -> None:
        self._runs = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self) -> None:
        """Sample at the next full second of the clock on the wall, but not in a moment."""
        if self._runs and self._timer is None:  # it may have been started again while it looked
            left = 1 - self._clock() % 1
            left += left < SOONEST  # that clock may be slewed, and this second not be over
            self._timer = self._reactor.call_later(left, self._sample)

    def _sample(self) -> None:
        now, self._timer = self._reactor.clock(), None
        self._number += max(1, round(now - self._sampled))
        self._sampled = now
        in_steps(self._reactor, self._look(round(self._clock())), self._wait)

    def _look(self, at: int) -> Iterator[None]:
        """Look at each proxy, in steps."""
        samples: dict[str, Sample] = {}
        opened, tallied = 0, NOTHING
        for proxy in self._proxies:
            watched = self._watched.get(proxy.name)
            if watched is None or watched.proxy is not proxy:  # one that was replaced counts anew
                watched = Watched(proxy, watched, self._number - 1)
                self._watched[proxy.name] = watched
            watched.follow_state(at)
            yield from watched.look(self._number)
            opened += watched.open
            if watched.carried is not NOTHING:
                tallied = tallied.plus(watched.carried)
            samples[proxy.name] = watched.sample
            yield
        for name in self._watched.keys() - samples.keys():
            del self._watched[name]
        totals = self._totals.add(self._number, opened, tallied)
        self.latest = Samples(self._number, at, MappingProxyType(samples), totals)


def _counts(count: Count, tally: Tally) -> Counts:
    """Return the counters of a proxy in the order of ``Sample``."""
    totals = count.totals
    return (
        sum(tally.exchanges.values()),
        totals.opened,
        sum(tally.errors.values()),
        sum(tally.injected.values()),
        totals.fired,
        totals.bytes_to_backend,
        totals.bytes_to_client,
    )
