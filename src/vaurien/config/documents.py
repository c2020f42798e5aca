"""Documents: what users write as nested tables, and all that is wrong with them.

Law: nothing here stops at the first problem.  Whoever reads a document takes from its
tables what there may be; each value that is not allowed, and each key that nobody took,
is noted with the file and the key that the user wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import NamedTuple, TypeVar

from ..errors import NOT_GIVEN, ConfigError, OptionError, UnknownNameError, VaurienError
from ..values.options import Option, Value
from ..values.texts import printable
from .formatting import Path, format_path, format_value, why_unusable

Given = Mapping[str, tuple[Path, object]]
"""Values by name, each with where it is."""
T = TypeVar("T")

LINE_LIMIT = 1000
"""Characters of a problem that are shown."""
KEYS_LIMIT = 100
"""Keys of an entry, or of the options of a plugin."""
NAME_LIMIT = 64
"""Longer names are mistaken for no other; it takes time to compare them."""
LIKENESS = 0.7
"""From so much on, a name may have been meant for another; 1: they are the same."""
SUGGESTIONS = 100
"""For so many keys of a document another one is suggested; it takes time."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a document; as a text it is one line."""

    file: str
    key: str
    """Such as ``proxies.cache.rules[2].sleep``."""
    given: str
    """The value, as it is shown; ``""`` where there is none."""
    allowed: str
    """What could be there instead; ``""`` if ``why`` says it."""
    why: str = "is not allowed"

    def __str__(self) -> str:
        given = f" = {self.given}" if self.given else ""
        allowed = f": it takes {self.allowed}" if self.allowed else ""
        line = f"{self.file}: {self.key}{given} {self.why}{allowed}"
        return printable(line if len(line) <= LINE_LIMIT else f"{line[:LINE_LIMIT]}...")


