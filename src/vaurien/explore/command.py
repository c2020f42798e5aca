"""Run a command, watch it until it ends, or end it; where its proxies are is left to others."""

from __future__ import annotations

import os
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from threading import Event
from typing import Literal

from ..embedded.trace import Trace
from ..errors import OptionError
from .process import Process, Signpost
from .scenarios import Scenario, strikes
from .waiting import State, waiting

Status = Literal["passed", "failed", "hung"]
PREFIX = f"{os.getpid()}-{secrets.token_hex(4)}."
"""What the marks of all commands of this process begin with."""
LOOK = 1.0
"""Seconds between two looks at what a command that runs waits for."""


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


class Stopped(Exception):
    """A run was ended, because somebody asked for it; it has shown nothing."""


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
        self._mark = f"{PREFIX}{job}."
        self._post = Signpost()
        self._stopping = Event()

    def close(self) -> None:
        """Close what it has open; it may be called once."""
        self._post.close()

    def stop(self) -> None:
        """End the run, if there is one, and raise ``Stopped`` in it and in each further one.

        It may be called by any thread, and while a signal is handled.
        """
        self._stopping.set()
        self._post.wake()

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
            OptionError: it cannot be started.
            Stopped: ``stop`` was called.
        """
        self.prepare(scenario)
        began = time.monotonic()
        with self._started() as process:
            stuck = self._wait(process, limit)
            code = process.code
            seconds = time.monotonic() - began
        if code is None and self._stopping.is_set():
            raise Stopped
        status: Status = "hung" if code is None else "failed" if code else "passed"
        ended = process.code if code is None else code
        return Outcome(status, ended or 0, seconds, process.output, self.trace(), stuck)

    @contextmanager
    def _started(self) -> Iterator[Process]:
        """Yield the running command; it is ended afterwards, with all that it has started."""
        try:
            process = Process(
                self._command,
                self._environment,
                self._mark,
                self._post,
                folder=self._folder,
                inherited=self._inherited,
            )
        except OSError as error:
            why = f"cannot be run: {error.strerror or error}"
            raise OptionError(why, given=self._command[0]) from None
        with closing(process):
            yield process

    def _wait(self, process: Process, limit: float | None) -> bool:
        """Wait until the command has ended, or hangs; return whether it is stuck for certain.

        It is if the fault has happened, so that an answer may never come.
        """
        now = time.monotonic()
        end = float("inf") if limit is None else now + limit
        look, seen = now + LOOK, None
        while process.code is None and now < end and not self._stopping.is_set():
            process.attend(min(look, end) - now)
            now = time.monotonic()
            if now >= look and process.code is None:
                look = now + LOOK
                before, seen = seen, self._waits_for(process)
                if seen and seen == before and strikes(self.trace()):
                    return True
        return False

    def _waits_for(self, process: Process) -> State | None:
        return waiting(process.pid, self.ports(), self.threads(), process.strays())
