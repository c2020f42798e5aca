"""About how much memory a value takes, for limits on what is kept of traffic."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping


def memory_of(value: object) -> int:
    """Return the bytes of memory that a value takes, with what it contains."""
    size = sys.getsizeof(value)
    contents: Iterable[object]
    if value is None or isinstance(value, int | float | str | bytes | bytearray | type):
        return size
    if isinstance(value, Mapping):
        contents = value.values()  # the keys are names that all share
    elif isinstance(value, tuple | list | set | frozenset):
        contents = value
    else:
        contents = (getattr(value, name, None) for name in getattr(value, "__slots__", ()))
    return size + sum(map(memory_of, contents))
