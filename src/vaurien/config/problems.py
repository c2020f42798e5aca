"""Problems: all that is wrong with a document, each with the place that the user wrote.

Law: nothing here stops at the first problem.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from ..errors import NOT_GIVEN, OptionError, UnknownNameError, VaurienError
from ..values.options import Option, Value, one_of
from .document import INVALID, Document, DocumentError, Problem
from .formatting import Path, format_value, why_unusable

Given = Mapping[str, tuple[Path, object]]
"""Values by name, each with its path."""
T = TypeVar("T")

KEYS_LIMIT = 100
"""Keys of an entry, or options of a plugin."""
NAME_LIMIT = 64
"""Longer names get no suggestion: comparing them takes time."""
LIKENESS = 0.7
"""A name is suggested if it is at least this similar; 1: the same."""
SUGGESTIONS = 100
"""Suggestions for one document: they take time."""

MAY_BE_THERE = ("is missing", "declares no proxy")
"""What is no problem if a file that the document extends could not be read."""


class Problems:
    """The problems of a document that were found so far."""

    def __init__(self, document: Document) -> None:
        self.found = list(document.problems)
        self.warnings: list[Problem] = []
        self.document = document
        self._suggested = 0

    def check(self) -> None:
        """Raise ``DocumentError`` if there are problems."""
        if self.found:
            raise DocumentError(self.found)

    def add(
        self, path: Path, given: str = "", why: str = "is not allowed", allowed: str = ""
    ) -> None:
        if self.document.incomplete and why in MAY_BE_THERE:
            return
        self.found.append(Problem(self.document.origin(path), given, allowed, why))

    def add_unknown(self, path: Path, given: object, known: Iterable[str]) -> None:
        """Add a key that means nothing here."""
        known = list(known)
        hint, allowed = self._names(str(path[-1]), known)
        self.add(path, format_value(given), f"is an unknown key{hint}", allowed or "no keys")

    def ignore(self, path: Path, given: object, known: Iterable[str]) -> None:
        """Warn of a key that means nothing here."""
        hint, allowed = self._names(str(path[-1]), list(known))
        why = f"is ignored: it is an unknown key{hint}"
        self.warnings.append(Problem(self.document.origin(path), format_value(given), allowed, why))

    def add_error(self, path: Path, given: object, error: VaurienError) -> None:
        """Add the error that a value led to."""
        value = "" if isinstance(given, Mapping) else format_value(given)
        if isinstance(error, UnknownNameError):
            hint, allowed = self._names(error.name, error.known, error.kind)
            if self.document.incomplete and not hint:
                return  # it may be declared in what could not be read
            self.add(path, value, f"is an unknown {error.kind}{hint}", allowed)
        elif isinstance(error, OptionError) and _is_about(error, path, given):
            hint = self._names(str(given), list(error.choices))[0] if error.choices else ""
            self.add(path, value, f"{error.why}{hint}", error.allowed)
        else:
            # An OSError's text begins with its number.
            text = getattr(error, "strerror", None) or error
            self.add(path, value, f"is refused: {text}")

    def is_plain(self, path: Path, given: object) -> bool:
        """Whether a value could be an option's; if not, add that."""
        if given is INVALID:
            return False
        if flaw := why_unusable(given):
            self.add(path, format_value(given), flaw, "a text, a number, true or false")
        return not flaw

    def parse(self, path: Path, given: object, option: Option) -> Value | None:
        """Return the value meant; None if it is not allowed, which is added."""
        if given is INVALID:
            return None
        flaw = why_unusable(given) or ("holds a NUL" if "\0" in str(given) else "")
        if not flaw:
            try:
                return option.parse(given)
            except OptionError:
                meant = self._names(str(given), list(map(str, option.choices)))[0]
                flaw = f"is not allowed{meant}"
        self.add(path, format_value(given), flaw, option.allowed)
        return None

    def made(self, path: Path, given: Given, make: Callable[[dict[str, object]], T]) -> T | None:
        """Return what is made of these values; try again without each that is to blame."""
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
                    missing = error.key if isinstance(error, OptionError) else ""
                    self.add_error((*path, missing) if missing else path, left, error)
                return None

    def _names(self, name: str, known: list[str], kind: str = "") -> tuple[str, str]:
        """Return which name was probably meant, and what is allowed; ``""`` for neither."""
        if self._suggested >= SUGGESTIONS:
            return "", one_of(known, "", kind) if known else ""
        self._suggested += 1
        hint = suggestion(name, known) if len(name) <= NAME_LIMIT else ""
        return hint, one_of(known, name[:NAME_LIMIT], kind) if known else ""


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return the known name that was probably meant, as a question; ``""`` if there is none."""
    meant = nearest(name, known)
    return f" (did you mean {meant!r}?)" if meant else ""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that was probably meant; ``""`` if there is none."""
    from difflib import get_close_matches

    near = get_close_matches(name[:NAME_LIMIT], known, 3, LIKENESS)
    swapped = (each for each in near if sorted(each) == sorted(name))
    return next(swapped, near[0] if near else "")


def blamed(error: VaurienError, keys: Iterable[str]) -> str | None:
    """Return the key that an error is about, if it is one of these."""
    if not isinstance(error, OptionError) or not error.key:
        return None
    return next((key for key in keys if _label(key) == _label(error.key)), None)


def _is_about(error: OptionError, path: Path, given: object) -> bool:
    """Whether an error is about the very key, or value, at a path."""
    if error.key:
        return bool(path) and _label(str(path[-1])) == _label(error.key)
    return error.given is not NOT_GIVEN and error.given == given


def _label(key: str) -> str:
    """Return a key with underscores; in a rule, without the word that marks a label to match on."""
    return key.removeprefix("match.").replace("-", "_")
