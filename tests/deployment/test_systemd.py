"""The unit for systemd: valid, hardened, and its commands work as systemd runs them."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from peers import PATIENCE, connect
from servers import free_port, require, stop
from vaurien.net.address import Address

UNIT = Path(__file__).parents[2] / "examples" / "systemd" / "vaurien.service"
PROGRAM = "/opt/vaurien/bin/vaurien"
EXPOSED = 15
"""Tenths of the exposure that systemd-analyze may find, of 100: what a network service needs."""


def setting(name: str) -> str:
    """A setting of the service that is there once."""
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # as its documentation says
    parser.read_string(UNIT.read_text())
    return parser["Service"][name]


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit, with a program that is there."""
    path = tmp_path / UNIT.name
    path.write_text(UNIT.read_text().replace(PROGRAM, "/bin/true"))
    return path


def analyze(*words: str | Path) -> str:
    """What systemd-analyze says of a unit that is right."""
    done = subprocess.run(
        [require("systemd-analyze"), *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stderr


def test_it_is_valid(unit: Path) -> None:
    assert analyze("verify", "--man=no", unit) == ""


def test_it_is_hardened(unit: Path) -> None:
    analyze("security", "--offline=true", "--no-pager", f"--threshold={EXPOSED}", unit)


def test_it_sees_what_metrics_of_the_process_are_made_of() -> None:
    # The client of Prometheus reads the time of the boot in /proc/stat, or has no such metric.
    assert "ProcSubset=pid" not in UNIT.read_text()


class Manager:
    """What systemd hears of the service, and does with it."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._heard.settimeout(PATIENCE)
        self._heard.bind(str(folder / "notify"))
        (folder / "tokens").write_text("a-token-of-this-test\n")
        (folder / "tokens").chmod(0o400)
        (folder / "vaurien").mkdir()
        config = folder / "vaurien.toml"
        config.write_text(f'[proxies.a]\nlisten = "127.0.0.1:{self.port}"\nbackend = "a:1"\n')
        line = setting("ExecStart").replace("%d", str(folder)).replace("%S", str(folder))
        line = line.replace("/etc/vaurien/vaurien.toml", str(config))
        _, *words = shlex.split(line.replace(PROGRAM, "vaurien"))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "vaurien", *words, "--port", str(free_port())],
            env={**os.environ, "NOTIFY_SOCKET": str(folder / "notify")},
            stderr=subprocess.DEVNULL,
        )

    def hear(self) -> str:
        """The next state that it is told."""
        while (told := self._heard.recv(4096).decode().split("\n")[0]) == "WATCHDOG=1":
            pass
        return told

    def close(self) -> None:
        stop(self.process)
        self._heard.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(tmp_path)
    yield manager
    manager.close()


def test_it_runs(manager: Manager) -> None:
    assert setting("Type") == "notify"
    assert manager.hear() == "READY=1"
    connect(Address("127.0.0.1", manager.port)).close()
    reload = re.fullmatch(r"kill -(\w+) \$MAINPID", setting("ExecReload"))
    assert reload is not None
    manager.process.send_signal(signal.Signals[f"SIG{reload[1]}"])
    assert manager.hear() == "RELOADING=1"
    assert manager.hear() == "READY=1"
    manager.process.terminate()
    assert manager.hear() == "STOPPING=1"
    assert manager.process.wait(PATIENCE) == 0
