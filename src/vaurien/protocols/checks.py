"""Checks of what a fault is told that several protocols need."""

from __future__ import annotations

import re

from ..errors import OptionError
from ..fault import Values

SQLSTATE = re.compile(r"[0-9A-Z]{5}")


def check_lines(values: Values, *names: str) -> None:
    """Refuse line ends where they would begin another line of the protocol.

    Raises:
        OptionError: one of these parameters has some.
    """
    for name in names:
        text = str(values.get(name, ""))
        if "\r" in text or "\n" in text:
            raise OptionError(f"{name}={text!r} is not allowed: it takes a text of one line")


def check_sqlstate(values: Values) -> None:
    """Refuse what is no SQLSTATE.

    Raises:
        OptionError: the parameter ``sqlstate`` is none.
    """
    state = str(values.get("sqlstate", "00000"))
    if not SQLSTATE.fullmatch(state):
        raise OptionError(
            f"sqlstate={state!r} is not allowed: it takes five digits or capital letters"
        )
