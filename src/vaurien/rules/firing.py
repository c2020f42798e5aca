"""A rule that fires: what its behavior may know, and what it may keep.

Law: to a behavior, a firing does not change. What changes from message to message is kept in
one of its three memories: that of the exchange, of the connection, or of the proxy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Literal, TypeVar
from typing import Protocol as Interface

from ..values.messages import Direction, Message

if TYPE_CHECKING:
    from random import Random

    from ..values.events import Noted

T = TypeVar("T")
Scope = Literal["exchange", "connection"]
Kept = dict[tuple[object, ...], object]
"""What behaviors keep: the key says for whom, of which class, and for which direction."""


class ProtocolView(Interface):
    """The protocol of a connection, as far as behaviors and faults may look at it."""

    name: ClassVar[str]
    framed: ClassVar[bool]
    traced: tuple[int, str]

    def error(self, message: Message, random: Random) -> bytes:
        """Return a typical error in answer to a request."""


class MemoryView(Interface):
    """What a connection remembers, as far as firings need it."""

    own: Kept
    stopped_until: dict[Direction, float]


class ConnectionView(Interface):
    """The connection that a rule fires on, as far as behaviors may look at it."""

    closed: bool

    @property
    def number(self) -> int:
        """Counted from 1, on its proxy."""

    @property
    def protocol(self) -> ProtocolView:
        """Its protocol; a framed protocol has an object for each connection."""

    @property
    def opened_at(self) -> float:
        """When its client was accepted, in seconds on the reactor's clock."""

    @property
    def memory(self) -> MemoryView:
        """What it keeps for the rules that fire on it."""

    def now(self) -> float:
        """Return the time in seconds on the reactor's clock."""

    def heard_at(self, direction: Direction | None = None) -> float:
        """Return when it last carried bytes, in this direction or in either."""


class RuleView(Interface):
    """The rule that fires, as far as firings need it."""

    name: str
    scope: Scope
    direction: Direction | None
    always: bool
    shared: Kept
    updated_at: float

    def roll(self, connection: int, exchange: int) -> tuple[float, int]:
        """Return what is drawn for an exchange: a number below 100, and 64 random bits."""


Facts = tuple[int, int, "tuple[float, int] | None", RuleView, int]
"""The numbers of the connection and the exchange, what was drawn if it was needed, the rule, and
how many times it has fired."""


