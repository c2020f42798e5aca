"""Counters for a statsd server, over plain UDP.

Law: traffic is not touched.  The proxy's totals are read once a second, and what was
added since goes out in one datagram; whether anybody receives it does not matter.
Names are ``PREFIX.PROTOCOL.`` and one of ``COUNTERS``, so there are few.
"""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Mapping

from ..events import Trouble
from ..net.address import Address
from ..net.proxy import Proxy, Totals
from ..net.reactor import Reactor
from ..net.resolver import Resolved, Resolver
from ..net.system import Sockaddr

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


class Statsd:
    """Sends what a proxy counts, from ``start`` to ``close``; in the reactor's thread."""

    def __init__(
        self,
        reactor: Reactor,
        proxy: Proxy,
        server: Address,
        *,
        prefix: str = "vaurien",
        sample_rate: float = 1.0,
    ) -> None:
        self._reactor = reactor
        self._proxy = proxy
        self._server = server
        self._resolver = Resolver(reactor)
        self._rate = sample_rate
        protocol = proxy.protocol.name.replace(".", "_")
        self._prefix = UNFIT.sub("_", f"{prefix}.{protocol}" if prefix else protocol)
        self._socket: socket.socket | None = None
        self._pending = dict.fromkeys(COUNTERS, 0.0)
        self._last = proxy.totals()
        self._closed = False

    def start(self) -> None:
        """Begin, and resolve the server's name meanwhile."""
        self._look_up()
        self._reactor.call_later(INTERVAL, self._tick)

    def close(self) -> None:
        """Send what is left."""
        self._closed = True
        self._count()
        self._send([self._line(name, round(left), 1.0) for name, left in self._pending.items()])
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
        lines = []
        for name, pending in self._pending.items():
            sampled = int(pending * self._rate)
            self._pending[name] -= sampled / self._rate
            lines.append(self._line(name, sampled, self._rate))
        self._send(lines)

    def _count(self) -> None:
        totals = self._proxy.totals()
        for name, field in COUNTERS.items():
            self._pending[name] += _value(totals, field) - _value(self._last, field)
        self._last = totals

    def _line(self, name: str, count: int, rate: float) -> str:
        """A counter as statsd reads it; a server divides the count by the rate."""
        if not count:
            return ""
        sampled = f"|@{rate}" if rate < 1 else ""
        return f"{self._prefix}.{name}:{count}|c{sampled}"

    def _send(self, lines: list[str]) -> None:
        datagram = "\n".join(filter(None, lines))
        if datagram and self._socket is not None:
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
        self._proxy.emit(Trouble(self._proxy.name, what, str(error)))
        self._reactor.call_later(RETRY, self._look_up)


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
