"""The HTTP API: its rate, and what it costs the traffic beside it."""

from __future__ import annotations

import csv
import http.client
import json
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from backends import REDIS
from calling import HOST, JSON, WRITERS
from clients import connect
from processes import free_port, output_of
from results import Failure, Sample
from systems import System, needs
from work import RedisBenchmark, Work, read_wrk

EVENTS = ("/v1/events",) * 50
"""What readers of events follow."""
DASHBOARDS = ("/v1/live", "/v1/events") * 3
"""What open pages of the dashboard follow."""
CALLING = str(Path(__file__).with_name("calling.py"))
CALLS = 10_000
HELD = 500
"""Connections that hang ..."""
ACTIVE = 500
"""... and those that carry requests meanwhile."""
PING = b"*1\r\n$4\r\nPING\r\n"
UPDATE = """local latency = 0
request = function()
  latency = (latency + 1) % 100
  local body = '{"attributes":{"latency":' .. latency .. '}}'
  local headers = {["Content-Type"] = "application/json"}
  return wrk.format("POST", "/proxies/bench/toxics/lag", headers, body)
end
"""
"""A script for wrk: change a toxic again and again."""


@dataclass(frozen=True)
class Calls(Work):
    """Eight connections that ask Toxiproxy's API as fast as they can; there is no traffic."""

    unit: str = "calls/s"
    direct: str = ""
    among: tuple[str, ...] = ("toxiproxy", "vaurien-api")
    writes: bool = False
    """Change a toxic with each call; otherwise list all proxies."""

    def missing(self) -> str:
        return needs("wrk")() or needs(REDIS.program)()

    def measure(self, system: System, seconds: int, folder: Path) -> Sample:
        with REDIS.running(folder) as backend, system.running(backend, folder) as running:
            if running.server is None or running.task is None:
                raise Failure("there is no process to measure")
            api = running.task.api
            toxic = {"name": "lag", "type": "latency", "attributes": {"latency": 1}}
            call(api, "POST", "/proxies/bench/toxics", toxic)
            load = ["-t", "1", "-c", str(WRITERS), "-d", f"{seconds}s"]
            if self.writes:
                load += ["-s", running.task.write("update.lua", UPDATE)]
            before = running.server.cpu_seconds()
            text = output_of(["wrk", *load, f"http://{HOST}:{api}/proxies"], seconds + 20)
            done = read_wrk(text)
            used = running.server.cpu_seconds() - before
        if not done.units:
            raise Failure("no response")
        return {"rate": done.rate, "errors": done.errors, "cpu": used / done.units}

    def remarks(self, figures: dict[str, float]) -> str:
        return f"{figures['cpu'] * 1e6:.0f} µs CPU a call"


@dataclass(frozen=True)
class Read(Work):
    """Quiet traffic while readers follow streams, in percent of the same without them."""

    streams: tuple[str, ...] = EVENTS
    unit: str = "%"
    figure: str = "kept"
    direct: str = ""
    among: tuple[str, ...] = ("vaurien-api",)

    def missing(self) -> str:
        return needs("redis-benchmark")() or needs(REDIS.program)()

    def measure(self, system: System, seconds: int, folder: Path) -> Sample:
        load = RedisBenchmark("", "")
        with REDIS.running(folder) as backend, system.running(backend, folder) as running:
            server = running.server
            if server is None or running.task is None:
                raise Failure("there is no process to measure")
            expected = load.prepare(running.port)

            def drive() -> tuple[float, float]:
                before = server.cpu_seconds()
                done = load.drive(running.port, seconds, expected)
                return done.rate, (server.cpu_seconds() - before) / done.units

            first = drive()
            with ExitStack() as stack:
                for path in self.streams:
                    follow(running.task.api, path, stack)
                rate, cpu = drive()
            last = drive()
        alone, cpu_alone = (sum(pair) / 2 for pair in zip(first, last, strict=True))
        return {"kept": 100 * rate / alone, "rate": rate, "added cpu": 100 * (cpu / cpu_alone - 1)}

    def remarks(self, figures: dict[str, float]) -> str:
        return f"{figures['rate']:,.0f} requests/s, {figures['added cpu']:+.1f} % CPU a request"


