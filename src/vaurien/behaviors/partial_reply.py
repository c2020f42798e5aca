"""partial-reply: a response that breaks off."""

from __future__ import annotations

from ..actions import Actions, Close, Forward, Hold
from ..behavior import Behavior, Firing
from ..messages import Direction, Message
from ..options import option

KEEP_LIMIT = 1024 * 1024
"""Bytes of a response that are kept back to learn how long it is."""


class PartialReply(Behavior):
    """Lets the beginning of the response arrive; then nothing more, or the end.

    A fraction is that of the whole response; of one beyond 1 MiB, that of its first 1 MiB.
    Where several responses answer one request, it is the last that breaks off.
    """

    name = "partial-reply"
    lasting = True
    bytes: int = option(0, "bytes of the response that arrive; 0: the fraction tells", minimum=0)
    fraction: float = option(
        0.5, "part of the response that arrives, from 0 to 1", minimum=0, maximum=1
    )
    then: str = option(
        "stall",
        "what comes then: nothing more until the rule is lifted, or the end of the connection",
        choices=("stall", "fin", "rst"),
    )

    def concerns(self, direction: Direction) -> bool:
        return direction is Direction.TO_CLIENT

    def on_message(self, message: Message, firing: Firing) -> Actions:
        if not message.final or not message.exchange:
            for piece in firing.kept:  # its end tells that it is not the last
                yield Forward(piece)
            firing.kept.clear()
            yield Forward(message)
        elif self.bytes:
            yield from self._cut(message, self.bytes - message.offset)
        else:
            kept = firing.kept
            kept.append(message)
            size = message.offset + len(message.data)
            if message.ends or size >= KEEP_LIMIT:
                whole = kept[0]._replace(
                    data=b"".join(piece.data for piece in kept), ends=message.ends
                )
                kept.clear()
                yield from self._cut(whole, int(len(whole.data) * self.fraction))

    def _cut(self, message: Message, size: int) -> Actions:
        """Forward so many bytes, and all of it if it has no more; then break off."""
        if size > len(message.data) and not message.ends:
            yield Forward(message)
            return
        size = max(0, size)
        head, rest = message.data[:size], message.data[size:]
        if head:
            yield Forward(message._replace(data=head, ends=False))
        if self.then != "stall":
            yield Close(reset=self.then == "rst")
        else:
            yield Hold()
            begins = message.begins and not head
            yield Forward(
                message._replace(data=rest, begins=begins, offset=message.offset + len(head))
            )
