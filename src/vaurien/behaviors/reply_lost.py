"""reply-lost: a connection that is lost while the response is on its way."""

from __future__ import annotations

from ..behavior import Behavior, Firing
from ..values.actions import Actions, Close, Drop, Forward
from ..values.messages import Message
from ..values.options import option


class ReplyLost(Behavior):
    """Swallows the response, then closes: the backend has done it, and the client can't know.

    Where several responses answer one request, the last is lost, and the others arrive that
    were known not to be the last when they began.  What a backend says unasked answers nothing,
    and arrives too.  A client that waits for the answer to a part of its request is not left
    waiting: then the connection closes at once.
    """

    name = "reply-lost"
    reset: bool = option(False, "close with a RST, and not with a FIN")

    def on_message(self, message: Message, firing: Firing) -> Actions:
        progress = firing.of_exchange(Progress)
        if message.to_backend:
            progress.requested |= message.ends
            yield Forward(message)
        elif not message.exchange or not (message.final or progress.losing):
            yield Forward(message)
        elif not progress.requested or (message.final and message.ends):
            yield Close(reset=self.reset)
        else:  # from here on all is lost: only its end may show that it was not the last
            progress.losing = True
            yield Drop()


class Progress:
    """How far an exchange has got."""

    requested = False
    """The backend has the whole request."""
    losing = False
    """The response has begun to be lost."""
