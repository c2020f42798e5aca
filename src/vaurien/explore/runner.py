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

Status = Literal["passed", "failed", "hung"]
TAIL = 40
"""Lines of the output that are kept."""
TAIL_BYTES = 16 * 1024
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
                try:
                    code = process.wait(limit)
                    status: Status = "failed" if code else "passed"
                except subprocess.TimeoutExpired:
                    status = "hung"
            code = process.returncode
            seconds = time.monotonic() - began
            return Outcome(status, code, seconds, tail_of(output), self._chaos.trace())

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
    text = output.read().decode(errors="replace")
    return "\n".join(text.splitlines()[-TAIL:])
