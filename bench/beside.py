"""The round trips of a client beside another one that pipelines as fast as it can."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from backends import MEMCACHED, PRIVATE, REDIS, Backend
from clients import connect
from growth import receive_until
from results import Failure, Sample
from systems import System, needs
from work import Work

PAUSE = 0.002
"""Seconds between a response and the client's next request."""
WARM_UP = 0.2
"""Seconds for which the other client pipelines before anything is measured."""
BESIDE = ("direct", "vaurien", "vaurien-framed", "vaurien-framed-armed")


@dataclass(frozen=True)
class Beside(Work):
    """How long a client's round trips take."""

    unit: str = "ms"
    figure: str = "median"
    decimals: int = 2
    among: tuple[str, ...] = BESIDE
    backend: Backend = REDIS
    request: bytes = b""
    ending: bytes = b"\r\n"
    """The end of the response."""

    def missing(self) -> str:
        return needs(self.backend.program)() if self.backend.program else ""

    def measure(self, system: System, seconds: int, folder: Path) -> Sample:
        with (
            ExitStack() as stack,
            self.backend.running(folder) as backend,
            system.running(backend, folder, self.protocol) as running,
        ):
            connection = connect(running.port, stack)
            connection.sendall(self.request)
            size = len(receive_until(connection, self.ending))
            with pipelining(running.port, self.request):
                time.sleep(WARM_UP)
                took = self._round_trips(connection, size, seconds)
            running.check_understood()
        return {
            "median": median(took) * 1000,
            "p99": took[int(len(took) * 0.99)] * 1000,
            "worst": took[-1] * 1000,
        }

    def _round_trips(self, connection: socket.socket, size: int, seconds: float) -> list[float]:
        """Return the sorted durations in seconds of exchanges with responses of this size."""
        took = []
        end = time.perf_counter() + seconds
        while (began := time.perf_counter()) < end:
            connection.sendall(self.request)
            if len(connection.recv(size, socket.MSG_WAITALL)) != size:
                raise Failure("the connection was closed before its response")
            took.append(time.perf_counter() - began)
            time.sleep(PAUSE)
        return sorted(took)

    def remarks(self, figures: dict[str, float]) -> str:
        return f"p99 {figures['p99']:.1f}, worst {figures['worst']:.1f} ms"


@contextmanager
def pipelining(port: int, request: bytes) -> Iterator[None]:
    """Run a client that pipelines, in a process of its own, for the block."""
    command = [sys.executable, str(Path(__file__).with_name("pipeliner.py")), str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        try:
            process.stdin.write(request)
            process.stdin.close()
            yield
            if process.poll() is not None:
                raise Failure("the client that pipelines was cut off")
        finally:
            process.kill()


BESIDES = (
    Beside(
        "beside-redis",
        "a round trip beside a client that pipelines, redis",
        protocol="redis",
        request=b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
    ),
    Beside(
        "beside-inline",
        "a round trip beside a client that pipelines, redis with inline commands",
        protocol="redis",
        request=b"PING\r\n",
    ),
    Beside(
        "beside-memcache",
        "a round trip beside a client that pipelines, memcached",
        backend=MEMCACHED,
        protocol="memcache",
        request=b"get k\r\n",
    ),
    Beside(
        "beside-http",
        "a round trip beside a client that pipelines, HTTP",
        backend=PRIVATE,  # nginx would let the other client wait too
        protocol="http",
        request=b"HEAD / HTTP/1.1\r\nHost: bench\r\n\r\n",
        ending=b"\r\n\r\n",
    ),
)
