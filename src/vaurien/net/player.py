"""Plays the messages of a link, one after the other, as behaviors ask.

A player is a generator that runs until it must wait, and yields until when: a moment on the
reactor's clock, or None for a change (of the plan, or of the sink).  Code that makes such a
change calls ``step``; the player checks whether it can continue, and otherwise waits again.
"""

from __future__ import annotations

import traceback
from collections import deque
from typing import TYPE_CHECKING
from typing import Protocol as Interface

from ..parsing.exchanges import QueuedReply
from ..rules.active import ActiveRule, Decision, Firings
from ..rules.plan import Rule
from ..values.actions import Action, Behind, Close, Drop, Forward, Hold, Reply, Wait
from ..values.messages import Direction, Message
from .played import Overtaken, PlayedConnection, Queued, Steps, left_after

if TYPE_CHECKING:
    from .closing import Ending
    from .reactor import Reactor, Timer

QUEUE_LIMIT = 1024 * 1024
"""Bytes that may be queued on any link before it stops reading."""
FLIGHT_LIMIT = 16 * 1024 * 1024
"""Bytes that may be queued on a link until a known time, as on a long and fast line ..."""
FLIGHTS_LIMIT = 256 * 1024 * 1024
"""... while the queues of all links together hold no more than this."""

BATCH = 64
"""Steps in a row, of a rule on a message, before other connections get their turn."""

OVERHEAD = 512
"""Approximate bytes of memory that a queued message takes besides its data."""


class PlayedLink(Interface):
    """The link as its player sees it."""

    reactor: Reactor
    direction: Direction
    player: Player | None
    firings: Firings
    active_at: float
    ending: Ending | None

    @property
    def blocked(self) -> bool: ...
    @property
    def congested(self) -> bool: ...
    def deliver(self, message: Message) -> None: ...
    def perform(self, reply: QueuedReply) -> None: ...
    def flush(self) -> None: ...
    def kill(self) -> None: ...
    def resume(self) -> None: ...


