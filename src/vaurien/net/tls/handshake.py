"""A handshake, from a socket to a stream, within a limit of time.

Law: a step of a handshake takes up to a millisecond of computing, so steps have turns: one of all
that are ready is taken between two polls.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..reactor import Reactor
from ..system import READ, WRITE
from .awaiting import Awaiting, closed
from .stream import PIECE, TlsStream

if TYPE_CHECKING:
    from ...values.actions import Stage
    from ..greeting import Greeting

ALERT, ALERT_SIZE = 21, 7
"""The type of a record with an alert, and the size of one that is not encrypted."""


class Steps:
    """Steps of handshakes that are ready to be taken, in order."""

    def __init__(self, reactor: Reactor) -> None:
        self._reactor = reactor
        self._ready: deque[Callable[[], None]] = deque()

    def take_in_turn(self, step: Callable[[], None]) -> None:
        """Take a step, when those before it have been taken."""
        self._ready.append(step)
        if len(self._ready) == 1:
            self._reactor.call_next(self._take_one)

    def _take_one(self) -> None:
        try:
            self._ready[0]()
        finally:
            self._ready.popleft()
            if self._ready:
                self._reactor.call_next(self._take_one)


class Handshake(Awaiting[None]):
    """Has a stream take the steps of its handshake, and calls back."""

    __slots__ = ("_interest", "_limit", "_ready", "_steps", "alert", "stream")

    def __init__(
        self,
        stream: TlsStream,
        steps: Steps,
        reactor: Reactor,
        limit: float,
        then: Callable[[OSError | None], None],
    ) -> None:
        """Take the first step when it is its turn; ``limit`` in seconds."""
        super().__init__(reactor, stream.sock, then)
        self.stream = stream
        self.alert = b""
        """An alert that the peer has sent before anything was encrypted."""
        self._steps = steps
        self._limit = limit
        self._interest = READ
        self._start(READ, limit)
        self._ready = True
        steps.take_in_turn(self._step)

    def on_event(self, events: int) -> None:
        stream = self.stream
        try:
            if events & WRITE and stream.unsent is not None:
                stream.flush()
            if events & ~WRITE and not self._ready:  # else the poller says so again
                view = self.reactor.view
                size = self.sock.recv_into(view[:PIECE])
                if not size:
                    self._end(closed())
                    return
                if size == ALERT_SIZE and view[0] == ALERT:
                    self.alert = bytes(view[:size])
                stream.feed(view[:size])
                self._ready = True
                self._steps.take_in_turn(self._step)
        except BlockingIOError:
            pass
        except OSError as error:
            self._end(error)
            return
        self._watch()

    def _step(self) -> None:
        if self._then is None:
            return
        self._ready = False
        try:
            done = self.stream.handshake()
        except OSError as error:
            self._end(error)
            return
        if done:
            self._end(None)
        else:
            self._watch()

    def _watch(self) -> None:
        """Watch for what is needed next."""
        interest = READ if self.stream.unsent is None else READ | WRITE
        if self._then is not None and interest != self._interest:
            self._interest = interest
            self.reactor.system.poller.modify(self.sock.fileno(), interest)


class GreetedHandshake(Handshake):
    """One of a server, of which rules are asked whether it may go on.

    Meanwhile nothing is read, and no limit of time counts.
    """

    __slots__ = ("_done", "_greeting", "_heard", "_told")

    def __init__(
        self,
        stream: TlsStream,
        steps: Steps,
        reactor: Reactor,
        limit: float,
        then: Callable[[OSError | None], None],
        greeting: Greeting,
    ) -> None:
        self._greeting = greeting
        self._told = False  # that the first flight has left
        self._heard = False  # something has come after it
        self._done = False  # but for what the socket has not taken
        super().__init__(stream, steps, reactor, limit, then)

    def on_event(self, events: int) -> None:
        if self._done:
            self._flush()
        elif self._told and events & ~WRITE and not self._heard:
            self._heard = True
            self._ask("client-finished")
        else:
            super().on_event(events)

    def _flush(self) -> None:
        try:
            if self.stream.flush():
                super()._end(None)
        except OSError as error:
            super()._end(error)

    def _end(self, outcome: OSError | None) -> None:
        if outcome is None and self.stream.unsent is not None:
            self._done = True
            self.reactor.system.poller.modify(self.sock.fileno(), WRITE)
        else:
            super()._end(outcome)

    def _watch(self) -> None:
        if self._told or self._ready or self._then is None or self.stream.unsent is not None:
            super()._watch()
        else:
            self._told = True
            self._ask("server-hello")

    def _ask(self, stage: Stage) -> None:
        self._stop()
        self._greeting.reach(stage, self._resume)

    def _resume(self) -> None:
        if self._then is not None:
            self._interest = READ
            self._start(READ, self._limit)
