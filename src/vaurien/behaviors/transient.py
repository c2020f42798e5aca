"""transient: trouble that passes."""

from __future__ import annotations

from ..actions import Actions, Forward
from ..behavior import Firing
from ..messages import Message
from ..options import option
from .error import Error


class Transient(Error):
    """Fails the first exchanges, then works."""

    name = "transient"
    agitate: int = option(1, "number of exchanges that fail before they succeed", minimum=0)

    def on_message(self, message: Message, firing: Firing) -> Actions:
        if self.warmup < firing.count <= self.warmup + self.agitate:
            yield from self.fail(message, firing)
        else:
            yield Forward(message)