@dataclass(frozen=True)
class Crowd(Work):
    """Eight writers make 10,000 calls beside 1,000 connections, of which half hang.

    The others carry redis requests, each as fast as it can.  What these take is compared with
    what they take just before.
    """

    unit: str = "ms"
    figure: str = "slowest"
    decimals: int = 1
    direct: str = ""
    among: tuple[str, ...] = ("vaurien-api",)
    rounds: int = 1

    def missing(self) -> str:
        return needs("redis-benchmark")() or needs(REDIS.program)()

    def measure(self, system: System, seconds: int, folder: Path) -> Sample:  # noqa: ARG002
        with (
            ExitStack() as stack,
            REDIS.running(folder) as backend,
            system.running(backend, folder) as running,
        ):
            if running.task is None:
                raise Failure("there is no process to measure")
            api, port, hanging = running.task.api, running.port, free_port()
            upstream = f"{HOST}:{backend}"
            hang = {"name": "hanging", "listen": f"{HOST}:{hanging}", "backend": upstream}
            call(api, "POST", "/v1/proxies", {**hang, "rules": [{"behavior": "hang"}]})
            for _ in range(HELD):
                connect(hanging, stack).sendall(PING)
            latencies(port, ACTIVE)  # the first one is slower
            before = median(latencies(port, ACTIVE) for _ in range(3))
            command = [sys.executable, CALLING, str(api), upstream, str(CALLS)]
            with ThreadPoolExecutor() as pool:
                began, meanwhile = time.monotonic(), []
                calling = pool.submit(output_of, command, 300)
                while not calling.done():
                    meanwhile.append(latencies(port, ACTIVE))
            took = sorted(map(float, calling.result().split()))
        if len(took) < CALLS:
            raise Failure(f"only {len(took)} calls were made")
        return {
            "slowest": 1000 * took[-1],
            "median": 1000 * median(took),
            "p99": 1000 * took[int(len(took) * 0.99)],
            "rate": len(took) / (time.monotonic() - began),
            "traffic": median(meanwhile) / before,
        }

    def remarks(self, figures: dict[str, float]) -> str:
        return (
            f"median {figures['median']:.1f} ms, p99 {figures['p99']:.1f} ms, "
            f"{figures['rate']:.0f} calls/s; p99 of the traffic {figures['traffic']:.2f} times "
            "that without calls"
        )


def latencies(port: int, connections: int, count: int = 20_000) -> float:
    """Return the 99th percentile of what requests of redis take, in milliseconds."""
    load = ["-t", "get", "-c", str(connections), "-n", str(count), "--csv"]
    text = output_of(["redis-benchmark", "-h", HOST, "-p", str(port), *load], 60)
    try:
        (row,) = csv.DictReader(text.splitlines())
        return float(row["p99_latency_ms"])
    except (ValueError, KeyError):
        raise Failure(f"unexpected output of redis-benchmark: {text[:200]!r}") from None


def follow(api: int, path: str, stack: ExitStack) -> socket.socket:
    """Follow a stream; return when it has begun."""
    reader = connect(api, stack)
    head = f"GET {path} HTTP/1.1\r\nHost: {HOST}:{api}\r\nAccept: text/event-stream\r\n\r\n"
    reader.sendall(head.encode())
    heard = b""
    while b"\n\n" not in heard.partition(b"\r\n\r\n")[2]:
        news = reader.recv(4096)
        if not news:
            raise Failure(f"{path} cannot be followed: {heard[:200]!r}")
        heard += news
    if not heard.startswith(b"HTTP/1.1 200"):
        raise Failure(f"{path} cannot be followed: {heard[:200]!r}")
    return reader


def call(api: int, method: str, path: str, body: object) -> None:
    """Make a call.

    Raises:
        Failure: it is not answered as it should be.
    """
    connection = http.client.HTTPConnection(HOST, api, timeout=30)
    try:
        connection.request(method, path, json.dumps(body), JSON)
        with connection.getresponse() as response:
            told = response.read()
            if response.status >= 400:
                raise Failure(f"{method} {path}: {response.status} {told[:200]!r}")
    finally:
        connection.close()


APIS: tuple[Work, ...] = (
    Calls("api-reads", "calls of the API that list proxies, 8 clients"),
    Calls("api-writes", "calls of the API that change a toxic, 8 clients", writes=True),
    Read("readers", "redis GET and SET, 50 clients, beside 50 readers of events"),
    Read(
        "dashboard-open",
        "redis GET and SET, 50 clients, beside 3 open dashboards",
        streams=DASHBOARDS,
    ),
    Crowd("api-load", "the slowest of 10,000 calls beside traffic and connections that hang"),
)
