"""Documents: what a user wrote as nested tables, and where each value was written.

Flags, INI files, TOML, JSON and the state file all become documents; ``understand`` makes a
configuration of one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

from ..errors import ConfigError
from ..values.texts import printable
from .formatting import Path, format_path

Content = Mapping[str, object]

LINE_LIMIT = 1000
"""Characters of a problem that are shown."""


class INVALID:
    """Stands for a value whose problem is reported already."""


class Origin:
    """Where a value was written; as a text, how messages name the place."""

    equals: ClassVar[str] = "="
    """Stands between the place and the value."""
    typed: ClassVar[bool] = False
    """Values have types there; elsewhere all of them are texts, or true and false."""

    def within(self, path: Path) -> Origin:
        """Return the place of a value that is part of the one written here."""
        raise NotImplementedError


@dataclass(frozen=True)
class Flag(Origin):
    """A flag of the command line."""

    words: str
    """Such as ``--timeout``, or ``--rule 'delay sleep=2'`` where a part of it is meant."""

    def within(self, path: Path) -> Flag:
        return Flag(f"{self.words}: {format_path(path)}") if path else self

    def __str__(self) -> str:
        return self.words


@dataclass(frozen=True)
class FilePart(Origin):
    """A part of a file in words: a line, or a key of an INI section."""

    file: str
    part: str

    def within(self, path: Path) -> FilePart:
        return FilePart(self.file, f"{self.part}: {format_path(path)}") if path else self

    def __str__(self) -> str:
        return f"{self.file}: {self.part}"


@dataclass(frozen=True)
class FileKey(Origin):
    """A key of a file of nested tables; without a path, the whole file.

    Without a file it is a key of the JSON object in a request's body.
    """

    equals = " = "
    typed = True

    file: str = ""
    path: Path = ()

    def within(self, path: Path) -> FileKey:
        return FileKey(self.file, (*self.path, *path)) if path else self

    def __str__(self) -> str:
        return ": ".join(filter(None, (self.file, format_path(self.path))))


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong; as a text it is one line."""

    origin: Origin
    given: str = ""
    """The value, formatted; ``""`` if there is none."""
    allowed: str = ""
    """What is accepted; ``""`` if ``why`` covers it."""
    why: str = "is not allowed"

    def __str__(self) -> str:
        given = f"{self.origin.equals}{self.given}" if self.given else ""
        allowed = f": it takes {self.allowed}" if self.allowed else ""
        line = f"{self.origin}{given} {self.why}{allowed}"
        return printable(line if len(line) <= LINE_LIMIT else f"{line[:LINE_LIMIT]}...")


class DocumentError(ConfigError):
    """A document with problems: all of them, in the order in which they were found."""

    def __init__(self, problems: Iterable[Problem], rest: Document | None = None) -> None:
        """``rest``: what could be read, with these problems, though a file it extends could not."""
        self.problems = tuple(problems)
        self.rest = rest
        super().__init__("\n".join(map(str, self.problems)))

    def or_rest(self) -> Document:
        """Return the rest, whose problems are raised with all others; without any, raise."""
        if self.rest is None:
            raise self
        return self.rest


@dataclass(frozen=True)
class Document:
    """What a user wrote, and where."""

    content: Content = field(default_factory=dict)
    root: Origin | None = None
    """The origin of every value that has none in ``origins``."""
    origins: Mapping[Path, Origin] = field(default_factory=dict)
    """Each covers everything within its path."""
    problems: tuple[Problem, ...] = ()
    """Found while reading; the values are ``INVALID``."""
    warnings: tuple[Problem, ...] = ()
    """What was ignored."""
    incomplete: bool = False
    """A file that it extends could not be read: what it lacks may be there."""

    def without(self, unreadable: Iterable[Problem]) -> Document:
        """Return the document without a file that it extends, for these reasons."""
        problems = (*unreadable, *self.problems)
        return replace(self, problems=problems, incomplete=True)

    def origin(self, path: Path) -> Origin:
        """Return where a value was written, or would be if it were there."""
        for length in range(len(path), 0, -1):
            origin = self.origins.get(path[:length])
            if origin is not None:
                return origin.within(path[length:])
        return (self.root or FileKey()).within(path)

    def find(self, *names: str) -> tuple[Path, object] | None:
        """Return a value and its path as it was written, ``-`` or ``_``; None if not there."""
        path: Path = ()
        value: object = self.content
        for name in names:
            key = name.replace("_", "-")
            if isinstance(value, Mapping) and name in value:
                key = name
            elif not isinstance(value, Mapping) or key not in value:
                return None
            path, value = (*path, key), value[key]
        return path, value


def merged(first: Document, second: Document) -> Document:
    """Return both together; where both have a value, the second wins.

    Tables are merged key by key.  Keys of values match with ``-`` for ``_``; those of tables
    are left as they are, for they may be names.
    """
    warnings = first.warnings + second.warnings
    if not (first.content or first.problems):
        return replace(second, root=second.root or first.root, warnings=warnings)
    if not (second.content or second.problems):
        return replace(first, root=second.root or first.root, warnings=warnings)
    kept: set[Path] = set()
    replaced: set[Path] = set()
    content = _merged(first.content, second.content, (), kept, replaced)
    origins = {path: first.origin(path) for path in kept}
    origins |= {
        path: origin
        for path, origin in first.origins.items()
        if not any(path[:length] in replaced for length in range(1, len(path) + 1))
    }
    return Document(
        content,
        second.root or first.root,
        {**origins, **second.origins},
        first.problems + second.problems,
        warnings,
        first.incomplete or second.incomplete,
    )


def _merged(
    first: Content, second: Content, path: Path, kept: set[Path], replaced: set[Path]
) -> Content:
    """Add the paths of the first to ``kept``, and those of the second to ``replaced``."""
    values = {key.replace("-", "_") for key, value in second.items() if not _is_table(value)}
    both: dict[str, object] = {}
    for key, value in first.items():
        if _is_table(value) or key in second or key.replace("-", "_") not in values:
            both[key] = value
            if key not in second:
                kept.add((*path, key))
    for key, value in second.items():
        before = both.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            both[key] = _merged(before, value, (*path, key), kept, replaced)
        else:
            both[key] = value
            replaced.add((*path, key))
    return both


def _is_table(value: object) -> bool:
    return isinstance(value, Mapping)
