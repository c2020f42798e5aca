"""Tables of a document: read key by key, and whatever is left over is a problem."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..values.options import Option, Value
from .document import INVALID
from .formatting import Path, format_value
from .problems import Problems

TEXT = Option("", str, "", "")


class Table:
    """A table of a document: take the keys that it may have, then end it.

    Keys may be written with ``-`` for ``_``; messages name them with ``joint``.
    """

    def __init__(
        self, content: object, path: Path, problems: Problems, *, joint: str = "-"
    ) -> None:
        """Anything but a table is a problem, and read as an empty table."""
        self._joint = joint
        self.path = path
        self.problems = problems
        self._known: list[str] = []
        self._left: dict[str, tuple[Path, object]] = {}
        self.is_table = isinstance(content, Mapping)
        if not isinstance(content, Mapping):
            if content is not INVALID:
                problems.add(path, format_value(content), allowed="a table")
            return
        for key, value in content.items():
            name = str(key).replace("-", "_")
            if name in self._left:
                problems.add((*path, key), format_value(value), "is given twice, with - and _")
            self._left[name] = ((*path, key), value)

    def pop(self, key: str) -> tuple[Path, object]:
        """Take the value of a key, and its path; None if it is not there."""
        self._known.append(key)
        return self._left.pop(key, ((*self.path, key), None))

    def take(self, option: Option) -> Value | None:
        """Take a value; None if it is not there, or not allowed."""
        self._known.append(option.name)
        there = self._left.pop(option.name, None)
        return self.problems.parse(*there, option) if there else None

    def take_all(self, options: Mapping[str, Option]) -> dict[str, Value]:
        """Take the values of all these options that are there, and allowed, by their keys."""
        self._known += options
        values: dict[str, Value] = {}
        for key in [key for key in self._left if key in options]:
            value = self.problems.parse(*self._left.pop(key), options[key])
            if value is not None:
                values[key] = value
        return values

    def text(self, key: str, default: str = "") -> tuple[Path, str]:
        """Take a text, and its path; the default if it is not there, or not a text."""
        there = key in self._left
        path, given = self.pop(key)
        value = self.problems.parse(path, given, TEXT) if there else None
        return path, default if value is None else str(value)

    def need(self, key: str, allowed: str) -> None:
        """Require a key."""
        if self.is_table and key not in self:
            self.problems.add((*self.path, key), why="is missing", allowed=allowed)

    def table(self, key: str) -> Table:
        """Take a table; an empty one if it is not there."""
        there = key in self._left
        path, content = self.pop(key)
        return Table(content if there else {}, path, self.problems, joint=self._joint)

    def tables(self, key: str) -> Iterator[tuple[str, Table]]:
        """Take a table of tables; yield each with its name, as it was written."""
        there = key in self._left
        path, content = self.pop(key)
        if not there or content is INVALID:
            return
        if not isinstance(content, Mapping):
            self.problems.add(path, format_value(content), allowed="a table of tables")
            return
        for name, inner in content.items():
            yield str(name), Table(inner, (*path, name), self.problems)

    def items(self, key: str) -> Iterator[tuple[Path, object]]:
        """Take a list; yield each of its values with its path."""
        there = key in self._left
        path, content = self.pop(key)
        if isinstance(content, list):
            yield from (((*path, number), item) for number, item in enumerate(content))
        elif there and content is not INVALID:
            self.problems.add(path, format_value(content), allowed="a list")

    def one_or_more(self, key: str) -> Iterator[tuple[Path, object]]:
        """Take a value, or a list as ``items`` does."""
        if key not in self._left:
            self._known.append(key)
        elif isinstance(self._left[key][1], list):
            yield from self.items(key)
        else:
            yield self.pop(key)

    def plain(self) -> dict[str, tuple[Path, object]]:
        """Take all that is left: texts, numbers, true and false; anything else is a problem."""
        plain = {name: one for name, one in self._left.items() if self.problems.is_plain(*one)}
        self._left.clear()
        return plain

    def where(self, key: str) -> Path:
        """Return the path of a key as it was written, or where it would be."""
        return self._left[key][0] if key in self._left else (*self.path, key)

    def __contains__(self, key: str) -> bool:
        return key in self._left

    def end(self, *, lenient: bool = False) -> None:
        """Add a problem for each key that was not taken; ``lenient``: a warning."""
        add = self.problems.ignore if lenient else self.problems.add_unknown
        for path, value in self._left.values():
            if value is not INVALID:
                add(path, value, [name.replace("_", self._joint) for name in self._known])
