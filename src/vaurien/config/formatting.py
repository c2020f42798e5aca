"""Values and keys of documents as readable texts, whatever they contain.

Law: each text is short, and in no value so large or deep that it takes long to make.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from reprlib import Repr

from ..values.options import WHOLE_NUMBERS

Path = tuple[str | int, ...]
"""A place in a document, such as ``("proxies", "cache", "rules", 2, "sleep")``."""

KEY_LIMIT = 64
"""Characters of a key that are shown."""
VALUE_LIMIT = 80
BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def why_unusable(given: object) -> str:
    """Return why no option could take a value; ``""`` if one could."""
    if isinstance(given, Mapping):
        return "is a table"
    if isinstance(given, list):
        return "is a list"
    if isinstance(given, str):
        return "" if given.isascii() or _is_unicode(given) else "is not Unicode"
    if isinstance(given, int):
        return "" if abs(given) < WHOLE_NUMBERS else "is too large"
    return "" if isinstance(given, float) else "is not allowed"


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True


class _Shown(Repr):
    """Values as users write them, shortened."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 2
        self.maxdict = self.maxlist = 4
        self.maxstring = self.maxother = VALUE_LIMIT

    def repr_bool(self, given: bool, level: int) -> str:
        del level
        return str(given).lower()

    def repr_NoneType(self, given: None, level: int) -> str:  # noqa: N802 - Repr calls it
        del given, level
        return "null"

    def repr_int(self, given: int, level: int) -> str:
        if abs(given) >= WHOLE_NUMBERS:  # of some, Python does not make texts
            return f"a number of {given.bit_length()} bits"
        return super().repr_int(given, level)


format_value = _Shown().repr
"""Return a value as a short text."""


def format_path(path: Path) -> str:
    """Return a path as a text: ``proxies.cache.rules[2].sleep``."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            word = step if len(step) <= KEY_LIMIT else f"{step[:KEY_LIMIT]}..."
            word = word if BARE_KEY.fullmatch(word) else _quoted(word)
            text += f".{word}" if text else word
    return text


def _quoted(text: str) -> str:
    import json  # the command with one proxy has no use for it

    return json.dumps(text)
