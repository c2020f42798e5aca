"""hang: a peer that has stopped while the connection stays open."""

from __future__ import annotations

from ..behavior import Behavior, Firing
from ..values.actions import Actions, Forward, Hold
from ..values.messages import Message


class Hang(Behavior):
    """Holds everything until the rule is lifted; then it passes, complete and in order."""

    name = "hang"
    resumable = True

    def on_message(self, message: Message, firing: Firing) -> Actions:
        yield Hold()
        yield Forward(message)
