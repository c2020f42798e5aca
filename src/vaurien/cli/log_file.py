"""Writes the log, in a thread of its own.

Law: nobody waits for whoever reads the log, or for a slow disk, except at the end, and then
for ``END_LIMIT`` seconds at most.  Lines that find the buffer full are lost, and counted.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

BUFFER_LIMIT = 1024 * 1024
"""Maximum number of bytes that wait to be written."""
END_LIMIT = 1.0
"""Seconds that closing waits for the rest to be written."""
FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)


def opener(output: str) -> Callable[[], int]:
    """Return what opens a file for appending, or standard error for ``-``."""
    if output != "-":
        return lambda: os.open(output, FLAGS, 0o666)
    if sys.stderr is None:  # its descriptor was closed, and may be another file's by now
        return lambda: os.open(os.devnull, FLAGS)
    return lambda: os.dup(2)


class LogFile(logging.Handler):
    """A handler that buffers records, for a thread to write."""

    def __init__(self, open_file: Callable[[], int]) -> None:
        """``open_file`` returns a descriptor, which is written to, and closed.

        Raises:
            OSError: raised by ``open_file``.
        """
        super().__init__()
        self._open = open_file
        self._fd = open_file()
        self._waiting = bytearray()
        self._writing = 0
        """Bytes that the thread has taken and not written yet."""
        self._lost = 0
        self._failing = False
        """The last write has failed, so it cannot be said there how many lines were lost."""
        self._reopen_at: int | None = None
        """How much of what waits belongs to the file as it was before it is opened anew."""
        self._ended = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        try:
            data = self._encoded(record)
        except Exception:  # noqa: BLE001 - what logs a record wrongly must not fail by it
            self.handleError(record)
            return
        with self._changed:
            if len(self._waiting) + self._writing + len(data) > BUFFER_LIMIT:
                self._lost += data.count(b"\n")
                return
            self._waiting += data
            self._notify()

    def reopen(self) -> None:
        """Open the file anew, as it may have been moved; the present one stays if that fails."""
        with self._changed:
            self._reopen_at = len(self._waiting)
            self._notify()

    def drain(self) -> None:
        """Wait until everything is written, for ``END_LIMIT`` seconds at most."""
        with self._changed:
            self._changed.wait_for(lambda: not (self._waiting or self._writing), END_LIMIT)

    def close(self) -> None:
        """Write the rest, within ``END_LIMIT`` seconds; then nothing is written any more."""
        with self._changed:
            already, self._ended = self._ended, True
            self._changed.notify_all()
        if not already:
            if self._thread is not None:
                self._thread.join(END_LIMIT)
            if self._thread is None or not self._thread.is_alive():
                os.close(self._fd)
        super().close()

    def _encoded(self, record: logging.LogRecord) -> bytes:
        return f"{self.format(record)}\n".encode("utf-8", "backslashreplace")

    def _notify(self) -> None:
        self._changed.notify_all()
        if self._thread is None and not self._ended:
            thread = threading.Thread(target=self._work, name="log", daemon=True)
            with _signals_blocked(), suppress(RuntimeError):  # no thread is left: later, perhaps
                thread.start()
                self._thread = thread

    def _work(self) -> None:
        while True:
            with self._changed:
                self._writing = 0
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._has_work or self._ended)
                if not self._has_work:
                    return
                data, self._waiting = bytes(self._waiting), bytearray()
                lost, self._lost = self._lost, 0
                reopen_at, self._reopen_at = self._reopen_at, None
                self._writing = len(data) + 1
            if reopen_at is not None:
                lost += self._write(data[:reopen_at])
                data = self._open_anew() + data[reopen_at:]
            lost += self._write(data)
            if lost and not self._failing:
                remark = self._remark(f"the log is not written fast enough; lines lost: {lost}")
                lost = lost if self._write(remark) else 0
            with self._changed:
                self._lost += lost

    @property
    def _has_work(self) -> bool:
        lost = self._lost and not self._failing
        return bool(self._waiting or lost or self._reopen_at is not None)

    def _open_anew(self) -> bytes:
        """Open the file again; return what is to be logged about that."""
        try:
            fd = self._open()
        except OSError as error:
            return self._remark(f"the log cannot be opened again: {error.strerror}")
        os.close(self._fd)
        self._fd = fd
        return b""

    def _write(self, data: bytes) -> int:
        """Write lines; return how many could not be written."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._fd, rest) :]
            except BlockingIOError:  # others that share it have made it non-blocking
                poll = select.poll()
                poll.register(self._fd, select.POLLOUT)
                poll.poll()
            except OSError:
                self._failing = True
                return bytes(rest).count(b"\n")
        self._failing = self._failing and not data
        return 0

    def _remark(self, text: str) -> bytes:
        where = (logging.WARNING, __file__, 0, text, (), None)
        return self._encoded(logging.LogRecord("vaurien", *where))


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """A thread started here leaves all signals to the others."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
