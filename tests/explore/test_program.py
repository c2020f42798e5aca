"""What makes a program another one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vaurien.explore.program import WHOLE, fingerprint

COMMAND = ("python", "check.py", "written.db", "http://127.0.0.1:1/")
SCENARIO = """# a hang at db: GET
[[fire]]
proxy = "db"
behavior = "hang"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("check.py", "shop/__init__.py", "written.db", "outside/tool.sh"):
        path = tmp_path / "here" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("1")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.mark.parametrize(
    "name",
    ["check.py", "shop/__init__.py", "shop/new.py", "App.JAVA", "Dockerfile", "a/b/settings.toml"],
)
def test_sources_count(folder: Path, name: str) -> None:
    before = fingerprint(COMMAND)
    assert fingerprint(COMMAND) == before
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("2")
    assert fingerprint(COMMAND) != before


@pytest.mark.parametrize(
    "name",
    [
        *("written.db", "run.log", "report.json", ".hidden/a.py", "__pycache__/a.py", "shop/py"),
        *("node_modules/a/index.js", "venv/lib/a.py"),
    ],
)
def test_other_files_do_not(folder: Path, name: str) -> None:
    (folder / "venv").mkdir()
    (folder / "venv" / "pyvenv.cfg").touch()
    before = fingerprint(COMMAND)
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("2")
    assert fingerprint(COMMAND) == before


def test_nor_do_scenario_files(folder: Path) -> None:
    before = fingerprint(COMMAND)
    (folder / "found.toml").write_text(SCENARIO)
    assert fingerprint(COMMAND) == before


def test_when_a_file_was_written_does_not(folder: Path) -> None:
    before = fingerprint(COMMAND)
    os.utime(folder / "check.py", (1, 1))
    assert fingerprint(COMMAND) == before


def test_what_the_command_names_counts_wherever_it_is(folder: Path, tmp_path: Path) -> None:
    tool, script = tmp_path / "tool", tmp_path / "script.py"
    for path in (tool, script):
        path.write_text("1")
        path.chmod(0o755)
    command = (str(tool), str(script))
    before = fingerprint(command)
    script.write_text("2")
    between = fingerprint(command)
    tool.write_text("2")
    assert len({before, between, fingerprint(command)}) == 3


def test_a_large_file_is_not_read(folder: Path) -> None:
    big = folder / "big.sql"
    with big.open("wb") as file:
        file.truncate(WHOLE + 1)
    before = fingerprint(COMMAND)
    os.utime(big, (1, 1))
    assert fingerprint(COMMAND) != before


def test_any_words_are_a_command(folder: Path) -> None:
    for command in ((), ("",), ("no-such-program", "\0.py", "\udce9.py", "x" * 5000 + ".py")):
        assert fingerprint(command)