class Player:
    """Exists while a link has messages to play."""

    __slots__ = (
        "_connection",
        "_first",
        "_left_in_batch",
        "_link",
        "_overtaken",
        "_proxy",
        "_queue",
        "_replies_size",
        "_size",
        "_stepping",
        "_steps",
        "_timer",
        "holding",
    )

    def __init__(self, link: PlayedLink, connection: PlayedConnection) -> None:
        self.holding = False
        """It waits for a rule to be lifted."""
        self._link = link
        self._connection = connection
        self._proxy = connection.decisions.proxy
        self._queue: deque[Queued] = deque()
        self._overtaken: list[Overtaken] = []
        self._size = 0
        self._replies_size = 0
        self._left_in_batch = BATCH
        self._steps: Steps | None = self._run()
        self._timer: Timer | None = None
        self._stepping = False
        self._first: Firings = ()  # what acts on the message under way before all others

    @property
    def full(self) -> bool:
        """The queue holds as many bytes as it may: the link should stop reading."""
        return self._size > QUEUE_LIMIT and (
            self.holding
            or self._size > FLIGHT_LIMIT
            or self._link.reactor.waiting_bytes > FLIGHTS_LIMIT
        )

    @property
    def full_of_replies(self) -> bool:
        """Replies, which the source never sent, fill the queue."""
        return self._replies_size > QUEUE_LIMIT

    @property
    def waiting(self) -> bool:
        """It waits for a moment."""
        return self._timer is not None

    def put(self, item: Queued) -> None:
        """Append to the queue."""
        self._queue.append(item)
        self._count(item, 1)
        if (self._timer is None and not self.holding) or self._overtaken:
            self.step()

    def step(self) -> None:
        """Run until it must wait."""
        if self._stepping or self._steps is None:
            return
        timer, self._timer = self._timer, None
        self._stepping = True
        self._left_in_batch = BATCH
        link = self._link
        try:
            until = None
            until = next(self._steps)
        except StopIteration:
            self._steps = None
            link.active_at = link.reactor.now
            if link.player is self:
                link.player = None
            return
        except Exception:  # noqa: BLE001 - it ends this connection only
            self._connection.on_failure(traceback.format_exc())
            return
        finally:
            self._stepping = False
            if timer is not None and (self._steps is None or timer.when != until):
                timer.cancel()
                timer = None
        if until is not None and self._steps is not None:
            self._timer = timer or link.reactor.call_at(until, self._on_timer)

    def _count(self, item: Queued, sign: int) -> None:
        """Add to the size of the queue, or take from it what has been played."""
        if self._steps is None:
            return  # closed meanwhile, which took all of it
        if isinstance(item, tuple):
            size = sign * (len(item[0].data) + OVERHEAD)
            self._size += size
            self._link.reactor.waiting_bytes += size
        else:
            self._replies_size += sign * (OVERHEAD + (len(item) if isinstance(item, bytes) else 0))

    def close(self) -> None:
        """Stop, and drop what is queued."""
        if self._timer is not None:
            self._timer.cancel()
        self._steps = None
        self._queue.clear()
        self._overtaken.clear()
        self._link.reactor.waiting_bytes -= self._size
        self._size = 0

    def _on_timer(self) -> None:
        self._timer = None
        self._link.resume()

    def _run(self) -> Steps:
        while self._queue or self._overtaken:
            if self._link.congested:
                while self._link.congested:
                    yield None
                self._note_stop()
            if not self._queue:
                yield from self._wait_for_next()
            overtaken, self._overtaken = self._overtaken, []
            if updated := [late for late in overtaken if self._is_updated(late)]:
                self._overtaken = [late for late in overtaken if late not in updated]
                for late in updated:
                    yield from self._act(late.message, late.decision, late.firings)
                continue
            arrived = self._link.reactor.clock()
            if self._queue:
                self._left_in_batch -= 1
                if not self._left_in_batch:
                    yield self._link.reactor.clock()
                item = self._queue.popleft()
                if isinstance(item, tuple):
                    arrived = item[0].at
                yield from self._play_item(item)
                self._count(item, -1)
            for late in overtaken:
                at = max(late.message.at, min(late.until, arrived))
                message = late.message._replace(at=at)
                yield from self._act(message, late.decision, late.firings[1:])

    def _play_item(self, item: Queued) -> Steps:
        link, connection = self._link, self._connection
        if not isinstance(item, tuple):
            if isinstance(item, Close):
                link.flush()
            yield from self._wait_for_sink()
            link.perform(item)
            return
        message, decision = item
        if isinstance(decision, Reply):
            connection.reply(message, decision.data)
            return
        if message.begins:
            if decision.generation != self._proxy.active_plan.generation:
                connection.decisions.update(decision, message)
            link.firings = decision.firings_for(message.direction)
        if link.firings and decision.labels and message.direction is Direction.TO_CLIENT:
            message = message._replace(labels={**decision.labels, **message.labels})
        self._first = link.firings
        yield from self._act(message, decision, link.firings)
        if connection.decisions.played(message):
            connection.settle()

    def _wait_for_next(self) -> Steps:
        """Wait for a message that may overtake, while those to be overtaken agree to."""
        link = self._link
        until = min(late.until for late in self._overtaken)
        while (
            not self._queue
            and link.ending is None
            and link.reactor.clock() < until
            and all(self._acts(late.firings[0][0], late.values) for late in self._overtaken)
        ):
            yield until

    def _is_updated(self, late: Overtaken) -> bool:
        """Whether what asked for it is to be asked again."""
        active_rule = late.firings[0][0]
        return self._acts(active_rule) and not self._acts(active_rule, late.values)

    def _wait_for_sink(self) -> Steps:
        if self._link.blocked:
            while self._link.blocked:
                yield None
            self._note_stop()

    def _note_stop(self) -> None:
        """Nothing could leave until now, which gives no credit to what spaces messages."""
        memory, link = self._connection.decisions.memory, self._link
        memory.stopped_until[link.direction] = link.reactor.clock()

    def _act(self, message: Message, decision: Decision, firings: Firings) -> Steps:
        """Let the first of these act on a message, and the others on what it forwards."""
        if not firings:
            yield from self._wait_for_sink()
            self._link.deliver(message)
            return
        active_rule = firings[0][0]
        if active_rule not in decision.lasting:
            is_on = self._proxy.active_plan.is_on(active_rule)
            if not is_on or message.direction not in active_rule.directions:
                behind = firings[1:]
                if firings is self._first:
                    self._first = behind
                yield from self._act(message, decision, behind)
                return
            if active_rule.rule.behavior.lasting:
                decision.lasting = {**decision.lasting, active_rule: active_rule.rule}
        if message.at < active_rule.on_since:
            message = message._replace(at=active_rule.on_since)
        yield from self._let_act(message, decision, firings)

    def _let_act(self, message: Message, decision: Decision, firings: Firings) -> Steps:
        """Do what the first of these asks for; begin anew with the rest when it is updated."""
        link, clock = self._link, self._link.reactor.clock
        (active_rule, firing), rest = firings[0], firings[1:]
        rule = active_rule.rule
        if decision.lasting and not rule.behavior.resumable:
            rule = decision.lasting.get(active_rule, rule)  # it completes what it has begun
        behavior = active_rule.behavior(clock(), rule) if rule.ramps else rule.behavior
        values, left = (rule, message) if behavior.resumable else (None, None)
        actions, arrived = iter(behavior.on_message(message, firing)), message.at
        while (action := next(actions, None)) is not None:
            self._left_in_batch -= 1
            if not self._left_in_batch:
                yield clock()
            if values is not None:
                left = left_after(action, left)
            match action:
                case Forward(forwarded):
                    if arrived > forwarded.at:
                        forwarded = forwarded._replace(at=arrived)
                    if (forwarded.offset, forwarded.ends) != (message.offset, message.ends):
                        yield from self._act_on_piece(forwarded, decision, rest)
                    elif rest or link.blocked:
                        yield from self._act(forwarded, decision, rest)
                    else:
                        link.deliver(forwarded)
                case Wait(until):
                    yield from self._wait(active_rule, until, values)
                    arrived = max(arrived, min(until, clock()))
                    active_rule.follow_ramps(behavior, clock(), rule)
                case Hold():
                    yield from self._hold(active_rule, values)
                    arrived = max(arrived, clock())
                case Behind(late, until):
                    self._overtaken.append(Overtaken(late, decision, firings, values, until))
                case Reply(data):
                    if not message.again:  # one request, one reply
                        self._connection.reply(message, data)
                case Drop():
                    self._connection.decisions.memory.dropped_by.add(
                        (active_rule, message.direction)
                    )
                case Close():
                    yield from self._close(active_rule, message, action)
                    return
                case _:
                    raise TypeError(f"{rule.name} yielded {action!r}, which is not an action")
            if left is not None and self._begins_anew(active_rule, values, decision, action, left):
                yield from self._act_anew(left, decision, firings)
                return

    def _begins_anew(
        self,
        active_rule: ActiveRule,
        values: Rule | None,
        decision: Decision,
        action: Action,
        left: Message,
    ) -> bool:
        """Whether what is left is begun anew, after this action, as a rule has changed."""
        if self._acts(active_rule, values):
            return False
        waited = isinstance(action, Wait | Hold)
        if active_rule in decision.lasting:
            return waited and self._acts(active_rule)
        return waited or left.data != b""

    def _act_anew(self, message: Message, decision: Decision, firings: Firings) -> Steps:
        """Act on what the first of these has held until it was lifted, or was updated.

        If it was lifted, new rules act on it too, unless a part of the message has passed.
        """
        connection = self._connection
        whole = message.begins and firings is self._first
        if not self._acts(firings[0][0]) and (connection.conversation is None or whole):
            known = {pair[0] for pair in decision.firings}
            connection.decisions.update(decision, message)
            now = decision.firings_for(message.direction)
            behind = {pair[0] for pair in firings[1:]}
            firings = tuple(pair for pair in now if pair[0] in behind or pair[0] not in known)
            if whole:
                self._first = self._link.firings = firings
        yield from self._act(message, decision, firings)

    def _act_on_piece(self, message: Message, decision: Decision, firings: Firings) -> Steps:
        """Act on a piece that a behavior has cut, and have it leave in a send of its own."""
        self._link.flush()
        yield from self._act(message, decision, firings)
        self._link.flush()

    def _close(self, active_rule: ActiveRule, message: Message, action: Close) -> Steps:
        """Pass on nothing more, and close when it is the message's turn."""
        yield from self._connection.pass_close(active_rule, reset=action.reset)
        self._link.flush()
        yield from self._wait_for_sink()
        self._link.kill()
        self._connection.watch_peers()
        self._connection.reply(message, action)

    def _wait(self, active_rule: ActiveRule, until: float, values: Rule | None) -> Steps:
        clock = self._link.reactor.clock
        while clock() < until and self._acts(active_rule, values):
            yield until

    def _hold(self, active_rule: ActiveRule, values: Rule | None) -> Steps:
        self.holding = True
        self._connection.watch_peers()
        while self._acts(active_rule, values):
            yield None
        self.holding = False
        self._note_stop()

    def _acts(self, active_rule: ActiveRule, values: Rule | None = None) -> bool:
        """Whether a rule is on, with these values."""
        is_on = self._proxy.active_plan.is_on(active_rule)
        return is_on and (values is None or values is active_rule.rule)
