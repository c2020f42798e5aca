"""Ramps: numbers that change with time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import chain
from math import isfinite

from ..errors import OptionError

NUMBER = r"[-+]?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?"
LEG = rf"\.\.({NUMBER})/({NUMBER})"
RAMP = rf"\s*({NUMBER})((?:{LEG})+)\s*"
LOOKS_LIKE_ONE = r"\s*[-+.\d][-+.\deE]*\s*\.\."
ALLOWED = "FROM..TO/SECONDS, such as 0..50/60, or more of them: 0..50/60..0/60"


@dataclass(frozen=True)
class Ramp:
    """A number that moves linearly from value to value, and stays at the last one."""

    first: float
    legs: tuple[tuple[float, float], ...]
    """The value at the end of each leg, and the leg's duration in seconds."""

    @classmethod
    def parse(cls, text: str) -> Ramp:
        """Parse a ramp such as ``0..50/60``: from 0 to 50 in 60 seconds.

        More legs may follow: ``0..50/60..50/10..0/60`` stays at 50 for 10 seconds and then
        returns to 0.

        Raises:
            OptionError: it is malformed, or the duration of a leg is negative.
        """
        found = re.fullmatch(RAMP, text)
        if found is None:
            raise OptionError("is not a ramp", given=text, allowed=ALLOWED)
        legs = tuple((float(to), float(over)) for to, over in re.findall(LEG, found[2]))
        if any(over < 0 for _, over in legs):
            raise OptionError("is not a ramp: its seconds are at least 0", given=text)
        if not all(map(isfinite, (float(found[1]), *chain(*legs)))):
            raise OptionError("is not a ramp: a number is too large", given=text)
        return cls(float(found[1]), legs)

    def at(self, seconds: float) -> float:
        """Return the value this many seconds after the beginning."""
        value, seconds = self.first, max(seconds, 0.0)
        for to, over in self.legs:
            if seconds < over:
                return value + (to - value) * seconds / over
            value, seconds = to, seconds - over
        return value

    @property
    def values(self) -> tuple[float, ...]:
        """The first value, and the one at the end of each leg."""
        return (self.first, *(to for to, _ in self.legs))

    def __str__(self) -> str:
        legs = (f"..{_number_text(to)}/{_number_text(over)}" for to, over in self.legs)
        return _number_text(self.first) + "".join(legs)


def is_ramp(given: object) -> bool:
    """Return whether it looks like a ramp, well-formed or not."""
    return isinstance(given, str) and re.match(LOOKS_LIKE_ONE, given) is not None


def _number_text(number: float) -> str:
    return str(int(number)) if number.is_integer() else repr(number)
