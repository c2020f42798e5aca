"""Behaviors: one kind of trouble each.

A behavior looks at messages and says what should happen to them, by yielding
actions.  It opens no socket, reads no clock and never sleeps; what it needs to
know comes as arguments, so its tests need no socket, clock or sleep either.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from .actions import Actions, Forward
from .messages import Direction, Message
from .options import Configurable
from .protocol import Protocol

if TYPE_CHECKING:
    from random import Random


@dataclass(frozen=True, slots=True)
class Firing:
    """One rule that fires on one exchange: what a behavior may know besides the message."""

    rule: str
    """The rule's name."""
    connection: int
    """The connection's number on its proxy, counted from 1."""
    exchange: int
    """The exchange's number on its connection, counted from 1."""
    draw: float
    """What was drawn, from 0 up to 100; the rule's band holds it."""
    count: int
    """How often the rule has fired on this proxy, this time included."""
    seed: int
    """Whence this firing's own randomness comes."""
    protocol: Protocol = field(repr=False)
    """The protocol of the connection."""

    def random(self) -> Random:
        """A source of randomness, the same for the same firing of the same seed."""
        from random import Random

        return Random(self.seed)


class Behavior(Configurable):
    """The base class of behaviors; subclasses set ``name``, declare options, and act."""

    inert: ClassVar[bool] = False
    """It never does anything: links may stay quiet under it."""
    per_connection: ClassVar[bool] = False
    """It serves whole connections, so it is drawn for once on each, and its mix with it."""

    def concerns(self, direction: Direction) -> bool:
        """Whether it may do anything but forward the messages of this direction.

        Saying no where it is so makes them travel faster, and changes nothing else.
        """
        del direction
        return True

    def on_message(self, message: Message, firing: Firing) -> Actions:
        """What should happen to a message, or to a piece of one, of an exchange it fired on.

        It sees both directions: ``message.to_backend`` tells.  An exception here
        closes the connection, and no other.
        """
        del firing
        yield Forward(message)
