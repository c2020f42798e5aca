"""Behaviors: one kind of trouble each.

A behavior looks at messages, and at what becomes of their connection, and says what
should happen, by yielding actions.  It opens no socket, reads no clock and never sleeps;
what it needs to know comes as arguments, so its tests need no socket, clock or sleep
either.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, TypeVar
from typing import Protocol as Interface

from .protocol import Protocol
from .values.actions import Actions, Forward
from .values.messages import Direction, Ended, Message
from .values.options import Configurable, Option

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from .rules.active import ActiveRule, Memory

K = TypeVar("K")
T = TypeVar("T")
Scope = Literal["exchange", "connection"]
HOOKS = ("on_connect", "on_open", "on_message", "on_end")


class ConnectionView(Interface):
    """The connection that a rule fires on, as far as behaviors may look at it."""

    @property
    def number(self) -> int:
        """Counted from 1, on its proxy."""

    @property
    def protocol(self) -> Protocol:
        """Its protocol; where that is framed, an object of its own."""

    @property
    def opened_at(self) -> float:
        """When its client was accepted, in seconds on the reactor's clock."""

    @property
    def memory(self) -> Memory:
        """What it keeps of the rules that fire on it."""

    def now(self) -> float:
        """Seconds on the reactor's clock."""

    def heard_at(self, direction: Direction | None = None) -> float:
        """When it carried something last, in this direction or in either."""


@dataclass(frozen=True, slots=True)
class Firing:
    """One rule that fires: what a behavior may know besides the message."""

    source: ActiveRule = field(repr=False)
    view: ConnectionView = field(repr=False)
    exchange: int
    """The exchange's number on its connection, counted from 1; 0 where there is none."""
    draw: float
    """What was drawn, from 0 up to 100; the rule's band holds it."""
    count: int
    """How often the rule has fired on this proxy, this time included."""
    seed: int
    """Whence this firing's own randomness comes."""
    _kept: list[Message] | None = field(default=None, init=False, repr=False, compare=False)
    _draws: dict[Direction, Random] | None = field(
        default=None, init=False, repr=False, compare=False
    )

    @property
    def rule(self) -> str:
        """The rule's name."""
        return self.source.rule.name

    @property
    def scope(self) -> Scope:
        """Whether it fired for one exchange, or for a whole connection."""
        return self.source.rule.scope

    @property
    def matches(self) -> bool:
        """The rule is about some exchanges alone; ``on_open`` is not asked then."""
        return not self.source.always

    @property
    def direction(self) -> Direction | None:
        """The direction that the rule is limited to, if it is."""
        return self.source.rule.direction

    @property
    def connection(self) -> int:
        """The connection's number on its proxy, counted from 1."""
        return self.view.number

    @property
    def protocol(self) -> Protocol:
        """The protocol of the connection."""
        return self.view.protocol

    @property
    def opened_at(self) -> float:
        """When the connection was opened, in seconds on the reactor's clock."""
        return self.view.opened_at

    @property
    def now(self) -> float:
        """Seconds on the reactor's clock.

        Count deadlines from when a message arrived instead, where there is one.
        """
        return self.view.now()

    def heard_at(self, direction: Direction | None = None) -> float:
        """When the connection carried something last, in this direction or in either."""
        return self.view.heard_at(direction)

    @property
    def kept(self) -> list[Message]:
        """What the behavior keeps of the exchange, for later in it."""
        if self._kept is None:  # most keep nothing
            object.__setattr__(self, "_kept", [])
        assert self._kept is not None
        return self._kept

    def own(self, kind: Callable[[], T], direction: Direction | None = None) -> T:
        """What the behavior keeps of the connection; ``kind()``, a class, makes it at first."""
        return _kept_in(self.view.memory.own, (self.source, kind, direction), kind)

    def shared(self, kind: Callable[[], T], direction: Direction | None = None) -> T:
        """The same, but kept of all the connections of the proxy together."""
        return _kept_in(self.source.shared, (kind, direction), kind)

    def random(self) -> Random:
        """A source of randomness, the same for the same firing of the same seed."""
        from random import Random

        return Random(self.seed)

    def draws(self, direction: Direction) -> Random:
        """A source of randomness that goes on from message to message of a direction.

        It begins anew with each exchange, or with each connection if that is the scope.
        """
        from random import Random

        if self.scope == "connection":
            draws = self.own(_Draws).of
        else:
            if self._draws is None:
                object.__setattr__(self, "_draws", {})
            assert self._draws is not None
            draws = self._draws
        if direction not in draws:
            draws[direction] = Random(2 * self.seed + (direction is Direction.TO_CLIENT))
        return draws[direction]


class _Draws:
    """Sources of randomness of a connection."""

    def __init__(self) -> None:
        self.of: dict[Direction, Random] = {}


def _kept_in(shelf: dict[K, object], key: K, kind: Callable[[], T]) -> T:
    kept = shelf.get(key)
    if kept is None:
        kept = shelf[key] = kind()
    return kept  # type: ignore[return-value]  # the kind is in the key


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
