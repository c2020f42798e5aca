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
from typing import TYPE_CHECKING

from ..actions import Close, Drop, Forward, Hold, Reply, Wait
from ..exchanges import Turn
from ..messages import Message
from ..plan import Cast, Decision

if TYPE_CHECKING:
    from .link import Link
    from .reactor import Timer

QUEUE_LIMIT = 1024 * 1024
"""Bytes that may wait on one link before it reads no more."""

OVERHEAD = 512
"""Bytes that a waiting message takes besides its own, about."""

Play = Generator[float | None, None, None]
Item = tuple[Message, Decision | Reply] | Turn
"""A message with what was decided on it or replied to it, or an answer that no rule is asked about.
"""


class Player:
    """There is one while a link has messages to play, and none otherwise."""

    __slots__ = ("_answers", "_link", "_play", "_queue", "_size", "_stepping", "_timer", "holding")

    def __init__(self, link: Link) -> None:
        self.holding = False
        """It waits for a rule to be lifted."""
        self._link = link
        self._queue: deque[Item] = deque()
        self._size = 0
        self._answers = 0
        self._play: Play | None = self._perform()
        self._timer: Timer | None = None
        self._stepping = False

    @property
    def full(self) -> bool:
        """As many bytes wait as may."""
        return self._size > QUEUE_LIMIT

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
        if self._timer is None and not self.holding:
            self.step()

    def step(self) -> None:
        """Go on as far as possible."""
        if self._stepping or self._play is None:
            return
        timer, self._timer = self._timer, None
        self._stepping = True
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
        if isinstance(item, tuple):
            self._size += sign * (len(item[0].data) + OVERHEAD)
        else:
            self._answers += sign * (OVERHEAD + (len(item) if isinstance(item, bytes) else 0))

    def close(self) -> None:
        """Stop, and forget what is queued."""
        if self._timer is not None:
            self._timer.cancel()
        self._play = None
        self._queue.clear()

    def _on_time(self) -> None:
        self._timer = None
        self._link.resume()

    def _perform(self) -> Play:
        link = self._link
        connection = link.connection
        while self._queue:
            while link.crowded:
                yield None
            item = self._queue.popleft()
            if not isinstance(item, tuple):
                yield from self._room()
                link.perform(item)
            else:
                message, decision = item
                if isinstance(decision, Reply):
                    connection.answer(message, decision.data)
                else:
                    connection.update(decision, message)
                    if message.begins:
                        link.cast = decision.cast(message.direction)
                    if link.cast and not message.to_backend and decision.labels:
                        message = message._replace(labels={**decision.labels, **message.labels})
                    yield from self._act(message, decision, link.cast)
                    connection.played(message)
            self._count(item, -1)

    def _room(self) -> Play:
        while self._link.blocked:
            yield None

    def _act(self, message: Message, decision: Decision, cast: Cast) -> Play:
        """Let the first of the cast act on a message, and the others on what it forwards."""
        link = self._link
        connection = link.connection
        if not cast:
            yield from self._room()
            link.deliver(message)
            return
        at_work, firing = cast[0]
        if not connection.proxy.enactment.lives(at_work):
            if at_work not in decision.begun:
                yield from self._act(message, decision, cast[1:])
                return
        elif at_work.rule.behavior.lasting:
            decision.begin(at_work)
        clock = link.reactor.clock
        actions = iter(at_work.rule.behavior.on_message(message, firing))
        arrived = message.at
        while (action := next(actions, None)) is not None:
            match action:
                case Forward(forwarded):
                    if arrived > forwarded.at:
                        forwarded = forwarded._replace(at=arrived)
                    if len(cast) > 1 or link.blocked:
                        yield from self._act(forwarded, decision, cast[1:])
                    else:
                        link.deliver(forwarded)
                case Wait(until):
                    while clock() < until and connection.proxy.enactment.lives(at_work):
                        yield until
                    arrived = max(arrived, min(until, clock()))
                case Hold():
                    self.holding = True
                    while connection.proxy.enactment.lives(at_work):
                        yield None
                    self.holding = False
                case Reply(data):
                    if not message.again:  # who asks once is answered once
                        connection.answer(message, data)
                case Drop():
                    connection.swallowed(at_work)
                case Close():
                    yield from self._room()
                    link.kill()
                    connection.answer(message, action)
                    return
                case _:
                    raise TypeError(f"{at_work.rule.name} yielded {action!r}, which is no action")
