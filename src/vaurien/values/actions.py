"""The actions that a behavior may yield.  The link performs them; behaviors do no I/O."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from .messages import Message

Stage = Literal["server-hello", "client-finished", "done"]
STAGES: tuple[Stage, ...] = ("server-hello", "client-finished", "done")
"""How far a handshake with a client is: vaurien's first flight has left; the client's next one has
arrived, which vaurien has not looked at; both have finished."""


@dataclass(frozen=True, slots=True)
class Forward:
    """Pass a message to the next behavior and, after the last one, to the receiver."""

    message: Message


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer the sender without asking the other peer.

    A reply to a request waits for its turn: it is sent after the pending responses to
    earlier requests of the connection.
    """

    data: bytes


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing until this time, in seconds on the reactor's clock.

    Count from the message's arrival (``Wait(message.at + 0.1)``), so that messages
    that arrive together wait together.  For later behaviors, what is forwarded
    afterwards arrived at that time, so two waits add up.  Lifting the rule ends the wait.
    """

    until: float
    left: Message | None = field(default=None, compare=False)
    """Of a resumable behavior: what it has not forwarded, if not the rest of the message."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Do nothing until the rule is lifted."""

    left: Message | None = field(default=None, compare=False)
    """As with ``Wait``."""


@dataclass(frozen=True, slots=True)
class Drop:
    """Drop the message."""

    closes: bool = True
    """Lifting the rule closes the connection, as the peers may be out of step."""


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection on both sides, with a FIN or a RST.

    In answer to a request it waits for its turn, as a ``Reply`` does; everything before it is
    sent.
    """

    reset: bool = False
    at_once: bool = False
    """Close without waiting for the turn of a request."""


@dataclass(frozen=True, slots=True)
class Behind:
    """Forward a message after the next one of its direction.

    If none comes, it is forwarded at the time ``until``, in seconds on the reactor's clock, or
    when the rule is lifted, and in any case before the end of the stream.  For later
    behaviors, it arrived with the message it follows, or at that time.
    """

    message: Message
    until: float


@dataclass(frozen=True, slots=True)
class Refuse:
    """Treat the client as if the backend could not be reached, for this reason.

    Only from ``on_connect``.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Shake:
    """Shake hands in this way with a client that speaks TLS to vaurien.

    Only from ``on_hello``, before anything else.
    """

    flaw: str = ""
    """The flaw of the certificate; "" for none."""
    demand: bool = False
    """The client must show a certificate."""
    notifies: bool = True
    """At its end the connection has a close_notify."""


@dataclass(frozen=True, slots=True)
class Until:
    """Let the handshake with the client go on as far as this.

    Only from ``on_hello``.
    """

    stage: Stage


@dataclass(frozen=True, slots=True)
class Note:
    """Emit a label, which all exchanges of the connection have from now on.

    Only from ``on_hello``.
    """

    label: str
    text: str


Action = Forward | Reply | Wait | Hold | Drop | Close | Behind | Refuse | Shake | Until | Note
Actions = Iterator[Action]
