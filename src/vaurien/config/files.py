"""Read files as documents: TOML, our own JSON, and Toxiproxy's.

A TOML file may extend others: ``extends = "common.toml"``, or a list of files of which later
ones win.  What it does not set is theirs; tables are merged key by key.  ``${NAME}`` in a
text is replaced by the environment variable; ``$${NAME}`` is a literal ``${NAME}``.  Of a
``pyproject.toml`` only the table ``[tool.vaurien]`` counts.  JSON is taken literally: it is a
document, or what Toxiproxy reads or answers, see ``toxics``.  A file is JSON if its name ends in
``.json`` or if it begins as no TOML does.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from ..errors import ConfigError
from .document import INVALID, Document, DocumentError, FileKey, FilePart, Problem, merged
from .formatting import Path, format_path, format_value

PYPROJECT = "pyproject.toml"
OF_PYPROJECT = ("tool", "vaurien")
"""The table of it that is a document."""
SIZE_LIMIT = 16 * 1024 * 1024
"""Bytes of a file."""
DEPTH = 16
"""Limit of nested tables and lists; no document needs as many."""
JSON = re.compile(r"\s*(\{|\[\s*[]{])")
"""How JSON begins, and TOML does not."""
BLANKS = " \t\n\r"
VARIABLE = re.compile(r"(\$?)\$\{(\w+)\}")
LINE = re.compile(r" \(at (line \d+, column \d+|end of document)\)$")

Content = dict[str, object]
NOTHING = Document()
NAMES = "the name of a file, or a list of such"


class _SyntaxProblem(ConfigError):
    """A syntax error; ``place`` is where, in words."""

    def __init__(self, place: str, why: str) -> None:
        super().__init__(why)
        self.place = place


def read(name: str, environment: Mapping[str, str] = os.environ) -> Document:
    """Return the document of a file, merged with those of the files it extends.

    Raises:
        DocumentError: a file cannot be read, is not UTF-8, is neither TOML nor JSON, or
            extends itself.
    """
    reading = _Reading(environment)
    return reading.finished(reading.read(name, ()))


def parse(text: str, name: str, environment: Mapping[str, str] = os.environ) -> Document:
    """Return the document of a text in TOML or JSON; messages call it ``name``.

    Raises:
        DocumentError: see ``read``.
    """
    reading = _Reading(environment)
    try:
        document = reading.document(text, name, ())
    except _SyntaxProblem as error:
        reading.add_unreadable(name, error.place, str(error))
        document = NOTHING
    return reading.finished(document)


class _Reading:
    """The reading of one file, and of those it extends, each of them once."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.unreadable: list[Problem] = []
        self._environment = environment
        self._read: dict[str, Document] = {}

    def read(self, name: str, within: tuple[str, ...], by: str = "") -> Document:
        """Return the document of a file, merged with those of the files it extends.

        ``within``: the files that extend it; ``by``: the last of them, as users call it.
        """
        path = os.path.expanduser(name)
        try:
            real = os.path.realpath(path)
            if real in within:
                raise _SyntaxProblem("extends", "leads back to the file itself")
            if real in self._read:  # its problems are known
                return replace(self._read[real], problems=())
            text = _text(path)
            if path.endswith(".ini"):
                why = "is an INI file: vaurien import-ini makes TOML of it"
                raise _SyntaxProblem("the file", why)
            if path.endswith((".yaml", ".yml")):
                raise _SyntaxProblem("the file", "is YAML: a configuration is TOML or JSON")
            document = self.document(text, name, (*within, real))
            self._read[real] = document
            return document
        except _SyntaxProblem as error:
            self.add_unreadable(name, error.place, str(error))
        except (OSError, ValueError) as error:  # a NUL in the name is a ValueError
            reason = getattr(error, "strerror", None) or str(error)
            why = f"cannot be read: {reason}" + (f"; {by} extends it" if by else "")
            self.add_unreadable(name, "the file", why)
        return NOTHING

    def finished(self, document: Document) -> Document:
        """Return the document of the whole; raise the problems of files that cannot be read."""
        if self.unreadable:
            rest = None if document is NOTHING else document.without(self.unreadable)
            raise DocumentError(self.unreadable, rest)
        return document

    def add_unreadable(self, name: str, place: str, why: str) -> None:
        self.unreadable.append(Problem(FilePart(name, place), why=why))

    def document(self, text: str, name: str, within: tuple[str, ...]) -> Document:
        """Return the document of a text, in TOML or JSON."""
        if name.endswith(".json") or JSON.match(text):
            return _json(text, name)
        return self._toml(text, name, within)

    def _toml(self, text: str, name: str, within: tuple[str, ...]) -> Document:
        """Return the document of a text in TOML, merged with those of the files it extends."""
        content, root = _toml(text), FileKey(name)
        if os.path.basename(name) == PYPROJECT:
            content, root = _of_pyproject(content), FileKey(name, OF_PYPROJECT)
        problems: list[Problem] = []
        filling = _Filling(self._environment, root, problems)
        content = {key: filling.filled(value, (key,)) for key, value in content.items()}
        extended = Document()
        for other in _extended(content, root, problems):
            extended = merged(extended, self.read(other, within, name))
        return merged(extended, Document(content, root, problems=tuple(problems)))


