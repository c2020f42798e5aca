"""``vaurien completion``: completion of commands, flags and names for bash, zsh and fish."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module

import click

from . import COMMANDS
from .command import OneLine
from .command import vaurien as classic

SHELLS = ("bash", "zsh", "fish")
HELP = """Print a script that has a shell complete commands, flags, and names of proxies.

\b
  source <(vaurien completion bash)                                  in ~/.bashrc
  source <(vaurien completion zsh)                                   in ~/.zshrc
  vaurien completion fish > ~/.config/fish/completions/vaurien.fish
"""
PROXIES = "vaurien list -o name 2>/dev/null"
TAKES_PROXY = ("proxy",)
"""The names of arguments that are names of proxies."""


def words_of(command: str) -> tuple[list[str], bool]:
    """Return the words that a command knows, and whether its first argument is a proxy."""
    module, name = COMMANDS[command]
    found = getattr(import_module(f".{module}", __package__), name)
    assert isinstance(found, click.Command)
    arguments = [param.name for param in found.params if isinstance(param, click.Argument)]
    choices = [
        str(choice)
        for param in found.params
        if isinstance(param, click.Argument) and isinstance(param.type, click.Choice)
        for choice in param.type.choices
    ]
    return [*choices, *sorted({*_flags(found), "--help"})], bool(arguments) and arguments[
        0
    ] in TAKES_PROXY


def _flags(command: click.Command) -> Iterator[str]:
    for param in command.params:
        if isinstance(param, click.Option) and not param.hidden:
            yield from (spelling for spelling in param.opts if spelling.startswith("--"))


def table() -> Mapping[str, tuple[list[str], bool]]:
    """Return what each command takes; the one without a name is the classic command line."""
    firsts = sorted({command.split()[0] for command in COMMANDS})
    seconds: dict[str, list[str]] = {}
    for command in COMMANDS:
        first, *second = command.split()
        if second:
            seconds.setdefault(first, []).extend(second)
    return {
        "": ([*firsts, *sorted({*_flags(classic), "--help"})], False),
        **{first: (inner, False) for first, inner in seconds.items()},
        **{command: words_of(command) for command in COMMANDS},
    }


def bash() -> Iterator[str]:
    """Yield the lines of the script for bash, which zsh can run, too.

    Names of proxies never become a part of a text that the shell expands, as ``compgen -W`` does.
    """
    firsts = "|*' '".join(dict.fromkeys(each.split()[0] for each in COMMANDS if " " in each))
    yield "_vaurien() {"
    yield '  local command="" words="" at=1 name word="${COMP_WORDS[COMP_CWORD]}"'
    yield '  if [ "$COMP_CWORD" -gt 1 ]; then'
    yield '    command="${COMP_WORDS[1]}" at=2'
    yield "  fi"
    yield '  case "$COMP_CWORD $command" in'
    yield "    '2 '*) ;;"
    yield f"    *' '{firsts}) command=\"$command ${{COMP_WORDS[2]}}\" at=3 ;;"
    yield "  esac"
    yield "  COMPREPLY=()"
    yield '  case "$command" in'
    for command, (words, has_proxy) in table().items():
        yield f"    '{command}') words='{' '.join(words)}'"
        if has_proxy:
            yield '      if [ "$COMP_CWORD" -eq "$at" ]; then'
            yield "        while IFS= read -r name; do"
            yield '          case "$name" in'
            yield '            "$word"*) COMPREPLY+=("$(printf %q "$name")") ;;'
            yield "          esac"
            yield f"        done < <({PROXIES})"
            yield "      fi"
        yield "      ;;"
    yield "  esac"
    yield '  COMPREPLY+=($(compgen -W "$words" -- "$word"))'
    yield "}"
    yield "complete -o default -F _vaurien vaurien"


def zsh() -> Iterator[str]:
    """Yield the lines of the script for zsh."""
    yield "autoload -U +X compinit && compinit"
    yield "autoload -U +X bashcompinit && bashcompinit"
    yield from bash()


def fish() -> Iterator[str]:
    """Yield the lines of the script for fish."""
    yield "function __vaurien_at"
    yield "  set -l words (commandline -opc)[2..-1]"
    yield '  test "$words[1..$argv[1]]" = "$argv[2]"'
    yield "end"
    yield "complete -c vaurien -f"
    for command, (words, has_proxy) in table().items():
        if not command:
            condition = "test (count (commandline -opc)) -eq 1"
        else:
            count = len(command.split())
            condition = f"__vaurien_at {count} '{command}'"
        plain = " ".join(word for word in words if not word.startswith("-"))
        if plain:
            yield f'complete -c vaurien -n "{condition}" -a "{plain}"'
        for word in words:
            if word.startswith("--"):
                yield f'complete -c vaurien -n "{condition}" -l {word[2:]}'
        if has_proxy:
            yield f'complete -c vaurien -n "{condition}" -a "({PROXIES})"'


SCRIPTS = {"bash": bash, "zsh": zsh, "fish": fish}


def _completion(shell: str) -> None:
    click.echo("\n".join(SCRIPTS[shell]()))


completion = OneLine(
    "vaurien completion",
    callback=_completion,
    params=[click.Argument(["shell"], type=click.Choice(SHELLS))],
    help=HELP,
)
