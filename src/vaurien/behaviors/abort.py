"""abort: a connection closed between a request and its response."""

from __future__ import annotations

from ..behavior import Behavior, Firing
from ..values.actions import Actions, Close, Forward
from ..values.messages import Message


class Abort(Behavior):
    """Passes the request to the backend, then closes before the response."""

    name = "abort"

    def on_message(self, message: Message, firing: Firing) -> Actions:
        if message.to_backend:
            yield Forward(message)
        if message.ends or not message.to_backend:
            yield Close()
