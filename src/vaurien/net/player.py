"""Plays the messages of a link, one after the other, as behaviors ask.

A player runs until it must wait: until a moment on the reactor's clock, or for a change (of the
plan, or of the sink).  Code that makes such a change calls ``step``; the player checks whether
it can continue, and otherwise waits again.  Most messages are only delayed: these need no
generator.
"""

from __future__ import annotations

import traceback
from collections import deque
from typing import TYPE_CHECKING
from typing import Protocol as Interface

from ..behavior import STEP_SIZE
from ..parsing.exchanges import QueuedReply
from ..rules.active import ActiveRule, Decision, Firings
from ..values.actions import Close, Reply
from ..values.messages import Message
from .actor import BATCH, ActedLink, Actor
from .played import Acts, Delay, PlayedConnection, Queued, Steps, as_seen, delay_of

if TYPE_CHECKING:
    from .closing import Ending
    from .reactor import Timer

QUEUE_LIMIT = 1024 * 1024
"""Bytes that may be queued on any link before it stops reading."""
FLIGHT_LIMIT = 16 * 1024 * 1024
"""Bytes that may be queued on a link while rules space what leaves it ..."""
FLIGHTS_LIMIT = 256 * 1024 * 1024
"""... and on all links together, as on long and fast lines, while what leaves is only delayed.

A link may take as many of these as are left: alone a half of them, two links a third each.
So what is in flight follows the delay, and a link always leaves room for others.  (Switches
share the memory of their ports so: Choudhury and Hahne, 1998.)
"""

OVERHEAD = 512
"""Approximate bytes of memory that a queued message takes besides its data."""


NO_QUEUE: deque[Queued] = deque(maxlen=0)
"""The queue of a player with one message that waits: most never need another."""


class PlayedLink(ActedLink, Interface):
    """The link as its player sees it."""

    player: Player | None
    active_at: float
    ending: Ending | None
    quiet: bool

    @property
    def connection(self) -> PlayedConnection: ...
    @property
    def congested(self) -> bool: ...
    def perform(self, reply: QueuedReply) -> None: ...
    def resume(self) -> None: ...
    def settle(self) -> None: ...
    def update_quiet(self) -> None: ...


