"""dummy: nothing is done."""

from __future__ import annotations

from typing import ClassVar

from ..behavior import Behavior


class Dummy(Behavior):
    """Leaves the traffic as it is."""

    name = "dummy"
    inert: ClassVar[bool] = True
