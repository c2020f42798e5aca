"""reply-lost: a connection that is lost while the response is on its way."""

from __future__ import annotations

from ..actions import Actions, Close, Forward
from ..behavior import Behavior, Firing
from ..messages import Direction, Message
from ..options import option


class ReplyLost(Behavior):
    """Swallows the response, then closes: the backend has done it, and the client can't know.

    Where several responses answer one request, the last is lost and the others arrive.  What
    a backend says unasked answers nothing, and arrives too.
    """

    name = "reply-lost"
    lasting = True
    reset: bool = option(False, "close with a RST, and not with a FIN")

    def concerns(self, direction: Direction) -> bool:
        return direction is Direction.TO_CLIENT

    def on_message(self, message: Message, firing: Firing) -> Actions:
        if not message.final or not message.exchange:
            yield Forward(message)
        elif message.ends:
            yield Close(reset=self.reset)
