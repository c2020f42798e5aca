"""reply-lost: a connection that is lost while the response is on its way."""

from __future__ import annotations

from ..actions import Actions, Close, Forward
from ..behavior import Behavior, Firing
from ..messages import Direction, Message
from ..options import option


class ReplyLost(Behavior):
    """Swallows the response, then closes: the backend has done it, and the client can't know.

    Where several responses answer one request, the last is lost, and the others arrive that
    were known not to be the last when they began.  What a backend says unasked answers nothing,
    and arrives too.
    """

    name = "reply-lost"
    lasting = True
    reset: bool = option(False, "close with a RST, and not with a FIN")

    def concerns(self, direction: Direction) -> bool:
        return direction is Direction.TO_CLIENT

    def on_message(self, message: Message, firing: Firing) -> Actions:
        if not message.exchange or not (message.final or firing.kept):
            yield Forward(message)
        elif message.final and message.ends:
            yield Close(reset=self.reset)
        else:  # from here on all is lost: only its end may tell that it was not the last
            firing.kept[:] = [message.with_data(b"")]
