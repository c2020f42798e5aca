"""Untrusted texts, made safe to print; and times as people write them."""

from __future__ import annotations

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


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


def seconds_of(text: str) -> float:
    """Return the seconds of a time such as 90, 90s, 10m or 1h.

    Raises:
        ValueError: it is none, or 0.
    """
    import re

    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip(), re.ASCII)
    if found is None or not float(found[1]):
        raise ValueError(f"{text!r} is not a time such as 90s, 10m or 1h")
    return float(found[1]) * UNITS[found[2] or "s"]
