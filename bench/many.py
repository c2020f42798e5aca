"""Many proxies in one process: what they cost traffic, and what changing one of them costs."""

from __future__ import annotations

import random
import select
import socket
import subprocess
import sys
import time
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import IO

from backends import ECHO
from clients import connect, exchange
from fidelity import round_trips
from growth import receive_until
from processes import START_LIMIT, Server, output_of
from results import Failure, Sample
from systems import CONFIGURATION, MANY, System, Task, configuration
from work import Work

RELOADS = 12
"""Reloads in one sample."""
HELD = 0.25
"""Seconds without a response after which a request counts as held."""
LULL = 0.05
"""Minimum seconds between two reloads, so that their effects do not overlap."""
AFTERMATH = 0.005
"""Seconds after a reload that still count as part of it."""
HANG = """[[proxies.bench-0.rules]]
behavior = "hang"
"""


@dataclass(frozen=True)
class Scattered(Work):
    """One client for each proxy; each sends as fast as it can."""

    unit: str = "requests/s"
    direct: str = ""
    among: tuple[str, ...] = ("vaurien", "vaurien-200")

    def measure(self, system: System, seconds: int, folder: Path) -> Sample:
        with (
            ExitStack() as stack,
            ECHO.running(folder) as backend,
            system.running(backend, folder) as running,
        ):
            if running.server is None or running.task is None:
                raise Failure("there is no process to measure")
            ports = islice(cycle(running.task.ports), MANY)
            ends = [connect(port, stack) for port in ports]
            before = running.server.cpu_seconds()
            took = round_trips(ends, seconds, 0.0)
            used = running.server.cpu_seconds() - before
        if not took:
            raise Failure("no response")
        return {"rate": len(took) / seconds, "cpu": used / len(took)}

    def remarks(self, figures: dict[str, float]) -> str:
        return f"{figures['cpu'] * 1e6:.2f} µs CPU a request"


@dataclass(frozen=True)
class Reload(Work):
    """How long until a changed file takes effect, and how long that stalls other traffic.

    The change removes a ``hang`` from one proxy of many; the time ends when the held request
    comes out. Meanwhile a client sends continuously through another proxy. Its longest exchange
    during each reload is compared with its longest in an interval of the same length just
    before, since a busy machine has pauses anyway. What a reload causes, it causes every time:
    so the difference of the two medians is what it adds.
    """

    unit: str = "ms"
    figure: str = "holds"
    decimals: int = 2
    direct: str = ""
    among: tuple[str, ...] = ("vaurien-200",)
    rounds: int = 3

    def measure(self, system: System, seconds: int, folder: Path) -> Sample:  # noqa: ARG002
        with (
            ExitStack() as stack,
            ECHO.running(folder) as backend,
            system.running(backend, folder) as running,
        ):
            if running.server is None or running.task is None:
                raise Failure("there is no process to reload")
            changed, other, *_ = running.task.ports
            client = connect(changed, stack)
            exchange(client)
            pinger = stack.enter_context(pinging(other))
            changes = Changes(running.server, running.task, client)
            spans = [changes.hold_and_let_go() for _ in range(RELOADS)]
            exchanges = pinger.exchanges()
        held = [ended - began for began, ended in spans]
        during = [longest(exchanges, began, ended + AFTERMATH) for began, ended in spans]
        before = [
            longest(exchanges, 2 * began - ended - AFTERMATH, began) for began, ended in spans
        ]
        return {
            "holds": 1000 * median(held),
            "slowest": 1000 * max(held),
            "added pause": 1000 * (median(during) - median(before)),
            "pause": 1000 * median(during),
            "longest": 1000 * max(during),
            "pause without": 1000 * median(before),
            "longest without": 1000 * max(before),
        }

    def remarks(self, figures: dict[str, float]) -> str:
        return (
            f"slowest {figures['slowest']:.1f} ms; longest exchange meanwhile "
            f"{figures['pause']:.2f} (at most {figures['longest']:.2f}) ms, without a reload "
            f"{figures['pause without']:.2f} (at most {figures['longest without']:.2f}) ms"
        )


