"""Commands of two words, when the second one is missing or wrong."""

from __future__ import annotations

import pytest

from vaurien.cli import main


def run(words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(words.split())
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("recipe --help") == 0
    said = capsys.readouterr()
    assert "  start  Start a recipe" in said.out
    assert "  stop   Stop a recipe" in said.out
    assert run("recipe") == 2
    assert capsys.readouterr().err == said.out


def test_a_wrong_word_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("rule ad x") == 2
    assert "Did you mean 'add'?" in capsys.readouterr().err


def test_each_command_has_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("rule add --help") == 0
    assert "vaurien rule add [OPTIONS] PROXY BEHAVIOR [KEY=VALUE]..." in capsys.readouterr().out
