"""Plays the messages of an armed link, one after the other, as behaviors say.

A play is a generator: it runs until it must wait, and says by what it yields until
when: a moment on the reactor's clock, or None for something to change (the plan, or
the sink becoming free).  Whoever changes something calls ``step``; the play looks
whether what it waited for has come, and waits on if not.
"""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Generator
from typing import TYPE_CHECKING, NamedTuple

from ..parsing.exchanges import QueuedReply
from ..rules.active import ActiveRule, Decision, Firings
from ..values.actions import Behind, Close, Drop, Forward, Hold, Reply, Wait
from ..values.messages import Message

if TYPE_CHECKING:
    from .link import Link
    from .reactor import Timer

QUEUE_LIMIT = 1024 * 1024
"""Bytes that may wait on one link in any case, before it reads no more."""
FLIGHT_LIMIT = 16 * 1024 * 1024
"""Bytes that may wait there for a time to come: what a long and fast line has on its way ..."""
FLIGHTS_LIMIT = 256 * 1024 * 1024
"""... while so many wait on all links together, at most."""

TURN = 256
"""Messages that leave in one go, before others get their turn: small ones take as long as large."""

OVERHEAD = 512
"""Bytes that a waiting message takes besides its own, about."""

Play = Generator[float | None, None, None]
Item = tuple[Message, Decision | Reply] | QueuedReply
"""A message with what was decided on it or replied to it, or an answer that no rule is asked about.
"""


class Kept(NamedTuple):
    """A message that is to go behind the next one."""

    message: Message
    decision: Decision
    firings: Firings
    """What acts on it then."""
    rule: ActiveRule
    """What asked for it."""
    until: float


