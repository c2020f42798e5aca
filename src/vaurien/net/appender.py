"""Appends lines to a file, in a thread of its own: to the log, and to the journal.

Law: nobody waits for whoever reads the file, or for a slow disk, except at the end, and then
for ``END_LIMIT`` seconds at most.  What cannot be written yet is buffered; lines that find the
buffer full are lost, and counted.  Lines are lost whole.
"""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

END_LIMIT = 1.0
"""Seconds that closing waits for the rest to be written."""
RETRY = 1.0
"""Seconds until a failed write is tried again."""
LOOK = 0.1
"""Seconds between two looks whether to go on waiting for a file that takes no more."""
NO_WAIT = getattr(os, "O_NONBLOCK", 0)
FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | NO_WAIT
"""To open a pipe without a reader is an error; without ``NO_WAIT`` it would wait for one."""


class Appender:
    """See the module.  Its methods may be called in any thread."""

    def __init__(
        self, name: str, open_file: Callable[[], int], tell: Callable[[str], bytes], *, limit: int
    ) -> None:
        """``name``: the thread's.  ``open_file`` returns a descriptor, which is written to, and
        closed.  ``tell`` takes a remark about the file, such as that lines were lost, in any
        thread; what it returns is written to the file, if that is possible.  ``limit``: maximum
        number of bytes that wait to be written.

        Raises:
            OSError: raised by ``open_file``.
        """
        self._name = name
        self._open = open_file
        self._tell = tell
        self._limit = limit
        self._fd = open_file()
        self._waiting = bytearray()
        self._left = b""
        """What the thread has taken and not written yet."""
        self._busy = False
        self._torn = False
        """What is left begins within a line, whose beginning is written."""
        self._lost = 0
        self._failing = False
        self._reopen_at: int | None = None
        """How much of what waits belongs to the file as it was before it is opened anew."""
        self._ended = False
        self._over = False
        """Nobody waits any more for what is left."""
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def append(self, lines: bytes | bytearray) -> None:
        """Write these lines soon."""
        with self._changed:
            room = max(0, self._limit - len(self._waiting) - len(self._left))
            fits = len(lines) if len(lines) <= room else lines.rfind(b"\n", 0, room) + 1
            self._waiting += lines[:fits]
            first = fits < len(lines) and not self._lost
            self._lost += lines.count(b"\n", fits)
            if fits:
                self._notify()
        if first:
            self._tell("is not written fast enough; lines are being lost")

    def reopen(self) -> None:
        """Open the file anew, as it may have been moved; the present one stays if that fails."""
        with self._changed:
            self._reopen_at = len(self._waiting)
            self._notify()

    def drain(self) -> None:
        """Wait until everything is written or cannot be, for ``END_LIMIT`` seconds at most."""
        with self._changed:
            self._changed.wait_for(
                lambda: not (self._waiting or self._busy or self._left) or self._failing, END_LIMIT
            )

    def close(self) -> int:
        """Write the rest, for about ``END_LIMIT`` seconds; return how many lines are lost."""
        with self._changed:
            already, self._ended = self._ended, True
            self._changed.notify_all()
        if already:
            return 0
        if self._thread is not None:
            self._thread.join(END_LIMIT)
            self._over = True
            self._thread.join(2 * LOOK)
        if self._thread is None or not self._thread.is_alive():
            os.close(self._fd)
        with self._changed:
            return self._lost + self._left.count(b"\n") + self._waiting.count(b"\n")

    def _notify(self) -> None:
        self._changed.notify_all()
        if self._thread is None and not self._ended:
            thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            with signals_blocked(), suppress(RuntimeError):  # no thread is left: later, perhaps
                thread.start()
                self._thread = thread

    # In the thread.

    def _work(self) -> None:
        last = False
        while not last:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                if self._failing:
                    self._changed.wait_for(lambda: self._ended or self._reopens, RETRY)
                else:
                    self._changed.wait_for(self._goes_on)
                last = self._ended and not self._reopens
                self._busy = True
                data, self._waiting = bytes(self._waiting), bytearray()
                reopen_at, self._reopen_at = self._reopen_at, None
                self._left += data
                later = data[reopen_at:] if reopen_at is not None else b""
                if later:
                    self._left = self._left[: -len(later)]
            self._write(patient=reopen_at is None)
            if reopen_at is not None:
                self._open_anew()
                self._left += later
                self._write()
            self._account()

    @property
    def _reopens(self) -> bool:
        return self._reopen_at is not None

    def _goes_on(self) -> bool:
        return bool(self._ended or self._waiting or self._lost or self._left) or self._reopens

    def _write(self, *, patient: bool = True) -> None:
        """Write what is left, unless that fails; wait if ``patient`` for a file that is full.

        Nobody waits any more when that is to be opened anew.
        """
        while self._left:
            try:
                written = os.write(self._fd, self._left)
            except BlockingIOError:
                poll = select.poll()
                poll.register(self._fd, select.POLLOUT)
                while not poll.poll(LOOK * 1000 if patient else 0):
                    if self._reopens or self._over or not patient:
                        return
            except OSError as error:
                if not self._failing:
                    self._failing = True
                    waiting = self._left.count(b"\n")
                    self._tell(f"cannot be written: {error.strerror}; lines waiting: {waiting}")
                return
            else:
                self._torn = not self._left.endswith(b"\n", 0, written)
                self._left = self._left[written:]

    def _account(self) -> None:
        """Say in how far the file can be written again, once all is written."""
        if self._left:
            return
        with self._changed:
            failing, self._failing = self._failing, False
            lost, self._lost = self._lost, 0
        if failing or lost:
            how = "is written again" if failing else "is not written fast enough"
            self._left += self._tell(f"{how}; lines lost: {lost}")
            self._write()

    def _open_anew(self) -> None:
        """Open the file again, and begin it with a whole line."""
        try:
            fd = self._open()
        except OSError as error:
            self._left += self._tell(f"cannot be opened again: {error.strerror}")
            return
        same = os.path.sameopenfile(fd, self._fd)
        os.close(self._fd)
        self._fd = fd
        if self._torn and not same:  # its beginning is in the other file
            self._left = self._left[self._left.index(b"\n") + 1 :]
            self._torn = False
            with self._changed:
                self._lost += 1


@contextmanager
def signals_blocked() -> Iterator[None]:
    """A thread started here leaves all signals to the others."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