class Player(Actor):
    """Exists while a link has messages to play."""

    __slots__ = (
        "_delay",
        "_ended",
        "_exchange",
        "_queue",
        "_replies_size",
        "_stepping",
        "_steps",
        "_stopped",
        "_timer",
        "size",
    )

    _link: PlayedLink

    def __init__(self, link: PlayedLink, connection: PlayedConnection) -> None:
        super().__init__(link, connection)
        self._queue = NO_QUEUE
        self.size = 0
        """Bytes of memory that wait, with ``OVERHEAD`` for each message."""
        self._replies_size = 0
        self._delay: Delay | None = None  # what waits, or ...
        self._steps: list[Acts] = []  # ... what is being played, and what that waits for
        self._ended = False
        self._exchange = 0  # of the message that it began with last
        self._timer: Timer | None = None
        self._stepping = False
        self._stopped = False  # nothing could leave when it was last looked at

    @property
    def full(self) -> bool:
        """The queue holds as many bytes as it may: the link should stop reading."""
        size = self.size
        return size > QUEUE_LIMIT and (
            self.holding
            or size > FLIGHTS_LIMIT - self._link.reactor.waiting_bytes
            or (size > FLIGHT_LIMIT and self._delay is None)
        )

    @property
    def full_of_replies(self) -> bool:
        """Replies, which the source never sent, fill the queue."""
        return self._replies_size > QUEUE_LIMIT

    @property
    def waiting(self) -> bool:
        """It waits for a moment."""
        return self._timer is not None

    @property
    def held_by(self) -> ActiveRule | None:
        """The rule that makes it wait; None: no rule does."""
        if self._delay is not None:
            return self._delay.active_rule
        if self._overtaken:
            return self._overtaken[0].firings[0][0]
        return self.waits_for if self.holding or self.waiting else None

    def put(self, item: Queued) -> None:
        """Append to the queue."""
        if self._queue is NO_QUEUE:
            self._queue = deque()
        self._queue.append(item)
        self._count(item, 1)
        if (self._timer is None and not self.holding) or self._overtaken:
            self.step()

    def wait(self, delay: Delay) -> None:
        """Begin with a message that waits."""
        reactor = self._link.reactor
        self._delay = delay
        self.size = size = len(delay.message.data) + OVERHEAD
        reactor.waiting_bytes += size
        self._timer = reactor.call_at(delay.until, self._on_timer)

    def step(self) -> None:
        """Run until it must wait."""
        if self._stepping or self._ended:
            return
        timer, self._timer = self._timer, None
        self._stepping = True
        self._left_in_batch = BATCH
        link = self._link
        until = None
        try:
            until = self._advance()
        except Exception:  # noqa: BLE001 - it ends this connection only
            self._connection.on_failure(traceback.format_exc(), self._exchange)
            return
        finally:
            self._stepping = False
            if timer is not None and (self._ended or timer.when != until):
                timer.cancel()
                timer = None
        if self._ended:
            link.active_at = link.reactor.now
            if link.player is self:
                link.player = None
        elif until is not None:
            self._timer = timer or link.reactor.call_at(until, self._on_timer)

    def _count(self, item: Queued, sign: int) -> None:
        """Add to the size of the queue, or take from it what has been played."""
        if self._ended:
            return  # closed meanwhile, which took all of it
        if isinstance(item, tuple):
            size = sign * (len(item[0].data) + OVERHEAD)
            self.size += size
            self._link.reactor.waiting_bytes += size
        else:
            self._replies_size += sign * (OVERHEAD + (len(item) if isinstance(item, bytes) else 0))

    def close(self) -> None:
        """Stop, and drop what is queued."""
        if self._timer is not None:
            self._timer.cancel()
        self._ended = True
        self._steps, self._delay = [], None
        self._queue.clear()
        self._overtaken = ()
        self._link.reactor.waiting_bytes -= self.size
        self.size = 0

    def _on_timer(self) -> None:
        self._timer = None
        link, delay = self._link, self._delay
        if delay is not None and self._connection.conversation is None and link.ending is None:
            if self._waits_alone(delay):
                self._ended, link.player, link.active_at = True, None, link.reactor.now
                link.reactor.waiting_bytes -= self.size
                self._proxy.tally.let_go(delay.message, link.reactor.now)
                link.deliver(delay.message)
                return
            looks = self.full or self._replies_size > 0
            self.step()
            if not (looks or self._steps) and self._proxy.active_plan.acts_on_messages:
                return  # the same is read and sent as before: the link need not look
        link.resume()

    def _waits_alone(self, delay: Delay) -> bool:
        """Whether a message can be sent and nothing came after it: by far the most frequent."""
        rule = delay.active_rule
        return (
            self._queue is NO_QUEUE
            and not (self._stopped or self._link.blocked)
            and rule is not None
            and self._acts(rule, delay.rule)
        )

    def _advance(self) -> float | None:
        """Play all that is due; return until when to wait, None: until something changes."""
        link = self._link
        while not self._ended:
            if steps := self._steps:
                try:
                    found = next(steps[-1])
                except StopIteration:
                    steps.pop()
                else:
                    if found is None or isinstance(found, (float, int)):
                        return found
                    steps.append(found)
            elif (delay := self._delay) is not None:
                if delay.active_rule and not self._acts(delay.active_rule, delay.rule):
                    self._delay = None
                    self._steps = [self._play_anew(delay.message, delay.decision)]
                elif link.reactor.clock() < delay.until:
                    return delay.until
                elif self._stops(link.blocked):
                    self._delay = Delay(delay.message, delay.decision)  # no rule holds it any more
                    return None
                else:
                    self._delay = None
                    link.deliver(delay.message)
                    self._finish(delay.message)
            elif not self._queue and not self._overtaken:
                self._ended = True
            elif self._stops(link.congested):
                return None
            elif self._overtaken:
                self._steps = [self._play_before_overtaken()]
            else:
                self._left_in_batch -= 1
                if self._left_in_batch <= 0:
                    return link.reactor.clock()
                self._begin(self._queue.popleft())
        return None

    def _stops(self, stopped: bool) -> bool:
        """Note whether something cannot leave at the moment, and when it can again."""
        if self._stopped and not stopped:
            self._note_stop()
        self._stopped = stopped
        return stopped

    def play(self, message: Message, decision: Decision, firings: Firings) -> None:
        """Begin with a message on which these act."""
        self.size = size = len(message.data) + OVERHEAD
        self._link.reactor.waiting_bytes += size
        self._steps = [self._play_message(message, decision, firings)]
        self.step()

    def _begin(self, item: Queued) -> None:
        """Begin with the first of the queue: have it wait, if that is all, or play it."""
        if isinstance(item, tuple) and isinstance(decision := item[1], Decision):
            message = item[0]
            firings = self._firings_for(message, decision)
            self._delay = delay_of(message, decision, firings, self._proxy.active_plan)
            if self._delay is None:
                self._steps = [self._play_message(message, decision, firings)]
        else:
            self._steps = [self._play_reply(item)]

    def _play_item(self, item: Queued) -> Acts:
        """Return what plays an item, whatever acts on it."""
        if isinstance(item, tuple) and isinstance(decision := item[1], Decision):
            return self._play_message(item[0], decision, self._firings_for(item[0], decision))
        return self._play_reply(item)

    def _firings_for(self, message: Message, decision: Decision) -> Firings:
        """Return what acts on a message."""
        link, self._exchange = self._link, message.exchange
        if message.begins:
            if decision.generation != self._proxy.active_plan.generation:
                self._connection.decisions.update(decision, message)
            link.firings = decision.firings_for(message.direction)
        return link.firings

    def _play_message(self, message: Message, decision: Decision, firings: Firings) -> Acts:
        """Let behaviors act on a message."""
        self._first = firings
        yield self._act(as_seen(message, decision), decision, firings)
        self._finish(message)

    def _play_reply(self, item: Queued) -> Acts:
        """Reply to the sender of a message, or send the sink what replies to its own."""
        if isinstance(item, tuple):
            if isinstance(item[1], Reply):
                self._connection.reply(item[0], item[1].data)
        else:
            if isinstance(item, Close):
                self._link.flush()
            yield from self._wait_for_sink()
            self._link.perform(item)
        self._count(item, -1)

    def _play_anew(self, message: Message, decision: Decision) -> Acts:
        """Let behaviors act on a message whose only rule was lifted or updated."""
        self._first = self._link.firings
        yield self._act_anew(message, decision, self._first)
        self._finish(message)

    def _finish(self, message: Message) -> None:
        """A message was played."""
        self._proxy.tally.let_go(message, self._link.reactor.now)
        self._left_in_batch -= len(message.data) // STEP_SIZE
        if not self._ended:
            self.size -= (size := len(message.data) + OVERHEAD)
            self._link.reactor.waiting_bytes -= size
        if self._connection.decisions.played(message):
            self._connection.settle()

    def _play_before_overtaken(self) -> Acts:
        """Play the next message before those that wait for it to go first."""
        if not self._queue:
            yield from self._wait_for_next()
        else:
            self._left_in_batch -= 1
            if self._left_in_batch <= 0:
                yield self._link.reactor.clock()
        arrived = self._link.reactor.clock()
        overtaken, self._overtaken = self._overtaken, ()
        if changed := [late for late in overtaken if self._has_changed(late)]:
            self._overtaken = tuple(late for late in overtaken if late not in changed)
            for late in changed:
                yield self._go_on(late, arrived, passed=False)
            return
        if self._queue:
            item = self._queue.popleft()
            if isinstance(item, tuple):
                arrived = item[0].at
            yield self._play_item(item)
        for late in overtaken:
            yield self._go_on(late, arrived, passed=True)

    def _wait_for_next(self) -> Steps:
        """Wait for a message that may overtake, while those to be overtaken agree to."""
        link = self._link
        until = min(late.asked.until for late in self._overtaken)
        while (
            not self._queue
            and link.ending is None
            and link.reactor.clock() < until
            and not any(self._has_changed(late) for late in self._overtaken)
        ):
            yield until


def player_of(link: PlayedLink) -> Player:
    """Return the player of a link, which gets one if it has none."""
    if link.player is None:
        link.player = Player(link, link.connection)
        link.connection.decisions.proxy.on_holding(link.connection)
    return link.player


def play(link: PlayedLink, message: Message, decision: Decision | Reply) -> bool:
    """Have a message played, or send it if it is due; True if links may be quiet then."""
    connection, delay = link.connection, None
    if connection.closed:
        return False  # by what was played before
    begins = link.player is None and not link.blocked
    if begins and isinstance(decision, Decision):
        delay = delay_of(message, decision, link.firings, connection.decisions.proxy.active_plan)
        if delay is not None and delay.until <= link.reactor.clock():
            link.deliver(message)
            return connection.decisions.played(message)
    player = player_of(link)
    if link.quiet:
        link.update_quiet()
    if delay is not None:
        player.wait(delay)
        return False
    if begins and isinstance(decision, Decision) and not link.congested:
        player.play(message, decision, link.firings)
    else:
        player.put((message, decision))
    if link.player is not None or link.blocked or link.congested:
        link.settle()
    return False
