"""delay: a slow network or a slow backend."""

from __future__ import annotations

from ..behavior import Delaying, Firing
from ..values.messages import Direction, Message
from ..values.options import option


class Delay(Delaying):
    """Delays requests, or responses."""

    name = "delay"
    sleep: float = option(1.0, "delay in seconds", minimum=0)
    before: bool = option(True, "delay requests; if off, delay responses")

    def concerns(self, direction: Direction) -> bool:
        return (direction is Direction.TO_BACKEND) is self.before

    def release_at(self, message: Message, firing: Firing) -> float:
        del firing
        return message.at + self.sleep if self.concerns(message.direction) else message.at