@dataclass(frozen=True)
class Replacement(Work):
    """The cost of a reload without reading a file, and without traffic."""

    unit: str = "ms"
    figure: str = "replaced"
    decimals: int = 2
    direct: str = ""
    among: tuple[str, ...] = ("vaurien-200",)
    rounds: int = 3

    def measure(self, system: System, seconds: int, folder: Path) -> Sample:  # noqa: ARG002
        script = str(Path(__file__).with_name("replacing.py"))
        text = output_of([sys.executable, script, str(system.proxies)], START_LIMIT)
        took = [float(line) * 1000 for line in text.split()]
        return {"replaced": median(took), "slowest": max(took)}

    def remarks(self, figures: dict[str, float]) -> str:
        return f"slowest {figures['slowest']:.2f} ms"


class Changes:
    """Reloads that alternately add a hang to the first proxy and remove it."""

    def __init__(self, server: Server, task: Task, client: socket.socket) -> None:
        self._server = server
        self._task = task
        self._client = client

    def hold_and_let_go(self) -> tuple[float, float]:
        """Return when a held request should have been released, and when its response came."""
        self._reload(HANG)
        end = time.perf_counter() + START_LIMIT
        while not self._is_held():
            if time.perf_counter() > end:
                raise Failure(f"a reload did not hold within {START_LIMIT:g} s")
        time.sleep(random.uniform(LULL, 2 * LULL))
        if select.select((self._client,), (), (), 0)[0]:
            raise Failure("a request that seemed to be held was only slow")
        began = self._reload("")
        receive_until(self._client, b"?")
        return began, time.perf_counter()

    def _reload(self, rule: str) -> float:
        """Give the first proxy this rule only; return when the process was signalled."""
        self._task.write(CONFIGURATION, configuration(self._task, rule))
        self._server.reload()
        return time.perf_counter()

    def _is_held(self) -> bool:
        self._client.sendall(b"?")
        answered = bool(select.select((self._client,), (), (), HELD)[0])
        if answered:
            receive_until(self._client, b"?")
        return not answered


@dataclass(frozen=True)
class Exchanges:
    """When each exchange of a client began and ended, in seconds, in order."""

    began: array[float]
    ended: array[float]


class Pinger:
    """The process of ``pinger.py``."""

    def __init__(
        self, process: subprocess.Popen[bytes], stdin: IO[bytes], stdout: IO[bytes]
    ) -> None:
        self._process = process
        self._stdin = stdin
        self._stdout = stdout

    def exchanges(self) -> Exchanges:
        """Stop it, and return what it recorded. Raises Failure if its connection was cut."""
        self._stdin.close()
        moments = array("d", self._stdout.read())
        if self._process.wait(START_LIMIT):
            raise Failure("the traffic on another proxy was cut off")
        return Exchanges(moments[::2], moments[1::2])


@contextmanager
def pinging(port: int) -> Iterator[Pinger]:
    """Run a client in a process of its own for the block."""
    command = [sys.executable, str(Path(__file__).with_name("pinger.py")), str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Pinger(process, process.stdin, process.stdout)
        finally:
            process.kill()


def longest(exchanges: Exchanges, since: float, until: float) -> float:
    """Return the duration of the longest exchange that overlaps this interval, in seconds."""
    first = bisect_left(exchanges.ended, since)
    last = bisect_left(exchanges.began, until)
    if first >= last:
        raise Failure("there was no traffic on another proxy during a reload")
    return max(map(float.__sub__, exchanges.ended[first:last], exchanges.began[first:last]))


MANIES = (
    Scattered("scattered", f"{MANY} clients, on one proxy or on {MANY}"),
    Replacement("replace", f"a state that differs in 1 of {MANY} proxies, until it is in force"),
    Reload("reload", f"a reload that changes 1 of {MANY} proxies, until it holds"),
)
