"""Which rules fire on the exchanges of a connection: asked once for each, and remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from ..rules.active import ActiveRule, ConnectionDraws, Decision, Memory
from ..values.messages import NO_LABELS, Direction, Message

if TYPE_CHECKING:
    from ..behavior import Firing
    from ..parsing.exchanges import Exchanges
    from ..protocol import Protocol
    from .connection import Connection
    from .link import Link
    from .view import ProxyView


class Deciding:
    """The part of a connection that knows its exchanges, and what is decided on them."""

    __slots__ = (
        "_answered",
        "_decision",
        "_decisions",
        "_memory",
        "_unasked",
        "exchange",
        "exchanges",
    )

    number: int
    protocol: Protocol
    proxy: ProxyView

    def __init__(self) -> None:
        self.exchange = 0  # of the newest chunk, where there is no framing
        self.exchanges: Exchanges | None = None  # where there is
        self._answered = True
        self._decision: Decision | None = None  # on the exchange above
        self._decisions: dict[int, Decision] | None = None  # where there is framing
        self._unasked = 0  # messages of no exchange, so far
        self._memory: Memory | None = None

    @property
    def memory(self) -> Memory:
        """What it keeps of the rules that fire on it."""
        if self._memory is None:
            self._memory = Memory()
        return self._memory

    def now(self) -> float:
        """Seconds on the reactor's clock."""
        return self.proxy.reactor.clock()

    @property
    def links(self) -> tuple[Link, ...]:
        """Those it has so far."""
        raise NotImplementedError

    # Where there is no framing.

    def decide_chunk(self, direction: Direction) -> Decision:
        """What is decided on the exchange that an unframed chunk belongs to.

        An exchange is what the client says until the backend speaks, and what the
        backend then says.
        """
        if self.exchanges is not None and self.exchange < self.exchanges.begun:
            self.exchange = self.exchanges.begun  # as far as the parser has counted
            self._answered = True
            self._decision = Decision(self.exchange)  # what was decided has been played
            self._decision.generation = self.proxy.active_plan.generation
        if direction is Direction.TO_CLIENT:
            self._answered = True
        elif self._answered:
            self._answered = False
            self.exchange += 1
            self._decision = None
        decision = self._decision
        if decision is None:
            decision = self._decision = Decision(self.exchange)
        if decision.generation != self.proxy.active_plan.generation:
            self._decide(decision, direction, meaning=not self.protocol.framed)
        return decision

    def decided_turn(self, direction: Direction) -> Decision | None:
        """What is decided on the turn under way, if that is this direction's."""
        decision = self._decision
        if (
            decision is None
            or self._answered is (direction is Direction.TO_BACKEND)
            or decision.generation != self.proxy.active_plan.generation
        ):
            return None
        return decision

    def draw(self, active_rule: ActiveRule) -> Firing | None:
        """Whether a rule whose scope is the connection fires on it, whatever is said on it."""
        connection_draws = self.memory.connection_draws
        if active_rule not in connection_draws:
            firing = None
            if active_rule.always:
                firing = active_rule.fire(cast("Connection", self), 0, self.now())
            connection_draws[active_rule] = firing
            if firing is not None:
                self.proxy.on_fired(active_rule.rule, firing, Direction.TO_BACKEND, NO_LABELS)
        return connection_draws[active_rule]

    # Where there is.

    def decide(self, message: Message) -> Decision:
        """What is decided on the exchange of a message; nothing new in its middle."""
        if self._decisions is None:
            self._decisions = {}
        if not message.exchange:
            return self._decide_unasked(self._decisions, message)
        decision = self._decisions.get(message.exchange)
        if decision is None:
            decision = Decision(message.exchange)
            if message.begins:
                self._decisions[message.exchange] = decision
                before = self._decisions.get(message.exchange - 1)
                if before is not None and before.over:
                    del self._decisions[message.exchange - 1]
        self.update(decision, message)
        return decision

    def _decide_unasked(self, decisions: dict[int, Decision], message: Message) -> Decision:
        """What is decided on a message of no exchange: on each anew, and on its pieces at once."""
        if message.begins:
            self._unasked += 1
            decisions[0] = Decision(-self._unasked)
        decision = decisions.get(0) or Decision()
        if message.ends:
            decisions.pop(0, None)
        self.update(decision, message)
        return decision

    def update(self, decision: Decision, message: Message) -> None:
        """Bring a decision up to date with the proxy's plan, where a message begins."""
        if not message.begins:
            return
        if not decision.labels:
            decision.labels = message.labels
        active_plan = self.proxy.active_plan
        late = active_plan.late and not message.to_backend
        if late or decision.generation != active_plan.generation:
            if not message.to_backend and message.labels:
                decision.labels = {**decision.labels, **message.labels}
            self._decide(decision, message.direction)

    def played(self, message: Message) -> None:
        """A message has been played; decisions are kept while their exchange goes on.

        That of the newest is kept in any case: more of its request may follow.
        """
        exchanges = self.exchanges
        number = message.exchange
        if not self._decisions or not message.ends or not number or exchanges is None:
            return
        pending = exchanges.pending
        if pending and pending[-1 if message.to_backend else 0].exchange == number:
            return
        decision = self._decisions.get(number)
        if decision is None:
            return
        if number == exchanges.begun:
            decision.over = True
            return
        del self._decisions[number]
        if decision.begun:
            for link in self.links:
                link.settle()

    @property
    def carries(self) -> bool:
        """Something that has begun is to be carried through, whatever the plan says."""
        return (
            self._decisions is not None
            and any(link.framing is not None for link in self.links)
            and any(decision.begun for decision in self._decisions.values())
        )

    def lose_step(self) -> None:
        """Responses can't be told apart any more.

        What was decided is forgotten, but for the newest: more of its request may follow.
        """
        if self.exchanges is None:
            return
        self.exchanges.lose_step()
        newest = self._decisions and self._decisions.get(self.exchanges.begun)
        self._decisions = None
        if newest:
            newest.over = True
            self._decisions = {newest.exchange: newest}

    def forget(self) -> None:
        """No rule is left: forget what was decided, unless it is played or carried through."""
        playing = any(link.player is not None for link in self.links)
        if not self.proxy.active_plan and not playing and not self.carries:
            self._decisions = None

    def expect_response(self, message: Message) -> None:
        """A request that is passed on is owed a response."""
        exchanges = self.exchanges
        if (
            exchanges is not None
            and message.to_backend
            and message.begins
            and message.expects_reply
        ):
            exchanges.expect_response(message.exchange, message.about, self.proxy.reactor.now)

    def _decide(self, decision: Decision, direction: Direction, *, meaning: bool = True) -> None:
        proxy = self.proxy
        connection_draws: ConnectionDraws = (
            {} if self._memory is None else self._memory.connection_draws
        )
        news = proxy.active_plan.decide(
            decision,
            cast("Connection", self),
            direction,
            connection_draws,
            proxy.reactor.clock(),
            meaning=meaning,
        )
        if connection_draws and self._memory is None:
            self.memory.connection_draws = connection_draws
        for active_rule, firing in news:
            proxy.on_fired(active_rule.rule, firing, direction, decision.labels)