class DocumentError(ConfigError):
    """A document with problems: all of them, in the order in which they were found."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class Origin(NamedTuple):
    """Where something was written, if not where a document has it now."""

    file: str
    path: Path


@dataclass(frozen=True)
class Document:
    """What a user wrote, and where."""

    content: Mapping[str, object]
    file: str
    origins: Mapping[Path, Origin] = field(default_factory=dict)
    """Of what was written in another file, or under other keys; it holds for what is within."""
    problems: tuple[Problem, ...] = ()
    """What was wrong as it was read; the values are ``INVALID``."""

    def place(self, path: Path) -> tuple[str, str]:
        """The file, and the key in words, that the user wrote."""
        for length in range(len(path), -1, -1):
            origin = self.origins.get(path[:length])
            if origin is not None:
                return origin.file, format_path((*origin.path, *path[length:]))
        return self.file, format_path(path)


class INVALID:
    """Stands for a value that is reported already."""


class Problems:
    """What was found to be wrong with a document so far."""

    def __init__(self, document: Document) -> None:
        self.found = list(document.problems)
        self._document = document
        self._suggested = 0

    def check(self) -> None:
        """Raises: DocumentError: there are problems."""
        if self.found:
            raise DocumentError(self.found)

    def place(self, path: Path) -> str:
        """The file and the key, for messages about what comes of a value later."""
        return ": ".join(self._document.place(path))

    def add(
        self, path: Path, given: str = "", why: str = "is not allowed", allowed: str = ""
    ) -> None:
        file, key = self._document.place(path)
        self.found.append(Problem(file, key, given, allowed, why))

    def add_unknown(self, path: Path, given: object, known: Iterable[str]) -> None:
        """A key that means nothing here."""
        known = list(known)
        why = f"is an unknown key{self._suggestion(str(path[-1]), known)}"
        self.add(
            path, format_value(given), why, f"one of {', '.join(known)}" if known else "no keys"
        )

    def add_error(self, path: Path, given: object, error: VaurienError) -> None:
        """What the code that a value was passed to says of it."""
        said = "" if isinstance(given, Mapping) else format_value(given)
        if isinstance(error, UnknownNameError):
            why = f"is an unknown {error.kind}{self._suggestion(error.name, error.known)}"
            self.add(path, said, why, f"one of {', '.join(error.known)}" if error.known else "")
            return
        if isinstance(error, OptionError) and self._is_about(error, path, given):
            self.add(path, said, error.why, error.allowed)
            return
        # What is an OSError too puts its number in front of its text.
        text = getattr(error, "strerror", None) or error
        self.add(path, said, f"is refused: {text}")

    def _is_about(self, error: OptionError, path: Path, given: object) -> bool:
        """Whether a problem at this path need not repeat what the error is about."""
        if error.key:
            return bool(path) and _label(str(path[-1])) == _label(error.key)
        return error.given is not NOT_GIVEN and error.given == given

    def is_plain(self, path: Path, given: object) -> bool:
        """Whether a value could be an option's; if it could be none's, that is noted."""
        if given is INVALID:
            return False
        if flaw := why_unusable(given):
            self.add(path, format_value(given), flaw, "a text, a number, true or false")
        return not flaw

    def parse(self, path: Path, given: object, option: Option) -> Value | None:
        """The value meant; None if it is not allowed, which is noted."""
        if given is INVALID:
            return None
        flaw = why_unusable(given) or ("holds a NUL" if "\0" in str(given) else "")
        if not flaw:
            try:
                return option.parse(given)
            except OptionError:
                flaw = "is not allowed"
        self.add(path, format_value(given), flaw, option.allowed)
        return None

    def made(self, path: Path, given: Given, make: Callable[[dict[str, object]], T]) -> T | None:
        """What is made of these values; again without each that is noted to be wrong."""
        if len(given) > KEYS_LIMIT:
            self.add(path, why=f"has {len(given)} keys", allowed=f"{KEYS_LIMIT} at most")
            return None
        left = {key: value for key, (_, value) in given.items()}
        while True:
            try:
                return make(left)
            except VaurienError as error:
                key = blamed(error, left)
                if key is not None:
                    self.add_error(given[key][0], left.pop(key), error)
                    continue
                if len(left) == len(given):  # otherwise it may lack what was wrong
                    lacking = error.key if isinstance(error, OptionError) else ""
                    self.add_error((*path, lacking) if lacking else path, left, error)
                return None

    def _suggestion(self, name: str, known: Iterable[str]) -> str:
        if len(name) > NAME_LIMIT or self._suggested >= SUGGESTIONS:
            return ""
        self._suggested += 1
        return "".join(
            f" (did you mean {close!r}?)" for close in get_close_matches(name, known, 1, LIKENESS)
        )


class Table:
    """A table of a document: whoever reads it takes the keys that there may be, then ends it.

    Keys may be written with ``-`` for ``_``; ``joint`` is what messages say.
    """

    def __init__(
        self, content: object, path: Path, problems: Problems, *, joint: str = "-"
    ) -> None:
        """Anything but a table is noted, and read as an empty one."""
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
        """Take the value of a key, and where it is; None if it is not there."""
        self._known.append(key)
        return self._left.pop(key, ((*self.path, key), None))

    def take(self, option: Option) -> Value | None:
        """Take a value; None if it is not there, or not allowed."""
        there = option.name in self._left
        path, given = self.pop(option.name)
        return self.problems.parse(path, given, option) if there else None

    def text(self, key: str, default: str = "") -> tuple[Path, str]:
        """Take a text, and where it is; the default if it is not there, or none."""
        path = self.where(key)
        value = self.take(Option(key, str, default, ""))
        return path, default if value is None else str(value)

    def need(self, key: str, allowed: str) -> None:
        """Note that a key is missing, if it is."""
        if self.is_table and key not in self:
            self.problems.add((*self.path, key), why="is missing", allowed=allowed)

    def table(self, key: str) -> Table:
        """Take a table; an empty one, if it is not there."""
        there = key in self._left
        path, content = self.pop(key)
        return Table(content if there else {}, path, self.problems, joint=self._joint)

    def tables(self, key: str) -> Iterator[tuple[str, Table]]:
        """Take a table of tables: each with its name, which is left as it was written."""
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
        """Take a list: each of its values, and where that is."""
        there = key in self._left
        path, content = self.pop(key)
        if isinstance(content, list):
            yield from (((*path, number), item) for number, item in enumerate(content))
        elif there and content is not INVALID:
            self.problems.add(path, format_value(content), allowed="a list")

    def one_or_more(self, key: str) -> Iterator[tuple[Path, object]]:
        """Take a value, or a list of such, as ``items`` does."""
        if key not in self._left:
            self._known.append(key)
        elif isinstance(self._left[key][1], list):
            yield from self.items(key)
        else:
            yield self.pop(key)

    def plain(self) -> dict[str, tuple[Path, object]]:
        """Take all texts, numbers, true and false that are left; what else there is, is noted."""
        plain = {name: one for name, one in self._left.items() if self.problems.is_plain(*one)}
        self._left.clear()
        return plain

    def where(self, key: str) -> Path:
        """Where a key is, as it was written; where it would be, if it is not there."""
        return self._left[key][0] if key in self._left else (*self.path, key)

    def __contains__(self, key: str) -> bool:
        return key in self._left

    def end(self) -> None:
        """Note every key that nobody took."""
        for path, value in self._left.values():
            if value is not INVALID:
                known = [name.replace("_", self._joint) for name in self._known]
                self.problems.add_unknown(path, value, known)


def blamed(error: VaurienError, keys: Iterable[str]) -> str | None:
    """Which of these keys an error is about."""
    if not isinstance(error, OptionError) or not error.key:
        return None
    return next((key for key in keys if _label(key) == _label(error.key)), None)


def _label(key: str) -> str:
    """A key of a rule without the word that marks it as a label to match on."""
    return key.removeprefix("match.")
