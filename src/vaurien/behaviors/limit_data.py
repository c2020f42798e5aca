"""limit-data: a stream that ends after a number of bytes."""

from __future__ import annotations

from ..behavior import Behavior, Firing
from ..values.actions import Actions, Close, Forward
from ..values.messages import Message
from ..values.options import option


class LimitData(Behavior):
    """Passes ``bytes`` bytes in each direction, then closes with a FIN.

    A download ends early, and looks complete: only a client that knows the length notices.
    Both sides close right after the byte that reaches the limit; bytes in flight in the other
    direction may be lost.  On a connection that is open already, bytes count from when the rule
    came; with ``scope=exchange`` they count for each exchange.  Toxiproxy calls it ``limit_data``.
    """

    name = "limit-data"
    scopes = ("connection", "exchange")
    bytes: int = option(1024, "bytes that pass before the connection closes", minimum=0)

    def on_message(self, message: Message, firing: Firing) -> Actions:
        head, rest = cut(message, self.bytes, firing)
        if head is not None:
            yield Forward(head)
        if rest is not None:
            yield Close(at_once=firing.scope == "connection")


class Passed:
    """The number of bytes that have passed in one direction."""

    size = 0
    firing: Firing | None = None  # the exchange that they belong to


def cut(message: Message, limit: int, firing: Firing) -> tuple[Message | None, Message | None]:
    """Cut a message where ``limit`` bytes have passed; return the parts before and after the cut.

    The first is None if the limit was reached before.  The second is None, and not an empty
    message, as long as more bytes may pass.
    """
    passed = firing.own(Passed, message.direction)
    if firing.scope == "exchange" and firing is not passed.firing:
        passed.size, passed.firing = 0, firing
    room = max(0, limit - passed.size)
    size = len(message.data)
    passed.size += min(room, size)
    if size < room:
        return message, None
    return message.part(0, room) if room else None, message.part(room, size)
