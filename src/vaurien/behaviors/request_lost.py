"""request-lost: a connection that is lost while the request is on its way."""

from __future__ import annotations

from ..behavior import Behavior, Firing
from ..values.actions import Actions, Close, Wait
from ..values.messages import Direction, Message
from ..values.options import option

PATIENCE = 0.2
"""Seconds that a request in pieces has to arrive; its client may wait for an answer to a part."""


class RequestLost(Behavior):
    """Swallows the request, then closes: the backend never hears of it."""

    name = "request-lost"
    lasting = True
    reset: bool = option(False, "close with a RST, and not with a FIN")

    def concerns(self, direction: Direction) -> bool:
        return direction is Direction.TO_BACKEND

    def on_message(self, message: Message, firing: Firing) -> Actions:
        if not message.ends:
            yield Wait(message.at + PATIENCE)
        yield Close(reset=self.reset)
