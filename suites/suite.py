"""What a suite is: tests that others wrote for a server, run against a port."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from backends import Backend
from processes import HOST

Outcomes = Mapping[str, str]
"""What became of each test: passed, failed or skipped."""
PASSED, FAILED = "passed", "failed"


@dataclass(frozen=True)
class Suite(ABC):
    """Tests, and the server that they are for."""

    name: str
    protocol: str
    backend: Backend

    def missing(self) -> str:
        """Why it cannot be run on this machine; empty if it can."""
        return ""

    def prepare(self) -> None:
        """Get what is needed from elsewhere. Raises Failure if that can't be done."""
        return

    @abstractmethod
    def run(self, port: int, folder: Path, only: Collection[str]) -> Outcomes:
        """Run the tests against a port; those in ``only`` at least, or all if that is empty.

        Raises:
            Failure: they could not be run.
        """


def filled(words: Collection[str], port: int) -> list[str]:
    """Words of a command, in which ``{host}`` and ``{port}`` stand for the server's."""
    return [word.replace("{host}", HOST).replace("{port}", str(port)) for word in words]
