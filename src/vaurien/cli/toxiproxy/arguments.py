"""Flags as Go's programs take them: ``-n VALUE``, ``--name VALUE``, ``-n=VALUE``.

Flags may also stand behind the name of a proxy, where early versions of Toxiproxy had them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

HELP = "help"
WRITTEN = re.compile("--?([^-=][^=]*)(?:=(.*))?", re.DOTALL)
TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})


class IncorrectUsageError(Exception):
    """Arguments that cannot be read; the help of the command follows its text."""


@dataclass(frozen=True)
class Flag:
    """A flag of a command."""

    names: tuple[str, ...]
    """The first is its key."""
    help: str
    is_switch: bool = False


SHOW_HELP = Flag((HELP,), "show help", is_switch=True)


@dataclass(frozen=True)
class Given:
    """What a command was given."""

    values: Mapping[str, Sequence[str]]
    """By the key of the flag; a switch that is on has one value, one that is off has none."""
    words: Sequence[str]

    def text(self, key: str) -> str:
        """Return the last value of a flag; ``""`` if there is none."""
        return (self.values.get(key) or [""])[-1]

    def has(self, key: str) -> bool:
        return bool(self.values.get(key))

    def parts(self, key: str) -> Iterator[str]:
        """Yield all values of a flag, of which each may be several with commas."""
        for value in self.values.get(key, ()):
            yield from map(str.strip, value.split(","))

    @property
    def name(self) -> str:
        """The first word, the name of a proxy; ``""`` if there is none."""
        return next(iter(self.words), "")


@dataclass(frozen=True)
class Command:
    """A verb: it has commands of its own, or does something."""

    names: tuple[str, ...]
    help: str
    usage: str = ""
    """What follows the names of the command."""
    flags: Sequence[Flag] = ()
    commands: Sequence[Command] = ()
    act: Callable[[Given], None] | None = None
    notes: str = ""
    path: str = field(default="", compare=False)

    def at(self, words: Sequence[str]) -> Command:
        """Return the inner command of these names; of one without commands, itself.

        Raises:
            LookupError: there is no command of a name.
        """
        if not words or not self.commands:
            return self
        for command in self.commands:
            if words[0] in command.names:
                return command.at(words[1:])
        raise LookupError(words[0])

    def help_text(self) -> str:
        """Return the help of the command."""
        parts = [
            f"NAME:\n   {self.path} - {self.help}",
            f"USAGE:\n   {self.path} {self.usage}".rstrip(),
            self.notes,
            _table("COMMANDS", [(", ".join(each.names), each.help) for each in self.commands]),
            _table("OPTIONS", [(_spelled(flag), flag.help) for flag in (*self.flags, SHOW_HELP)]),
        ]
        return "\n\n".join(filter(None, parts)) + "\n"


def _table(title: str, rows: Sequence[tuple[str, str]]) -> str:
    width = max((len(left) for left, _ in rows), default=0)
    return "\n".join([f"{title}:", *(f"   {a:{width}}  {b}" for a, b in rows)]) if rows else ""


def _spelled(flag: Flag) -> str:
    value = "" if flag.is_switch else " value"
    return ", ".join(f"{'-' * min(len(name), 2)}{name}{value}" for name in flag.names)


def read(words: Sequence[str], flags: Sequence[Flag], *, among_words: bool) -> Given:
    """Return what was given.

    Flags end at the first word that is none; ``among_words``: known flags may follow it.

    Raises:
        IncorrectUsageError: a flag is unknown, or its value is missing or wrong.
    """
    known = {name: flag for flag in (*flags, SHOW_HELP) for name in flag.names}
    values: dict[str, list[str]] = {}
    rest: list[str] = []
    left = list(words)
    while left:
        word = left.pop(0)
        found = WRITTEN.fullmatch(word)
        if word == "--" and (among_words or not rest):
            return Given(values, rest + left)
        is_flag = word.startswith("-") and word != "-"
        if rest:
            is_flag = among_words and found is not None and found[1] in known
        if not is_flag:
            rest.append(word)
        elif not found:
            raise IncorrectUsageError(f"bad flag syntax: {word}")
        elif found[1] not in known:
            unknown = f"flag provided but not defined: -{found[1]}"
            raise IncorrectUsageError("flag: help requested" if found[1] == "h" else unknown)
        else:
            _take(known[found[1]], found[1], found[2], left, values)
    return Given(values, rest)


def _take(
    flag: Flag, name: str, value: str | None, left: list[str], values: dict[str, list[str]]
) -> None:
    """Add the value of a flag to ``values``; it may be the next of the words that are left."""
    if flag.is_switch:
        values[flag.names[0]] = ["on"] if _is_on(name, value) else []
        return
    if value is None and not left:
        raise IncorrectUsageError(f"flag needs an argument: -{name}")
    values.setdefault(flag.names[0], []).append(left.pop(0) if value is None else value)


def _is_on(name: str, value: str | None) -> bool:
    if value is None or value in TRUE:
        return True
    if value in FALSE:
        return False
    raise IncorrectUsageError(f'invalid boolean value "{value}" for -{name}: parse error')
