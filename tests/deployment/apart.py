"""A place for processes with a network and host names of its own, as containers have."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from servers import require, stop

SET_UP = 'ip link set lo up && mount --bind "$0" /etc/hosts && echo made && exec sleep infinity'


class Apart:
    """Such a place; it is there as long as its first process runs."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def command(self, *words: str, folder: str = "/") -> list[str]:
        """What runs a command in there."""
        enter = ["nsenter", "--target", str(self._process.pid), "--net", "--mount"]
        return [*enter, "env", f"--chdir={folder}", *words]

    @contextmanager
    def running(
        self, *words: str, environment: Mapping[str, str], log: Path, folder: str = "/"
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Run a server in there, with exactly this environment."""
        with log.open("wb") as output:
            process = subprocess.Popen(
                self.command(*words, folder=folder),
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        try:
            yield process
        finally:
            stop(process)

    def run(
        self, *words: str, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in there to its end."""
        return subprocess.run(
            self.command(*words), env=environment, capture_output=True, text=True, check=False
        )


@contextmanager
def apart(folder: Path, hosts: Mapping[str, str] | None = None) -> Iterator[Apart]:
    """Make such a place, in which these hosts have these addresses; only root can."""
    if os.geteuid() != 0:
        pytest.skip("only root can make namespaces")
    for program in ("unshare", "nsenter", "ip"):
        require(program)
    names = {"localhost": "127.0.0.1", **(hosts or {})}
    file = folder / "hosts"
    file.write_text("".join(f"{address} {name}\n" for name, address in names.items()))
    process = subprocess.Popen(
        ["unshare", "--net", "--mount", "sh", "-c", SET_UP, str(file)], stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        if process.stdout.readline() != b"made\n":
            pytest.skip("this system makes no namespaces")
        yield Apart(process)
    finally:
        stop(process)
        assert process.stdout is not None
        process.stdout.close()


def child_of(process: subprocess.Popen[bytes]) -> int | None:
    """The first process that another has started, if there is one."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        if int(words[1]) == process.pid:
            return int(path.parent.name)
    return None
