"""Kinds of exchanges: the texts that the labels of each can have.

Law: a text is excluded only if no exchange can have it.  Names of commands and codes of errors
count as never empty, although a peer may send such ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol as Interface


class Condition(Interface):
    """A match of a rule, as ``plan.Match`` is one."""

    @property
    def label(self) -> str: ...
    @property
    def value(self) -> str: ...
    @property
    def regex(self) -> bool: ...
    @property
    def negated(self) -> bool: ...
    @property
    def written(self) -> str: ...
    def accepts(self, labels: Mapping[str, str]) -> bool: ...


@dataclass(frozen=True)
class Texts:
    """The texts that a label can have."""

    known: frozenset[str] = frozenset()
    """Those that are known: all of them, unless there is a pattern."""
    pattern: str = ""
    """A regular expression that matches all of them, wholly; '' if all are known."""
    never: str = ""
    """A regular expression for characters that none of them has; '' for none."""
    allowed: str = ""
    """What they are, in words, for the errors of other values."""
    meant: Callable[[str], str] = field(default=lambda _: "", compare=False)
    """Returns what was meant by a text that is none of them: a value, perhaps with more matches."""

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self.pattern, re.DOTALL)

    def allows(self, match: Condition) -> bool:
        """Whether one of these texts may meet a match on the label."""
        if not match.regex:
            return self.has(match.value)
        if any(match.accepts({match.label: text}) for text in self.known):
            return True
        return bool(self.pattern) and (match.negated or self._may_find(match.value))

    def has(self, text: str) -> bool:
        """Whether this may be one of them."""
        if text in self.known:
            return True
        return bool(self.pattern) and self._compiled.fullmatch(text) is not None

    def _may_find(self, pattern: str) -> bool:
        """Whether a pattern may be found in a text that is not known; if in doubt, it may."""
        from .pattern import plain_words

        plain = plain_words(pattern)
        if plain is None:
            return True
        words, start, end = plain
        if start and end:
            return any(map(self.has, words))
        return not self.never or not all(re.search(self.never, word) for word in words)


def texts(
    words: str | Iterable[str], pattern: str = "", never: str = "", allowed: str = ""
) -> Texts:
    """Return known texts, given as words of one text or one by one; and what others are like."""
    known = frozenset(words.split() if isinstance(words, str) else words)
    return Texts(known, pattern, never, allowed)


ANY = Texts(pattern=".*")
"""Any text."""
SOME = Texts(pattern=".+")
"""Any text but an empty one."""

Kind = Mapping[str, Texts]
"""What an exchange of one kind may be labelled with: it has no other label."""
Identifiers = Callable[[str], Iterable[str]]
"""Returns the other names of the fault that has this one."""
