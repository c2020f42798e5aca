"""partial-reply: a response that breaks off."""

from __future__ import annotations

from ..behavior import Behavior, Firing
from ..values.actions import Actions, Close, Forward, Hold
from ..values.messages import Direction, Message
from ..values.options import option

KEEP_LIMIT = 1024 * 1024
"""Bytes of a response that are held back to learn its length."""


class PartialReply(Behavior):
    """Passes the beginning of the response; then it stalls, or the connection ends.

    A fraction is that of the whole response.  If its length is not known beforehand, it is that
    of the first 1 MiB, or of what has arrived when the client waits for more.  If several
    responses answer one request, the last one breaks off.
    """

    name = "partial-reply"
    lasting = True
    resumable = True
    ignores_unsolicited = True
    bytes: int = option(0, "bytes of the response that arrive; 0: use the fraction", minimum=0)
    fraction: float = option(0.5, "fraction of the response that arrives", minimum=0, maximum=1)
    then: str = option(
        "stall",
        "what happens then: stall until the rule is lifted, or close with a FIN or a RST",
        choices=("stall", "fin", "rst"),
    )

    def acts_in(self, direction: Direction) -> bool:
        return direction is Direction.TO_CLIENT

    def on_message(self, message: Message, firing: Firing) -> Actions:
        progress = firing.of_exchange(Progress)
        if message.to_backend:
            progress.requested |= message.ends
            yield Forward(message)
            return
        pieces = progress.pieces
        if not message.final or not message.exchange:
            progress.pieces = []
            for piece in pieces:  # its end shows that it is not the last response
                yield Forward(piece)
            yield Forward(message)
        elif self.bytes:
            yield from self._cut(message, self.bytes - message.offset)
        elif not pieces and (message.left or message.offset):
            whole = message.offset + len(message.data) + message.left
            yield from self._cut(message, int(whole * self.fraction) - message.offset)
        elif (
            message.ends
            or not progress.requested
            or message.offset + len(message.data) >= KEEP_LIMIT
        ):
            progress.pieces = []
            pieces.append(message)
            data = b"".join(piece.data for piece in pieces)
            joined = pieces[0]._replace(data=data, ends=message.ends)
            yield from self._cut(joined, int(len(data) * self.fraction))
        else:
            pieces.append(message)

    def _cut(self, message: Message, size: int) -> Actions:
        """Forward ``size`` bytes of the message, or all if it is shorter; then break off."""
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
            begins = message.begins and not head
            left = message._replace(data=rest, begins=begins, offset=message.offset + len(head))
            yield Hold(left)
            yield Forward(left)


class Progress:
    """How far an exchange has got."""

    def __init__(self) -> None:
        self.requested = False  # the backend has the whole request
        self.pieces: list[Message] = []  # of the response, held back to learn its length
