"""Checks of the parameters of faults, for several protocols."""

from __future__ import annotations

import re

from ..errors import OptionError
from ..fault import Values

SQLSTATE = re.compile(r"[0-9A-Z]{5}")


def check_lines(values: Values, *names: str) -> None:
    """Reject line breaks in these parameters, which would break the protocol's framing.

    Raises:
        OptionError: a parameter has a line break; it names the parameter.
    """
    for name in names:
        text = str(values.get(name, ""))
        if "\r" in text or "\n" in text:
            raise OptionError(key=name, given=text, allowed="one line of text")


def check_sqlstate(values: Values) -> None:
    """Check the parameter ``sqlstate``.

    Raises:
        OptionError: it is not a SQLSTATE.
    """
    state = str(values.get("sqlstate", "00000"))
    if not SQLSTATE.fullmatch(state):
        raise OptionError(key="sqlstate", given=state, allowed="five digits or upper-case letters")
