"""Commands of two words, such as ``vaurien rule add``: what the first one alone shows."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import NoReturn

import click

from ..errors import UnknownNameError
from .command import fail

HELP = ("-h", "--help")


def show(commands: Mapping[str, tuple[str, str]], arguments: Sequence[str]) -> NoReturn:
    """Show the commands that begin with the first argument, and exit: the second is none.

    ``commands``: the module of each, and its name in there.
    """
    word, *rest = arguments
    inner = [command.split()[1] for command in commands if command.startswith(f"{word} ")]
    if rest and rest[0] not in HELP:
        fail(str(UnknownNameError(f"command after {word!r}", rest[0], inner)))
    formatter = click.HelpFormatter()
    formatter.write_usage(f"vaurien {word}", "COMMAND [OPTIONS] [ARGS]...")
    with formatter.section("Commands"):
        formatter.write_dl([(name, _summary(*commands[f"{word} {name}"])) for name in inner])
    click.echo(formatter.getvalue(), nl=False, err=not rest)
    sys.exit(0 if rest else 2)


def _summary(module: str, name: str) -> str:
    found = getattr(import_module(f".{module}", __package__), name)
    assert isinstance(found, click.Command)
    return found.get_short_help_str(80)
