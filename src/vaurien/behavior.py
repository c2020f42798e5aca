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
from .options import Configurable, Option
from .protocol import Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
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
    _kept: list[Message] | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def kept(self) -> list[Message]:
        """What the behavior keeps of the exchange, for later in it."""
        if self._kept is None:  # most keep nothing
            object.__setattr__(self, "_kept", [])
        assert self._kept is not None
        return self._kept

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
    lasting: ClassVar[bool] = False
    """What it has begun on an exchange it carries through, though its rule be lifted.

    Its waits and holds end then, as those of others do.
    """

    def concerns(self, direction: Direction) -> bool:
        """Whether it may do anything but forward the messages of this direction.

        Saying no where it is so makes them travel faster, and changes nothing else.
        """
        del direction
        return True

    needs_messages = False  # not annotated: it is no option
    """It leaves alone what has no meaning: a connection that turned to TLS, or is not understood.

    With a protocol that is framed, that is; plain ``tcp`` has nothing else.
    """

    @classmethod
    def further_options(
        cls, given: Mapping[str, object], protocol: type[Protocol]
    ) -> Mapping[str, Option]:
        """Options it takes besides those it declares, given these: what a fault may be told."""
        del given, protocol
        return {}

    def fit(self, protocol: type[Protocol]) -> Mapping[str, str]:
        """Called once, when a rule for this protocol is made with it.

        What comes back are labels that the rule shall match, unless it matches these labels
        already: label -> text, or ``~regex``.

        Raises:
            OptionError: it makes no sense with this protocol.
        """
        del protocol
        return {}

    def detail(self, firing: Firing) -> str:
        """What it does on this firing, in a word: the fault it plays; ``""`` for nothing to say."""
        del firing
        return ""

    def on_message(self, message: Message, firing: Firing) -> Actions:
        """What should happen to a message, or to a piece of one, of an exchange it fired on.

        It sees both directions: ``message.to_backend`` tells.  An exception here
        closes the connection, and no other.
        """
        del firing
        yield Forward(message)
