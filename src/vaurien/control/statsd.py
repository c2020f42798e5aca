"""Counters for a statsd server, over plain UDP.

Law: traffic is not affected.  The proxies' totals are counted once a second, in turns, and
the differences are sent in a few datagrams, whether or not anybody receives them.  The names
are few and fixed: ``PREFIX.PROTOCOL.COUNTER``, or with several proxies
``PREFIX.PROXY.PROTOCOL.COUNTER``.
"""

from __future__ import annotations

import contextlib
import re
import socket
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

from ..net.address import Address
from ..net.proxy import Proxy, ignore_event
from ..net.reactor import Reactor
from ..net.resolver import Resolved, Resolver
from ..net.system import Sockaddr
from ..net.totals import Totals
from ..net.turns import in_turns
from ..values.events import Emit, Trouble
from ..values.texts import digest

INTERVAL = 1.0
RETRY = 60.0
"""Seconds until the name of a server that could not be found or reached is resolved again."""
COUNTERS: Mapping[str, Callable[[Totals], int]] = {
    "start": lambda totals: totals.opened,
    "to_backend": lambda totals: totals.chunks_to_backend,
    "to_client": lambda totals: totals.chunks_to_client,
    "end": lambda totals: totals.closed,
    "fired": lambda totals: totals.fired,
}
"""The names of the counters, and the totals they report."""
NOT_ALLOWED = re.compile(r"[^A-Za-z0-9_.-]")
DATAGRAM = 1400
"""Maximum size in bytes, so that it fits into one packet; only a longer line exceeds it."""


class Counters:
    """The counts of one proxy that have not been sent yet."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._last = dict.fromkeys(COUNTERS, 0)
        self._pending = dict.fromkeys(COUNTERS, 0.0)

    def update(self, totals: Totals) -> None:
        """Add what the proxy has counted since the last call."""
        for name, total in COUNTERS.items():
            value = total(totals)
            self._pending[name] += value - self._last[name]
            self._last[name] = value

    def skip(self) -> None:
        """Leave out what the proxy has counted so far."""
        self.update(self._proxy.totals())
        self._pending = dict.fromkeys(COUNTERS, 0.0)

    def take(self, rate: float, whole: Callable[[float], int]) -> Iterator[tuple[str, int]]:
        """Yield each counter's name and its sampled count made ``whole``; keep the remainder."""
        for name, pending in self._pending.items():
            sampled = whole(pending * rate)
            self._pending[name] -= sampled / rate
            yield name, sampled


