"""Work whose client is our own: memory of idle connections, and the timing of a delay."""

from __future__ import annotations

import heapq
import random
import select
import socket
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from backends import ECHO
from processes import HOST
from results import Failure, Sample
from systems import DELAY, System
from work import Work

PING = b"x" * 32
CLIENT_LIMIT = 5.0
"""Seconds that one answer may take."""


def connect(port: int, stack: ExitStack) -> socket.socket:
    """A connection that the stack closes."""
    connection = stack.enter_context(socket.create_connection((HOST, port), CLIENT_LIMIT))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def exchange(connection: socket.socket) -> None:
    """Send a little and have it echoed. Raises OSError, or Failure at an early end."""
    connection.sendall(PING)
    if connection.recv(len(PING), socket.MSG_WAITALL) != PING:
        raise Failure("a connection was closed before it was answered")


@dataclass(frozen=True)
class Memory(Work):
    """What the process grows by with each connection that has carried one exchange."""

    unit: str = "bytes"
    figure: str = "bytes"
    direct: str = ""
    rounds: int = 2
    connections: int = 5_000

    def measure(self, system: System, seconds: int, folder: Path) -> Sample:  # noqa: ARG002
        with (
            ExitStack() as stack,
            ECHO.running(folder) as backend,
            system.running(backend, folder) as running,
        ):
            if running.server is None:
                raise Failure("there is no process to measure")
            # The first exchange pays for what is loaded and made once only.
            exchange(connect(running.port, stack))
            before = running.server.resident_bytes()
            for _ in range(self.connections):
                exchange(connect(running.port, stack))
            after = running.server.resident_bytes()
        return {"bytes": (after - before) / self.connections, "total": float(after)}

    def remarks(self, figures: dict[str, float]) -> str:
        return f"{figures['total'] / 2**20:.1f} MiB in all"


@dataclass(frozen=True)
class Timing(Work):
    """How late after its 100 ms an answer comes, in ms; a negative figure is early."""

    unit: str = "ms late"
    figure: str = "median"
    decimals: int = 2
    delayed: bool = True
    direct: str = "no delay: the measuring itself"
    rounds: int = 3
    connections: int = 1

    def measure(self, system: System, seconds: int, folder: Path) -> Sample:
        with (
            ECHO.running(folder) as backend,
            system.running(backend, folder) as running,
        ):
            pause, expected = (0.0, DELAY) if system.delayed else (DELAY, 0.0)
            took = round_trips(running.port, self.connections, seconds + 2.0, pause)
        if not took:
            raise Failure("no answer came")
        late = sorted((seconds - expected) * 1000 for seconds in took)
        return {
            "least": late[0],
            "median": median(late),
            "p99": late[int(len(late) * 0.99)],
            "rate": len(late) / (seconds + 2.0),
        }

    def remarks(self, figures: dict[str, float]) -> str:
        return (
            f"earliest {figures['least']:+.2f}, p99 {figures['p99']:+.2f} ms, "
            f"{figures['rate']:,.0f} requests/s"
        )


def round_trips(port: int, connections: int, seconds: float, pause: float) -> list[float]:
    """How long each request was on its way, in seconds.

    Every connection begins at a random moment of the first 100 ms, sends, waits for
    the answer, pauses, and sends again. Its first answer does not count: the
    connection to the backend is made on the way.
    """
    took: list[float] = []
    with ExitStack() as stack:
        poller = stack.enter_context(select.epoll())
        ends = [connect(port, stack) for _ in range(connections)]
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


CLIENTS = (
    Memory("memory", "memory of an idle connection, of 5,000"),
    Timing("delay-1", "a delay of 100 ms, 1 connection", connections=1),
    Timing("delay-1000", "a delay of 100 ms, 1,000 connections", connections=1_000),
)
