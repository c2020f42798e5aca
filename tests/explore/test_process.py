"""A command that runs: what it writes, and how it is ended."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from peers import wait_until
from vaurien.explore import process
from vaurien.explore.process import TAIL_BYTES, Process, Signpost


@contextmanager
def running(text: str) -> Iterator[Process]:
    """A Python program, which is ended after the block."""
    post = Signpost()
    mark = f"test-{secrets.token_hex(4)}."
    made = Process([sys.executable, "-c", text], os.environ, mark, post)
    try:
        yield made
    finally:
        made.close()
        post.close()


def ended(text: str) -> Process:
    """A program that has ended by itself."""
    with running(text) as made:
        wait_for_end(made)
    return made


def wait_for_end(made: Process) -> None:
    end = time.monotonic() + 20
    while made.code is None and time.monotonic() < end:
        made.attend(1.0)


def is_gone(number: int) -> bool:
    try:
        return not Path(f"/proc/{number}/cmdline").read_bytes()  # it may wait to be reaped
    except OSError:
        return True


def test_what_comes_of_it() -> None:
    made = ended("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")
    assert (made.code, set(made.output.split())) == (3, {"out", "err"})
    assert ended("import os; os.abort()").code == -signal.SIGABRT


def test_the_end_of_a_lot_of_output() -> None:
    made = ended("for _ in range(20): print('x' * 1_000_000)\nprint('the end')")
    assert made.output.endswith("x\nthe end")
    assert len(made.output) <= TAIL_BYTES
    lines = ended("for each in range(10_000): print(each)").output.splitlines()
    assert (len(lines), lines[-1]) == (40, "9999")


def test_what_controls_a_terminal_is_left_out() -> None:
    text = r"\x1b[1;31mred\x1b[0m \x1b]0;title\x07\ttab\x1b(B"
    assert ended(f"print('{text}')").output == "red     tab"


def test_a_signpost_wakes_at_once() -> None:
    post = Signpost()
    for _ in range(100_000):
        post.wake()
    made = Process([sys.executable, "-c", "input()"], os.environ, "test.", post)
    made.attend(60.0)
    made.close()
    post.close()
    post.wake()


ESCAPED = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"],
                         start_new_session=True)
print(child.pid)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who has left a session")
def test_a_daemon_that_holds_its_output_open() -> None:
    made = ended(ESCAPED)
    wait_until(lambda: is_gone(int(made.output)), "the daemon to be gone")


STUBBORN = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
while True:
    signal.pause()
"""


def test_who_ignores_sigterm_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "KILL_LIMIT", 0.05)
    with running(STUBBORN) as made:
        while made.output != "ready":
            made.attend(0.1)
    assert made.code == -signal.SIGKILL


def test_a_command_that_cannot_be_started(tmp_path: Path) -> None:
    before = set(os.listdir("/dev/fd"))
    post = Signpost()
    with pytest.raises(OSError, match="No such file"):
        Process([str(tmp_path / "nothing")], os.environ, "test.", post)
    post.close()
    assert len(os.listdir("/dev/fd")) == len(before)


EXPLORING = """
import os, sys
from vaurien.explore.process import Process, Signpost, kept
with kept("MARK"):
    child = Process([sys.executable, "-c", "import time; time.sleep(600)"], os.environ, "MARK",
                    Signpost())
    print(child.pid, flush=True)
    input()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what carries a mark")
def test_nothing_is_left_of_it_when_the_explorer_is_killed() -> None:
    text = EXPLORING.replace("MARK", f"test-{secrets.token_hex(4)}.")
    with subprocess.Popen(
        [sys.executable, "-c", text], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as exploring:
        assert exploring.stdout is not None
        child = int(exploring.stdout.readline())
        exploring.kill()
    wait_until(lambda: is_gone(child), "the command to be gone")
