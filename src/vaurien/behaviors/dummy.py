"""dummy: nothing happens."""

from __future__ import annotations

from typing import ClassVar

from ..behavior import Behavior


class Dummy(Behavior):
    """Leaves traffic unchanged."""

    name = "dummy"
    inert: ClassVar[bool] = True
