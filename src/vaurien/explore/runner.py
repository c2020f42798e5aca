"""Run a command with proxies of its own, quiet or under a scenario."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Literal

from ..cli.execute import environment_of
from ..config.configuration import Configuration
from ..embedded.chaos import Chaos
from ..embedded.trace import Trace
from .scenarios import Scenario
from .waiting import waiting

Status = Literal["passed", "failed", "hung"]
TAIL = 40
"""Lines of the output that are kept."""
TAIL_BYTES = 16 * 1024
LOOK = 1.0
"""Seconds between two looks at what a command that runs waits for."""
KILL_LIMIT = 5.0
"""Seconds that a command gets to end after SIGTERM."""


@dataclass(frozen=True)
class Outcome:
    """What came of a run."""

    status: Status
    code: int
    """The exit status of the command; negative: the signal that ended it."""
    seconds: float
    output: str
    """Its last lines."""
    trace: Trace
    stuck: bool = False
    """It waited without a limit of time, for what could not come."""


class Runner:
    """Proxies, open from the beginning to ``close``, and a command that is run over and over."""

    def __init__(self, configuration: Configuration, command: Sequence[str], job: int = 0) -> None:
        """``job``: told to the command as ``VAURIEN_JOB``, for what several must not share.

        Raises:
            VaurienError: a proxy cannot be opened.
        """
        self._command = list(command)
        self._chaos = Chaos(configuration.state.seed)
        try:
            self._chaos.open(configuration.state.proxies)
            self._ports = {proxy.port for proxy in self._chaos}
            self._environment = {
                **os.environ,
                **environment_of(configuration, self._chaos.proxies.address_of),
                "VAURIEN_JOB": str(job),
            }
        except BaseException:
            self._chaos.close()
            raise

    def close(self) -> None:
        self._chaos.close()

    def run(self, scenario: Scenario | None = None, *, limit: float | None = None) -> Outcome:
        """Run the command; after ``limit`` seconds it is ended, and has hung.

        Raises:
            OSError: it cannot be started.
        """
        self._prepare(scenario)
        began = time.monotonic()
        with tempfile.TemporaryFile() as output:
            with self._started(output) as process:
                stuck = self._wait(process, limit)
                code = process.poll()
            status: Status = "hung" if code is None else "failed" if code else "passed"
            seconds = time.monotonic() - began
            trace = self._chaos.trace()
            return Outcome(status, process.returncode, seconds, tail_of(output), trace, stuck)

    def _wait(self, process: subprocess.Popen[bytes], limit: float | None) -> bool:
        """Wait until the command has ended, or hangs; return whether it is stuck for certain."""
        end = None if limit is None else time.monotonic() + limit
        seen: object = None
        while end is None or time.monotonic() < end:
            left = LOOK if end is None else min(LOOK, end - time.monotonic())
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, left))
                return False
            before, seen = seen, self._held() and waiting(process.pid, self._ports)
            if seen and seen == before:
                return True
        return False

    def _held(self) -> bool:
        """Whether a rule has fired, so that an answer may never come."""
        return any(proxy.fired for proxy in self._chaos)

    def _prepare(self, scenario: Scenario | None) -> None:
        chaos = self._chaos
        for proxy in chaos:
            proxy.clear_rules()
            proxy.reset_all()
            proxy.forget()
        for name, entry in () if scenario is None else scenario.entries():
            chaos[name].add_rules(entry)

    @contextmanager
    def _started(self, output: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
        """Yield the running command, in a process group whose processes are ended afterwards."""
        process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=self._environment,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(KILL_LIMIT)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def tail_of(output: IO[bytes]) -> str:
    """Return the last lines of a file."""
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - TAIL_BYTES))
    text = output.read().decode(errors="replace").rstrip()
    return "\n".join(text.splitlines()[-TAIL:])
