"""``vaurien top``, in a terminal and without one."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cli.remote.conftest import Run
from live import Http, Live
from peers import PATIENCE, wait_until
from serving import command, served
from vaurien.net.address import Address


class Shown:
    """A terminal that a command runs in."""

    def __init__(self, process: subprocess.Popen[bytes], terminal: int) -> None:
        self.process = process
        self._terminal = terminal
        self.text = ""

    def press(self, keys: str) -> None:
        os.write(self._terminal, keys.encode())

    def wait_for(self, pattern: str) -> None:
        """Wait until what is drawn from now on has this."""
        begin = len(self.text)

        def is_there() -> bool:
            self._read()
            return re.search(pattern, self.text[begin:]) is not None

        wait_until(is_there, pattern)

    def ends(self, status: int) -> None:
        """Wait for the end; the terminal is as it was then."""
        assert self.process.wait(PATIENCE) == status
        self._read()
        assert self.text.rstrip().endswith("\x1b[?7h\x1b[?25h\x1b[?1049l")

    def _read(self) -> None:
        os.set_blocking(self._terminal, False)
        try:
            while piece := os.read(self._terminal, 65536):
                self.text += piece.decode("utf-8", "replace")
        except OSError:  # nothing, or the end
            pass


@contextmanager
def top(http: Http | Address, *words: str) -> Iterator[Shown]:
    terminal, theirs = pty.openpty()
    try:
        with subprocess.Popen(
            command("top", "--url", f"http://{http.host}:{http.port}", *words),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "TERM": "xterm", "LINES": "24", "COLUMNS": "120"},
        ) as process:
            os.close(theirs)
            try:
                yield Shown(process, terminal)
            finally:
                process.kill()
    finally:
        os.close(terminal)


def test_a_second_is_printed(http: Http, run: Run) -> None:
    (row,) = json.loads(run("top --once -o json").out)
    assert (row["name"], row["state"], row["rules"]) == ("cache", "enabled", 0)
    assert {"open", "exchanges", "accepted", "p99"} <= row.keys()
    heading, line = run("top").lines  # standard output is no terminal
    assert heading.split()[:2] == ["NAME", "STATE"]
    assert line.split()[:4] == ["cache", "enabled", "tcp", "0"]
    assert run("top --proxy nope").status == 3
    with top(http, "--proxy", "nope") as shown:
        assert shown.process.wait(PATIENCE) == 3
    assert run("top --url 127.0.0.1:1").status == 5


def test_a_terminal_shows_what_happens(http: Http, running: Live, run: Run) -> None:
    with top(http) as shown:
        shown.wait_for(r"cache +\S*enabled\S* +tcp +0 +0 ")
        with running.connect() as client:
            client.sendall(b"hello")
            shown.wait_for(r"cache +\S*enabled\S* +tcp +0 +1 ")
        run("rule add cache hang")
        shown.wait_for(r"cache +\S*enabled\S* +tcp +1 +0 ")
        shown.press("\x1b[C")
        shown.wait_for("P50 MS▼")
        shown.press("q")
        shown.ends(0)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_leaves_the_terminal_as_it_was(
    http: Http, number: signal.Signals, status: int
) -> None:
    with top(http) as shown:
        shown.wait_for("cache")
        shown.process.send_signal(number)
        shown.ends(status)


def test_it_comes_back_with_the_server(tmp_path: Path) -> None:
    words = ["--no-config", "--host", "127.0.0.1", "--port"]
    with served(*words, "0", log=tmp_path / "log") as server:
        where = server.http
        with top(where) as shown:
            shown.wait_for("0 proxies")
            assert server.end() == 0
            shown.wait_for("connection lost")
            with served(*words, str(where.port), log=tmp_path / "again"):
                shown.wait_for("0 proxies")