class _Filling:
    """Fills environment variables into the texts of a file."""

    def __init__(
        self, environment: Mapping[str, str], root: FileKey, problems: list[Problem]
    ) -> None:
        self._environment = environment
        self._root = root
        self._problems = problems

    def filled(self, value: object, path: Path) -> object:
        """Return a value with its variables filled in; ``INVALID`` if one is not set."""
        if isinstance(value, str):
            return self._text(value, path) if "$" in value else value
        if not isinstance(value, dict | list):
            return value
        if len(path) > DEPTH:
            self._problems.append(Problem(self._root.within(path), why="is nested too deeply"))
            return INVALID
        if isinstance(value, dict):
            return {key: self.filled(inner, (*path, key)) for key, inner in value.items()}
        return [self.filled(inner, (*path, at)) for at, inner in enumerate(value)]

    def _text(self, text: str, path: Path) -> object:
        names = {name for dollar, name in VARIABLE.findall(text) if not dollar}
        missing = sorted(name for name in names if name not in self._environment)
        for name in missing:
            why = f"needs the environment variable {name!r}, which is not set"
            origin = self._root.within(path)
            self._problems.append(Problem(origin, format_value(text), why=why))
        return INVALID if missing else VARIABLE.sub(self._fill, text)

    def _fill(self, found: re.Match[str]) -> str:
        return found[0][1:] if found[1] else self._environment[found[2]]


def _of_pyproject(content: Content) -> Content:
    for key in OF_PYPROJECT:
        inner = content.get(key)
        if not isinstance(inner, dict):
            raise _SyntaxProblem(format_path(OF_PYPROJECT), "is not there, or no table")
        content = inner
    return content


def _extended(content: Content, root: FileKey, problems: list[Problem]) -> Iterator[str]:
    """Take the names of the files that this one extends.

    They are beside it, or else in the current directory.
    """
    extends = content.pop("extends", [])
    for other in extends if isinstance(extends, list) else [extends]:
        if isinstance(other, str) and other:
            beside = os.path.join(os.path.dirname(root.file), os.path.expanduser(other))
            yield beside if os.path.isfile(beside) else other
        elif other is not INVALID:
            problems.append(Problem(root.within(("extends",)), format_value(other), NAMES))


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


def _toml(text: str) -> Content:
    with _reading():
        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            text = str(error)
            place = LINE.search(text)
            why = f"is not TOML: {LINE.sub('', text)}"
            raise _SyntaxProblem(place[1] if place else "the file", why) from None


def _json(text: str, name: str) -> Document:
    from . import toxics

    with _reading():
        try:
            content, end = DECODER.raw_decode(text, len(text) - len(text.lstrip(BLANKS)))
            behind = len(text) - len(text[end:].lstrip(BLANKS))
            listing = toxics.listing_in(content)
            if listing is None and behind < len(text):
                raise json.JSONDecodeError("Extra data", text, behind)
        except json.JSONDecodeError as error:
            place = f"line {error.lineno}, column {error.colno}"
            raise _SyntaxProblem(place, f"is not JSON: {error.msg}") from None
    if listing is not None:
        document = toxics.translate(listing, name)
        if behind == len(text):
            return document
        origin = FilePart(name, f"line {text.count(chr(10), 0, behind) + 1}")
        ignored = Problem(origin, why="is ignored from where the proxies end")
        return replace(document, warnings=(*document.warnings, ignored))
    if not isinstance(content, dict):
        raise _SyntaxProblem("the file", "is neither a list of proxies nor a table")
    return Document(content, FileKey(name))


@contextmanager
def _reading() -> Iterator[None]:
    """Word what may go wrong in any format."""
    try:
        yield
    except RecursionError:
        raise _SyntaxProblem("the file", "is nested too deeply") from None
    except ValueError:  # it has more digits than Python reads
        raise _SyntaxProblem("the file", "holds a whole number that is too large") from None


def _table(pairs: list[tuple[str, object]]) -> Content:
    table: Content = {}
    for key, value in pairs:
        if key in table:
            raise _SyntaxProblem(format_path((key,)), "is given twice in one table")
        table[key] = value
    return table


DECODER = json.JSONDecoder(object_pairs_hook=_table)
