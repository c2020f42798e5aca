"""Patterns that users write, matched in a time that no traffic can stretch.

Law: whatever the pattern and the text, a match takes a few milliseconds at most.  RE2 needs time
in proportion to the pattern and to the text, and both are limited.  What it does not know,
look-around and back references, is rejected.  Plain words do not need it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ..errors import OptionError

Finds = Callable[[str], bool]
"""Whether a pattern is found in a text."""

TEXT_LIMIT = 4000
"""Bytes of a text that are looked at, in UTF-8."""
PATTERN_LIMIT = 4000
"""Maximum length of a pattern, in characters."""
PROGRAM_LIMIT = 250
"""Maximum size of a compiled pattern, in RE2's instructions."""
MEMORY = 256 * 1024
"""Bytes that RE2 may use for a pattern."""

WORD = r"(?:[^\\^$.|?*+()\[\]{}]|\\[^A-Za-z0-9])++"
PLAIN = re.compile(rf"(?s)(\^?)(?:({WORD})|\((?:\?:)?({WORD}(?:\|{WORD})*+)\))(\$?)")
"""A word or a choice of words, perhaps anchored."""
SEPARATOR = re.compile(r"(?s)((?:[^\\|]|\\.)*+)(?:\||\Z)")
ESCAPE = re.compile(r"(?s)\\(.)")
LOOK_AROUND = ("(?!", "(?=", "(?<!", "(?<=")


def compile_pattern(text: str) -> Finds:
    """Return what finds a regular expression in texts.

    Raises:
        OptionError: it is not a regular expression, or may take too long.
    """
    if len(text) > PATTERN_LIMIT:
        raise OptionError(f"is a pattern of more than {PATTERN_LIMIT} characters")
    plain = plain_words(text)
    return _with_re2(text) if plain is None else _plain(*plain)


def plain_words(text: str) -> tuple[tuple[str, ...], str, str] | None:
    """Return the words of a pattern that is a word or a choice, and its anchors: ``^``, ``$``."""
    found = PLAIN.fullmatch(text)
    if found is None:
        return None
    start, word, choice, end = found.groups()
    parts = [word] if word else [part[1] for part in SEPARATOR.finditer(choice) if part[1]]
    return tuple(ESCAPE.sub(r"\1", part) for part in parts), start, end


def _plain(words: tuple[str, ...], start: str, end: str) -> Finds:
    if start and end:
        return frozenset(words).__contains__
    if start:
        return lambda text: text.startswith(words)
    if end:
        return lambda text: text.endswith(words)
    return lambda text: any(word in text for word in words)


def _with_re2(pattern: str) -> Finds:
    import re2  # only where a pattern needs it

    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = MEMORY
    try:
        compiled = re2.compile(pattern.encode("utf-8", "replace"), options)
    except re2.error as error:
        raise OptionError(_why_not(pattern, error.args[0].decode("utf-8", "replace"))) from None
    if max(compiled.programsize, compiled.reverseprogramsize) > PROGRAM_LIMIT:
        raise OptionError("is a pattern that may take too long: shorten it, or its repetitions")
    search = compiled.search

    def finds(text: str) -> bool:
        return search(text.encode("utf-8", "replace")[:TEXT_LIMIT]) is not None

    return finds


def _why_not(pattern: str, error: str) -> str:
    why = f"is not a regular expression: {error}"
    if any(group in pattern for group in LOOK_AROUND):
        return f"{why} (look-around is not supported; !~PATTERN matches what PATTERN does not)"
    if re.search(r"\\[1-9]|\(\?P=", pattern):
        return f"{why} (back references are not supported)"
    if error.endswith(r"\Z"):
        return rf"{why} (the very end is $ or \z)"
    return why
