"""What proxies have carried lately, second by second, for those who watch.

Law: traffic is not affected.  Once a second the proxies' counters are read, in turns, in the
reactor's thread; a proxy whose counters have not changed costs little more than a look at them.
Other threads read ``latest``, a value that is replaced as a whole, and ask for the rest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from ..net.turns import in_steps
from ..parsing.tally import BUCKETS
from .tracks import COUNTS, IDLE, Buckets, Counts, Sample, Series, Track

if TYPE_CHECKING:
    from ..net.proxy import Proxy
    from ..net.reactor import Reactor
    from ..net.totals import Count

KINDS_AT_ONCE = 16
"""Kinds of requests whose latencies are added up in one step."""
NOTHING: Counts = (0,) * COUNTS
NO_LATENCIES: Buckets = (0,) * BUCKETS


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
class Watched:
    """A proxy, and what it had counted when it was last looked at."""

    proxy: Proxy
    track: Track
    open: int = 0
    counts: Counts = NOTHING
    buckets: Buckets = NO_LATENCIES
    sample: Sample = IDLE


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
        self.latest = NO_SAMPLES
        """The last second; safe to read in any thread."""

    def start(self) -> None:
        """Begin, soon; safe in any thread."""
        self._reactor.post(self._start)

    def stop(self) -> None:
        """End, soon; safe in any thread."""
        self._runs = False

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

    def _start(self) -> None:
        if not self._runs:
            self._runs = True
            self._sampled = self._reactor.clock()
            self._wait()

    def _wait(self) -> None:
        """Sample at the next full second of the clock on the wall."""
        self._reactor.call_later(1 - self._clock() % 1, self._sample)

    def _sample(self) -> None:
        if self._runs:
            now = self._reactor.clock()
            self._number += max(1, round(now - self._sampled))
            self._sampled = now
            in_steps(self._reactor, self._look(round(self._clock())), self._wait)

    def _look(self, at: int) -> Iterator[None]:
        """Look at each proxy, in steps."""
        samples: dict[str, Sample] = {}
        opened, counts, buckets = 0, NOTHING, NO_LATENCIES
        for proxy in self._proxies:
            watched = self._watched_of(proxy)
            before = watched.counts, watched.buckets
            yield from self._update(watched)
            opened += watched.open
            if watched.counts is not before[0]:
                counts = _sum(counts, _since(before[0], watched.counts))
                buckets = _sum(buckets, _since(before[1], watched.buckets))
            samples[proxy.name] = watched.sample
        for name in self._watched.keys() - samples.keys():
            del self._watched[name]
        totals = self._totals.add(self._number, opened, counts, buckets)
        self.latest = Samples(self._number, at, MappingProxyType(samples), totals)

    def _watched_of(self, proxy: Proxy) -> Watched:
        watched = self._watched.get(proxy.name)
        if watched is None or watched.proxy is not proxy:  # one that was replaced counts anew
            track = Track(self._number - 1) if watched is None else watched.track
            watched = self._watched[proxy.name] = Watched(proxy, track)
        return watched

    def _update(self, watched: Watched) -> Iterator[None]:
        proxy = watched.proxy
        count = proxy.count()
        for connection in list(proxy.connections):
            count.add(connection.links)
            yield
        counts = _counts(count, proxy)
        if (count.open, counts) != (watched.open, watched.counts):
            buckets = NO_LATENCIES
            latencies = [latency.buckets for latency in proxy.tally.latencies.values()]
            for first in range(0, len(latencies), KINDS_AT_ONCE):
                buckets = _sum(buckets, *latencies[first : first + KINDS_AT_ONCE])
                yield
            watched.sample = watched.track.add(
                self._number,
                count.open,
                _since(watched.counts, counts),
                _since(watched.buckets, buckets),
            )
            watched.open, watched.counts, watched.buckets = count.open, counts, buckets
        elif watched.sample != (still := IDLE._replace(open=count.open)):
            watched.sample = still
        yield


def _counts(count: Count, proxy: Proxy) -> Counts:
    """Return the counters of a proxy in the order of ``Sample``."""
    tally, totals = proxy.tally, count.totals
    return (
        sum(tally.exchanges.values()),
        totals.opened,
        sum(tally.errors.values()),
        sum(tally.injected.values()),
        totals.fired,
        totals.bytes_to_backend,
        totals.bytes_to_client,
    )


def _sum(*tables: Iterable[int]) -> tuple[int, ...]:
    return tuple(map(sum, zip(*tables, strict=True)))


def _since(before: Iterable[int], now: Iterable[int]) -> tuple[int, ...]:
    return tuple(late - early for early, late in zip(before, now, strict=True))
