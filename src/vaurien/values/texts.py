"""Untrusted texts, made safe to print."""

from __future__ import annotations


def digest(text: str) -> str:
    """Return a few hexadecimal digits that tell a text from those that look like it."""
    from hashlib import sha256  # few need it

    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def printable(text: str) -> str:
    """Return the text on one line, with escapes for control characters."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )
