"""Completion, as the shells do it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from peers import PATIENCE
from vaurien.cli import COMMANDS
from vaurien.cli.completion import SCRIPTS, table

HOSTILE = "x$(touch proof)`touch proof`"
NAMES = ["cache", "shop redis", HOSTILE]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a program ``vaurien`` that lists proxies."""
    program = tmp_path / "vaurien"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{chr(10).join(NAMES)}\nEND\n")
    program.chmod(0o755)
    return tmp_path


def run(shell: str, folder: Path, *lines: str) -> list[str]:
    path = shutil.which(shell)
    if path is None:
        pytest.skip(f"{shell} is not installed")
    script = folder / "script"
    script.write_text("\n".join([*SCRIPTS[shell](), *lines, ""]))
    done = subprocess.run(
        [path, *(["--no-rcs"] if shell == "zsh" else []), str(script)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env={"PATH": f"{folder}:/usr/bin:/bin", "HOME": str(folder), "TERM": "dumb"},
    )
    assert done.stderr == ""
    assert not (folder / "proof").exists()
    return done.stdout.splitlines()


def bash(folder: Path, *words: str) -> list[str]:
    """What bash makes of a command line whose last word is to be completed."""
    return run(
        "bash",
        folder,
        f"COMP_WORDS=({' '.join(f'{word!r}' for word in words)}) COMP_CWORD={len(words) - 1}",
        "_vaurien",
        """printf '%s\\n' "${COMPREPLY[@]}" """,
    )


def fish(folder: Path, *words: str) -> list[str]:
    line = " ".join(words)
    found = run("fish", folder, f"complete --do-complete '{line}'")
    return [each.partition("\t")[0] for each in found]


def test_the_table_has_all_commands() -> None:
    found = table()
    assert set(COMMANDS) <= set(found)
    assert "--output" in found["list"][0]
    assert found["completion"][0][:3] == ["bash", "zsh", "fish"]


@pytest.mark.parametrize("shell", ["bash", "fish"])
@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["vaurien", "ins"], ["inspect"]),
        (["vaurien", "rule", "up"], ["update"]),
        (["vaurien", "completion", "z"], ["zsh"]),
        (["vaurien", "rule", "add", "cache", "--bef"], ["--before"]),
        (["vaurien", "--beh"], ["--behavior"]),
        (["vaurien", "inspect", "ca"], ["cache"]),
        (["vaurien", "rule", "add", "ca"], ["cache"]),
    ],
)
def test_words(shell: str, words: Sequence[str], found: list[str], folder: Path) -> None:
    complete = {"bash": bash, "fish": fish}[shell]
    assert complete(folder, *words) == found


def test_names_are_never_run(folder: Path) -> None:
    found = bash(folder, "vaurien", "delete", "")
    assert [each for each in found if not each.startswith("--")] == [
        "cache",
        r"shop\ redis",
        r"x\$\(touch\ proof\)\`touch\ proof\`",
    ]
    assert bash(folder, "vaurien", "delete", "x") == [r"x\$\(touch\ proof\)\`touch\ proof\`"]
    assert HOSTILE in fish(folder, "vaurien", "delete", "")


def test_zsh_takes_the_script(folder: Path) -> None:
    assert run("zsh", folder, "whence -w _vaurien") == ["_vaurien: function"]
