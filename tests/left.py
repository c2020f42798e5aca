"""What is left in memory by reference counting alone."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collector() -> Iterator[None]:
    """Meanwhile nothing is collected, and ``kept`` knows only what is made."""
    gc.collect()
    gc.disable()
    gc.freeze()  # what others hold does not count, nor is it looked at again
    try:
        yield
    finally:
        gc.enable()


def kept(*kinds: type) -> set[type]:
    """Return those of these classes of which there is an object."""
    return {type(each) for each in gc.get_objects()} & set(kinds)
