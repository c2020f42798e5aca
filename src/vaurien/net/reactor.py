"""The reactor: one thread that waits for sockets and timers, and calls what they are for.

Law: whatever runs here must not block.  Callbacks run one at a time, so nothing in
``net`` needs a lock.  Sockets are closed after the batch of events in which they
were given up, so that a descriptor never changes its meaning within a batch.
"""

from __future__ import annotations

import heapq
import itertools
import traceback
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

from .splice import PipePool
from .system import Socket, System

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")
BUFFER_SIZE = 128 * 1024
LONGEST_WAIT = 3600.0
"""Seconds; pollers count milliseconds in 31 bits, and looking again is cheap."""
FEW_TIMERS = 1024
"""So many may be there before it is worth a look which of them are cancelled."""


class Watcher(Protocol):
    """Who is called when a descriptor has something to say."""

    def on_event(self, events: int) -> None: ...
    def on_failure(self, report: str) -> None:
        """``on_event`` raised; the report is its traceback."""


class Timer:
    """A call that waits for its time."""

    __slots__ = ("call", "when")

    def __init__(self, when: float, call: Callable[[], None]) -> None:
        self.when = when
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        self.call = None


class Reactor:
    """See the module.  ``run`` returns after ``stop``."""

    def __init__(self, system: System | None = None) -> None:
        self.system = system or System()
        self.clock = self.system.clock
        self._wait = self.system.poller.wait
        self.now = self.clock()
        """The time of the current batch of events: cheap, and slightly in the past."""
        self.buffer = bytearray(BUFFER_SIZE)
        self.view = memoryview(self.buffer)
        self.pipes = PipePool()
        self.report: Callable[[str], None] = _to_standard_error
        """Who hears of a timer or a submitted call that raised, as a traceback."""
        self._watchers: dict[int, Watcher] = {}
        self._timers: list[tuple[float, int, Timer]] = []
        self._many_timers = FEW_TIMERS
        """How many there are when the cancelled ones are next taken out."""
        self._order = itertools.count()
        self._soon: list[Callable[[], None]] = []
        self._submitted: deque[Callable[[], None]] = deque()
        self._closing: list[Socket] = []
        self.waiting_bytes = 0
        """Of messages that wait on links."""
        self._lingering: set[Socket] = set()
        self._stopped = False

    # Descriptors.

    def add(self, fd: int, watcher: Watcher, interest: int) -> None:
        self._watchers[fd] = watcher
        self.system.poller.register(fd, interest)

    def unwatch(self, fd: int) -> None:
        """Handle no more events of a descriptor, until it is added again."""
        if self._watchers.pop(fd, None) is not None:
            self.system.poller.unregister(fd)

    def linger(self, sock: Socket) -> None:
        """Handle no more events of a socket that is to be reset a little later."""
        self.unwatch(sock.fileno())
        self._lingering.add(sock)

    def discard(self, sock: Socket) -> None:
        """Close a socket after this batch, and handle no more of its events."""
        self._lingering.discard(sock)
        if self.system.poller.forgets_closed:
            self._watchers.pop(sock.fileno(), None)
        else:
            self.unwatch(sock.fileno())
        self._closing.append(sock)

    # Time, and other threads.

    def call_at(self, when: float, call: Callable[[], None]) -> Timer:
        """Call something at this time on the clock or later, never before."""
        timer = Timer(when, call)
        if len(self._timers) >= self._many_timers:
            self._forget_cancelled()
        heapq.heappush(self._timers, (when, next(self._order), timer))
        return timer

    def call_later(self, seconds: float, call: Callable[[], None]) -> Timer:
        return self.call_at(self.clock() + seconds, call)

    def call_soon(self, call: Callable[[], None]) -> None:
        """Call something at the end of the current batch of events."""
        self._soon.append(call)

    def post(self, call: Callable[[], None]) -> None:
        """Have something called in the reactor's thread; from any thread or signal handler."""
        self._submitted.append(call)
        self.system.wake()

    def submit(self, call: Callable[[], T]) -> Future[T]:
        """Have something called in the reactor's thread, and get what it returns or raises."""
        from concurrent.futures import Future

        future: Future[T] = Future()

        def run() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(call())
                except Exception as error:  # noqa: BLE001 - it belongs to the caller
                    future.set_exception(error)
                except BaseException as error:  # the end of it all, of which nobody else hears
                    future.set_exception(RuntimeError(f"cut short by {error!r}"))
                    raise

        self.post(run)
        return future

    # Running.

    def run(self) -> None:
        """Handle events until ``stop``."""
        self._stopped = False
        with self.system.woken_by_signals():
            while not self._stopped:
                self.run_once()

    def run_once(self) -> None:
        """Wait for one batch of events, and handle it."""
        events = self._wait(self._patience())
        self.now = now = self.clock()
        watchers = self._watchers
        watcher: Watcher | None = None
        try:
            for fd, what in events:
                watcher = watchers.get(fd)
                if watcher is not None:
                    watcher.on_event(what)
                elif fd == self.system.wake_fd:
                    self.system.woken()
        except Exception:  # noqa: BLE001 - one connection's trouble; epoll repeats the rest
            if watcher is not None:
                watcher.on_failure(traceback.format_exc())
        if self._timers and self._timers[0][0] <= now:
            self._run_timers()
        if self._submitted or self._soon or self._closing:
            self._tidy_up()

    def _tidy_up(self) -> None:
        """What comes at the end of a batch, when there is any of it."""
        while self._submitted:
            self._guarded(self._submitted.popleft())
        while self._soon:
            calls, self._soon = self._soon, []
            for call in calls:
                self._guarded(call)
        while self._closing:
            self._closing.pop().close()

    def stop(self) -> None:
        """End ``run`` after the current batch; in the reactor's thread."""
        self._stopped = True

    def close(self) -> None:
        """Give back what the reactor itself holds; it can't run again."""
        for sock in list(self._lingering):
            self.system.reset_on_close(sock)
            self.discard(sock)
        while self._closing:
            self._closing.pop().close()
        self.pipes.close()
        self.system.close()

    def _patience(self) -> float | None:
        if self._stopped or self._soon or self._submitted or self._closing:
            return 0.0
        timers = self._timers
        while timers and timers[0][2].call is None:
            heapq.heappop(timers)
        if not timers:
            return None
        rest = timers[0][0] - self.clock()
        if rest <= 0:
            return 0.0
        return rest if rest < LONGEST_WAIT else LONGEST_WAIT

    def _forget_cancelled(self) -> None:
        """Take out cancelled timers, which else stay until their time comes, hours perhaps."""
        timers = self._timers
        timers[:] = [entry for entry in timers if entry[2].call is not None]
        heapq.heapify(timers)
        self._many_timers = max(FEW_TIMERS, 2 * len(timers))

    def _run_timers(self) -> None:
        timers = self._timers
        now = self.clock()
        while timers and timers[0][0] <= now:
            timer = heapq.heappop(timers)[2]
            if timer.call is not None:
                call, timer.call = timer.call, None
                self._guarded(call)

    def _guarded(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception:  # noqa: BLE001 - it must not end everybody's traffic
            self.report(traceback.format_exc())


def _to_standard_error(report: str) -> None:
    import sys

    sys.stderr.write(report)
