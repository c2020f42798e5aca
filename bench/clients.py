"""The client that several works share, and the memory that idle connections take."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from backends import ECHO, Backend
from processes import HOST
from results import Failure, Sample
from systems import System
from work import Work

PING = b"x" * 32
CLIENT_LIMIT = 5.0
"""Seconds that one response may take."""


def connect(port: int, stack: ExitStack) -> socket.socket:
    """Connect; the stack closes the connection."""
    connection = stack.enter_context(socket.create_connection((HOST, port), CLIENT_LIMIT))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def exchange(connection: socket.socket) -> None:
    """Send a few bytes and receive their echo. Raises OSError, or Failure at an early end."""
    connection.sendall(PING)
    if connection.recv(len(PING), socket.MSG_WAITALL) != PING:
        raise Failure("a connection was closed before its response")


@dataclass(frozen=True)
class Memory(Work):
    """The growth of the process for each connection that has carried one exchange."""

    unit: str = "bytes"
    figure: str = "bytes"
    direct: str = ""
    rounds: int = 2
    connections: int = 5_000

    def measure(self, system: System, seconds: int, folder: Path) -> Sample:  # noqa: ARG002
        with (
            ExitStack() as stack,
            self.behind(system).running(folder) as backend,
            system.running(backend, folder) as running,
        ):
            if running.server is None:
                raise Failure("there is no process to measure")
            # The first exchange includes one-time costs.
            self.open(running.port, stack)
            before = running.server.resident_bytes()
            for _ in range(self.connections):
                self.open(running.port, stack)
            after = running.server.resident_bytes()
        return {"bytes": (after - before) / self.connections, "total": float(after)}

    def behind(self, system: System) -> Backend:  # noqa: ARG002
        """Return the server for a system."""
        return ECHO

    def open(self, port: int, stack: ExitStack) -> None:
        """Make a connection and one exchange; the stack closes it."""
        exchange(connect(port, stack))

    def remarks(self, figures: dict[str, float]) -> str:
        return f"{figures['total'] / 2**20:.1f} MiB in all"


CLIENTS = (Memory("memory", "memory of an idle connection, of 5,000"),)
