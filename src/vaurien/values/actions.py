"""What a behavior may ask for.  The link carries it out; behaviors do no I/O."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .messages import Message


@dataclass(frozen=True, slots=True)
class Forward:
    """Hand a message to the next behavior and, after the last one, to the wire."""

    message: Message


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer the sender without asking the other peer.

    An answer to a request takes its turn: it leaves after the responses that
    earlier requests of the connection are still owed.
    """

    data: bytes


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing until this moment, in seconds on the reactor's clock.

    Count it from the message's arrival (``Wait(message.at + 0.1)``): messages
    that arrive together then wait together.  What is forwarded afterwards has
    arrived at that moment as far as later behaviors know, so two waits add up.
    Lifting the rule ends the wait.
    """

    until: float


@dataclass(frozen=True, slots=True)
class Hold:
    """Do nothing until the rule is lifted."""


@dataclass(frozen=True, slots=True)
class Drop:
    """Swallow the message.

    The peers of the stream may be out of step from then on, so lifting the rule
    closes the connection.
    """


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection on both sides, with a FIN or, if asked, a RST.

    In answer to a request it takes its turn, as a Reply does; the client hears what
    it was told before.
    """

    reset: bool = False
    at_once: bool = False
    """It takes no turn: not the answer to a request ends here, but the connection."""


@dataclass(frozen=True, slots=True)
class Behind:
    """Forward a message after the next one of its direction.

    Without a next one, it is forwarded at a moment in seconds on the reactor's clock, or
    when the rule is lifted, and in any case before the end of the stream.  As far as later
    behaviors know, it has arrived with what it goes behind, or then.
    """

    message: Message
    until: float


@dataclass(frozen=True, slots=True)
class Refuse:
    """The backend cannot be reached, for this reason; the client hears what it then hears.

    Only in answer to ``on_connect``.
    """

    reason: str


Action = Forward | Reply | Wait | Hold | Drop | Close | Behind | Refuse
Actions = Iterator[Action]
