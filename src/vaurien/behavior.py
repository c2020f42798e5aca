"""Behaviors: one kind of trouble each.

A behavior sees messages and the phases of their connection, and yields actions.  It opens
no socket, reads no clock and never sleeps; everything it needs is an argument, so its tests
need no socket, clock or sleep either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from .protocol import Protocol
from .rules.firing import ConnectionView, Firing, Scope
from .values.actions import Actions, Forward, Wait
from .values.messages import NO_LABELS, Direction, Ended, Message
from .values.options import Configurable, Option

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["HOOKS", "Behavior", "ConnectionView", "Delaying", "Firing", "Scope"]

HOOKS = ("on_connect", "on_hello", "on_open", "on_message", "on_end")

NO_FLAWS: tuple[str, ...] = ()
STEP_SIZE = 16384
"""Bytes of a message that are a step of work on it, for behaviors that do little with them."""


class Behavior(Configurable):
    """The base class of behaviors; subclasses set ``name`` and declare options.

    They act in the hooks that they override: ``on_message``, ``on_connect``, ``on_hello``,
    ``on_open`` and ``on_end``.
    """

    scopes: ClassVar[tuple[Scope, ...]] = ("exchange", "connection")
    """The scopes that its rules may have; the first is the default."""
    inert: ClassVar[bool] = False
    """It never does anything, so links may stay quiet."""
    refuses: ClassVar[bool] = False
    """While a rule with it is on and applies to every connection, the proxy does not listen."""
    per_connection: ClassVar[bool] = False
    """It acts on connections from their beginning, and not on those that are open already."""
    lasting: ClassVar[bool] = False
    """It completes an exchange that it has begun to act on, even if its rule is lifted.

    If it is not resumable, it does so with the options with which it began.  Its waits and holds
    end when the rule is lifted, as with other behaviors.
    """
    resumable: ClassVar[bool] = False
    """Its hooks may be called again; ``on_message`` with what it has not forwarded of a message.

    That is done when its rule gets other options during a wait or a hold.  When its rule is
    lifted then, new rules act on the rest, unless a part of a framed message has passed.
    """

    plays: ClassVar[str | None] = None
    """The protocol whose faults its option ``fault`` names, "" for the proxy's; None: none."""

    @classmethod
    def overrides(cls, hook: str) -> bool:
        """Return whether it overrides ``on_message`` or another hook."""
        return getattr(cls, hook) is not getattr(Behavior, hook)

    @property
    def delaying(self) -> Delaying | None:
        """The behavior itself, if all that it does to messages is to delay them."""
        return None

    @property
    def step_size(self) -> int:
        """Bytes of a message that are a step of its work: others have a turn after 64 steps.

        Rules with less than the default also get smaller chunks to act on.
        """
        return STEP_SIZE

    def concerns(self, direction: Direction) -> bool:
        """Return whether it may do anything but forward the messages of this direction.

        False makes these messages faster, and changes nothing else.
        """
        del direction
        return True

    def acts_in(self, direction: Direction) -> bool:
        """Return whether it ever does anything if it sees the messages of this direction only.

        A rule with a ``direction`` in which it does nothing is refused.
        """
        del direction
        return True

    needs_messages = False  # not annotated: it is no option
    """It ignores bytes that a framed protocol does not parse, such as those of TLS.

    It makes no difference with ``tcp``, which is not framed.
    """

    flaws = NO_FLAWS  # not annotated: it is no option
    """The flaws of certificates that it shows to clients; "" is one without."""

    ignores_unsolicited = False  # not annotated: it is no option
    """It only forwards what the backend sends unsolicited: such messages do not count then."""

    @classmethod
    def further_options(
        cls, given: Mapping[str, object], protocol: type[Protocol]
    ) -> Mapping[str, Option]:
        """Return options that it takes besides those it declares: the parameters of a fault."""
        del given, protocol
        return {}

    applies_to = NO_LABELS  # not annotated: it is no option
    """Labels that its rules match, besides those they name: label -> value, as in rules."""

    def fit(self, protocol: type[Protocol]) -> Self:
        """Return the behavior for a rule of this protocol: itself, if it is the same for all.

        Raises:
            OptionError: it makes no sense with this protocol.
        """
        del protocol
        return self

    def detail(self, firing: Firing) -> str:
        """Return what it does on this firing, in a word: the fault it plays; or ``""``."""
        del firing
        return ""

    def on_connect(self, firing: Firing) -> Actions:
        """Act after a client was accepted and before its backend is dialled.

        It may wait, hold, close, or refuse; when it ends, the backend is dialled.
        """
        del firing
        yield from ()

    def on_hello(self, hello: Message, firing: Firing) -> Actions:
        """Act on the handshake of a client that speaks TLS to vaurien, before a backend is dialled.

        ``hello``: its ClientHello, which ``about`` has parsed.  It may wait, hold, close, reply
        with bytes that are not encrypted, and ask for ``Shake``, ``Until`` and ``Note``.
        """
        del hello, firing
        yield from ()

    def on_open(self, firing: Firing) -> Actions:
        """Act while a connection is open, beside its traffic.

        It starts when the backend has been reached, or when the rule is applied or turns on; it
        is stopped when the rule is lifted.  It may wait, hold, or close.
        """
        del firing
        yield from ()

    def on_message(self, message: Message, firing: Firing) -> Actions:
        """Act on a message, or a piece of one, of an exchange that the rule fired on.

        It sees both directions; see ``message.to_backend``.  An exception closes this
        connection only.
        """
        del firing
        yield Forward(message)

    def on_end(self, ended: Ended, firing: Firing) -> Actions:
        """Act after one peer has closed and before its end is passed on.

        It may wait, hold, or close; when it ends, the end of the stream is passed on.
        """
        del ended, firing
        yield from ()


class Delaying(Behavior):
    """The base class of behaviors that delay messages, and do nothing else to them."""

    resumable = True

    def release_at(self, message: Message, firing: Firing) -> float:
        """Return when to forward a message, in seconds on the clock of ``message.at``."""
        del firing
        return message.at

    @property
    def delaying(self) -> Delaying | None:
        return self if type(self).on_message is Delaying.on_message else None

    def on_message(self, message: Message, firing: Firing) -> Actions:
        until = self.release_at(message, firing)
        if until > message.at:
            yield Wait(until)
        yield Forward(message)
