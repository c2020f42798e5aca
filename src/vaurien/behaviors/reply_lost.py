"""reply-lost: a connection lost while the response is in transit."""

from __future__ import annotations

from ..behavior import Behavior, Firing
from ..values.actions import Actions, Close, Drop, Forward
from ..values.messages import Direction, Message
from ..values.options import option


class ReplyLost(Behavior):
    """Drops the response, then closes: the backend has done the work, and the client cannot know.

    If several responses answer one request, the last is lost; the others arrive if they were known
    not to be the last when they began.  Unsolicited messages of the backend arrive, too.  If the
    response begins before the request is complete, the client may wait for an answer to a part of
    it: then the connection closes at once.
    """

    name = "reply-lost"
    ignores_unsolicited = True
    reset: bool = option(False, "close with a RST instead of a FIN")

    def acts_in(self, direction: Direction) -> bool:
        return direction is Direction.TO_CLIENT

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
