"""blackout: the connection closes at once."""

from __future__ import annotations

from ..behavior import Behavior, Firing
from ..values.actions import Actions, Close
from ..values.messages import Message


class Blackout(Behavior):
    """Closes the connection at once; the backend never sees the request."""

    name = "blackout"

    def on_message(self, message: Message, firing: Firing) -> Actions:
        yield Close()
