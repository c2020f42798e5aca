"""delay: a slow network or a slow backend."""

from __future__ import annotations

from ..behavior import Behavior, Firing
from ..values.actions import Actions, Forward, Wait
from ..values.messages import Direction, Message
from ..values.options import option


class Delay(Behavior):
    """Delays requests, or responses."""

    name = "delay"
    resumable = True
    sleep: float = option(1.0, "delay in seconds", minimum=0)
    before: bool = option(True, "delay requests; if off, delay responses")

    def concerns(self, direction: Direction) -> bool:
        return (direction is Direction.TO_BACKEND) is self.before

    def on_message(self, message: Message, firing: Firing) -> Actions:
        if self.concerns(message.direction):
            yield Wait(message.at + self.sleep)
        yield Forward(message)
