"""The time to start: to print the version, and to serve a first client."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from backends import ECHO
from clients import connect, exchange
from processes import output_of
from results import Sample
from systems import System
from work import Work

STARTS = 5
"""Starts in one sample."""


@dataclass(frozen=True)
class Version(Work):
    """``vaurien --version``, compared with a Python that does nothing."""

    unit: str = "ms"
    figure: str = "milliseconds"
    decimals: int = 1
    direct: str = "python -c pass"
    rounds: int = 3

    def suits(self, system: System) -> bool:
        return system.name in ("direct", "vaurien")

    def measure(self, system: System, seconds: int, folder: Path) -> Sample:  # noqa: ARG002
        asked = ["-c", "pass"] if system.name == "direct" else ["-m", "vaurien", "--version"]
        output_of([sys.executable, *asked], 20)  # the first time may compile
        took = []
        for _ in range(STARTS):
            began = time.perf_counter()
            output_of([sys.executable, *asked], 20)
            took.append(time.perf_counter() - began)
        return {"milliseconds": median(took) * 1000}

    def remarks(self, figures: dict[str, float]) -> str:  # noqa: ARG002
        return ""


@dataclass(frozen=True)
class Ready(Work):
    """From the start of the process until a first client has its first response."""

    unit: str = "ms"
    figure: str = "milliseconds"
    decimals: int = 1
    direct: str = ""
    rounds: int = 3

    def measure(self, system: System, seconds: int, folder: Path) -> Sample:  # noqa: ARG002
        with ECHO.running(folder) as backend:
            with system.running(backend, folder):
                pass  # the first time may compile
            took = [self._start(system, backend, folder) for _ in range(STARTS)]
        return {"milliseconds": median(took) * 1000}

    def _start(self, system: System, backend: int, folder: Path) -> float:
        began = time.perf_counter()
        with system.running(backend, folder) as running, ExitStack() as stack:
            exchange(connect(running.port, stack))
            return time.perf_counter() - began

    def remarks(self, figures: dict[str, float]) -> str:  # noqa: ARG002
        return ""


STARTUPS = (
    Version("version", "vaurien --version"),
    Ready("ready", "ready to accept"),
)
