"""Streams of events, as those of language models: what vaurien adds to each event."""

from __future__ import annotations

import re
import select
import socket
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from backends import STREAMS
from clients import connect
from results import Failure, Sample
from streaming import RATE
from systems import System
from work import Work

ASKED = b"POST /v1/chat/completions HTTP/1.1\r\nHost: bench\r\nContent-Length: 2\r\n\r\n{}"
AT = re.compile(rb'"at": ([\d.]+)')


@dataclass(frozen=True)
class Streams(Work):
    """Streams of 20 events a second each, through a system and then directly.

    What a system adds is the difference of the two.
    """

    unit: str = "µs added"
    figure: str = "added median"
    decimals: int = 1
    direct: str = ""
    among: tuple[str, ...] = ("vaurien", "vaurien-framed", "vaurien-framed-armed")
    rounds: int = 3
    streams: int = 1

    def measure(self, system: System, seconds: int, folder: Path) -> Sample:
        with (
            STREAMS.running(folder) as backend,
            system.running(backend, folder, "http") as running,
        ):
            if running.server is None:
                raise Failure("there is no process to measure")
            before = running.server.cpu_seconds()
            through = latencies(running.port, self.streams, max(2, seconds))
            used = running.server.cpu_seconds() - before
            running.check_understood()
        with STREAMS.running(folder) as backend:
            directly = latencies(backend, self.streams, max(2, seconds))
        expected = RATE * self.streams * max(2, seconds)
        return {
            "added median": 1e6 * (part(through, 0.5) - part(directly, 0.5)),
            "added p99": 1e3 * (part(through, 0.99) - part(directly, 0.99)),
            "p99 without": 1e3 * part(directly, 0.99),
            "cpu": 1e6 * used / len(through),
            "arrived": 100 * len(through) / expected,
        }

    def remarks(self, figures: dict[str, float]) -> str:
        return (
            f"p99 {figures['added p99']:.2f} ms more than {figures['p99 without']:.2f}; "
            f"{figures['cpu']:.1f} µs CPU an event; {figures['arrived']:.0f} % arrived"
        )


def latencies(port: int, streams: int, seconds: float) -> list[float]:
    """Return how long each event was on its way, in seconds, sorted."""
    took: list[float] = []
    with ExitStack() as stack:
        poller = stack.enter_context(select.epoll())
        ends: dict[int, socket.socket] = {}
        for _ in range(streams):
            end = connect(port, stack)
            end.sendall(ASKED)
            ends[end.fileno()] = end
            poller.register(end, select.EPOLLIN)
        begin = time.monotonic() + 0.5  # they are all open, and the rate is held
        while (now := time.monotonic()) < begin + seconds:
            for fd, _ in poller.poll(begin + seconds - now):
                data = ends[fd].recv(65536)
                now = time.monotonic()
                if not data:
                    raise Failure("a stream has ended")
                if now >= begin:
                    took += [now - float(at) for at in AT.findall(data)]
    if not took:
        raise Failure("no event arrived")
    return sorted(took)


def part(took: list[float], share: float) -> float:
    """Return the time within which this share of events arrived."""
    return took[min(len(took) - 1, int(share * len(took)))]


STREAM_WORKS = (
    Streams("stream-1", "a stream of 20 events a second"),
    Streams("stream-2000", "2,000 streams of 20 events a second each", streams=2000),
)
