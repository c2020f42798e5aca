"""The accuracy of trouble: how late delays end, and how close connections are to their rates."""

from __future__ import annotations

import heapq
import random
import select
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from backends import ECHO
from clients import PING, connect, exchange
from results import Failure, Sample
from systems import DELAY, System
from work import Work

LONGER = 2.0
"""Extra seconds, on top of those of a load, to measure a delay for."""
TRANSFER = 3.0
"""Extra seconds, on top of those of a load, that a transfer takes at its rate."""
PATIENCE = 3.0
"""A transfer may take this many times as long as its rate allows."""
CHUNK = 65536


@dataclass(frozen=True)
class Timing(Work):
    """How late a response comes after its 100 ms, in ms; negative if it is early."""

    unit: str = "ms late"
    figure: str = "median"
    decimals: int = 2
    trouble: str = "delay"
    direct: str = "no delay: the measuring itself"
    rounds: int = 3
    connections: int = 1

    def measure(self, system: System, seconds: int, folder: Path) -> Sample:
        with (
            ExitStack() as stack,
            ECHO.running(folder) as backend,
            system.running(backend, folder) as running,
        ):
            ends = [connect(running.port, stack) for _ in range(self.connections)]
            pause, expected = (0.0, DELAY) if system.trouble else (DELAY, 0.0)
            before = running.server.cpu_seconds() if running.server else 0.0
            took = round_trips(ends, seconds + LONGER, pause)
            used = running.server.cpu_seconds() - before if running.server else 0.0
        if not took:
            raise Failure("no response")
        late = sorted((seconds - expected) * 1000 for seconds in took)
        sample = {
            "least": late[0],
            "median": median(late),
            "p99": late[int(len(late) * 0.99)],
            "rate": len(late) / (seconds + LONGER),
        }
        return {**sample, "cpu": used / len(late)} if running.server else sample

    def remarks(self, figures: dict[str, float]) -> str:
        cost = f", {figures['cpu'] * 1e6:.0f} µs CPU a request" if "cpu" in figures else ""
        return (
            f"earliest {figures['least']:+.2f}, p99 {figures['p99']:+.2f} ms, "
            f"{figures['rate']:,.0f} requests/s{cost}"
        )


def round_trips(ends: Sequence[socket.socket], seconds: float, pause: float) -> list[float]:
    """Return how long each request took, in seconds.

    Every connection starts at a random moment within the first 100 ms, sends, waits for the
    response, pauses, and sends again. Its first exchange does not count, because it includes
    connecting to the backend.
    """
    took: list[float] = []
    with select.epoll() as poller:
        by_fd = {end.fileno(): end for end in ends}
        for end in ends:
            end.setblocking(False)
            poller.register(end, select.EPOLLIN)
        began = time.perf_counter()
        due = [(began + random.uniform(0, DELAY), fd) for fd in by_fd]
        heapq.heapify(due)
        sent: dict[int, float] = {}
        fresh = set(by_fd)
        stop = began + seconds
        while (now := time.perf_counter()) < stop:
            while due and due[0][0] <= now:
                fd = heapq.heappop(due)[1]
                sent[fd] = time.perf_counter()
                by_fd[fd].send(PING)
            for fd, _ in poller.poll(max(0.0, (due[0][0] if due else stop) - now)):
                if not by_fd[fd].recv(len(PING)):
                    raise Failure("a connection was closed")
                now = time.perf_counter()
                if fd in fresh:
                    fresh.remove(fd)
                else:
                    took.append(now - sent[fd])
                heapq.heappush(due, (now + pause, fd))
    return took


