"""The entry point."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from vaurien.cli import main
from vaurien.version import __version__


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--version"])
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
    assert capsys.readouterr().err.startswith("vaurien: --proxy: 'x' is not an address")


def test_python_m() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vaurien", "--version"],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stdout == f"{__version__}\n"
