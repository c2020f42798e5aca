"""Which rules fire on the exchanges of one connection: decided once for each, and remembered.

Law: a connection owns its decisions, and nothing here knows a link.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from ..parsing.exchanges import REMEMBERED_LIMIT
from ..rules.active import ActiveRule, ConnectionDraws, Decision, Memory
from ..values.messages import NO_LABELS, TO_BACKEND, TO_CLIENT, Direction, Message

if TYPE_CHECKING:
    from ..parsing.exchanges import Exchanges
    from ..rules.firing import ConnectionView, Firing
    from .view import ProxyView


FIRING_SIZE = 300
"""Bytes of memory that a rule takes which fires on an exchange, about."""


class Decisions:
    """The decisions on the exchanges of one connection, under the plan in force."""

    __slots__ = (
        "_by_exchange",
        "_client_may_continue",
        "_memory",
        "_of_turn",
        "_unsolicited",
        "connection",
        "exchange",
        "exchanges",
        "facts",
        "proxy",
    )

    def __init__(self, proxy: ProxyView, connection: ConnectionView) -> None:
        self.proxy = proxy
        self.connection = connection
        self.facts: Mapping[str, str] = NO_LABELS
        """Labels that every exchange has."""
        self._memory: Memory | None = None
        self.exchange = 0
        """Number of the newest exchange of chunks, where no protocol frames them."""
        self._client_may_continue = False  # its next chunk belongs to that exchange
        self._of_turn: Decision | None = None  # on that exchange
        self.exchanges: Exchanges | None = None
        """The exchanges of a framed protocol."""
        self._by_exchange: dict[int, Decision] | None = None  # on these; 0 is what is unsolicited
        self._unsolicited = 0  # messages of the backend that belong to no exchange, so far

    def let_go(self) -> None:
        """Drop what refers to the connection, which is closed."""
        if self._by_exchange:
            self.forget()
        self._of_turn = self._memory = None
        del self.connection

    @property
    def memory(self) -> Memory:
        """What the connection keeps for the rules that fire on it."""
        if self._memory is None:
            self._memory = Memory()
        return self._memory

    @property
    def has_dropped(self) -> bool:
        """A rule has dropped a message."""
        return self._memory is not None and bool(self._memory.dropped_by)

    def note_drop(self, active_rule: ActiveRule, direction: Direction, *, closes: bool) -> None:
        """Remember that a rule has dropped a message, if lifting it closes the connection."""
        if closes:
            self.memory.dropped_by.add((active_rule, direction))

    def follow_plan(self, before: int) -> ActiveRule | None:
        """Forget the rules that are gone; return one of them that has dropped a message, if any.

        What was dropped would be missed by a peer that is served again.  ``before``: the
        generation of the plan so far.
        """
        plan = self.proxy.active_plan
        self._recall_all(before)
        if self._memory is None:
            return None
        for active_rule, direction in sorted(
            self._memory.dropped_by, key=lambda each: (each[0].name, each[1].value)
        ):
            if not plan.is_on(active_rule) or direction not in active_rule.directions:
                return active_rule
        self._memory.forget(plan.includes, before)
        return None

    def draw(self, active_rule: ActiveRule, labels: Mapping[str, str] = NO_LABELS) -> Firing | None:
        """Draw for a rule whose scope is the connection, once; None if it does not fire."""
        connection_draws = self.memory.connection_draws
        if active_rule not in connection_draws:
            firing = None
            if active_rule.matches(labels):
                mix, now = active_rule.rule.mix, self.proxy.reactor.clock()
                taken = mix != "" and self.proxy.active_plan.is_taken(active_rule, connection_draws)
                firing = active_rule.fire(self.connection, 0, now, labels, taken=taken)
            connection_draws[active_rule] = firing
            if firing is not None:
                self.proxy.on_fired(active_rule.rule, firing, TO_BACKEND, labels)
        return connection_draws[active_rule]

    # Unframed: an exchange is what the client sends until the backend answers, and the answer.

    def decide_chunk(self, direction: Direction) -> Decision:
        """Return the decision on the exchange that an unframed chunk belongs to."""
        generation = self.proxy.active_plan.generation
        if self.exchanges is not None and self.exchange < self.exchanges.begun:
            self.exchange = self.exchanges.begun  # continue where the parser stopped counting
            self._client_may_continue = False
            self._of_turn = Decision(self.exchange, opaque=True)  # its decision has been played
            self._of_turn.generation = generation
        if direction is TO_CLIENT:
            self._client_may_continue = False
        elif not self._client_may_continue:
            self._client_may_continue = True
            self.exchange += 1
            self._of_turn = None
        decision = self._of_turn
        if decision is None:
            begun = self._by_exchange and self._begun_as_message()
            opaque = self.connection.protocol.framed
            decision = self._of_turn = begun or Decision(self.exchange, opaque=opaque)
        if decision.generation != generation:
            decision.labels = decision.labels or self.facts
            self._decide(decision, direction)
        return decision

    def _begun_as_message(self) -> Decision | None:
        """Return the decision on what has been passed on before a parser gave up on it."""
        decision = (self._by_exchange or {}).get(self.exchange)
        if decision is not None:
            self._drop(self.exchange)
            decision.opaque = True
            kept = [one for one in decision.firings if not one[0].rule.behavior.needs_messages]
            decision.update(decision.generation, kept)
        return decision

    def decided_turn(self, direction: Direction) -> Decision | None:
        """Return the decision on the next chunk of a direction, if it is made already."""
        decision = self._of_turn
        if (
            decision is None
            or self._client_may_continue is not (direction is TO_BACKEND)
            or decision.generation != self.proxy.active_plan.generation
        ):
            return None
        return decision

    def end_turn(self) -> None:
        """The client has had its answer: its next chunk begins an exchange."""
        self._client_may_continue = False

    # Framed.

    def decide(self, message: Message, *, opaque: bool = False) -> Decision:
        """Return the decision on the exchange of a message; in its middle, as it was made.

        ``opaque``: the message has no exchange as the parser does not understand it.
        """
        if self._by_exchange is None:
            self._by_exchange = {}
        number = message.exchange
        if opaque and message.to_backend:
            return self.decide_chunk(TO_BACKEND)
        if not number:
            return self._decide_unsolicited(self._by_exchange, message, opaque=opaque)
        decision = self._by_exchange.get(number)
        if decision is not None and decision.labels:
            plan = self.proxy.active_plan
            if message.begins and (plan.late or decision.generation != plan.generation):
                self.update(decision, message)
            return decision
        if decision is None:
            recalled = self._recalled(number)
            decision = recalled or Decision(number)
            if message.begins or recalled is not None:  # another response may follow
                self._by_exchange[number] = decision
                self._drop_finished(self._by_exchange, number - 1)
        if message.begins:
            self.update(decision, message)
        return decision

    def passes(self, labels: Mapping[str, str]) -> bool:
        """Decide on the exchange that begins with a request; True if no rule acts on it.

        Its labels are then all that is remembered of it, by ``Exchanges``.
        """
        exchanges, plan, decisions = self.exchanges, self.proxy.active_plan, self._by_exchange
        assert exchanges is not None
        number = exchanges.begun + 1
        labels = self._with_facts(labels) if self.facts else labels
        if exchanges.replies or exchanges.remembered >= REMEMBERED_LIMIT:
            return False  # it may be refused
        if decisions:
            if number in decisions:
                return False
            self._drop_finished(decisions, number - 1)
        if plan.rules_out(labels):
            return True
        decision = Decision(number)
        decision.labels = labels
        if decisions is None:
            decisions = self._by_exchange = {}
        decisions[number] = decision
        self._decide(decision, TO_BACKEND)
        if decision.firings or plan.late:
            return False
        del decisions[number]
        return True

    def _recalled(self, number: int) -> Decision | None:
        """Return the decision on an exchange on which no rule acts, if it was made."""
        labels = None if self.exchanges is None else self.exchanges.recalled.pop(number, None)
        now = self.proxy.active_plan.generation
        return None if labels is None else self._made(number, labels, now)

    def _made(self, exchange: int, labels: Mapping[str, str], generation: int) -> Decision:
        """Return the decision that no rule acts on an exchange, as a plan has made it."""
        decision = Decision(exchange)
        decision.labels, decision.generation = self._with_facts(labels), generation
        return decision

    def _recall_all(self, before: int) -> None:
        """Remember all decisions on exchanges: a new plan may act on them.

        ``before``: the generation of the plan that did not.
        """
        exchanges = self.exchanges
        if exchanges is None or not (recalled := exchanges.recall_all()):
            return
        self._by_exchange = self._by_exchange or {}
        awaited = {request.exchange for request in exchanges.pending}
        for number, labels in recalled.items():
            decision = self._by_exchange[number] = self._made(number, labels, before)
            decision.finished = number not in awaited

    def _drop_finished(self, decisions: dict[int, Decision], number: int) -> None:
        """Forget the decision on an exchange that seems to have ended, as the next one begins."""
        decision = decisions.get(number)
        if decision is not None and decision.finished:
            self._drop(number)

    def passes_ahead(self, begun: Message, unknown: Collection[str]) -> bool:
        """Decide on a message of which only the beginning is known, if no rule acts on it.

        ``unknown``: the labels that it may have besides those that are known.
        """
        pending = self.exchanges.pending if self.exchanges is not None and begun.exchange else ()
        if pending and pending[0].exchange == begun.exchange and pending[0].labels is not None:
            return True  # it answers a request that passed uncut
        found = (self._by_exchange or {}).get(begun.exchange) if begun.exchange else None
        number = begun.exchange or -(self._unsolicited + 1)
        decision = Decision(number) if found is None else copy.copy(found)
        decision.labels = {**self.facts, **decision.labels, **begun.labels}
        if self._may_act(decision, begun.direction, unknown):
            return False
        return not self.decide(begun).firings_for(begun.direction)

    def _may_act(self, decision: Decision, direction: Direction, unknown: Collection[str]) -> bool:
        """Whether rules act on the message, or cannot be decided on before more is known."""
        plan, now = self.proxy.active_plan, self.proxy.reactor.clock()
        drawn = {} if self._memory is None else self._memory.connection_draws
        for active_rule, _ in decision.firings_for(direction):
            if plan.is_on(active_rule) or active_rule in decision.lasting:
                return True
        for active_rule in plan.message_rules:
            match = active_rule.rule.match
            known = [one for one in match if one.label not in unknown]
            if not active_rule.is_due(decision, direction, framed=True) or not all(
                one.accepts(decision.labels) for one in known
            ):
                continue
            if len(known) < len(match):
                return True
            if direction not in active_rule.directions:
                continue
            if active_rule in drawn:
                fires = drawn[active_rule] is not None
            elif active_rule.rule.behavior.per_connection:
                fires = False
            else:
                number, labels = decision.exchange, decision.labels
                fires = active_rule.would_fire(self.connection, number, now, labels)
            if fires:
                return True
        return False

    def _with_facts(self, labels: Mapping[str, str]) -> Mapping[str, str]:
        return {**self.facts, **labels} if self.facts else labels

    def complete(self, message: Message) -> None:
        """Add the labels of a message of which the beginning has been passed on."""
        decision = (self._by_exchange or {}).get(message.exchange)
        if decision is not None:
            decision.labels = {**decision.labels, **message.labels}

    def _decide_unsolicited(
        self, decisions: dict[int, Decision], message: Message, *, opaque: bool
    ) -> Decision:
        """Decide on a message of no exchange: on each anew, and on all its pieces at once."""
        if message.begins:
            self._unsolicited += 1
            decisions[0] = Decision(-self._unsolicited, opaque=opaque)
        decision = decisions.get(0) or Decision()
        if message.ends:
            decisions.pop(0, None)
        if message.begins:
            self.update(decision, message)
        return decision

    def update(self, decision: Decision, message: Message) -> None:
        """Bring a decision up to date with the plan in force, for a message that begins."""
        if not decision.labels:
            decision.labels = self._with_facts(message.labels)
        plan = self.proxy.active_plan
        to_client = message.direction is TO_CLIENT
        if decision.generation != plan.generation or (plan.late and to_client):
            if to_client and message.labels:
                decision.labels = {**decision.labels, **message.labels}
            self._decide(decision, message.direction)

    def played(self, message: Message) -> bool:
        """Forget a decision whose exchange has ended; True if that may make links quiet.

        The newest stays in any case: more of its request may follow.
        """
        exchanges = self.exchanges
        number = message.exchange
        if not self._by_exchange or not message.ends or not number or exchanges is None:
            return False
        pending = exchanges.pending
        if pending and pending[-1 if message.to_backend else 0].exchange == number:
            return False
        decision = self._by_exchange.get(number)
        if decision is None:
            return False
        if number == exchanges.begun and number + 1 not in self._by_exchange:
            decision.finished = True
            return False
        self._drop(number)
        return bool(decision.lasting)

    @property
    def lasts(self) -> bool:
        """A lasting behavior has begun to act on an exchange, and acts to its end."""
        return self._by_exchange is not None and any(
            decision.lasting for decision in self._by_exchange.values()
        )

    def lose_step(self) -> None:
        """Responses can't be matched to requests any more: forget all decisions but the newest."""
        if self.exchanges is None:
            return
        self.exchanges.lose_step()
        newest = self._by_exchange and self._by_exchange.get(self.exchanges.begun)
        self._by_exchange = None
        if newest:
            newest.finished = True
            self._by_exchange = {newest.exchange: newest}
            self.exchanges.remembered = FIRING_SIZE * len(newest.firings)

    def forget(self) -> None:
        """Forget all decisions on exchanges of a framed protocol."""
        for number in list(self._by_exchange or ()):
            self._drop(number)
        self._by_exchange = None

    def _drop(self, number: int) -> None:
        """Forget the decision on an exchange."""
        if self._by_exchange:
            firings = self._by_exchange.pop(number).firings
            if firings and number and self.exchanges is not None:  # 0 was not counted
                self.exchanges.remembered -= FIRING_SIZE * len(firings)

    def _decide(self, decision: Decision, direction: Direction) -> None:
        proxy, memory = self.proxy, self._memory
        before = len(decision.firings)
        draws: ConnectionDraws = {} if memory is None else memory.connection_draws
        now = proxy.reactor.clock()
        fired = proxy.active_plan.decide(decision, self.connection, direction, draws, now)
        if draws and memory is None:
            self.memory.connection_draws = draws
        added = len(decision.firings) - before
        if added and self._by_exchange and self._by_exchange.get(decision.exchange) is decision:
            assert self.exchanges is not None
            self.exchanges.remembered += FIRING_SIZE * added
        for active_rule, firing in fired:
            proxy.on_fired(active_rule.rule, firing, direction, decision.labels)
