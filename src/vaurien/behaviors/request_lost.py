"""request-lost: a connection lost while the request is in transit."""

from __future__ import annotations

from ..behavior import Behavior, Firing
from ..values.actions import Actions, Close, Wait
from ..values.messages import Direction, Message
from ..values.options import option

PATIENCE = 0.2
"""Seconds that a request in pieces may take; its client may wait for an answer to a part of it."""


class RequestLost(Behavior):
    """Drops the request, then closes: the backend never sees it."""

    name = "request-lost"
    resumable = True
    lasting = True
    reset: bool = option(False, "close with a RST instead of a FIN")

    def concerns(self, direction: Direction) -> bool:
        return direction is Direction.TO_BACKEND

    def on_message(self, message: Message, firing: Firing) -> Actions:
        if not message.ends:
            yield Wait(message.at + PATIENCE)
        yield Close(reset=self.reset)
