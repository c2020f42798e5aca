"""Write JSON and YAML that are safe to show on a terminal.

The YAML is of what JSON can say, in block form; any reader of YAML 1.1 or 1.2 reads it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping

PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_/.-]*")
"""Texts that need no quotes in YAML, but for ``WORDS``."""
WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
"""What a reader may take for something else than a text."""


def json_text(value: object, *, indent: int | None = 2) -> str:
    """Return a value as JSON; without an indent, on one line."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return _escaped(text, lambda char: json.dumps(char)[1:-1])


def _escaped(text: str, escape: Callable[[str], str]) -> str:
    """Return JSON with escapes for every character that is not printable; lines stay lines."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char == "\n" else escape(char) for char in text)


def yaml_lines(value: object) -> Iterator[str]:
    """Yield the lines of a document."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _below(f"{_scalar(str(key))}:", inner, "  ")
    elif isinstance(value, list) and value:
        for inner in value:
            if isinstance(inner, Mapping | list) and inner:
                first, *rest = yaml_lines(inner)
                yield f"- {first}"
                yield from (f"  {line}" for line in rest)
            else:
                yield f"- {_scalar(inner)}"
    else:
        yield _scalar(value)


def _below(start: str, value: object, indent: str) -> Iterator[str]:
    if isinstance(value, Mapping | list) and value:
        yield start
        yield from (f"{indent}{line}" for line in yaml_lines(value))
    else:
        yield f"{start} {_scalar(value)}"


def _scalar(value: object) -> str:
    """Return a value on one line: a text with quotes if it needs them."""
    if isinstance(value, str):
        is_plain = PLAIN.fullmatch(value) and value.lower() not in WORDS
        text = json.dumps(value, ensure_ascii=False)
        return value if is_plain else _escaped(text, lambda char: f"\\U{ord(char):08x}")
    text = json.dumps(value)
    if isinstance(value, float) and "." not in text:  # without a point, YAML 1.1 has a text
        text = text.replace("e", ".0e")
    return text
