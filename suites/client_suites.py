"""The test suites of clients, extracted from their source archives on PyPI and run by pytest.

The client under test is installed by pip, in a virtual environment of its own.  Everything
stays in ``.venv``, to be reused.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import report_outcomes
from processes import HOST, START_LIMIT, Server, output_of, wait_until
from results import Failure
from suite import FAILED, Outcomes, Suite, filled
from systems import needs

HERE = Path(__file__).parent
HOME = HERE.parent / ".venv" / "suites"
PYTHON = HOME / "bin" / "python"
PIP = ("-m", "pip", "--disable-pip-version-check", "--quiet")
INSTALL_LIMIT = 600.0
RUN_LIMIT = 1200.0
"""Seconds."""
PYTEST = ("pytest", "pytest-asyncio", "pytest-timeout")
OPTIONS = (
    *("-p", "report_outcomes", "-p", "no:cacheprovider", "--quiet", "--disable-warnings"),
    *("--continue-on-collection-errors", "--timeout=60"),
)


@dataclass(frozen=True)
class ClientSuite(Suite):
    """The tests of one client."""

    project: str
    version: str
    takes: tuple[str, ...]
    """Patterns of the files to extract from the archive."""
    arguments: tuple[str, ...]
    """Arguments for pytest."""
    packages: tuple[str, ...] = ()
    """Further requirements of the tests."""
    environment: Mapping[str, str] = field(default_factory=dict)
    over_unix: bool = False
    """They connect to the unix socket ``{socket}``, and want TLS on a port."""

    def missing(self) -> str:
        return needs(self.backend.program)()

    def prepare(self) -> None:
        if not PYTHON.exists():
            output_of([sys.executable, "-m", "venv", str(HOME)], INSTALL_LIMIT)
        wanted = [f"{self.project}=={self.version}", *PYTEST, *self.packages]
        output_of([str(PYTHON), *PIP, "install", *wanted], INSTALL_LIMIT)
        if self._archive() is None:
            source = ["--no-deps", "--no-binary", self.project, "--dest", str(HOME)]
            output_of([str(PYTHON), *PIP, "download", *source, wanted[0]], INSTALL_LIMIT)
        if self._archive() is None:
            raise Failure(f"pip has not brought the source of {wanted[0]}")

    def run(self, port: int, folder: Path, only: Collection[str]) -> Outcomes:
        self._extract(folder / self.name)
        arguments = [*filled(self.arguments, port), *only]
        if not self.over_unix:
            return self._test(arguments, port, folder)
        with unix_socket(port, folder) as path:
            filled_in = [argument.replace("{socket}", str(path)) for argument in arguments]
            return self._test(filled_in, port, folder)

    def _test(self, arguments: Sequence[str], port: int, folder: Path) -> Outcomes:
        outcomes = folder / f"{port}-outcomes"
        environment = {
            **os.environ,
            **{name: filled([value], port)[0] for name, value in self.environment.items()},
            "PYTHONPATH": str(HERE),
            report_outcomes.FILE: str(outcomes),
        }
        command = [str(PYTHON), "-m", "pytest", *OPTIONS, *arguments]
        log = folder / f"{port}-pytest.log"
        with log.open("wb") as output:
            try:
                subprocess.run(
                    command,
                    cwd=folder / self.name,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    timeout=RUN_LIMIT,
                    check=False,  # some tests may fail, as long as they are the same
                )
            except subprocess.TimeoutExpired:
                raise Failure(f"{self.name} took over {RUN_LIMIT:g} s") from None
        if not outcomes.exists():
            raise Failure(f"no tests were run: {log.read_text(errors='replace')[-500:]}")
        return read_outcomes(outcomes.read_text(encoding="utf-8"))

    def _archive(self) -> Path | None:
        found = HOME.glob(f"*-{self.version}.tar.gz")
        return next((path for path in found if path.name.lower().startswith(self.project)), None)

    def _extract(self, folder: Path) -> None:
        archive = self._archive()
        if archive is None or folder.exists():
            return
        with tarfile.open(archive) as files:
            for member in files:
                path = PurePosixPath(member.name)
                if member.isfile() and any(map(path.match, self.takes)):
                    member.name = str(PurePosixPath(*path.parts[1:]))
                    files.extract(member, folder, filter="data")


@contextmanager
def unix_socket(port: int, folder: Path) -> Iterator[Path]:
    """A unix socket that leads to a port, through a vaurien that parses nothing."""
    path = folder / f"{port}.socket"
    ends = ["--proxy", f"unix:{path}", "--backend", f"{HOST}:{port}"]
    server = Server([sys.executable, "-m", "vaurien", *ends], folder)
    try:
        wait_until(path.exists, START_LIMIT, f"{path}")
        yield path
    finally:
        server.stop()


def read_outcomes(text: str) -> Outcomes:
    """Read the outcome of each test; a test failed if one of its phases did."""
    outcomes: dict[str, str] = {}
    for line in text.splitlines():
        outcome, _, test = line.partition("\t")
        if outcomes.get(test) != FAILED:
            outcomes[test] = outcome
    return outcomes
