"""Texts that others wrote, as they may be shown to people."""

from __future__ import annotations


def printable(text: str) -> str:
    """The text on one line, with escapes for what a terminal might take for more than text."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )
