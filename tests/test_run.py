"""The old import path of the command."""

from __future__ import annotations

from vaurien import cli, run


def test_it_is_the_command() -> None:
    assert run.main is cli.main
