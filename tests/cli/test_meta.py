"""The command ``meta-vaurien``."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from live import LIMIT, controlled, live
from peers import wait_until
from servers import free_port
from vaurien.cli.meta import main
from vaurien.version import __version__

RUN = "import sys; from vaurien.cli.meta import main; sys.exit(main())"


def meta(*words: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", RUN, *words]
    return subprocess.Popen(command, stderr=subprocess.PIPE)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_a_signal(number: signal.Signals, tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    with meta("--port", str(port), "--log-output", str(log)) as process:
        try:
            wait_until(lambda: log.exists() and "Started" in log.read_text(), "a start")
            with live() as running, controlled(running) as api:
                connection = http.client.HTTPConnection("localhost", port, timeout=LIMIT)
                connection.request("GET", f"/{api.port}/behavior")
                assert connection.getresponse().read() == b'{"behavior": "dummy"}'
                connection.close()
        finally:
            process.send_signal(number)
            _, said = process.communicate(timeout=LIMIT)
    assert (process.returncode, said) == (0, b"")
    started, bye = log.read_text().splitlines()
    assert started.endswith(
        f"[{process.pid}] [INFO] Started the meta server: http://localhost:{port}"
    )
    assert bye.endswith("[INFO] Bye!")


def test_signals_that_come_before_it_waits_are_not_missed() -> None:
    """One ends it, the other is discarded."""
    code = (
        "import os, signal, sys\n"
        "from vaurien.cli.meta import main\n"
        "from vaurien.control import http\n"
        "start = http.ServerThread.__init__\n"
        "def start_and_signal(*given):\n"
        "    start(*given)\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "http.ServerThread.__init__ = start_and_signal\n"
        "status = main(['--port', '0', '--log-level', 'error'])\n"
        "assert not signal.pthread_sigmask(signal.SIG_BLOCK, ())\n"
        "sys.exit(status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], stderr=subprocess.PIPE, timeout=LIMIT, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"{__version__}\n"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--port", "x"], "'x' is not a port: a number from 0 to 65535"),
        (["--port", "65536"], "'65536' is not a port"),
        (["--port", "-1"], "'-1' is not a port"),
        (["--log-level", "loud"], "invalid choice: 'loud'"),
    ],
)
def test_misused(words: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert text in capsys.readouterr().err


def test_a_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with meta("--port", str(port)) as process:
            _, said = process.communicate(timeout=LIMIT)
    text = f"--host, --port: cannot listen on localhost:{port}: Address already in use\n"
    assert (process.returncode, said.decode()) == (2, text)


def test_a_log_that_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "log"
    with meta("--port", "0", "--log-output", os.fspath(path)) as process:
        _, said = process.communicate(timeout=LIMIT)
    text = f"--log-output: {os.fspath(path)!r}: No such file or directory\n"
    assert (process.returncode, said.decode()) == (2, text)
