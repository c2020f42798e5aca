"""Whether the matches of a rule can be met: by one kind of exchange, all together.

Law: a rule is rejected only if no exchange at all can meet its matches.  Names of commands and
codes of errors count as never empty, although a peer may send such ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol as Interface

from ..errors import OptionError


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


ALTERNATIVES = re.compile(r"\^?\(?(?:\?:)?([\w|]+)\)?\$?")
"""A regular expression that is a choice of words, such as ``^(GET|SET)$``."""


@dataclass(frozen=True)
class Texts:
    """The texts that a label can have."""

    known: frozenset[str] = frozenset()
    """Those that are known: all of them, unless there is a pattern."""
    pattern: str = ""
    """A regular expression that matches all of them, wholly; '' if all are known."""
    never: str = ""
    """A regular expression for characters that none of them has; '' for none."""

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self.pattern, re.DOTALL)

    def allows(self, match: Condition) -> bool:
        """Whether one of these texts may meet a match on the label."""
        if not match.regex:
            return match.value in self.known or self._is_allowed(match.value)
        if any(match.accepts({match.label: text}) for text in self.known):
            return True
        found = ALTERNATIVES.fullmatch(match.value)
        if found is None or match.negated or not self.never:
            return bool(self.pattern)
        words = found[1].split("|")
        return bool(self.pattern) and not all(re.search(self.never, word) for word in words)

    def _is_allowed(self, text: str) -> bool:
        return bool(self.pattern) and self._compiled.fullmatch(text) is not None


def texts(words: str | Iterable[str], pattern: str = "", never: str = "") -> Texts:
    """Return known texts, given as words of one text or one by one; and what others are like."""
    return Texts(frozenset(words.split() if isinstance(words, str) else words), pattern, never)


ANY = Texts(pattern=".*")
"""Any text."""
SOME = Texts(pattern=".+")
"""Any text but an empty one."""

Kind = Mapping[str, Texts]
"""What an exchange of one kind may be labelled with: it has no other label."""


def check_possible(match: Sequence[Condition], kinds: Sequence[Kind]) -> None:
    """Reject matches that no kind of exchange meets; without kinds, nothing is known.

    Raises:
        OptionError: it names the label whose text no exchange has, or the matches that exclude
            each other.
    """
    if not kinds or any(all(_meets(kind, one) for one in match) for kind in kinds):
        return
    for one in match:
        if not any(_meets(kind, one) for kind in kinds):
            from difflib import get_close_matches

            known = frozenset[str]().union(*(kind[one.label].known for kind in _with(kinds, one)))
            near = get_close_matches(one.value.upper(), known, n=1) or get_close_matches(
                one.value, known, n=1
            )
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise OptionError(
                f"can never match: no exchange has this {one.label}{hint}",
                key=one.label,
                given=one.written,
            )
    together = " and ".join(f"{one.label}={one.written}" for one in match)
    raise OptionError(f"the rule can never fire: no exchange has {together}")


def _with(kinds: Iterable[Kind], match: Condition) -> Iterable[Kind]:
    return (kind for kind in kinds if match.label in kind)


def _meets(kind: Kind, match: Condition) -> bool:
    allowed = kind.get(match.label)
    return allowed is not None and allowed.allows(match)
