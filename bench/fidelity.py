"""Whether trouble is as it says: how late a delay ends, how near a connection is to its rate."""

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
"""Seconds that a delay is timed for, besides those of a load."""
TRANSFER = 3.0
"""Seconds that a transfer takes at its rate, besides those of a load."""
PATIENCE = 3.0
"""A transfer may take so many times the time that its rate gives it."""
CHUNK = 65536


@dataclass(frozen=True)
class Timing(Work):
    """How late after its 100 ms an answer comes, in ms; a negative figure is early."""

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
            raise Failure("no answer came")
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
    """How long each request was on its way, in seconds.

    Every connection begins at a random moment of the first 100 ms, sends, waits for
    the answer, pauses, and sends again. Its first answer does not count: the
    connection to the backend is made on the way.
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
    """What each connection gets through in a second, in percent of what it may.

    All of them send as fast as they are let, and the backend sends it back at once. A
    connection's time is from its first byte sent to its last byte back, so that whatever
    comes too late counts, however small the pieces are that the rate is made of.
    """

    unit: str = "% of the rate"
    figure: str = "median"
    decimals: int = 2
    trouble: str = "rate"
    direct: str = ""
    rounds: int = 2
    connections: int = 1
    rate: int = 1_000_000
    """Bytes a second of each connection."""

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
    """How long each connection took to send so many bytes and have them back, in seconds.

    Raises Failure if one is closed, or if all of it takes longer than the limit.
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
    """What one connection still has to send, and to get back."""

    def __init__(self, connection: socket.socket, size: int) -> None:
        self.connection = connection
        self.began = 0.0
        self._unsent = size
        self._owed = size

    def sent(self) -> bool:
        """Send what goes; whether that was all."""
        self.began = self.began or time.perf_counter()
        self._unsent -= self.connection.send(bytes(min(self._unsent, CHUNK)))
        return not self._unsent

    def received(self) -> bool:
        """Take what has come; whether that was all. Raises Failure at an early end."""
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
