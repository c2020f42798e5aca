"""Run a command, watch it until it ends, or end it; where its proxies are is left to others."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Literal

from ..embedded.trace import Trace
from .scenarios import Scenario, strikes
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


class CommandRunner(ABC):
    """A command that is run over and over, quiet or under a scenario, until ``close``."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], job: int) -> None:
        """``job``: told to the command as ``VAURIEN_JOB``, for what several must not share."""
        self._command = list(command)
        self._environment = {**os.environ, **environment, "VAURIEN_JOB": str(job)}
        self._folder: str | None = None
        """Where it runs; None: where we are."""
        self._inherited: Sequence[int] = ()
        """File descriptors."""

    @abstractmethod
    def close(self) -> None: ...

    @abstractmethod
    def prepare(self, scenario: Scenario | None) -> None:
        """Have the scenario happen in the next run, and forget the one before."""

    @abstractmethod
    def ports(self) -> set[int]:
        """Return the ports of all proxies of the run."""

    def threads(self) -> Collection[int]:
        """Return the threads of the command that are those of proxies."""
        return ()

    @abstractmethod
    def trace(self) -> Trace:
        """Return what all proxies of the run have seen so far."""

    def run(self, scenario: Scenario | None = None, *, limit: float | None = None) -> Outcome:
        """Run the command; after ``limit`` seconds it is ended, and has hung.

        Raises:
            OSError: it cannot be started.
        """
        self.prepare(scenario)
        began = time.monotonic()
        with tempfile.TemporaryFile() as output:
            with self._started(output) as process:
                stuck = self._wait(process, limit)
                code = process.poll()
            status: Status = "hung" if code is None else "failed" if code else "passed"
            seconds = time.monotonic() - began
            trace = self.trace()
            return Outcome(status, process.returncode, seconds, tail_of(output), trace, stuck)

    def _wait(self, process: subprocess.Popen[bytes], limit: float | None) -> bool:
        """Wait until the command has ended, or hangs; return whether it is stuck for certain.

        It is if the fault has happened, so that an answer may never come.
        """
        end = None if limit is None else time.monotonic() + limit
        seen: object = None
        while end is None or time.monotonic() < end:
            left = LOOK if end is None else min(LOOK, end - time.monotonic())
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, left))
                return False
            before, seen = seen, waiting(process.pid, self.ports(), self.threads())
            if seen and seen == before and strikes(self.trace()):
                return True
        return False

    @contextmanager
    def _started(self, output: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
        """Yield the running command, in a process group whose processes are ended afterwards."""
        process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=self._environment,
            cwd=self._folder,
            pass_fds=self._inherited,
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
