"""Does what behaviors ask for on the messages of a link.

What is done here is done by generators.  One runs until it must wait, and yields until when: a
moment on the reactor's clock, or None for a change of the plan or of the sink.  It checks whether
it can continue when it is resumed, and otherwise waits again.  Where it needs others to be done
first, it yields these, so that a thousand rules that act on a message are no deep recursion.
"""

from __future__ import annotations

from typing import Protocol as Interface

from ..rules.active import ActiveRule, Decision, Firings
from ..rules.active_plan import ActivePlan
from ..rules.plan import Rule
from ..values.actions import Action, Behind, Close, Drop, Forward, Hold, Reply, Wait
from ..values.messages import Direction, Message
from .played import Acts, Overtaken, PlayedConnection, Steps, Unsent, left_after, since
from .reactor import BUFFER_SIZE, Reactor

BATCH = 64
"""Steps in a row, of a rule on a message, before other connections get their turn.

How many steps a long message takes is up to the rule.
"""
SEND_STEPS = 3
"""Steps that a send takes."""


class ActedLink(Interface):
    """The link as its actor sees it."""

    reactor: Reactor
    direction: Direction
    firings: Firings

    @property
    def blocked(self) -> bool: ...
    def deliver(self, message: Message) -> None: ...
    def flush(self) -> None: ...
    def kill(self) -> None: ...


