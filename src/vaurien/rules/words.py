"""The words of a rule on one line: blanks separate them, quotation marks group blanks.

A backslash stands for itself, so that patterns and paths are as the user wrote them; before a
quotation mark it makes that an ordinary character, except in single quotes.
"""

from __future__ import annotations

import re

from ..errors import OptionError

BLANKS = " \t\r\n"
PIECE = re.compile(
    rf"""(?s)'(?P<single>[^']*)'|"(?P<double>(?:\\"|[^"])*+)"|\\(?P<mark>["'])|[^{BLANKS}"']"""
)
"""A piece of a word: in single quotes, in double quotes, or a character."""


def split_words(text: str) -> list[str]:
    """Return the words of a text.

    Raises:
        OptionError: a quotation mark is not closed.
    """
    words: list[str] = []
    at = 0
    word: str | None = None
    while at < len(text):
        piece = PIECE.match(text, at)
        if piece is not None:
            word = (word or "") + _meaning(piece)
            at = piece.end()
        elif text[at] in BLANKS:
            words += [word] if word is not None else []
            word = None
            at += 1
        else:
            hint = r" (\" is not a closing one)" if r"\"" in text[at:] else ""
            raise OptionError(f"is not a rule: no closing {text[at]}{hint}", given=text)
    return [*words, word] if word is not None else words


def _meaning(piece: re.Match[str]) -> str:
    """Return the characters that a piece of a word stands for."""
    if piece["single"] is not None:
        return piece["single"]
    if piece["double"] is not None:
        return piece["double"].replace(r"\"", '"')
    return piece["mark"] or piece[0]
