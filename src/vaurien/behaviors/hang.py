"""hang: a peer that has stopped, with the connection still open."""

from __future__ import annotations

from ..behavior import Behavior, Firing
from ..values.actions import Actions, Forward, Hold
from ..values.messages import Message


class Hang(Behavior):
    """Keeps everything back until it is lifted; then it goes on, complete and in order."""

    name = "hang"

    def on_message(self, message: Message, firing: Firing) -> Actions:
        yield Hold()
        yield Forward(message)
