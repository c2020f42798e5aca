"""Counters for a statsd server, over plain UDP.

Law: traffic is not touched.  The proxies' totals are read once a second, and what was
added since goes out in a few datagrams; whether anybody receives them does not matter.
Names are ``PREFIX.PROTOCOL.`` and one of ``COUNTERS``, so there are few; where there are
several proxies, ``PREFIX.PROXY.PROTOCOL.`` and one of these.
"""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Iterable, Iterator, Mapping

from ..net.address import Address
from ..net.proxy import Proxy, unheard
from ..net.reactor import Reactor
from ..net.resolver import Resolved, Resolver
from ..net.system import Sockaddr
from ..net.totals import Totals
from ..values.events import Emit, Trouble

INTERVAL = 1.0
RETRY = 60.0
"""Seconds until a server that could not be found or reached is looked up again."""
COUNTERS: Mapping[str, str] = {
    "start": "opened",
    "to_backend": "chunks_to_backend",
    "to_client": "chunks_to_client",
    "end": "closed",
    "fired": "fired",
}
"""What each counter is called, and which of the totals it counts."""
UNFIT = re.compile(r"[^A-Za-z0-9_.-]")
DATAGRAM = 1400
"""Bytes at most, if one line is not longer: more would not fit into one packet everywhere."""


class Counted:
    """What a proxy has counted since it was last asked, and what of it is yet to be sent."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._last = dict.fromkeys(COUNTERS, 0)
        self._pending = dict.fromkeys(COUNTERS, 0.0)

    def count(self) -> None:
        totals = self._proxy.totals()
        for name, field in COUNTERS.items():
            value = _value(totals, field)
            self._pending[name] += value - self._last[name]
            self._last[name] = value

    def forget(self) -> None:
        """Leave out what it has counted so far."""
        self.count()
        self._pending = dict.fromkeys(COUNTERS, 0.0)

    def take(self, rate: float) -> Iterator[tuple[str, int]]:
        """Each counter with the share of it to send now; the rest is kept."""
        for name, pending in self._pending.items():
            sampled = int(pending * rate)
            self._pending[name] -= sampled / rate
            yield name, sampled

    def take_all(self) -> Iterator[tuple[str, int]]:
        """Each counter with what is left."""
        for name, left in self._pending.items():
            yield name, round(left)


class Statsd:
    """Sends what proxies count, from ``start`` to ``close``; in the reactor's thread."""

    def __init__(
        self,
        reactor: Reactor,
        proxies: Iterable[Proxy],
        server: Address,
        *,
        emit: Emit = unheard,
        prefix: str = "vaurien",
        sample_rate: float = 1.0,
    ) -> None:
        """``proxies`` is looked through anew each time: it may change.

        What those of now have counted before is left out.  ``emit`` hears of trouble.
        """
        self._reactor = reactor
        self._proxies = proxies
        self._emit = emit
        self._server = server
        self._resolver = Resolver(reactor)
        self._rate = sample_rate
        self._prefix = prefix
        self._socket: socket.socket | None = None
        self._counted = {proxy: Counted(proxy) for proxy in proxies}
        for counted in self._counted.values():
            counted.forget()
        self._closed = False

    def start(self) -> None:
        """Begin, and resolve the server's name meanwhile."""
        self._look_up()
        self._reactor.call_later(INTERVAL, self._tick)

    def close(self) -> None:
        """Send what is left."""
        self._closed = True
        self._count()
        self._send(
            self._line(proxy, name, left, 1.0)
            for proxy, counted in self._counted.items()
            for name, left in counted.take_all()
        )
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _tick(self) -> None:
        if not self._closed:
            self._report()
            self._reactor.call_later(INTERVAL, self._tick)

    def _report(self) -> None:
        if self._socket is None:
            return  # it adds up until the name is resolved
        self._count()
        self._send(
            self._line(proxy, name, sampled, self._rate)
            for proxy, counted in self._counted.items()
            for name, sampled in counted.take(self._rate)
        )
        for gone in self._counted.keys() - set(self._proxies):
            del self._counted[gone]  # the last of it has been sent

    def _count(self) -> None:
        for proxy in self._proxies:
            if proxy not in self._counted:
                self._counted[proxy] = Counted(proxy)
        for counted in self._counted.values():
            counted.count()

    def _line(self, proxy: Proxy, name: str, count: int, rate: float) -> str:
        """A counter as statsd reads it; a server divides the count by the rate."""
        if not count:
            return ""
        sampled = f"|@{rate}" if rate < 1 else ""
        own = [proxy.name] if len(self._counted) > 1 else []
        words = [word.replace(".", "_") for word in (*own, proxy.protocol.name)]
        title = UNFIT.sub("_", ".".join([*filter(None, [self._prefix]), *words]))
        return f"{title}.{name}:{count}|c{sampled}"

    def _send(self, lines: Iterable[str]) -> None:
        for datagram in _datagrams(filter(None, lines)):
            if self._socket is not None:
                # Nobody there, no room, too long: nobody is waiting for it.
                with contextlib.suppress(OSError):
                    self._socket.send(datagram.encode())

    def _look_up(self) -> None:
        if not self._closed:
            self._resolver.resolve(self._server, self._on_answer)

    def _on_answer(self, answer: Resolved) -> None:
        if self._closed:
            return
        if isinstance(answer, OSError):
            self._try_again("found", answer)
            return
        # Most servers listen on IPv4 alone, and UDP does not tell that nobody is there.
        family, address = min(answer, key=lambda endpoint: endpoint[0] != socket.AF_INET)
        try:
            self._socket = _connected(family, address)
        except OSError as error:
            self._try_again("reached", error)

    def _try_again(self, fate: str, error: OSError) -> None:
        what = f"the statsd server {self._server} cannot be {fate}"
        self._emit(Trouble("statsd", what, str(error)))
        self._reactor.call_later(RETRY, self._look_up)


def _datagrams(lines: Iterable[str]) -> Iterator[str]:
    """The lines, as many at once as fit."""
    datagram = ""
    for line in lines:
        longer = f"{datagram}\n{line}" if datagram else line
        if datagram and len(longer) > DATAGRAM:
            yield datagram
            longer = line
        datagram = longer
    if datagram:
        yield datagram


def _connected(family: int, address: Sockaddr) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.connect(address)
    except BaseException:
        sock.close()
        raise
    return sock


def _value(totals: Totals, field: str) -> int:
    value = getattr(totals, field)
    assert isinstance(value, int)
    return value