@dataclass(frozen=True)
class Pace(Work):
    """The throughput of each connection, in percent of its rate.

    All of them send as fast as they can, and the backend echoes at once. A connection's time
    is from the first byte sent to the last byte back, so that all lateness counts, no matter
    how small the pieces are in which the rate is enforced.
    """

    unit: str = "% of the rate"
    figure: str = "median"
    decimals: int = 2
    trouble: str = "rate"
    direct: str = ""
    rounds: int = 2
    connections: int = 1
    rate: int = 1_000_000
    """Bytes per second of each connection."""

    def measure(self, system: System, seconds: int, folder: Path) -> Sample:
        size = int(self.rate * (seconds + TRANSFER))
        with (
            ECHO.running(folder) as backend,
            system.running(backend, folder, rate=self.rate) as running,
        ):
            if running.server is None:
                raise Failure("there is no process to measure")
            before = running.server.cpu_seconds()
            took = transfers(running.port, self.connections, size, (seconds + TRANSFER) * PATIENCE)
            used = running.server.cpu_seconds() - before
        shares = sorted(100 * size / self.rate / each for each in took)
        return {
            "least": shares[0],
            "median": median(shares),
            "most": shares[-1],
            "all": sum(shares) / 100 * self.rate,
            "cpu": used / (size * self.connections / 1e6),
        }

    def remarks(self, figures: dict[str, float]) -> str:
        return (
            f"slowest {figures['least']:.2f}, fastest {figures['most']:.2f}, together "
            f"{figures['all'] / 1e6:,.2f} MB/s, {figures['cpu'] * 1e3:.1f} ms CPU a MB"
        )


def transfers(port: int, connections: int, size: int, limit: float) -> list[float]:
    """Return how long each connection took to send this many bytes and get them back, in seconds.

    Raises Failure if one is closed, or if everything takes longer than the limit.
    """
    with ExitStack() as stack:
        under_way: dict[int, Transfer] = {}
        poller = stack.enter_context(select.epoll())
        for _ in range(connections):
            connection = connect(port, stack)
            exchange(connection)  # the connection to the backend is made on the way
            connection.setblocking(False)
            under_way[connection.fileno()] = Transfer(connection, size)
            poller.register(connection, select.EPOLLIN | select.EPOLLOUT)
        took: list[float] = []
        stop = time.perf_counter() + limit
        while under_way:
            if time.perf_counter() > stop:
                raise Failure(f"{len(under_way)} transfers were not over after {limit:g} s")
            for fd, events in poller.poll(1.0):
                transfer = under_way[fd]
                if events & select.EPOLLOUT and transfer.sent():
                    poller.modify(fd, select.EPOLLIN)
                if events & ~select.EPOLLOUT and transfer.received():
                    took.append(time.perf_counter() - transfer.began)
                    poller.unregister(fd)
                    del under_way[fd]
    return took


class Transfer:
    """What one connection has yet to send and to receive."""

    def __init__(self, connection: socket.socket, size: int) -> None:
        self.connection = connection
        self.began = 0.0
        self._unsent = size
        self._owed = size

    def sent(self) -> bool:
        """Send what the socket takes; return whether everything is sent."""
        self.began = self.began or time.perf_counter()
        self._unsent -= self.connection.send(bytes(min(self._unsent, CHUNK)))
        return not self._unsent

    def received(self) -> bool:
        """Receive what has arrived; return whether that was all. Raises Failure at an early end."""
        taken = len(self.connection.recv(CHUNK))
        if not taken:
            raise Failure(f"a connection ended {self._owed} bytes too early")
        self._owed -= taken
        return not self._owed


FIDELITIES = (
    *(
        Timing(
            f"delay-{count}",
            f"a delay of 100 ms, {count:,} connection{'s' if count > 1 else ''}",
            connections=count,
        )
        for count in (1, 100, 1_000)
    ),
    *(
        Pace(
            f"rate-{count}",
            f"{rate:,} bytes/s each, {count:,} connection{'s' if count > 1 else ''}",
            connections=count,
            rate=rate,
        )
        for count, rate in ((1, 1_000_000), (100, 100_000), (1_000, 10_000))
    ),
)
