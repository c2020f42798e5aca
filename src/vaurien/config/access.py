"""Lists of names: hosts that the API answers to, and backends that are allowed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TypeVar

from ..errors import OptionError, VaurienError
from ..net.permitted import Pattern
from .settings import BY_SECTION
from .tables import TEXT, Table

T = TypeVar("T")
HOST = re.compile(r"\[[0-9A-Fa-f:.]+\]|[^\s:/?#@\[\]]+")


def lists_of(top: Table) -> tuple[tuple[str, ...], tuple[Pattern, ...]]:
    """Take the lists of hosts and of backends."""
    hosts = tuple(_taken(top, "allow_host", _host))
    return hosts, tuple(_taken(top, "allow_backend", Pattern.parse))


def _taken(top: Table, key: str, parse: Callable[[str], T]) -> Iterator[T]:
    for path, given in top.one_or_more(key):
        text = top.problems.parse(path, given, TEXT)
        if text is None:
            continue
        try:
            yield parse(str(text))
        except VaurienError as error:
            top.problems.add_error(path, text, error)


def _host(text: str) -> str:
    if HOST.fullmatch(text):
        return text
    allowed = BY_SECTION["vaurien"]["allow_host"].metavar
    raise OptionError(given=text, allowed=allowed)
