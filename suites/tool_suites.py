"""Tools that come with servers, and the outcomes that they print."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from results import Failure
from suite import FAILED, PASSED, Outcomes, Suite, filled
from systems import needs

RUN_LIMIT = 300.0
"""Seconds."""


@dataclass(frozen=True)
class Tool:
    """One run of a tool."""

    name: str
    command: tuple[str, ...]
    success: str
    """A pattern for each success in its output; a group in it names the test."""
    failure: str = r"\bFAIL|\b[Ee]rror|\b[Ww]arning"
    """A pattern for a failure anywhere in its output; its group names the test."""

    def outcomes(self, port: int) -> Outcomes:
        """Return an outcome for the whole run, and one for each test that it names."""
        try:
            done = subprocess.run(
                filled(self.command, port),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=RUN_LIMIT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} took over {RUN_LIMIT:g} s") from None
        output = done.stdout.replace("\r", "\n")
        successes = list(re.finditer(self.success, output, re.MULTILINE))
        passed = done.returncode == 0 and successes and not re.search(self.failure, output)
        named = {f"{self.name}: {found[1]}": PASSED for found in successes if found.groups()}
        return {self.name: PASSED if passed else FAILED, **named}


@dataclass(frozen=True)
class ToolSuite(Suite):
    """Runs of the tools of one server, each with its outcome."""

    tools: tuple[Tool, ...]

    def missing(self) -> str:
        programs = {tool.command[0] for tool in self.tools} | {self.backend.program}
        return next(filter(None, (needs(program)() for program in sorted(programs))), "")

    def run(self, port: int, folder: Path, only: Collection[str]) -> Outcomes:  # noqa: ARG002
        outcomes: dict[str, str] = {}
        for tool in self.tools:
            outcomes |= tool.outcomes(port)
        return outcomes