class Player:
    """There is one while a link has messages to play, and none otherwise."""

    __slots__ = (
        "_answers",
        "_behind",
        "_left",
        "_link",
        "_play",
        "_queue",
        "_size",
        "_stepping",
        "_timer",
        "holding",
    )

    def __init__(self, link: Link) -> None:
        self.holding = False
        """It waits for a rule to be lifted."""
        self._link = link
        self._queue: deque[Item] = deque()
        self._behind: list[Kept] = []  # what is forwarded after the next message
        self._size = 0
        self._answers = 0
        self._left = TURN  # messages that may still leave in this go
        self._play: Play | None = self._perform()
        self._timer: Timer | None = None
        self._stepping = False

    @property
    def full(self) -> bool:
        """As many bytes wait as may."""
        return self._size > QUEUE_LIMIT and (
            self.holding
            or self._size > FLIGHT_LIMIT
            or self._link.reactor.waiting_bytes > FLIGHTS_LIMIT
        )

    @property
    def full_of_answers(self) -> bool:
        """As many bytes wait as may of what its source never said."""
        return self._answers > QUEUE_LIMIT

    def waits(self, *, ended: bool) -> bool:
        """For a time, or for a rule to be lifted while its source is still there."""
        return self._timer is not None or (self.holding and not ended)

    def put(self, item: Item) -> None:
        """Queue something behind what is there."""
        self._queue.append(item)
        self._count(item, 1)
        if (self._timer is None and not self.holding) or self._behind:
            self.step()

    def step(self) -> None:
        """Go on as far as possible."""
        if self._stepping or self._play is None:
            return
        timer, self._timer = self._timer, None
        self._stepping = True
        self._left = TURN
        link = self._link
        try:
            until = None
            until = next(self._play)
        except StopIteration:
            self._play = None
            link.active_at = link.reactor.now
            if link.player is self:
                link.player = None
            return
        except Exception:  # noqa: BLE001 - this connection's trouble, and no other's
            link.connection.on_failure(traceback.format_exc())
            return
        finally:
            self._stepping = False
            if timer is not None and (self._play is None or timer.when != until):
                timer.cancel()
                timer = None
        if until is not None and self._play is not None:
            self._timer = timer or link.reactor.call_at(until, self._on_time)

    def _count(self, item: Item, sign: int) -> None:
        """An item has come into the queue, or been played."""
        if self._play is None:
            return  # closed meanwhile, and counted as gone
        if isinstance(item, tuple):
            size = sign * (len(item[0].data) + OVERHEAD)
            self._size += size
            self._link.reactor.waiting_bytes += size
        else:
            self._answers += sign * (OVERHEAD + (len(item) if isinstance(item, bytes) else 0))

    def close(self) -> None:
        """Stop, and forget what is queued."""
        if self._timer is not None:
            self._timer.cancel()
        self._play = None
        self._queue.clear()
        self._behind.clear()
        self._link.reactor.waiting_bytes -= self._size
        self._size = 0

    def _on_time(self) -> None:
        self._timer = None
        self._link.resume()

    def _perform(self) -> Play:
        while self._queue or self._behind:
            while self._link.crowded:
                yield None
            if not self._queue:
                yield from self._patience()
            behind, self._behind = self._behind, []
            arrived = self._link.reactor.clock()
            if self._queue:
                item = self._queue.popleft()
                if isinstance(item, tuple):
                    arrived = item[0].at
                yield from self._play_item(item)
                self._count(item, -1)
            for kept in behind:
                at = max(kept.message.at, min(kept.until, arrived))
                message = kept.message._replace(at=at)
                yield from self._act(message, kept.decision, kept.firings)

    def _play_item(self, item: Item) -> Play:
        link = self._link
        connection = link.connection
        if not isinstance(item, tuple):
            yield from self._room()
            link.perform(item)
            return
        message, decision = item
        if isinstance(decision, Reply):
            connection.answer(message, decision.data)
            return
        connection.update(decision, message)
        if message.begins:
            link.firings = decision.firings_for(message.direction)
        if link.firings and not message.to_backend and decision.labels:
            message = message._replace(labels={**decision.labels, **message.labels})
        yield from self._act(message, decision, link.firings)
        connection.played(message)

    def _patience(self) -> Play:
        """Wait for a message that what is kept may go behind; not longer than it said."""
        link = self._link
        proxy = link.connection.proxy
        until = min(kept.until for kept in self._behind)
        while (
            not self._queue
            and link.ending is None
            and link.reactor.clock() < until
            and all(proxy.active_plan.lives(kept.rule) for kept in self._behind)
        ):
            yield until

    def _room(self) -> Play:
        while self._link.blocked:
            yield None

    def _act(self, message: Message, decision: Decision, firings: Firings) -> Play:
        """Let the first of these act on a message, and the others on what it forwards."""
        link, connection = self._link, self._link.connection
        if not firings:
            yield from self._room()
            link.deliver(message)
            return
        active_rule, firing = firings[0]
        rule = active_rule.rule
        clock = link.reactor.clock
        if not connection.proxy.active_plan.lives(active_rule):
            if active_rule not in decision.begun:
                yield from self._act(message, decision, firings[1:])
                return
        elif rule.behavior.lasting:
            decision.begin(active_rule)
        behavior = active_rule.behavior(clock()) if rule.ramps else rule.behavior
        actions = iter(behavior.on_message(message, firing))
        arrived = message.at
        while (action := next(actions, None)) is not None:
            match action:
                case Forward(forwarded):
                    if arrived > forwarded.at:
                        forwarded = forwarded._replace(at=arrived)
                    if len(firings) > 1 or link.blocked:
                        yield from self._act(forwarded, decision, firings[1:])
                    else:
                        link.deliver(forwarded)
                        self._left -= 1
                        if not self._left:
                            yield clock()
                case Wait(until):
                    yield from self._wait(active_rule, until)
                    arrived = max(arrived, min(until, clock()))
                    active_rule.follow_ramps(behavior, clock())
                case Hold():
                    yield from self._hold(active_rule)
                    arrived = max(arrived, clock())
                case Behind(kept, until):
                    self._behind.append(Kept(kept, decision, firings[1:], active_rule, until))
                case Reply(data):
                    if not message.again:  # who asks once is answered once
                        connection.answer(message, data)
                case Drop():
                    connection.swallowed(active_rule)
                case Close():
                    yield from self._close(message, action)
                    return
                case _:
                    raise TypeError(f"{rule.name} yielded {action!r}, which is no action")

    def _close(self, message: Message, action: Close) -> Play:
        """Pass nothing on any more, and close when it is the message's turn."""
        yield from self._room()
        self._link.kill()
        self._link.connection.answer(message, action)

    def _wait(self, active_rule: ActiveRule, until: float) -> Play:
        link = self._link
        proxy = link.connection.proxy
        while link.reactor.clock() < until and proxy.active_plan.lives(active_rule):
            yield until

    def _hold(self, active_rule: ActiveRule) -> Play:
        proxy = self._link.connection.proxy
        self.holding = True
        while proxy.active_plan.lives(active_rule):
            yield None
        self.holding = False
