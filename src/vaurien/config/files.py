"""Files that documents are read from: TOML, and the JSON of others and of our own.

A TOML file may extend others: it says ``extends = "common.toml"``, or a list of files of
which later ones win, and what it does not say itself is theirs; tables are merged key by
key.  ``${NAME}`` in a text is the environment variable, ``$${NAME}`` stands for the former.
JSON is taken literally: a list is that of Toxiproxy, a table a document as we write it.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping

from ..errors import ConfigError
from .documents import INVALID, Document, DocumentError, Origin, Problem
from .formatting import Path, format_path, format_value
from .toxics import translate

SIZE_LIMIT = 16 * 1024 * 1024
"""Bytes of a file."""
DEPTH = 16
"""Tables and lists within each other; nothing that we know needs as many."""
VARIABLE = re.compile(r"(\$?)\$\{(\w+)\}")
LINE = re.compile(r" \(at (line \d+, column \d+|end of document)\)$")

Content = dict[str, object]
Said = tuple[Content, dict[Path, Origin]]
"""What files say, and where each key comes from."""


NAMES = "the name of a file, or a list of such"


class _SyntaxProblem(ConfigError):
    """A text that is not of the form it should be; ``place`` is where, in words."""

    def __init__(self, place: str, why: str) -> None:
        super().__init__(why)
        self.place = place


def read(name: str, environment: Mapping[str, str] = os.environ) -> Document:
    """What a file says, and the files it extends.

    Raises:
        DocumentError: a file cannot be read, is not UTF-8, is neither TOML nor JSON, or
            extends itself.
    """
    reading = _Reading(environment)
    content, origins = reading.read(name, ())
    if reading.unreadable:
        raise DocumentError(reading.unreadable)
    return Document(content, name, origins, tuple(reading.problems))


class _Reading:
    """The reading of one file, and of those it extends: each of them once."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.unreadable: list[Problem] = []
        self.problems: list[Problem] = []
        self._environment = environment
        self._read: dict[str, Said] = {}

    def read(self, name: str, within: tuple[str, ...], by: str = "") -> Said:
        """What a file says, and where each key comes from.

        ``within``: the files that extend it; ``by``: the last of them, as users call it.
        """
        path = os.path.expanduser(name)
        try:
            real = os.path.realpath(path)
            if real in within:
                raise _SyntaxProblem("extends", "leads back to the file itself")
            if real not in self._read:
                self._read[real] = self._said(_parse(_text(path), path), name, (*within, real))
            return self._read[real]
        except _SyntaxProblem as error:
            self.unreadable.append(Problem(name, error.place, "", "", str(error)))
        except (OSError, ValueError) as error:  # a NUL in the name is a ValueError
            reason = getattr(error, "strerror", None) or str(error)
            why = f"cannot be read: {reason}" + (f"; {by} extends it" if by else "")
            self.unreadable.append(Problem(name, "the file", "", "", why))
        return {}, {}

    def _said(self, content: Content | list[object], name: str, within: tuple[str, ...]) -> Said:
        if isinstance(content, list):
            document = translate(content, name)
            self.problems += document.problems
            return dict(document.content), dict(document.origins)
        if not name.endswith(".json"):
            content = {key: self._filled(value, name, (key,)) for key, value in content.items()}
        merged: Content = {}
        origins: dict[Path, Origin] = {}
        if not name.endswith(".json"):
            for other in self._extended(content, name):
                theirs, from_theirs = self.read(other, within, name)
                merged = _merged(merged, theirs)
                origins |= from_theirs
        origins |= _noted(content, name, ())
        return _merged(merged, content), origins

    def _extended(self, content: Content, name: str) -> Iterator[str]:
        """The files that this one extends: what is not beside it is in the current folder."""
        extends = content.pop("extends", [])
        for other in extends if isinstance(extends, list) else [extends]:
            if isinstance(other, str) and other:
                beside = os.path.join(os.path.dirname(name), os.path.expanduser(other))
                yield beside if os.path.isfile(beside) else other
            elif other is not INVALID:
                self.problems.append(Problem(name, "extends", format_value(other), NAMES))

    def _filled(self, value: object, file: str, path: Path) -> object:
        """A value whose texts have their variables filled in; what lacks one is broken."""
        if isinstance(value, dict | list) and len(path) > DEPTH:
            why = "is nested too deeply"
            self.problems.append(Problem(file, format_path(path), "", "", why))
            return INVALID
        if isinstance(value, dict):
            return {key: self._filled(inner, file, (*path, key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._filled(inner, file, (*path, at)) for at, inner in enumerate(value)]
        if not isinstance(value, str):
            return value
        names = {name for dollar, name in VARIABLE.findall(value) if not dollar}
        lacking = sorted(name for name in names if name not in self._environment)
        for name in lacking:
            why = f"needs the environment variable {name!r}, which is not set"
            self.problems.append(Problem(file, format_path(path), format_value(value), "", why))
        return INVALID if lacking else VARIABLE.sub(self._fill, value)

    def _fill(self, found: re.Match[str]) -> str:
        return found[0][1:] if found[1] else self._environment[found[2]]


def _text(path: str) -> str:
    with open(path, "rb") as file:
        data = file.read(SIZE_LIMIT + 1)
    if len(data) > SIZE_LIMIT:
        raise _SyntaxProblem("the file", f"is longer than {SIZE_LIMIT} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _SyntaxProblem(f"line {line}", "is not UTF-8") from None


def _parse(text: str, path: str) -> Content | list[object]:
    if path.endswith(".ini"):
        raise _SyntaxProblem("the file", "is an INI file: vaurien import-ini makes TOML of it")
    try:
        return _json(text) if path.endswith(".json") else tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        said = str(error)
        place = LINE.search(said)
        what = LINE.sub("", said)
        raise _SyntaxProblem(place[1] if place else "the file", f"is not TOML: {what}") from None
    except json.JSONDecodeError as error:
        place_of = f"line {error.lineno}, column {error.colno}"
        raise _SyntaxProblem(place_of, f"is not JSON: {error.msg}") from None
    except RecursionError:
        raise _SyntaxProblem("the file", "is nested too deeply") from None
    except ValueError:  # it has more digits than Python reads
        raise _SyntaxProblem("the file", "holds a whole number that is too large") from None


def _json(text: str) -> Content | list[object]:
    content: object = json.loads(text, object_pairs_hook=_table)
    if not isinstance(content, dict | list):
        raise _SyntaxProblem("the file", "is neither a list of proxies nor a table")
    return content


def _table(pairs: list[tuple[str, object]]) -> Content:
    table: Content = {}
    for key, value in pairs:
        if key in table:
            raise _SyntaxProblem(format_path((key,)), "is given twice in one table")
        table[key] = value
    return table


def _merged(first: Content, second: Content) -> Content:
    """Both together; where both say something, the second wins, with ``-`` or with ``_``.

    Keys of tables are left as they are: they may be names.
    """
    plain = {key.replace("-", "_") for key, value in second.items() if not isinstance(value, dict)}
    merged = {
        key: value
        for key, value in first.items()
        if isinstance(value, dict) or key in second or key.replace("-", "_") not in plain
    }
    for key, value in second.items():
        before = merged.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            value = _merged(before, value)
        merged[key] = value
    return merged


def _noted(content: Content, file: str, path: Path) -> dict[Path, Origin]:
    """Where each key of these tables is."""
    origins: dict[Path, Origin] = {}
    for key, value in content.items():
        here = (*path, key)
        origins[here] = Origin(file, here)
        if isinstance(value, dict) and len(here) < DEPTH:
            origins |= _noted(value, file, here)
    return origins
