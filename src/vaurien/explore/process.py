"""A command that runs: the end of its output, and its own end with all that it has started."""

from __future__ import annotations

import os
import re
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from . import keeper

TAIL = 40
"""Lines of the output that are kept, ..."""
TAIL_BYTES = 16 * 1024
"""... and bytes."""
READ_SIZE = 64 * 1024
READS = 64
"""Reads after its end: what a pipe holds, but not all that others may still write to it."""
KILL_LIMIT = 5.0
"""Seconds that a command gets to end after SIGTERM."""
ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[()][0-9A-Z]|[@-Z\\^_])"
)
"""What controls a terminal: colors and the like, titles."""


class Signpost:
    """Wakes one who waits for several things; any thread may do so, and a handler of signals."""

    def __init__(self) -> None:
        self.reading, self._writing = os.pipe()
        for end in (self.reading, self._writing):
            os.set_blocking(end, False)

    def wake(self) -> None:
        with suppress(OSError):  # it is full, so it wakes already
            os.write(self._writing, b"x")

    def clear(self) -> None:
        with suppress(BlockingIOError):
            os.read(self.reading, READ_SIZE)

    def close(self) -> None:
        os.close(self.reading)
        os.close(self._writing)


class Process:
    """A running command, in a session of its own."""

    def __init__(
        self,
        words: Sequence[str],
        environment: Mapping[str, str],
        mark: str,
        post: Signpost,
        *,
        folder: str | None = None,
        inherited: Sequence[int] = (),
    ) -> None:
        """Start it.

        ``folder``: where it runs.  ``inherited``: file descriptors.

        Raises:
            OSError: it cannot be started.
        """
        self._mark = mark
        self._post = post
        self._tail = b""
        self._output, writing = os.pipe()
        try:
            self._process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=writing,
                stderr=subprocess.STDOUT,
                env={**environment, keeper.VARIABLE: mark},
                cwd=folder,
                pass_fds=inherited,
                start_new_session=True,
            )
        except BaseException:
            os.close(self._output)
            raise
        finally:
            os.close(writing)
        os.set_blocking(self._output, False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._output, selectors.EVENT_READ)
        self._selector.register(post.reading, selectors.EVENT_READ)
        self._waiter = threading.Thread(target=self._await_end, name="command", daemon=True)
        self._waiter.start()

    def _await_end(self) -> None:
        self._process.wait()
        self._post.wake()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def code(self) -> int | None:
        """The exit status, or None while it runs; negative: the signal that ended it."""
        return self._process.returncode

    @property
    def output(self) -> str:
        """The last lines of its output, without what controls a terminal."""
        text = ESCAPES.sub("", self._tail.decode(errors="replace")).expandtabs().rstrip()
        return "\n".join(text.splitlines()[-TAIL:])

    def attend(self, limit: float) -> None:
        """Read output until there is other news, for at most ``limit`` seconds."""
        end = time.monotonic() + limit
        while (left := end - time.monotonic()) > 0:
            ready = {key.fd for key, _ in self._selector.select(left)}
            if self._output in ready:
                self._read()
            if self._post.reading in ready:
                self._post.clear()
                return

    def _read(self) -> bool:
        """Read what there is now; return whether there may be more."""
        try:
            data = os.read(self._output, READ_SIZE)
        except BlockingIOError:
            return False
        if not data and self._output in self._selector.get_map():
            self._selector.unregister(self._output)
        self._tail = (self._tail + data)[-TAIL_BYTES:]
        return bool(data)

    def strays(self) -> list[int]:
        """Return the processes that belong to it though they may have left its session."""
        return list(keeper.marked(self._mark))

    def close(self) -> None:
        """End it and all that it has started, at first politely."""
        self._signal(signal.SIGTERM)
        end = time.monotonic() + KILL_LIMIT
        while self.code is None and (left := end - time.monotonic()) > 0:
            self.attend(left)
        self._signal(signal.SIGKILL)
        keeper.end(self._mark)
        self._waiter.join()
        for _ in range(READS):
            if not self._read():
                break
        self._selector.close()
        os.close(self._output)

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):  # macOS: of those that have ended
            os.killpg(self.pid, number)


@contextmanager
def kept(mark: str) -> Iterator[None]:
    """Have the processes with a mark that begins so ended, even if this process is killed."""
    if sys.platform != "linux":
        yield
        return
    with subprocess.Popen(
        [sys.executable, "-I", "-S", keeper.__file__, mark],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={},
        start_new_session=True,
    ) as keeping:
        try:
            yield
        finally:
            keeping.kill()
