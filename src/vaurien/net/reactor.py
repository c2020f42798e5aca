"""The reactor: an event loop in one thread, for sockets, timers and calls of other threads.

Law: callbacks must not block.  They run one at a time, so nothing in ``net`` needs a
lock.  Sockets are closed at the end of a batch of events, so that a descriptor is
never reused within the batch.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
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
"""Seconds; pollers count milliseconds in 31 bits, and waking up once an hour is cheap."""
ROUND = 16
"""Continuations that run between two polls."""
TIMERS = 64
"""Timers that run between two polls."""
PURGE_LEVEL = 1024
"""Timers in the heap before cancelled ones are purged."""


class Watcher(Protocol):
    """Handles the events of a descriptor."""

    def on_event(self, events: int) -> None: ...
    def on_failure(self, report: str) -> None:
        """``on_event`` raised; the report is its traceback."""


class Timer:
    """A call scheduled for a time; ``call`` is None once it is made or cancelled."""

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
        """When the current batch of events began: cheaper than the clock."""
        self.buffer = bytearray(BUFFER_SIZE)
        self.view = memoryview(self.buffer)
        self.pipes = PipePool()
        self.report: Callable[[str], None] = _to_standard_error
        """Takes the traceback of a timer or a submitted call that raised."""
        self._watchers: dict[int, Watcher] = {}
        self._timers: list[tuple[float, int, Timer]] = []
        self._purge_at = PURGE_LEVEL
        """Number of timers at which cancelled ones are purged next."""
        self._order = itertools.count()
        self._soon: list[Callable[[], None]] = []
        self._unfinished: deque[Callable[[], None]] = deque()
        self._submitted: deque[Callable[[], None]] = deque()
        self._cancels: set[Callable[[], bool]] = set()
        """Cancel what other threads may wait for."""
        self._over = False  # it has stopped
        self._thread: int | None = None  # that runs it
        self._closing: list[Socket] = []
        self.waiting_bytes = 0
        """Bytes of the messages that wait on links."""
        self._lingering: set[Socket] = set()
        self._stopped = False

    # Descriptors.

    def add(self, fd: int, watcher: Watcher, interest: int) -> None:
        self._watchers[fd] = watcher
        self.system.poller.register(fd, interest)

    def unwatch(self, fd: int) -> None:
        """Stop watching a descriptor, until it is added again."""
        if self._watchers.pop(fd, None) is not None:
            self.system.poller.unregister(fd)

    def linger(self, sock: Socket) -> None:
        """Stop watching a socket that will be reset later; ``close`` resets it at the latest."""
        self.unwatch(sock.fileno())
        self._lingering.add(sock)

    def discard(self, sock: Socket) -> None:
        """Stop watching a socket, and close it at the end of this batch."""
        self._lingering.discard(sock)
        if self.system.poller.forgets_closed:
            self._watchers.pop(sock.fileno(), None)
        else:
            self.unwatch(sock.fileno())
        self._closing.append(sock)

    def limit_descriptors(self, limit: int) -> None:
        """Leave descriptors of this number and above to others in the process."""
        self.system.descriptor_limit = self.pipes.descriptor_limit = limit

    # Timers and calls.

    def call_at(self, when: float, call: Callable[[], None]) -> Timer:
        """Call at this time on the clock or later, never earlier."""
        timer = Timer(when, call)
        if len(self._timers) >= self._purge_at:
            self._purge_cancelled()
        heapq.heappush(self._timers, (when, next(self._order), timer))
        return timer

    def call_later(self, seconds: float, call: Callable[[], None]) -> Timer:
        return self.call_at(self.clock() + seconds, call)

    def call_soon(self, call: Callable[[], None]) -> None:
        """Call at the end of the current batch of events."""
        self._soon.append(call)

    def call_next(self, call: Callable[[], None]) -> None:
        """Call after the next poll, when it is this call's turn: to continue long work."""
        self._unfinished.append(call)

    def post(self, call: Callable[[], None]) -> None:
        """Call in the reactor's thread; safe in any thread and in signal handlers."""
        self._submitted.append(call)
        self.system.wake()

    def submit(self, call: Callable[[], T]) -> Future[T]:
        """Call in the reactor's thread; the future gets what the call returns or raises.

        It is cancelled if the reactor has stopped, or stops before the call.
        """
        from concurrent.futures import Future

        future: Future[T] = Future()

        def run() -> None:
            self._cancels.discard(future.cancel)
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(call())
                except Exception as error:  # noqa: BLE001 - the caller handles it
                    future.set_exception(error)
                except (
                    BaseException
                ) as error:  # it ends the process; do not leave the caller waiting
                    future.set_exception(RuntimeError(f"cut short by {error!r}"))
                    raise

        self._cancels.add(future.cancel)
        self.post(run)
        if self._over:  # looked at last, as it may stop at any moment
            future.cancel()
        return future

    # Running.

    def run(self) -> None:
        """Handle events until ``stop``."""
        self._stopped = self._over = False
        self._thread = threading.get_ident()
        with self.system.woken_by_signals():
            while not self._stopped:
                self.run_once()
        self._over, self._thread = True, None
        for cancel in list(self._cancels):
            cancel()

    def cpu_seconds(self) -> float:
        """Return the CPU time of the thread that runs it; 0 if that is unknown.  For any thread."""
        thread = self._thread
        if thread is None or not hasattr(time, "pthread_getcpuclockid"):
            return 0.0
        return time.clock_gettime(time.pthread_getcpuclockid(thread))

    def run_once(self) -> None:
        """Wait for one batch of events, and handle it."""
        unfinished = len(self._unfinished)
        events = self._wait(self._timeout())
        self.now = now = self.clock()
        watchers = self._watchers
        watcher: Watcher | None = None
        try:
            for fd, what in events:
                watcher = watchers.get(fd)
                if watcher is not None:
                    watcher.on_event(what)
                elif fd == self.system.wake_fd:
                    self.system.clear_wakeups()
        except Exception:  # noqa: BLE001 - fails one connection; epoll repeats the other events
            if watcher is not None:
                watcher.on_failure(traceback.format_exc())
        if self._timers and self._timers[0][0] <= now:
            self._run_timers()
        if unfinished:
            for _ in range(min(unfinished, ROUND)):
                self._guarded(self._unfinished.popleft())
        if self._submitted or self._soon or self._closing:
            self._end_batch()

    def _end_batch(self) -> None:
        """Make the calls, and close the sockets, that wait for the end of a batch."""
        while self._submitted:
            self._guarded(self._submitted.popleft())
        while self._soon:
            calls, self._soon = self._soon, []
            for call in calls:
                self._guarded(call)
        while self._closing:
            self._closing.pop().close()

    def stop(self) -> None:
        """End ``run`` after the current batch; call it in the reactor's thread."""
        self._stopped = True

    def close(self) -> None:
        """Free the reactor's resources; it cannot run again."""
        for sock in list(self._lingering):
            self.system.reset_on_close(sock)
            self.discard(sock)
        while self._closing:
            self._closing.pop().close()
        self.pipes.close()
        self.system.close()

    def _timeout(self) -> float | None:
        if self._stopped or self._soon or self._submitted or self._closing or self._unfinished:
            return 0.0
        timers = self._timers
        while timers and timers[0][2].call is None:
            heapq.heappop(timers)
        if not timers:
            return None
        left = timers[0][0] - self.clock()
        if left <= 0:
            return 0.0
        return left if left < LONGEST_WAIT else LONGEST_WAIT

    def _purge_cancelled(self) -> None:
        """Remove cancelled timers, which would stay until their time comes, perhaps for hours."""
        timers = self._timers
        timers[:] = [entry for entry in timers if entry[2].call is not None]
        heapq.heapify(timers)
        self._purge_at = max(PURGE_LEVEL, 2 * len(timers))

    def _run_timers(self) -> None:
        """Run the timers that are due; those that they set have their turn after the next poll."""
        timers = self._timers
        now = self.clock()
        due: list[Timer] = []
        while timers and timers[0][0] <= now and len(due) < TIMERS:
            due.append(heapq.heappop(timers)[2])
        for timer in due:
            if timer.call is not None:
                call, timer.call = timer.call, None
                self._guarded(call)

    def _guarded(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception:  # noqa: BLE001 - it must not stop all traffic
            self.report(traceback.format_exc())


class Alarm:
    """Calls at a time that may be set anew."""

    __slots__ = ("_call", "_reactor", "_timer")

    def __init__(self, reactor: Reactor, call: Callable[[], None]) -> None:
        self._reactor = reactor
        self._call = call
        self._timer: Timer | None = None

    def set(self, moment: float | None) -> None:
        """Call at this time on the reactor's clock, not at the one set before; None: never."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if moment is not None:
            self._timer = self._reactor.call_at(moment, self._call)


def _to_standard_error(report: str) -> None:
    import sys

    sys.stderr.write(report)
