"""What was probably meant by a match that no exchange can meet, and what it takes.

Law: a suggestion is a value that can match.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches

from ..errors import NAME_LIMIT
from ..values.options import FALSE_WORDS, TRUE_WORDS, one_of
from .kinds import Condition, Identifiers, Texts

YES_OR_NO = frozenset({"yes", "no"})
BETWEEN = re.compile(r"\s*[,;|]\s*")
"""What separates the values of somebody who means several."""
AROUND = " \t<>()[]\"'"
"""What somebody may put around a value."""


def meant(match: Condition, labelled: Sequence[Texts], identifiers: Identifiers) -> str:
    """Return the value that was probably meant, as it is written; '' if there is none.

    ``labelled``: the texts that the label can have, by kind of exchange.
    """
    value = match.value
    if len(value) > NAME_LIMIT:
        return ""
    known = frozenset[str]().union(*(each.known for each in labelled))

    def has(text: str) -> bool:
        return any(each.has(text) for each in labelled)

    if match.regex:
        sign = match.written.removesuffix(value)
        written = (variant for variant in _cases(value) if any(map(has, _words_of(variant))))
        return next((f"{sign}{variant}" for variant in written), "")
    told = (each.meant(value) for each in labelled)
    several = _several(value, has if BETWEEN.search(value) else known.__contains__)
    likely = (text for text in _likely(value, known, identifiers) if has(text))
    return next(filter(None, told), "") or several or next(likely, "")


def _words_of(pattern: str) -> tuple[str, ...]:
    from .pattern import plain_words

    plain = plain_words(pattern)
    return () if plain is None else plain[0]


def _cases(text: str) -> list[str]:
    return [variant for variant in (text.upper(), text.lower()) if variant != text]


def _likely(value: str, known: frozenset[str], identifiers: Identifiers) -> Iterator[str]:
    """Yield the texts that may be meant, the likeliest first."""
    yield from (variant for variant in _cases(value) if variant in known)
    if known == YES_OR_NO:
        yield from ["yes"] * (value.lower() in TRUE_WORDS) + ["no"] * (value.lower() in FALSE_WORDS)
    first = value.split(maxsplit=1)[:1]
    for word in first if first != [value] else ():
        yield from (variant for variant in (word, *_cases(word)) if variant in known)
    for variant in (*_cases(value), value):
        yield from get_close_matches(variant, sorted(known), n=1)
    yield from identifiers(value)
    yield from filter(None, [value.strip(AROUND)])
    yield from _cases(value)


def _several(value: str, has: Callable[[str], bool]) -> str:
    """Return the pattern for several values: ``~^(GET|SET)$`` for ``GET,SET``."""
    words = BETWEEN.split(value) if BETWEEN.search(value) else value.split()
    found = [next(filter(has, (word, *_cases(word))), "") for word in words]
    return f"'~^({'|'.join(map(re.escape, found))})$'" if len(found) > 1 and all(found) else ""


def allowed_texts(value: str, labelled: Sequence[Texts]) -> str:
    """Return what a label takes, in words; '' if that is not known."""
    said = list(dict.fromkeys(each.allowed for each in labelled if each.allowed))
    if said:
        return ", or ".join(said)
    if not labelled or any(each.pattern for each in labelled):
        return ""
    return one_of(sorted(frozenset[str]().union(*(each.known for each in labelled))), value)
