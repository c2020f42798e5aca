"""The entry point."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from vaurien.cli import COMMANDS, main
from vaurien.version import __version__


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--version"])
    assert capsys.readouterr().out == f"{__version__}\n"


@pytest.mark.parametrize("word", COMMANDS)
def test_version_by_any_command(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    main([word, "--version"])
    assert capsys.readouterr().out == f"{__version__}\n"


def test_version_imports_nothing() -> None:
    code = (
        "import sys; before = set(sys.modules)\n"
        "from vaurien.cli import main; main(['--version'])\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    version, modules = done.stdout.splitlines()
    assert version == __version__
    assert modules.split() == ["__future__", "vaurien", "vaurien.cli", "vaurien.version"]


def test_other_words_are_for_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--proxy", "x"])
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("vaurien: --proxy='x' is not an address")


@pytest.mark.parametrize("word", COMMANDS)
def test_each_word_is_a_command_that_helps(
    word: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as caught:
        main([word, "--help"])
    said = capsys.readouterr()
    assert (caught.value.code, said.err) == (0, "")
    assert said.out.startswith(f"Usage: vaurien {word} ")
    assert "{levels}" not in said.out  # a text that was to be filled in
    with pytest.raises(SystemExit) as caught:
        main([word, "--nope"])
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("vaurien: No such option")


def test_the_help_names_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    assert [word for word in COMMANDS if f"\n    vaurien {word} " not in text] == []


def test_python_m() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vaurien", "--version"],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stdout == f"{__version__}\n"
