"""Behaviors: one kind of trouble each.

A behavior looks at messages, and at what becomes of their connection, and says what
should happen, by yielding actions.  It opens no socket, reads no clock and never sleeps;
what it needs to know comes as arguments, so its tests need no socket, clock or sleep
either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from .protocol import Protocol
from .rules.firing import ConnectionView, Firing, Scope
from .values.actions import Actions, Forward
from .values.messages import NO_LABELS, Direction, Ended, Message
from .values.options import Configurable, Option

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["HOOKS", "Behavior", "ConnectionView", "Firing", "Scope"]

HOOKS = ("on_connect", "on_open", "on_message", "on_end")


class Behavior(Configurable):
    """The base class of behaviors; subclasses set ``name``, declare options, and act.

    They act by what they override of ``on_message``, ``on_connect``, ``on_open`` and
    ``on_end``.
    """

    scopes: ClassVar[tuple[Scope, ...]] = ("exchange", "connection")
    """What a rule with it may be drawn for; the first is what it is if nothing is said."""
    inert: ClassVar[bool] = False
    """It never does anything: links may stay quiet under it."""
    refuses: ClassVar[bool] = False
    """While a rule with it is on, and about every connection, nobody listens."""
    per_connection: ClassVar[bool] = False
    """It serves whole connections from their beginning on: one that is open it leaves alone."""
    lasting: ClassVar[bool] = False
    """What it has begun on an exchange it carries through, though its rule be lifted.

    Its waits and holds end then, as those of others do.
    """

    @classmethod
    def overrides(cls, hook: str) -> bool:
        """Whether it does something of its own in ``on_message`` or another hook."""
        return getattr(cls, hook) is not getattr(Behavior, hook)

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

    applies_to = NO_LABELS  # not annotated: it is no option
    """Labels that its rules match, besides those they name: label -> value, or ``~regex``."""

    def fit(self, protocol: type[Protocol]) -> Self:
        """Return the behavior for a rule of this protocol: itself, if it is the same for all.

        Raises:
            OptionError: it makes no sense with this protocol.
        """
        del protocol
        return self

    def detail(self, firing: Firing) -> str:
        """What it does on this firing, in a word: the fault it plays; ``""`` for nothing to say."""
        del firing
        return ""

    def on_connect(self, firing: Firing) -> Actions:
        """What should happen before a client that was accepted gets its backend.

        It may wait, hold, close, or refuse; when it ends, the backend is dialled.
        """
        del firing
        yield from ()

    def on_open(self, firing: Firing) -> Actions:
        """What should happen while a connection is open, whatever is said on it.

        It starts when the backend has been reached, or when the rule comes or is on again; it
        is stopped when the rule is lifted.  It may wait, hold, or close.
        """
        del firing
        yield from ()

    def on_message(self, message: Message, firing: Firing) -> Actions:
        """What should happen to a message, or to a piece of one, of an exchange it fired on.

        It sees both directions: ``message.to_backend`` tells.  An exception here
        closes the connection, and no other.
        """
        del firing
        yield Forward(message)

    def on_end(self, ended: Ended, firing: Firing) -> Actions:
        """What should happen before the one peer hears that the other has ended.

        It may wait, hold, or close; when it is done, the end is passed on.
        """
        del ended, firing
        yield from ()
