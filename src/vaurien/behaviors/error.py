"""error: a response that is wrong."""

from __future__ import annotations

from ..actions import Actions, Forward
from ..behavior import Behavior, Firing
from ..messages import Direction, Message
from ..options import option

NOISE = 100


class Error(Behavior):
    """Puts an error in the place of a response, or bytes that mean nothing into it."""

    name = "error"
    inject: bool = option(
        False, "put random bytes inside the response, which stays otherwise valid"
    )
    warmup: int = option(0, "number of exchanges to leave alone first", minimum=0)

    def concerns(self, direction: Direction) -> bool:
        return direction is Direction.TO_CLIENT

    def on_message(self, message: Message, firing: Firing) -> Actions:
        if firing.count <= self.warmup:
            yield Forward(message)
        else:
            yield from self.fail(message, firing)

    def fail(self, message: Message, firing: Firing) -> Actions:
        """Make this exchange fail."""
        if not self.inject:
            if message.begins:
                yield Forward(message.with_data(firing.protocol.error(message, firing.random())))
        elif message.begins:
            middle = len(message.data) // 2
            noise = firing.random().randbytes(NOISE)
            yield Forward(message.with_data(message.data[:middle] + noise + message.data[middle:]))
        else:
            yield Forward(message)
