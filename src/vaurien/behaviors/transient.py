"""transient: an error that passes."""

from __future__ import annotations

from ..behavior import Firing
from ..values.options import option
from .error import Error


class Transient(Error):
    """Fails the first exchanges, then succeeds."""

    name = "transient"
    agitate: int = option(1, "number of exchanges that fail before the rest succeed", minimum=0)

    def fails(self, firing: Firing) -> bool:
        return self.warmup < firing.count <= self.warmup + self.agitate
