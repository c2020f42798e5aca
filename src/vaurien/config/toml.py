"""Write TOML, which the standard library only reads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from .document import Content
from .formatting import BARE_KEY

Keys = tuple[str, ...]
NO_NOTES: Mapping[Keys, str] = MappingProxyType({})


def toml_lines(
    table: Content, path: Keys = (), notes: Mapping[Keys, str] = NO_NOTES
) -> Iterator[str]:
    """Yield the lines of a table: first its values, then each inner table under its heading.

    Values are texts, numbers, true or false, lists of these, tables, and lists of tables,
    none of them empty.  ``notes`` are comments behind values.
    """
    inner = {key: value for key, value in table.items() if _tables(value)}
    for key, value in table.items():
        if key not in inner:
            note = f"  # {notes[(*path, key)]}" if (*path, key) in notes else ""
            yield f"{key_text(key)} = {value_text(value)}{note}"
    for key, value in inner.items():
        here = (*path, key)
        heading = ".".join(map(key_text, here))
        for each in _tables(value):
            if isinstance(value, list):
                yield from ("", f"[[{heading}]]")
            elif not each or not all(map(_tables, each.values())):
                yield from ("", f"[{heading}]")
            yield from toml_lines(each, here, notes)


def _tables(value: object) -> list[Content]:
    """Return the tables that a value consists of, if it does."""
    inner = value if isinstance(value, list) else [value]
    found = [each for each in inner if isinstance(each, Mapping)]
    return found if len(found) == len(inner) else []


def key_text(key: str) -> str:
    return key if BARE_KEY.fullmatch(key) else value_text(key)


def value_text(value: object) -> str:
    """Return a value on one line; a float keeps every digit."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(value_text, value))}]"
    if isinstance(value, str):
        # JSON's escapes are TOML's too, except for one character that it does not escape.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)