class Actor:
    """Lets behaviors act on the messages of one link."""

    __slots__ = (
        "_connection",
        "_first",
        "_left_in_batch",
        "_link",
        "_overtaken",
        "_proxy",
        "holding",
        "waits_for",
    )

    def __init__(self, link: ActedLink, connection: PlayedConnection) -> None:
        self.holding = False
        """It waits for a rule to be lifted."""
        self.waits_for: ActiveRule | None = None
        """Which rule it waited for last."""
        self._link = link
        self._connection = connection
        self._proxy = connection.decisions.proxy
        self._overtaken: tuple[Overtaken, ...] = ()
        self._left_in_batch = BATCH
        self._first: Firings = ()  # what acts on the message under way before all others

    def _wait_for_sink(self) -> Steps:
        if self._link.blocked:
            while self._link.blocked:
                yield None
            self._note_stop()

    def _note_stop(self) -> None:
        """Nothing could leave until now, which gives no credit to what spaces messages."""
        memory, link = self._connection.decisions.memory, self._link
        memory.stopped_until[link.direction] = link.reactor.clock()

    def _act(self, message: Message, decision: Decision, firings: Firings) -> Acts:
        """Have the first of these act on a message, and the others on what it forwards."""
        plan = self._proxy.active_plan
        while firings:
            active_rule = firings[0][0]
            if active_rule in decision.lasting:
                break
            if plan.is_on(active_rule) and message.direction in active_rule.directions:
                if active_rule.rule.behavior.lasting:
                    decision.lasting = {**decision.lasting, active_rule: active_rule.rule}
                break
            if firings is self._first:
                self._first = firings[1:]
                firings = self._first
            else:
                firings = firings[1:]
        else:
            return self._deliver(message)
        self._left_in_batch -= len(message.data) // active_rule.step_size
        return self._let_act(since(message, active_rule), decision, firings)

    def _deliver(self, message: Message) -> Acts:
        yield from self._wait_for_sink()
        self._link.deliver(message)

    def _let_act(self, message: Message, decision: Decision, firings: Firings) -> Acts:
        """Do what the first of these asks for; begin anew with the rest when it is updated."""
        link, clock = self._link, self._link.reactor.clock
        (active_rule, firing), rest = firings[0], firings[1:]
        rule = values_of(active_rule, decision) if decision.lasting else active_rule.rule
        behavior = active_rule.behavior(clock(), rule) if rule.ramps else rule.behavior
        values, left = (rule, Unsent(message)) if behavior.resumable else (None, None)
        actions, arrived = iter(behavior.on_message(message, firing)), message.at
        while (action := next(actions, None)) is not None:
            self._left_in_batch, self.waits_for = self._left_in_batch - 1, active_rule
            if self._left_in_batch <= 0:
                yield clock()
            left = left_after(action, left) if values is not None else None
            match action:
                case Forward(forwarded):
                    if rest and arrived > forwarded.at:
                        forwarded = forwarded._replace(at=arrived)
                    cut = (forwarded.offset, forwarded.ends) != (message.offset, message.ends)
                    if cut:  # it leaves in a send of its own
                        link.flush()
                        self._left_in_batch -= SEND_STEPS
                    if rest or link.blocked:
                        yield self._act(forwarded, decision, rest)
                    else:
                        link.deliver(forwarded)
                    if cut:
                        link.flush()
                case Wait(until):
                    while clock() < until and self._acts(active_rule, values):
                        yield until
                    arrived = max(arrived, min(until, clock()))
                    active_rule.follow_ramps(behavior, clock(), rule)
                case Hold():
                    yield from self._hold(active_rule, values)
                    arrived = max(arrived, clock())
                case Behind():
                    self._overtaken += (Overtaken(action, decision, firings, self._first, values),)
                case Reply(data):
                    if not message.again:  # one request, one reply
                        self._connection.reply(message, data)
                case Drop(closes):
                    self._connection.decisions.note_drop(active_rule, link.direction, closes=closes)
                case Close():
                    yield from self._close(active_rule, message, action)
                    return
                case _:
                    raise TypeError(f"{rule.name} yielded {action!r}, which is not an action")
            if left is not None and self._begins_anew(active_rule, values, decision, action, left):
                yield self._act_anew(left.rest, decision, firings)
                return

    def _begins_anew(
        self,
        active_rule: ActiveRule,
        values: Rule | None,
        decision: Decision,
        action: Action,
        left: Unsent,
    ) -> bool:
        """Whether what is left is begun anew, after this action, as a rule has changed."""
        if self._acts(active_rule, values):
            return False
        waited = isinstance(action, Wait | Hold)
        if active_rule in decision.lasting:
            return waited and self._acts(active_rule)
        return waited or left.rest.data != b""

    def _act_anew(self, message: Message, decision: Decision, firings: Firings) -> Acts:
        """Act on what the first of these has held until it was lifted, or was updated.

        If it was lifted, new rules act on it too, unless a part of the message has passed.
        """
        connection = self._connection
        whole = message.begins and firings is self._first
        if not self._acts(firings[0][0]) and (connection.conversation is None or whole):
            known = {pair[0] for pair in self._first}
            connection.decisions.update(decision, message)
            now = decision.firings_for(message.direction)
            behind = {pair[0] for pair in firings[1:]}
            firings = tuple(pair for pair in now if pair[0] in behind or pair[0] not in known)
            if whole:
                self._first = self._link.firings = firings
        yield self._act(message, decision, firings)

    def _has_changed(self, late: Overtaken) -> bool:
        """Whether what asked for it was lifted or updated."""
        return not self._acts(late.firings[0][0], late.values)

    def _go_on(self, late: Overtaken, arrived: float, *, passed: bool) -> Acts:
        """Act on what waits no longer, as another has passed it or what asked for it changed."""
        message, firings = late.asked.message, late.firings
        lifted = not self._acts(firings[0][0])
        if lifted or passed:
            message = message._replace(at=max(message.at, min(late.asked.until, arrived)))
        self._first = late.first
        if lifted or not passed:
            return self._act_anew(message, late.decision, firings)
        return self._act(message, late.decision, firings[1:])

    def _close(self, active_rule: ActiveRule, message: Message, action: Close) -> Steps:
        """Pass on nothing more, and close when it is the message's turn."""
        yield from self._connection.pass_close(active_rule, reset=action.reset)
        self._link.flush()
        yield from self._wait_for_sink()
        self._link.kill()
        self._connection.watch_peers()
        self._connection.reply(message, action)

    def _hold(self, active_rule: ActiveRule, values: Rule | None) -> Steps:
        self.holding, self.waits_for = True, active_rule
        self._connection.watch_peers()
        while self._acts(active_rule, values):
            yield None
        self.holding = False
        self._note_stop()

    def _acts(self, active_rule: ActiveRule, values: Rule | None = None) -> bool:
        """Whether a rule is on, with these values."""
        is_on = self._proxy.active_plan.is_on(active_rule)
        return is_on and (values is None or values is active_rule.rule)


def values_of(active_rule: ActiveRule, decision: Decision) -> Rule:
    """Return the values with which a rule acts: those with which it has begun, if they last."""
    rule = active_rule.rule
    return rule if rule.behavior.resumable else decision.lasting.get(active_rule, rule)


def room_under(plan: ActivePlan) -> int:
    """Return how many bytes may be read at a time: as many as rules act on in one turn."""
    return min(BUFFER_SIZE, BATCH * plan.step_size) or BUFFER_SIZE
