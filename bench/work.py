"""The works: each load, the tool that generates it, and how its output is read."""

from __future__ import annotations

import csv
import json
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from backends import IPERF, REDIS, WEB, Backend
from processes import HOST, output_of
from results import Failure, Sample
from systems import System, needs

FRAMED_AND_NOT = ("direct", "vaurien", "vaurien-framed")
"""The systems to measure where other proxies would only take time."""


@dataclass(frozen=True)
class Work(ABC):
    """Something to measure on every system."""

    key: str
    title: str
    unit: str = ""
    """The unit of the main figure."""
    figure: str = "rate"
    """The name of the main figure in each sample."""
    decimals: int = 0
    rounds: int = 1000
    """Maximum number of rounds to take part in."""
    trouble: str = ""
    """Measure the systems that make this trouble, and ``direct`` if that has a meaning here."""
    many: bool = False
    """Also measure systems with many proxies."""
    direct: str = "direct"
    """The title of ``direct``; empty where it has no meaning."""
    protocol: str = ""
    """The protocol, if a framed vaurien is to be measured too."""
    beside: str = "haproxy"
    """The system that the table compares with."""
    among: tuple[str, ...] = ()
    """Measure these systems only; empty: all that suit."""

    def missing(self) -> str:
        """Why it cannot be done on this machine; empty if it can."""
        return ""

    def suits(self, system: System) -> bool:
        if self.among:
            return system.name in self.among
        if system.name == "direct":
            return bool(self.direct)
        return (
            system.trouble == self.trouble
            and bool(self.protocol or not system.framed)
            and (self.many or system.proxies == 1)
        )

    @abstractmethod
    def measure(self, system: System, seconds: int, folder: Path) -> Sample:
        """Make one run of about ``seconds``. Raises Failure if it gives no figure."""

    @abstractmethod
    def remarks(self, figures: dict[str, float]) -> str:
        """Format the medians of further figures, for the last column."""


@dataclass(frozen=True)
class Done:
    """What a tool did."""

    units: float
    """Requests, connections or gigabytes."""
    rate: float
    """Units per second, by the tool's own clock."""
    errors: int = 0


@dataclass(frozen=True)
class Load(Work):
    """A tool that keeps the system busy; the system's CPU time is shown beside its rate."""

    tool: str = ""
    backend: Backend = REDIS
    cost_unit: str = "µs CPU a request"
    cost_scale: float = 1e6

    def missing(self) -> str:
        return needs(self.tool)() or (self.backend.program and needs(self.backend.program)())

    def measure(self, system: System, seconds: int, folder: Path) -> Sample:
        with (
            self.behind(system).running(folder) as backend,
            system.running(backend, folder, self.protocol) as running,
        ):
            prepared = self.prepare(running.port)
            before = running.server.cpu_seconds() if running.server else 0.0
            done = self.drive(running.port, seconds, prepared)
            if not done.units:
                raise Failure(f"{self.tool} got no response")
            sample = {"rate": done.rate, "errors": float(done.errors)}
            if running.server:
                sample["cpu"] = (running.server.cpu_seconds() - before) / done.units
            running.check_understood()
            return sample

    def behind(self, system: System) -> Backend:  # noqa: ARG002
        """Return the server for a system."""
        return self.backend

    def prepare(self, port: int) -> float:  # noqa: ARG002
        """Try the load, where the tool needs to know the rate to expect."""
        return 0.0

    @abstractmethod
    def drive(self, port: int, seconds: int, expected: float) -> Done:
        """Run the tool; ``expected`` is what ``prepare`` returned."""

    def remarks(self, figures: dict[str, float]) -> str:
        cost = (
            f"{figures['cpu'] * self.cost_scale:.2f} {self.cost_unit}" if "cpu" in figures else ""
        )
        return f"{cost} ({figures['errors']:.0f} errors)" if figures.get("errors") else cost


