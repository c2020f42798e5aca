"""INI files, as ``--config`` reads them.

::

    [DEFAULT]
    extends = common.ini

    [vaurien]
    proxy = localhost:8000
    backend = ${BACKEND}
    behavior = 20:delay
    rule =
        error percent=5
        hang times=1

    [behavior:delay]
    sleep = 2

A file that is extended gives what the file itself does not say.  ``${NAME}`` is the
environment variable; a value in double quotes is taken as it stands; a value of
several lines is a list.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from configparser import Error as SyntaxProblem
from configparser import RawConfigParser
from pathlib import Path

from ..errors import ConfigError
from .given import Given, Section, Sections, Text, merge

VARIABLE = re.compile(r"\$\{(\w+)\}")
KINDS = {"behavior": "behavior", "handler": "behavior", "protocol": "protocol"}
"""What ``[KIND:NAME]`` means; ``handler`` is the older word for behavior."""
SECTIONS = "[vaurien], [statsd], [behavior:NAME], [protocol:NAME], [handler:NAME], [DEFAULT]"

NAMES = "the name of a file, or one a line"


def read(name: str, environment: Mapping[str, str] = os.environ) -> Sections:
    """What a file says, and the files it extends.

    Raises:
        ConfigError: a file cannot be read or is no INI file, a section that does not
            exist, or an environment variable that is not set.
    """
    return _read(Path(name), environment, ())


def _read(
    path: Path, environment: Mapping[str, str], within: tuple[Path, ...], by: str = ""
) -> Sections:
    """What a file says.  ``within``: the files that extend it; ``by`` tells of the last."""
    if path.resolve() in within:
        raise ConfigError(f"{path}: the file extends itself")
    said = _parse(path, environment, by)
    defaults = said.pop("DEFAULT", Section(""))
    extends = defaults.values.pop("extends", None)
    for key in defaults.values:
        raise ConfigError(f"{path}: [DEFAULT] {key} is unknown. Allowed: extends")
    if extends is None:
        return said
    extended: Sections = {}
    for name in extends.texts:
        if not name:
            raise ConfigError(f"{extends.place}='' is not allowed: it takes {NAMES}")
        other = Path(name).expanduser()
        beside = path.parent / other
        chosen = beside if beside.is_file() else other
        found = _read(chosen, environment, (*within, path.resolve()), f"; {path} extends it")
        extended = merge(found, extended)
    return merge(extended, said)


def _parse(path: Path, environment: Mapping[str, str], by: str) -> Sections:
    # No section of this name exists: [DEFAULT] is to be a section like any other.
    parser = RawConfigParser(default_section="\0")
    try:
        parser.read_string(path.expanduser().read_text("utf-8-sig"), str(path))
    except OSError as error:
        raise ConfigError(f"{str(path)!r} cannot be read: {error.strerror}{by}") from None
    except SyntaxProblem as error:
        raise ConfigError(f"{path}: {' '.join(error.message.split())}") from None
    except ValueError as error:  # not UTF-8
        raise ConfigError(f"{str(path)!r} cannot be read: {error}") from None
    sections: Sections = {}
    for title in parser.sections():
        name = _section(title, path)
        section = Section(f"{path}: [{title}]")
        for key, text in parser.items(title):
            place = f"{section.place} {key}"
            section.values[key.replace("-", "_")] = Given(place, _value(text, place, environment))
        sections = merge(sections, {name: section})
    return sections


def _section(title: str, path: Path) -> str:
    kind, colon, name = title.partition(":")
    if not colon and title in ("vaurien", "statsd", "DEFAULT"):
        return title
    if name.strip() and kind.strip() in KINDS:
        return f"{KINDS[kind.strip()]}:{name.strip()}"
    raise ConfigError(f"{path}: [{title}] is an unknown section. Allowed: {SECTIONS}")


def _value(text: str, place: str, environment: Mapping[str, str]) -> Text:
    lines = [_line(line.strip(), place, environment) for line in text.split("\n")]
    if len(lines) == 1:
        return lines[0]
    return tuple(line for line in lines if line)


def _line(text: str, place: str, environment: Mapping[str, str]) -> str:
    if len(text) > 1 and text.startswith('"') and text.endswith('"'):
        return text[1:-1]

    def fill(found: re.Match[str]) -> str:
        name = found[1]
        if name not in environment:
            raise ConfigError(f"{place}: the environment variable {name!r} is not set")
        return environment[name]

    return VARIABLE.sub(fill, text)
