"""limit-data: a stream that breaks off after so many bytes."""

from __future__ import annotations

from ..behavior import Behavior, Firing
from ..values.actions import Actions, Close, Forward
from ..values.messages import Message
from ..values.options import option


class LimitData(Behavior):
    """Lets so many bytes through in each direction, and then closes with a FIN.

    So a download ends early with every sign of a proper end: only who knows how much was to come
    can tell.  Right after the byte that reaches the limit the connection closes on both sides;
    what is under way the other way may be lost.  Of a connection that is open already, bytes
    count from when the rule came; with ``scope=exchange`` those of each exchange.  Toxiproxy
    calls it ``limit_data``.
    """

    name = "limit-data"
    scopes = ("connection", "exchange")
    bytes: int = option(1024, "bytes that arrive", minimum=0)

    def on_message(self, message: Message, firing: Firing) -> Actions:
        head, rest = cut(message, self.bytes, firing)
        if head is not None:
            yield Forward(head)
        if rest is not None:
            yield Close(at_once=firing.scope == "connection")


class Passed:
    """Counts the bytes that have passed in one direction."""

    def __init__(self) -> None:
        self.size = 0
        self.firing: Firing | None = None  # on the exchange of which they are counted


def cut(message: Message, limit: int, firing: Firing) -> tuple[Message | None, Message | None]:
    """A message, cut where so many bytes have passed: what is before that, and what is behind.

    Nothing is before it if they had passed already.  Nothing is behind it, not even an empty
    rest, as long as more may pass.
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
