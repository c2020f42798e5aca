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

A file takes from those it extends what it does not set itself.  ``${NAME}`` is the
environment variable; a value in double quotes is taken literally; a value of
several lines is a list.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from configparser import Error as SyntaxProblem
from configparser import RawConfigParser
from pathlib import Path

from .document import Document, DocumentError, FileKey, FilePart, Problem, merged
from .problems import suggestion
from .sections import Sections, Text, of_handler
from .settings import OLDEST

VARIABLE = re.compile(r"\$\{(\w+)\}")
KINDS = {
    "behavior": "behavior",
    "handler": "behavior",
    "handlers": "behavior",
    "protocol": "protocol",
}
"""What ``[KIND:NAME]`` and ``[KIND.NAME]`` mean; ``handler`` is the older word for behavior."""
SECTIONS = "[vaurien], [statsd], [behavior:NAME], [protocol:NAME], [handler:NAME], [DEFAULT]"
NAMES = "the name of a file, or one a line"

Environments = tuple[Mapping[str, str], Mapping[str, str]]
"""The variables for values, and those for the names of files."""


def read(
    name: str,
    environment: Mapping[str, str] = os.environ,
    naming: Mapping[str, str] | None = None,
) -> Document:
    """Return the document of a file, merged with those of the files it extends.

    ``naming``: the environment for the names of these files, if it is another one.
    Other problems, such as unknown sections and variables that are not set, are the document's.

    Raises:
        DocumentError: a file cannot be read or is not INI.
    """
    naming = environment if naming is None else naming
    unreadable: list[Problem] = []
    document = _read(Path(name), (environment, naming), (), unreadable)
    if unreadable:
        raise DocumentError(unreadable, document.without(unreadable))
    return document


def _read(
    path: Path,
    environments: Environments,
    within: tuple[str, ...],
    unreadable: list[Problem],
    by: str = "",
) -> Document:
    """``within``: the files that extend this one; ``by`` names the last of them.

    The problems of extended files that cannot be read are added to ``unreadable``.
    """
    try:
        real = os.path.realpath(os.path.expanduser(path))
    except ValueError as error:  # a NUL in the name
        raise _wrong(path, "the file", f"cannot be read: {error}{by}") from None
    if real in within:
        raise _wrong(path, "the file", "extends itself")
    document, extends = _File(path, environments).read(by)
    extended = Document()
    for name in extends:
        other = Path(os.path.expanduser(name))
        beside = path.parent / other
        chosen = beside if beside.is_file() else other
        try:
            here = (*within, real)
            found = _read(chosen, environments, here, unreadable, f"; {path} extends it")
        except DocumentError as error:
            unreadable += error.problems
        else:
            extended = merged(found, extended)
    return merged(extended, document)


class _File:
    """One INI file."""

    def __init__(self, path: Path, environments: Environments) -> None:
        self._path = path
        self._environment, self._naming = environments

    def read(self, by: str) -> tuple[Document, tuple[str, ...]]:
        """Return the file's own document, and the names of the files that it extends."""
        parser = self._parse(by)
        sections = Sections(FileKey(str(self._path)))
        extends: tuple[str, ...] = ()
        for title in parser.sections():
            try:
                name = self._section(title)
            except DocumentError as error:
                sections.report(error)
                continue
            if name != "DEFAULT":
                sections.open(name, FilePart(str(self._path), f"[{title}]"))
            for key, text in parser.items(title):
                try:
                    extends = self._key(sections, title, name, key, text) or extends
                except DocumentError as error:
                    sections.report(error)
        if "" in extends:
            sections.report(_wrong(self._path, "[DEFAULT] extends=''", "is not allowed", NAMES))
            extends = ()
        return sections.document(), extends

    def _key(
        self, sections: Sections, title: str, name: str, key: str, text: str
    ) -> tuple[str, ...]:
        """Add a key to the sections; return the files to extend, if it names them.

        Raises:
            DocumentError: it is unknown, or needs a variable that is not set.
        """
        part = f"[{title}] {key}"
        extends = name == "DEFAULT" and key == "extends"
        value = self._value(text, part, self._naming if extends else self._environment)
        if name != "DEFAULT":
            if found := _today(title, name, key.replace("-", "_"), value):
                sections.add(*found, FilePart(str(self._path), part))
        elif extends:
            return value if isinstance(value, tuple) else (str(value),)
        else:
            why = f"is an unknown key{suggestion(key, ['extends'])}"
            raise _wrong(self._path, part, why, "extends")
        return ()

    def _parse(self, by: str) -> RawConfigParser:
        # No section of this name exists: [DEFAULT] is to be a section like any other.
        parser = RawConfigParser(default_section="\0")
        try:
            path = Path(os.path.expanduser(self._path))
            parser.read_string(path.read_text("utf-8-sig"), str(self._path))
        except OSError as error:
            why = f"cannot be read: {error.strerror}{by}"
            raise _wrong(self._path, "the file", why) from None
        except SyntaxProblem as error:
            why = f"is not INI: {' '.join(error.message.split())}"
            raise _wrong(self._path, "the file", why) from None
        except ValueError as error:  # not UTF-8
            raise _wrong(self._path, "the file", f"cannot be read: {error}") from None
        return parser

    def _section(self, title: str) -> str:
        kind, colon, name = title.partition(":")
        if not colon:  # in the earliest versions, a dot meant the same
            kind, _, name = title.partition(".")
        if title in ("vaurien", "statsd", "DEFAULT"):
            return title
        if name.strip() and kind.strip() in KINDS:
            return f"{KINDS[kind.strip()]}:{name.strip()}"
        why = f"is an unknown section{suggestion(title, ['vaurien', 'statsd', 'DEFAULT'])}"
        raise _wrong(self._path, f"[{title}]", why, f"one of {SECTIONS}")

    def _value(self, text: str, part: str, environment: Mapping[str, str]) -> Text:
        lines = [self._line(line.strip(), part, environment) for line in text.split("\n")]
        return lines[0] if len(lines) == 1 else tuple(line for line in lines if line)

    def _line(self, text: str, part: str, environment: Mapping[str, str]) -> str:
        if len(text) > 1 and text.startswith('"') and text.endswith('"'):
            return text[1:-1]

        def fill(found: re.Match[str]) -> str:
            name = found[1]
            if name not in environment:
                why = f"needs the environment variable {name!r}, which is not set"
                raise _wrong(self._path, part, why)
            return environment[name]

        return VARIABLE.sub(fill, text)


def _today(title: str, section: str, key: str, value: Text) -> tuple[str, str, Text] | None:
    """Return section, key and value, those of the earliest versions in today's form.

    None if such a key changes nothing.
    """
    if section == "vaurien":
        return section, OLDEST.get(key, key), value
    if not title.startswith("handlers"):  # a section of the versions 0.1 and 0.2
        return section, key, value
    place, today = of_handler(section.partition(":")[2], key)
    if place == "vaurien" and key == "http":
        chosen = isinstance(value, str) and value.lower() in ("true", "yes", "on", "1")
        return (place, today, key) if chosen else None
    return place, today, value


def _wrong(path: Path, part: str, why: str, allowed: str = "") -> DocumentError:
    return DocumentError([Problem(FilePart(str(path), part), "", allowed, why)])
