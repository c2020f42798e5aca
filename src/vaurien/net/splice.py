"""Pipes for ``os.splice``, which moves bytes between sockets inside the kernel."""

from __future__ import annotations

import contextlib
import os
import sys

if sys.platform == "linux":
    import fcntl  # here, because an import fails where no descriptor is left

PIPE_SIZE = 1024 * 1024
POOL_LIMIT = 16
F_SETPIPE_SZ = 1031  # linux/fcntl.h

Pipe = tuple[int, int]
"""The descriptor to read from, and the one to write to."""


class PipePool:
    """Empty pipes, kept to be used again."""

    def __init__(self) -> None:
        self._idle: list[Pipe] = []

    def take(self) -> Pipe:
        """An empty pipe that does not block.

        Raises:
            OSError: there is no descriptor left.
        """
        if self._idle:
            return self._idle.pop()
        pipe = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        with contextlib.suppress(OSError):  # the user's limit is reached: it stays small
            fcntl.fcntl(pipe[1], F_SETPIPE_SZ, PIPE_SIZE)
        return pipe

    def give_back(self, pipe: Pipe, *, empty: bool) -> None:
        """Return a pipe; one that still holds bytes is of no more use."""
        if empty and len(self._idle) < POOL_LIMIT:
            self._idle.append(pipe)
        else:
            os.close(pipe[0])
            os.close(pipe[1])

    def close(self) -> None:
        while self._idle:
            self.give_back(self._idle.pop(), empty=False)
