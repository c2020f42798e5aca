"""Processes that are found, and ended, by a mark in their environment."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator

import pytest

from peers import wait_until
from vaurien.explore import keeper

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells the environment of a process"
)


@pytest.fixture
def mark() -> str:
    return f"test-{secrets.token_hex(4)}."


@pytest.fixture
def process(mark: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process with the mark, in a session of its own."""
    command = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"]
    environment = {**os.environ, keeper.VARIABLE: f"{mark}7."}
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    ) as started:
        assert started.stdout is not None
        started.stdout.readline()
        yield started
        started.kill()


def test_processes_with_a_mark(mark: str, process: subprocess.Popen[bytes]) -> None:
    assert list(keeper.marked(mark)) == [process.pid]
    assert list(keeper.marked(f"{mark}7.")) == [process.pid]
    assert list(keeper.marked(f"{mark}8.")) == []
    assert list(keeper.marked(mark[1:])) == []


def test_they_are_ended(mark: str, process: subprocess.Popen[bytes]) -> None:
    keeper.end(f"{mark}8.")
    assert process.poll() is None
    keeper.end(mark)
    assert process.wait() < 0


def test_they_are_ended_when_whoever_kept_them_is_gone(
    mark: str, process: subprocess.Popen[bytes]
) -> None:
    command = [sys.executable, "-I", "-S", keeper.__file__, mark]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as keeping:
        assert keeping.stdin is not None
        assert process.poll() is None
        keeping.stdin.close()
        wait_until(lambda: process.poll() is not None, "the process to be gone")
