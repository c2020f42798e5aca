"""Processes that the benchmark starts: wait until they listen, measure them, stop them.

Linux only: figures come from /proc. Every process started here is stopped here, by its
process id, however its block is left.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from results import Failure

HOST = "127.0.0.1"
START_LIMIT = 10.0
"""Seconds within which a server must listen."""
STOP_LIMIT = 3.0
"""Seconds within which a server must stop before it is killed."""
CPU_CLOCK = 2
"""What clock_getcpuclockid adds to a process id to make a clock id of it."""


def free_port() -> int:
    """Return a loopback port that nothing listens on at this moment."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Return this many such ports, all different."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((HOST, 0))
        return [probe.getsockname()[1] for probe in probes]


def listening(port: int) -> bool:
    """Return whether something listens on this loopback port.

    This asks the kernel instead of connecting, because some servers take every connection for
    the start of a test. The kernel lists listeners first.
    """
    wanted = f"0100007F:{port:04X}"
    with open("/proc/net/tcp", encoding="ascii") as table:
        next(table)
        for line in table:
            _, local, _, state, *_ = line.split()
            if state != "0A":
                return False
            if local == wanted:
                return True
    return False


def wait_until(condition: Callable[[], bool], limit: float, waiting_for: str) -> None:
    """Raise Failure if the condition does not come true within ``limit`` seconds."""
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            raise Failure(f"waited {limit:g} s for {waiting_for}")
        time.sleep(0.001)


class Server:
    """A started process; its output goes to a file."""

    def __init__(self, command: Sequence[str], folder: Path) -> None:
        self.name = Path(command[0]).name
        self._log = folder / f"{self.name}-{time.monotonic_ns()}.log"
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )

    def wait_for(self, port: int) -> None:
        """Return as soon as it listens. Raises Failure if it exits, or takes too long."""

        def ready() -> bool:
            status = self._process.poll()
            if status is not None:
                raise Failure(f"{self.name} ended with status {status}: {self._last_words()}")
            return listening(port)

        wait_until(ready, START_LIMIT, f"{self.name} to listen on port {port}")

    def cpu_seconds(self) -> float:
        """User and system time of all its threads, in seconds, to the nanosecond."""
        return time.clock_gettime(~self._process.pid << 3 | CPU_CLOCK)

    def resident_bytes(self) -> int:
        """Its memory, summed over its mappings, and so not approximate."""
        text = Path(f"/proc/{self._process.pid}/smaps_rollup").read_text(encoding="ascii")
        kilobytes = next(line.split()[1] for line in text.splitlines() if line.startswith("Rss:"))
        return int(kilobytes) * 1024

    def forget_peak(self) -> None:
        """Reset ``peak_bytes``."""
        Path(f"/proc/{self._process.pid}/clear_refs").write_text("5", encoding="ascii")

    def peak_bytes(self) -> int:
        """Its peak memory since the reset."""
        text = Path(f"/proc/{self._process.pid}/status").read_text(encoding="utf-8")
        kilobytes = next(line.split()[1] for line in text.splitlines() if line.startswith("VmHWM:"))
        return int(kilobytes) * 1024

    def reload(self) -> None:
        """Make it reload its configuration."""
        self._process.send_signal(signal.SIGHUP)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop it; kill it if that takes longer than STOP_LIMIT."""
        self._process.send_signal(how)
        try:
            self._process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def output(self) -> str:
        """What it has printed so far."""
        return self._log.read_text(encoding="utf-8", errors="replace").strip()

    def _last_words(self) -> str:
        lines = self.output().splitlines()
        return lines[-1][:200] if lines else "it printed nothing"


@contextmanager
def serving(
    command: Sequence[str], port: int, folder: Path, end_with: signal.Signals = signal.SIGTERM
) -> Iterator[Server]:
    """Run a server that listens on ``port`` for the block."""
    server = Server(command, folder)
    try:
        server.wait_for(port)
        yield server
    finally:
        server.stop(end_with)


def output_of(command: Sequence[str], limit: float) -> str:
    """Return what a tool prints. Raises Failure if it fails, or takes over ``limit`` seconds."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=limit, check=False
        )
    except subprocess.TimeoutExpired:
        raise Failure(f"{command[0]} took over {limit:g} s") from None
    except OSError as error:
        raise Failure(f"{command[0]}: {error.strerror}") from None
    if done.returncode:
        output = " ".join((done.stderr.strip() or done.stdout).split())
        raise Failure(f"{command[0]} ended with status {done.returncode}: {output[-200:]}")
    return done.stdout
