"""Plays the messages of a link, one after the other, as behaviors ask.

A player is a generator that runs until it must wait, and yields until when: a moment on the
reactor's clock, or None for a change (of the plan, or of the sink).  Code that makes such a
change calls ``step``; the player checks whether it can continue, and otherwise waits again.
"""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Generator
from typing import TYPE_CHECKING, NamedTuple
from typing import Protocol as Interface

from ..parsing.exchanges import QueuedReply
from ..rules.active import ActiveRule, Decision, Firings
from ..rules.plan import Rule
from ..values.actions import Action, Behind, Close, Drop, Forward, Hold, Reply, Wait
from ..values.messages import Direction, Message

if TYPE_CHECKING:
    from .closing import Ending
    from .decisions import Decisions
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

Steps = Generator[float | None, None, None]
"""Work that runs until it must wait, and yields until when; None: until something changes."""
Queued = tuple[Message, Decision | Reply] | QueuedReply
"""A message with the decision on it or the protocol's reply to it; or a reply to be sent."""


class PlayedLink(Interface):
    """The link as its player sees it."""

    reactor: Reactor
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


class PlayedConnection(Interface):
    """The connection as players see it."""

    decisions: Decisions

    @property
    def conversation(self) -> object | None:
        """None if its protocol is not framed."""

    def reply(self, message: Message, reply: QueuedReply) -> None: ...
    def settle(self) -> None: ...
    def watch_peers(self) -> None: ...
    def pass_close(self, by: ActiveRule, *, reset: bool) -> Steps: ...
    def on_failure(self, report: str) -> None: ...


class Overtaken(NamedTuple):
    """A message that waits for the next one to go first."""

    message: Message
    decision: Decision
    firings: Firings
    """What acts on it then."""
    rule: ActiveRule
    """What asked for it."""
    until: float


class Player:
    """Exists while a link has messages to play."""

    __slots__ = (
        "_connection",
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
            while self._link.congested:
                yield None
            if not self._queue:
                yield from self._wait_for_next()
            overtaken, self._overtaken = self._overtaken, []
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
                yield from self._act(message, late.decision, late.firings)

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
            and all(self._proxy.active_plan.is_on(late.rule) for late in self._overtaken)
        ):
            yield until

    def _wait_for_sink(self) -> Steps:
        while self._link.blocked:
            yield None

    def _act(self, message: Message, decision: Decision, firings: Firings) -> Steps:
        """Let the first of these act on a message, and the others on what it forwards."""
        if not firings:
            yield from self._wait_for_sink()
            self._link.deliver(message)
            return
        active_rule = firings[0][0]
        if not self._proxy.active_plan.is_on(active_rule):
            if active_rule not in decision.lasting:
                yield from self._act(message, decision, firings[1:])
                return
        elif active_rule.rule.behavior.lasting and active_rule not in decision.lasting:
            decision.lasting += (active_rule,)
        if message.at < active_rule.on_since:
            message = message._replace(at=active_rule.on_since)
        yield from self._let_act(message, decision, firings)

    def _let_act(self, message: Message, decision: Decision, firings: Firings) -> Steps:
        """Do what the first of these asks for; begin anew with the rest when it is updated."""
        link, clock = self._link, self._link.reactor.clock
        (active_rule, firing), rest = firings[0], firings[1:]
        rule = active_rule.rule
        behavior = active_rule.behavior(clock()) if rule.ramps else rule.behavior
        left = message if behavior.resumable else None  # what it has not forwarded
        actions, arrived = iter(behavior.on_message(message, firing)), message.at
        while (action := next(actions, None)) is not None:
            self._left_in_batch -= 1
            if not self._left_in_batch:
                yield clock()
            if left is not None:
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
                    yield from self._wait(active_rule, until)
                    arrived = max(arrived, min(until, clock()))
                    active_rule.follow_ramps(behavior, clock())
                case Hold():
                    yield from self._hold(active_rule)
                    arrived = max(arrived, clock())
                case Behind(late, until):
                    self._overtaken.append(Overtaken(late, decision, rest, active_rule, until))
                case Reply(data):
                    if not message.again:  # one request, one reply
                        self._connection.reply(message, data)
                case Drop():
                    self._connection.decisions.memory.dropped_by.add(active_rule)
                case Close():
                    yield from self._connection.pass_close(active_rule, reset=action.reset)
                    yield from self._close(message, action)
                    return
                case _:
                    raise TypeError(f"{rule.name} yielded {action!r}, which is not an action")
            if left is not None and not self._acts(active_rule, rule):
                yield from self._act_anew(left, decision, firings)
                return

    def _act_anew(self, message: Message, decision: Decision, firings: Firings) -> Steps:
        """Act on what the first of these has held until it was lifted, or was updated."""
        active_rule = firings[0][0]
        if self._proxy.active_plan.is_on(active_rule) or active_rule in decision.lasting:
            yield from self._act(message, decision, firings)
            return
        if self._connection.conversation is None:  # bytes that no exchange holds together
            known = {pair[0] for pair in decision.firings}
            self._connection.decisions.update(decision, message)
            now = decision.firings_for(message.direction)
            behind = {pair[0] for pair in firings[1:]}
            firings = tuple(pair for pair in now if pair[0] in behind or pair[0] not in known)
        yield from self._act(message, decision, firings)

    def _act_on_piece(self, message: Message, decision: Decision, firings: Firings) -> Steps:
        """Act on a piece that a behavior has cut, and have it leave in a send of its own."""
        self._link.flush()
        yield from self._act(message, decision, firings)
        self._link.flush()

    def _close(self, message: Message, action: Close) -> Steps:
        """Pass on nothing more, and close when it is the message's turn."""
        self._link.flush()
        yield from self._wait_for_sink()
        self._link.kill()
        self._connection.watch_peers()
        self._connection.reply(message, action)

    def _wait(self, active_rule: ActiveRule, until: float) -> Steps:
        clock, rule = self._link.reactor.clock, active_rule.rule
        while clock() < until and self._acts(active_rule, rule):
            yield until

    def _hold(self, active_rule: ActiveRule) -> Steps:
        self.holding = True
        self._connection.watch_peers()
        rule = active_rule.rule
        while self._acts(active_rule, rule):
            yield None
        self.holding = False

    def _acts(self, active_rule: ActiveRule, rule: Rule) -> bool:
        """Whether a rule is on, with the values that it had."""
        return active_rule.rule is rule and self._proxy.active_plan.is_on(active_rule)


def left_after(action: Action, left: Message) -> Message | None:
    """Return what a behavior has not forwarded of a message; None if that cannot be told."""
    if isinstance(action, Wait | Hold):
        return left
    sent = action.message.data if isinstance(action, Forward) else b""
    if 0 < len(sent) < len(left.data) and left.data.startswith(sent):
        return left.part(len(sent), len(left.data))
    return None
