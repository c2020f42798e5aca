"""The throughput of one stream over a long way: what may be in flight bounds it."""

from __future__ import annotations

import select
import socket
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from clients import connect
from processes import HOST
from results import Failure, Sample
from systems import System
from work import Work

CHUNK = bytes(128 * 1024)
ROUND_TRIPS = 3
"""Measure for as many delays at least: buffers fill and empty in this time."""
ARRIVAL_LIMIT = 10.0
"""Seconds that the first byte may take."""


@dataclass(frozen=True)
class Distance(Work):
    """A client sends as fast as it can, through a latency, to a backend that reads at once.

    What arrives is counted from the first byte on.
    """

    unit: str = "MB/s"
    trouble: str = "distance"
    direct: str = "no latency"
    rounds: int = 3
    delay: float = 0.1
    """Seconds."""

    def measure(self, system: System, seconds: int, folder: Path) -> Sample:
        with ExitStack() as stack:
            listener = stack.enter_context(socket.create_server((HOST, 0)))
            backend = listener.getsockname()[1]
            running = stack.enter_context(system.running(backend, folder, delay=self.delay))
            client = connect(running.port, stack)
            listener.settimeout(ARRIVAL_LIMIT)
            accepted = stack.enter_context(listener.accept()[0])
            return {"rate": throughput(client, accepted, seconds + ROUND_TRIPS * self.delay) / 1e6}

    def remarks(self, figures: dict[str, float]) -> str:  # noqa: ARG002
        return ""


def throughput(sender: socket.socket, receiver: socket.socket, seconds: float) -> float:
    """Return the bytes per second that arrive, for this long after the first of them.

    Raises Failure if none arrives, or a connection ends.
    """
    for end in (sender, receiver):
        end.setblocking(False)
    buffer = bytearray(1024 * 1024)
    received, began = 0, 0.0
    limit = time.perf_counter() + ARRIVAL_LIMIT
    with select.epoll() as poller:
        poller.register(sender, select.EPOLLOUT)
        poller.register(receiver, select.EPOLLIN)
        while not began or time.perf_counter() - began < seconds:
            if not began and time.perf_counter() > limit:
                raise Failure(f"nothing arrived within {ARRIVAL_LIMIT:g} s")
            for fd, _ in poller.poll(0.1):
                if fd == sender.fileno():
                    sender.send(CHUNK)
                elif not (size := receiver.recv_into(buffer)):
                    raise Failure("the connection was closed")
                elif began:
                    received += size
                else:
                    began = time.perf_counter()
        return received / (time.perf_counter() - began)


DISTANCES = tuple(
    Distance(
        f"distance-{milliseconds}",
        f"one stream, {milliseconds:,} ms latency",
        delay=milliseconds / 1000,
    )
    for milliseconds in (10, 100, 1_000)
)