@dataclass(frozen=True)
class RedisBenchmark(Load):
    """GET and SET, each for half of the time."""

    tool: str = "redis-benchmark"
    unit: str = "requests/s"
    protocol: str = "redis"
    connections: int = 50
    pipelined: int = 1
    """Requests that each connection sends at once."""

    def prepare(self, port: int) -> float:
        return self._run(port, 2_000, 20).rate

    def drive(self, port: int, seconds: int, expected: float) -> Done:
        return self._run(port, max(1_000, int(expected * seconds / 2)), seconds * 10 + 20)

    def _run(self, port: int, count: int, limit: float) -> Done:
        load = ["-t", "get,set", "-c", str(self.connections), "-P", str(self.pipelined)]
        command = [self.tool, "-h", HOST, "-p", str(port), *load, "-n", str(count), "--csv"]
        text = output_of(command, limit)
        return read_redis_benchmark(text, count)


def read_redis_benchmark(text: str, count: int) -> Done:
    """The rate over all tests of a ``--csv`` report, each of ``count`` requests."""
    rows = csv.reader(text.splitlines())
    rates = [float(row[1]) for row in rows if row and row[0] in ("GET", "SET")]
    if len(rates) != 2 or not all(rates):
        raise Failure(f"unexpected output of redis-benchmark: {text[:200]!r}")
    return Done(2 * count, 2 / sum(1 / rate for rate in rates))


@dataclass(frozen=True)
class Wrk(Load):
    """Connections that request 128 bytes from a web server, repeatedly."""

    tool: str = "wrk"
    backend: Backend = WEB
    unit: str = "requests/s"
    protocol: str = "http"
    header: str = "Connection: keep-alive"
    scheme: str = "http"
    connections: int = 64

    def drive(self, port: int, seconds: int, expected: float) -> Done:  # noqa: ARG002
        load = ["-t", "1", "-c", str(self.connections), "-d", f"{seconds}s", "-H", self.header]
        url = f"{self.scheme}://{HOST}:{port}/"
        return read_wrk(output_of([self.tool, *load, url], seconds + 20))


def read_wrk(text: str) -> Done:
    """Parse wrk's report; socket errors and the server's error responses count as errors."""
    counted = re.search(r"(\d+) requests in", text)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    if not counted or not rate:
        raise Failure(f"unexpected output of wrk: {text[:200]!r}")
    faults = re.findall(r"(?:connect|read|write|timeout|responses:) (\d+)", text)
    return Done(int(counted[1]), float(rate[1]), sum(map(int, faults)))


@dataclass(frozen=True)
class Iperf(Load):
    """One stream at full speed."""

    tool: str = "iperf3"
    backend: Backend = IPERF
    unit: str = "GB/s"
    decimals: int = 2
    cost_unit: str = "s CPU a GB"
    cost_scale: float = 1.0

    def drive(self, port: int, seconds: int, expected: float) -> Done:  # noqa: ARG002
        command = [self.tool, "-c", HOST, "-p", str(port), "-t", str(seconds), "--json"]
        return read_iperf(output_of(command, seconds + 20))


def read_iperf(text: str) -> Done:
    """Parse what the receiver of a ``--json`` report got, in units of 10^9 bytes."""
    try:
        received = json.loads(text)["end"]["sum_received"]
        gigabytes = received["bytes"] / 1e9
        return Done(gigabytes, gigabytes / received["seconds"])
    except (ValueError, KeyError, ZeroDivisionError):
        raise Failure(f"unexpected output of iperf3: {text[:200]!r}") from None


LOADS = (
    RedisBenchmark("redis-50", "redis GET and SET, 50 clients", many=True, connections=50),
    RedisBenchmark("redis-1", "redis GET and SET, 1 client", connections=1),
    RedisBenchmark(
        "redis-pipelined",
        "redis GET and SET, 50 clients, 16 requests at once",
        among=FRAMED_AND_NOT,
        rounds=3,
        pipelined=16,
    ),
    Wrk("http", "HTTP keep-alive, 64 connections", many=True),
    Wrk(
        "connections",
        "HTTP, a new connection for each request",
        many=True,
        unit="connections/s",
        header="Connection: close",
        cost_unit="µs CPU a connection",
    ),
    Iperf("bulk", "bulk, one stream"),
)
