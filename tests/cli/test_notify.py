"""What the service manager is told."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from peers import PATIENCE
from reactors import real_reactor, run_until
from serving import served
from vaurien.cli.notify import Notify


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[socket.socket]:
    """What the service manager listens on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.settimeout(PATIENCE)
        sock.bind(str(tmp_path / "notify"))
        yield sock


def lines(heard: socket.socket) -> dict[str, str]:
    """The fields of the next message."""
    told = heard.recv(4096).decode().split("\n")
    return dict(line.split("=", 1) for line in told)


def test_a_process_tells_what_it_does(
    heard: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "vaurien.toml"
    config.write_text('[proxies.cache]\nbackend = "localhost:1"\n')
    environment = {"NOTIFY_SOCKET": str(heard.getsockname())}
    words = ["--config", str(config), "--port", "0"]
    with served(*words, log=tmp_path / "log", environment=environment) as serving:
        assert lines(heard) == {"READY": "1", "STATUS": "proxies: 1"}
        before = time.clock_gettime(time.CLOCK_MONOTONIC)
        serving.reload()
        reloading = lines(heard)
        assert reloading.pop("STATUS") == "reloading"
        assert before <= int(reloading.pop("MONOTONIC_USEC")) / 1e6
        assert reloading == {"RELOADING": "1"}
        assert lines(heard) == {"READY": "1", "STATUS": "proxies: 1"}
        serving.process.send_signal(signal.SIGTERM)
        assert lines(heard) == {"STOPPING": "1", "STATUS": "finishing connections"}
        assert serving.process.wait(PATIENCE) == 0


def test_an_abstract_socket_is_told_and_no_child_does_the_same() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.settimeout(PATIENCE)
        sock.bind(f"\0vaurien-test-{os.getpid()}")
        environment = {"NOTIFY_SOCKET": f"@vaurien-test-{os.getpid()}", "WATCHDOG_USEC": "9"}
        Notify(environment).ready("fine")
        assert lines(sock) == {"READY": "1", "STATUS": "fine"}
        assert environment == {}


def test_nobody_there_is_no_error() -> None:
    Notify({"NOTIFY_SOCKET": "/nowhere/notify"}).stopping()


def test_the_watchdog_is_told_that_the_reactor_runs(heard: socket.socket) -> None:
    heard.setblocking(False)
    environment = {"NOTIFY_SOCKET": str(heard.getsockname()), "WATCHDOG_USEC": "20000"}
    with real_reactor() as reactor:
        Notify({**environment, "WATCHDOG_PID": str(os.getpid())}).keep_alive(reactor)
        for _ in range(3):
            told: list[bytes] = []

            def listen(told: list[bytes] = told) -> bool:
                try:
                    told.append(heard.recv(4096))
                except BlockingIOError:
                    return False
                return True

            run_until(reactor, listen, "the watchdog is told")
            assert told == [b"WATCHDOG=1"]


@pytest.mark.parametrize(
    "asked",
    [{}, {"WATCHDOG_USEC": "20000", "WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "soon"}],
)
def test_a_watchdog_for_nobody_or_another_process_is_not_told(
    heard: socket.socket, asked: dict[str, str]
) -> None:
    notify = Notify({"NOTIFY_SOCKET": str(heard.getsockname()), **asked})
    with real_reactor() as reactor:
        notify.keep_alive(reactor)
    notify.stopping()
    assert "STOPPING" in lines(heard)
