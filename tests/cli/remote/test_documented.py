"""The page on these commands: every command line in it is run."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from peers import PATIENCE
from serving import Served, command, proxy_table, served
from vaurien.cli import COMMANDS
from vaurien.net.address import Address

PAGE = Path(__file__).parents[3] / "docs" / "cli.md"
LINES = re.findall(r"^ {4}vaurien (.*)$", PAGE.read_text("utf-8"), re.MULTILINE)
ENDLESS = "events --follow"
NOBODY = Address("127.0.0.1", 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("documented")
    (folder / "vaurien.toml").write_text(
        'journal = "j"\n' + proxy_table("cache", NOBODY) + proxy_table("mail", NOBODY)
    )
    return folder


@pytest.fixture(scope="module")
def serving(folder: Path) -> Iterator[Served]:
    words = ["--no-config", "--host", "127.0.0.1", "--port", "0"]
    with served(*words, log=folder / "log") as running:
        yield running


def test_the_page_shows_every_command() -> None:
    known = [name for name, (module, _) in COMMANDS.items() if "remote" in module]
    assert [name for name in known if not any(line.startswith(name) for line in LINES)] == []


def test_every_command_line_works(serving: Served, folder: Path) -> None:
    environment = {**os.environ, "VAURIEN_URL": f"http://{serving.http}"}
    for line in LINES:
        with subprocess.Popen(
            ["sh", "-c", f'exec "$@" {line}', "sh", *command()],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        ) as process:
            if line == ENDLESS:
                assert process.stdout is not None
                assert process.stdout.readline()
                process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == (130 if line == ENDLESS else 0), (line, err)
        assert "Traceback" not in out + err