class Firing:
    """One rule that fires: what a behavior may know besides the message."""

    __slots__ = (
        "_count",
        "_exchange",
        "_of_exchange",
        "_rolled",
        "_since",
        "_source",
        "_view",
        "noted",
    )

    def __init__(
        self,
        source: RuleView,
        view: ConnectionView,
        exchange: int,
        count: int,
        rolled: tuple[float, int] | None = None,
        since: float | None = None,
    ) -> None:
        """``exchange``: 0 or less outside of any; ``rolled``: what was drawn, if it was needed.

        ``since``: when a hook began.
        """
        self._source = source
        self._view = view
        self._exchange = exchange
        self._count = count
        self._rolled = rolled
        self._since = since
        self._of_exchange: Kept | None = None
        self.noted: Noted | None = None
        """What tells where it is, if that is kept."""

    def on_exchange(self, exchange: int) -> Firing:
        """Return the same firing on another exchange, which has a memory of its own."""
        return Firing(self._source, self._view, exchange, self._count, self._rolled)

    def in_hook(self, since: float) -> Firing:
        """Return the same firing for a hook that began at this time."""
        count, rolled = self._count, self._rolled
        return Firing(self._source, self._view, self._exchange, count, rolled, since)

    @property
    def facts(self) -> Facts:
        """What an event tells of it; unlike the firing, it keeps no connection in memory."""
        return self._view.number, self._exchange, self._rolled, self._source, self._count

    @property
    def exchange(self) -> int:
        """The exchange's number on its connection, counted from 1; 0 outside of any exchange."""
        return max(self._exchange, 0)

    @property
    def count(self) -> int:
        """How many times the rule has fired on this proxy, this time included."""
        return self._count

    @property
    def draw(self) -> float:
        """The number drawn, from 0 up to but not including 100; it is within the rule's band."""
        return self._roll[0]

    @property
    def seed(self) -> int:
        """Seed of this firing's own randomness."""
        return self._roll[1]

    @property
    def _roll(self) -> tuple[float, int]:
        if self._rolled is None:  # a rule that always fires has not needed it so far
            self._rolled = self._source.roll(self._view.number, self._exchange)
        return self._rolled

    @property
    def rule(self) -> str:
        """The rule's name."""
        return self._source.name

    @property
    def scope(self) -> Scope:
        """Whether it fired for one exchange, or for a whole connection."""
        return self._source.scope

    @property
    def matches(self) -> bool:
        """Whether the rule applies to some exchanges only; ``on_open`` is not called then."""
        return not self._source.always

    @property
    def direction(self) -> Direction | None:
        """The only direction that the rule applies to; None for both."""
        return self._source.direction

    @property
    def updated_at(self) -> float:
        """When the rule last turned on again, or its options were changed; 0: never."""
        return self._source.updated_at

    @property
    def connection(self) -> int:
        """The connection's number on its proxy, counted from 1."""
        return self._view.number

    @property
    def protocol(self) -> ProtocolView:
        """The protocol of the connection."""
        return self._view.protocol

    @property
    def trace(self) -> str:
        """The ``traceparent`` of the request, if its protocol has read it and no later one."""
        exchange, trace = self._view.protocol.traced
        return trace if exchange == self._exchange else ""

    @property
    def opened_at(self) -> float:
        """When the connection was opened, in seconds on the reactor's clock."""
        return self._view.opened_at

    @property
    def now(self) -> float:
        """The time in seconds on the reactor's clock.

        Where there is a message, count deadlines from its arrival instead.
        """
        return self._view.now()

    @property
    def since(self) -> float:
        """When a hook began; it is called again, if its rule is updated, since the same moment."""
        return self._view.now() if self._since is None else self._since

    def heard_at(self, direction: Direction | None = None) -> float:
        """Return when the connection last carried bytes, in this direction or in either."""
        return self._view.heard_at(direction)

    def stopped_until(self, direction: Direction) -> float:
        """Return until when nothing could leave in a direction; 0: never.

        That is while a behavior held a message, or the peer took no more.
        """
        return self._view.memory.stopped_until.get(direction, 0.0)

    def of_exchange(self, kind: Callable[[], T]) -> T:
        """Return what the rule keeps under a class for this exchange; ``kind()`` at first."""
        if self._of_exchange is None:
            self._of_exchange = {}
        return _kept(self._of_exchange, (kind,), kind)

    def own(self, kind: Callable[[], T], direction: Direction | None = None) -> T:
        """Return the same for this connection, or for one direction of it."""
        return _kept(self._view.memory.own, (self._source, kind, direction), kind)

    def shared(self, kind: Callable[[], T], direction: Direction | None = None) -> T:
        """Return the same for all connections of the proxy, or for one direction of them."""
        return _kept(self._source.shared, (kind, direction), kind)

    @property
    def kept(self) -> list[Message]:
        """The messages that the behavior keeps for later in the exchange."""
        return self.of_exchange(_Messages)

    def random(self) -> Random:
        """Return a new generator; it repeats itself with the seed."""
        from random import Random

        return Random(self.seed)

    def draws(self, direction: Direction) -> Random:
        """Return the generator of a direction, which continues from message to message.

        There is one for each exchange, or one for each connection if that is the scope.
        """
        from random import Random

        draws = (self.own if self.scope == "connection" else self.of_exchange)(_Draws)
        if direction not in draws:
            draws[direction] = Random(2 * self.seed + (direction is Direction.TO_CLIENT))
        return draws[direction]


class _Messages(list[Message]):
    """What is kept as messages."""


class _Draws(dict[Direction, "Random"]):
    """The generators of an exchange or a connection."""


def _kept(memory: Kept, key: tuple[object, ...], kind: Callable[[], T]) -> T:
    if key not in memory:
        memory[key] = kind()
    return memory[key]  # type: ignore[return-value]  # the kind is in the key
