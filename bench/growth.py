"""The peak memory growth of the process while a very large message passes through it."""

from __future__ import annotations

import socket
import time
from abc import abstractmethod
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from backends import LARGE_SIZE, REDIS, WEB, Backend
from clients import connect
from results import Failure, Sample
from systems import System, needs
from work import Work

CHUNK = 2**20
VALUE_SIZE = 100 * 2**20
HEAD_LIMIT = 4096


@dataclass(frozen=True)
class Growth(Work):
    """The peak memory during the transfer, minus the memory before it."""

    unit: str = "MiB"
    figure: str = "growth"
    decimals: int = 1
    direct: str = ""
    among: tuple[str, ...] = ("vaurien", "vaurien-framed")
    rounds: int = 2
    backend: Backend = WEB

    def missing(self) -> str:
        return needs(self.backend.program)()

    def measure(self, system: System, seconds: int, folder: Path) -> Sample:  # noqa: ARG002
        with (
            ExitStack() as stack,
            self.backend.running(folder) as backend,
            system.running(backend, folder, self.protocol) as running,
        ):
            if running.server is None:
                raise Failure("there is no process to measure")
            # The first exchange includes one-time costs.
            connection = connect(running.port, stack)
            self.warm_up(connection)
            before = running.server.resident_bytes()
            running.server.forget_peak()
            began = time.perf_counter()
            size = self.pass_through(connection)
            took = time.perf_counter() - began
            growth = running.server.peak_bytes() - before
            running.check_understood()
        return {"growth": growth / 2**20, "rate": size / 1e9 / took}

    @abstractmethod
    def warm_up(self, connection: socket.socket) -> None:
        """Make one small exchange."""

    @abstractmethod
    def pass_through(self, connection: socket.socket) -> int:
        """Make the large exchange; return its size in bytes."""

    def remarks(self, figures: dict[str, float]) -> str:
        return f"{figures['rate']:.2f} GB/s"


def receive(connection: socket.socket, size: int) -> None:
    """Receive and discard this many bytes. Raises Failure at an early end."""
    buffer = memoryview(bytearray(CHUNK))
    while size:
        taken = connection.recv_into(buffer[: min(size, CHUNK)])
        if not taken:
            raise Failure(f"the connection ended {size} bytes too early")
        size -= taken


def receive_until(connection: socket.socket, ending: bytes) -> bytes:
    """Receive up to and including an ending, but no further. Raises Failure if none comes."""
    taken = b""
    while not taken.endswith(ending):
        byte = connection.recv(1)
        if not byte or len(taken) > HEAD_LIMIT:
            raise Failure(f"got {taken[:200]!r}")
        taken += byte
    return taken


@dataclass(frozen=True)
class Body(Growth):
    """An HTTP response with a body of LARGE_SIZE bytes."""

    protocol: str = "http"

    def warm_up(self, connection: socket.socket) -> None:
        connection.sendall(b"HEAD /large HTTP/1.1\r\nHost: bench\r\n\r\n")
        receive_until(connection, b"\r\n\r\n")

    def pass_through(self, connection: socket.socket) -> int:
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: bench\r\n\r\n")
        head = receive_until(connection, b"\r\n\r\n")
        if f"Content-Length: {LARGE_SIZE}\r\n".encode() not in head:
            raise Failure(f"got {head[:200]!r}")
        receive(connection, LARGE_SIZE)
        return LARGE_SIZE


@dataclass(frozen=True)
class Value(Growth):
    """A Redis value of VALUE_SIZE bytes, set and then read."""

    backend: Backend = REDIS
    protocol: str = "redis"

    def warm_up(self, connection: socket.socket) -> None:
        connection.sendall(b"*1\r\n$4\r\nPING\r\n")
        receive_until(connection, b"+PONG\r\n")

    def pass_through(self, connection: socket.socket) -> int:
        connection.sendall(b"*3\r\n$3\r\nSET\r\n$5\r\nlarge\r\n$%d\r\n" % VALUE_SIZE)
        chunk = bytes(CHUNK)
        for _ in range(VALUE_SIZE // CHUNK):
            connection.sendall(chunk)
        connection.sendall(b"\r\n")
        receive_until(connection, b"+OK\r\n")
        connection.sendall(b"*2\r\n$3\r\nGET\r\n$5\r\nlarge\r\n")
        receive_until(connection, b"$%d\r\n" % VALUE_SIZE)
        receive(connection, VALUE_SIZE + len(b"\r\n"))
        return 2 * VALUE_SIZE


GROWTHS = (
    Body("body", "most memory taken by an HTTP body of 1 GiB"),
    Value("value", "most memory taken by a redis value of 100 MiB, there and back"),
)
