"""Events that the data plane emits: small values.

There is no event for a chunk or a message: only for what is rare, and for what a rule
did.  ``level`` is the level at which to log it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

from .messages import Direction

Level = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Event:
    """The base class of events."""

    level: ClassVar[Level] = "info"
    proxy: str
    """The name of the proxy it happened on."""

    def text(self) -> str:
        """Return what happened, in a line; it may contain traffic, so escape it."""
        return repr(self)


class Noted(NamedTuple):
    """What tells where a rule fired, so that it can fire there again."""

    exchange: int
    """As in the event, but unsolicited messages are counted down from -1."""
    occurrence: int
    """How many exchanges with these labels the rule has applied to; 0: these were not counted."""
    begins: str
    """How the connection began: digests of the labels of the first ones it applied to there."""
    seed: int
    """Of the firing's own randomness."""


@dataclass(frozen=True, slots=True)
class Fired(Event):
    """A rule fired."""

    level: ClassVar[Level] = "debug"
    rule: str
    """The rule's name."""
    behavior: str
    """The behavior's name."""
    connection: int
    """The connection's number on the proxy, counted from 1."""
    exchange: int
    """The exchange's number on the connection, counted from 1; 0 outside of any exchange."""
    draw: float
    """The number drawn, from 0 up to but not including 100."""
    count: int
    """How many times the rule has fired on the proxy, this time included."""
    direction: Direction
    """The direction of the message that it was decided on."""
    labels: Mapping[str, str]
    """The labels of that message; they come from traffic, so escape them."""
    detail: str = ""
    """What the behavior does this time: the fault it plays."""
    noted: Noted | None = None
    """What tells where it was, to fire there again; None if nobody keeps it."""
    trace: str = ""
    """The ``traceparent`` of the request, where its protocol knows it; it comes from traffic."""

    def text(self) -> str:
        detail = f" ({self.detail})" if self.detail else ""
        return (
            f"{self.rule} fired{detail}: connection {self.connection}, "
            f"exchange {self.exchange}, draw {self.draw:.4f}"
        )


@dataclass(frozen=True, slots=True)
class Trouble(Event):
    """Something that an operator should know; traffic continues."""

    level: ClassVar[Level] = "warning"
    what: str
    """Its kind: apart from numbers, none of it comes from traffic."""
    detail: str = ""
    connection: int = 0
    """The number of the connection that it is about; 0: none ..."""
    exchange: int = 0
    """... and that of the exchange."""

    def text(self) -> str:
        return f"{self.what}: {self.detail}" if self.detail else self.what


@dataclass(frozen=True, slots=True)
class PluginFailed(Event):
    """A behavior or a parser raised."""

    level: ClassVar[Level] = "error"
    what: str
    traceback: str
    connection: int = 0
    """As in ``Trouble``."""
    exchange: int = 0

    def text(self) -> str:
        return f"{self.what}\n{self.traceback}"


@dataclass(frozen=True, slots=True)
class Changed(Event):
    """The state of the process was changed; ``proxy`` is empty."""

    level: ClassVar[Level] = "debug"
    generation: int
    """That of the new state."""
    added: tuple[str, ...]
    """The names of the proxies that are new ..."""
    changed: tuple[str, ...]
    """... that are different, or have other rules ..."""
    removed: tuple[str, ...]
    """... and that are gone."""

    def text(self) -> str:
        proxies = {"added": self.added, "changed": self.changed, "removed": self.removed}
        told = [f"{what} {', '.join(names)}" for what, names in proxies.items() if names]
        return "; ".join([f"generation {self.generation}", *told])


class GaveUp(Trouble):
    """A parser met bytes that it cannot parse; the connection's traffic passes unparsed."""

    __slots__ = ()


class Cut(Trouble):
    """vaurien closed connections by itself, without a rule that asked for it."""

    __slots__ = ()
    level: ClassVar[Level] = "info"


Emit = Callable[[Event], None]