class Statsd:
    """Sends the counters of proxies, from ``start`` to ``close``; for the reactor's thread."""

    def __init__(
        self,
        reactor: Reactor,
        proxies: Iterable[Proxy],
        server: Address,
        *,
        emit: Emit = ignore_event,
        prefix: str = "vaurien",
        sample_rate: float = 1.0,
    ) -> None:
        """``proxies`` may change: it is iterated once a second.

        What the present proxies have counted so far is left out.  ``emit`` gets events
        about trouble with the server.
        """
        self._reactor = reactor
        self._proxies = proxies
        self._emit = emit
        self._server = server
        self._resolver = Resolver(reactor)
        self._rate = sample_rate
        self._prefix = prefix
        self._socket: socket.socket | None = None
        self._counters = {proxy: Counters(proxy) for proxy in proxies}
        for counters in self._counters.values():
            counters.skip()
        self._words = words_of(proxy.name for proxy in self._counters)
        self._closed = False

    def start(self) -> None:
        """Start reporting, and resolve the server's name in the background."""
        self._resolve()
        self._tick_later()

    def close(self) -> None:
        """Send what is left."""
        self._closed = True
        self._meet_proxies()
        self._send_counts({proxy: proxy.totals() for proxy in self._counters}, 1.0, round)
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _tick(self) -> None:
        if not self._closed:
            self._report(self._tick_later)

    def _tick_later(self) -> None:
        self._reactor.call_later(INTERVAL, self._tick)

    def _report(self, then: Callable[[], None] = lambda: None) -> None:
        """Count what all connections have carried, in turns, and send it; then call."""
        self._meet_proxies()
        if self._socket is None:
            then()  # counts accumulate until the name is resolved
            return
        gone = self._counters.keys() - set(self._proxies)
        counts = {proxy: proxy.count() for proxy in self._counters}
        linked = [
            (count, connection)
            for proxy, count in counts.items()
            for connection in proxy.connections
        ]

        def send() -> None:
            if self._closed:
                return
            totals = {proxy: count.totals for proxy, count in counts.items()}
            self._send_counts(totals, self._rate, int)
            for removed in gone.difference(self._proxies):
                del self._counters[removed]  # its last counts have been sent
            then()

        in_turns(self._reactor, linked, lambda pair: pair[0].add(pair[1].links), send)

    def _meet_proxies(self) -> None:
        """Count for the proxies that are new."""
        for proxy in self._proxies:
            if proxy not in self._counters:
                self._counters[proxy] = Counters(proxy)
                self._words = words_of(each.name for each in self._counters)

    def _send_counts(
        self, totals: Mapping[Proxy, Totals], rate: float, whole: Callable[[float], int]
    ) -> None:
        for proxy, counted in totals.items():
            self._counters[proxy].update(counted)
        self._send(
            self._line(proxy, name, count, rate)
            for proxy, counters in self._counters.items()
            for name, count in counters.take(rate, whole)
        )

    def _line(self, proxy: Proxy, name: str, count: int, rate: float) -> str:
        """Format a counter for statsd, '' for zero; the server divides the count by the rate."""
        if not count:
            return ""
        sampled = f"|@{rate}" if rate < 1 else ""
        own = self._words.get(proxy.name, "") if len(self._counters) > 1 else ""
        words = self._prefix, own, proxy.protocol.name.replace(".", "_")
        path = NOT_ALLOWED.sub("_", ".".join(filter(None, words)))
        return f"{path}.{name}:{count}|c{sampled}"

    def _send(self, lines: Iterable[str]) -> None:
        for datagram in _datagrams(filter(None, lines)):
            if self._socket is not None:
                # No listener, a full buffer, a line too long: losing counts is acceptable.
                with contextlib.suppress(OSError):
                    self._socket.send(datagram.encode())

    def _resolve(self) -> None:
        if not self._closed:
            self._resolver.resolve(self._server, self._on_resolved)

    def _on_resolved(self, answer: Resolved) -> None:
        if self._closed:
            return
        if isinstance(answer, OSError):
            self._retry("found", answer)
            return
        # Most servers listen on IPv4 only, and UDP does not report a missing listener.
        family, address = min(answer, key=lambda endpoint: endpoint[0] != socket.AF_INET)
        try:
            self._socket = _connect(family, address)
        except OSError as error:
            self._retry("reached", error)

    def _retry(self, goal: str, error: OSError) -> None:
        what = f"the statsd server {self._server} cannot be {goal}"
        self._emit(Trouble("statsd", what, str(error)))
        self._reactor.call_later(RETRY, self._resolve)


def words_of(names: Iterable[str]) -> dict[str, str]:
    """Return a word for the name of each proxy, no two the same.

    Where two would be, names keep their dots, and those with characters that statsd does not
    take end in a part of their digest.
    """
    words = {name: NOT_ALLOWED.sub("_", name).replace(".", "_") for name in names}
    alike = Counter(words.values())
    return {name: word if alike[word] == 1 else _apart(name) for name, word in words.items()}


def _apart(name: str) -> str:
    word = NOT_ALLOWED.sub("_", name)
    return word if word == name else f"{word}_{digest(name)}"


def _datagrams(lines: Iterable[str]) -> Iterator[str]:
    """Join lines to datagrams, as many in each as fit."""
    datagram = ""
    for line in lines:
        longer = f"{datagram}\n{line}" if datagram else line
        if datagram and len(longer) > DATAGRAM:
            yield datagram
            longer = line
        datagram = longer
    if datagram:
        yield datagram


def _connect(family: int, address: Sockaddr) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.connect(address)
    except BaseException:
        sock.close()
        raise
    return sock
