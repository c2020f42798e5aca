"""The works with clients that speak TLS."""

from __future__ import annotations

import ssl
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from backends import LARGE_SIZE, WEB, WEB_TLS, Backend
from certificate import CIPHER, accepting
from clients import Memory, connect
from processes import output_of
from results import Failure
from systems import System, needs
from work import Done, Load, Wrk

TERMINATING = ("haproxy-tls", "stunnel", "vaurien-tls")
DECRYPTING = (*TERMINATING, "haproxy-both", "vaurien-both")
PASSING = ("direct", "vaurien", "vaurien-pass")
CLIENTS = 4
"""Processes that shake hands at the same time."""
CHUNK = 2**18
RESPONSE_LIMIT = 4096


def connect_tls(port: int, stack: ExitStack) -> ssl.SSLSocket:
    """Connect, and shake hands in full. Raises Failure if not with ``CIPHER``."""
    plain = connect(port, stack)
    made = stack.enter_context(accepting().wrap_socket(plain, server_hostname="localhost"))
    agreed = made.cipher()
    if not agreed or agreed[0] != CIPHER:
        raise Failure(f"a connection has agreed on {agreed}, not on {CIPHER}")
    return made


@dataclass(frozen=True)
class TlsLoad(Load):
    """A load of clients that speak TLS with a web server, or with what is before it."""

    backend: Backend = WEB
    direct: str = "direct, with TLS"
    beside: str = "haproxy-tls"
    among: tuple[str, ...] = DECRYPTING
    rounds: int = 3

    def missing(self) -> str:
        return super().missing() or needs("openssl")()

    def behind(self, system: System) -> Backend:
        return WEB_TLS if system.tls_backend else self.backend


@dataclass(frozen=True)
class TlsWrk(TlsLoad, Wrk):
    """Requests of connections that stay: few, and for longer, for the handshakes cost much."""

    tool: str = "wrk"
    connections: int = 16
    unit: str = "requests/s"
    protocol: str = ""
    scheme: str = "https"

    def drive(self, port: int, seconds: int, expected: float) -> Done:
        return super().drive(port, 2 * seconds, expected)


@dataclass(frozen=True)
class Handshakes(TlsLoad):
    """Connections that shake hands in full, and make one request."""

    tool: str = sys.executable
    unit: str = "connections/s"
    cost_unit: str = "µs CPU a connection"

    def drive(self, port: int, seconds: int, expected: float) -> Done:  # noqa: ARG002
        program = str(Path(__file__).with_name("handshaker.py"))
        command = [sys.executable, program, str(port), str(seconds), str(CLIENTS)]
        count, rate, errors = map(float, output_of(command, seconds + 20).split())
        return Done(count, rate, int(errors))


@dataclass(frozen=True)
class TlsBulk(TlsLoad):
    """One response at full speed."""

    tool: str = sys.executable
    unit: str = "GB/s"
    decimals: int = 2
    cost_unit: str = "s CPU a GB"
    cost_scale: float = 1.0

    def drive(self, port: int, seconds: int, expected: float) -> Done:  # noqa: ARG002
        buffer = memoryview(bytearray(CHUNK))
        with ExitStack() as stack:
            connection = connect_tls(port, stack)
            connection.sendall(b"GET /large HTTP/1.1\r\nHost: bench\r\n\r\n")
            began = time.perf_counter()
            size, took = 0, 0.0
            while took < seconds and size < LARGE_SIZE:
                taken = connection.recv_into(buffer)
                if not taken:
                    raise Failure(f"the connection ended after {size} bytes")
                size += taken
                took = time.perf_counter() - began
        return Done(size / 1e9, size / 1e9 / took)


@dataclass(frozen=True)
class TlsMemory(Memory):
    """The growth of the process for each TLS connection that has carried one request."""

    beside: str = "haproxy-tls"
    among: tuple[str, ...] = DECRYPTING
    connections: int = 1_000

    def missing(self) -> str:
        return needs("nginx")() or needs("openssl")()

    def behind(self, system: System) -> Backend:
        return WEB_TLS if system.tls_backend else WEB

    def open(self, port: int, stack: ExitStack) -> None:
        connection = connect_tls(port, stack)
        connection.sendall(b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n")
        response = b""
        while not response.endswith(b"x" * 128):
            taken = connection.recv(RESPONSE_LIMIT)
            response += taken
            if not taken or len(response) > RESPONSE_LIMIT:
                raise Failure(f"got {response[:200]!r}")


TLS_WORKS = (
    TlsWrk("tls-http", "HTTPS keep-alive, 16 connections"),
    Handshakes("tls-connections", "HTTPS, a full handshake for each request"),
    TlsBulk("tls-bulk", "bulk over TLS, one stream"),
    TlsMemory("tls-memory", "memory of an idle TLS connection, of 1,000"),
    TlsWrk(
        "tls-pass",
        "HTTPS keep-alive, passed on, 16 connections",
        among=PASSING,
        backend=WEB_TLS,
        beside="vaurien",
    ),
    TlsBulk(
        "tls-pass-bulk",
        "bulk over TLS, passed on",
        among=PASSING,
        backend=WEB_TLS,
        beside="vaurien",
    ),
)
