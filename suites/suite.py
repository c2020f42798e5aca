"""A suite: third-party tests for a server, run against a port."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from backends import Backend
from processes import HOST

Outcomes = Mapping[str, str]
"""The outcome of each test: passed, failed or skipped."""
PASSED, FAILED = "passed", "failed"


@dataclass(frozen=True)
class Suite(ABC):
    """Tests, and the server that they need."""

    name: str
    protocol: str
    backend: Backend
    tls: bool = field(default=False, kw_only=True)
    """The tests and the server speak TLS; vaurien decrypts and encrypts."""

    def missing(self) -> str:
        """Why it cannot be run on this machine; empty if it can."""
        return ""

    def prepare(self) -> None:
        """Download what it needs. Raises Failure if that is impossible."""
        return

    @abstractmethod
    def run(self, port: int, folder: Path, only: Collection[str]) -> Outcomes:
        """Run the tests against a port: at least those in ``only``, or all if that is empty.

        Raises:
            Failure: they could not be run.
        """


def filled(words: Collection[str], port: int) -> list[str]:
    """Substitute the server's ``{host}`` and ``{port}`` in the words of a command."""
    return [word.replace("{host}", HOST).replace("{port}", str(port)) for word in words]
