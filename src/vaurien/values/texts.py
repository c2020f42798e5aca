"""Untrusted texts, made safe to print."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return the text on one line, with escapes for control characters."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )
