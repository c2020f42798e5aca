"""Moving bytes from socket to socket inside the kernel, with ``os.splice``."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Callable

if sys.platform == "linux":
    import fcntl  # not when it is used: an import fails once no descriptor is left

PIPE_SIZE = 1024 * 1024
SPLICE_WORTH = 16 * 1024
"""Bytes in one splice below which copying costs less: a link goes back to that."""
POOL_LIMIT = 16
"""Empty pipes that are kept."""
SPLICE_FLAGS = 1 | 2  # SPLICE_F_MOVE | SPLICE_F_NONBLOCK
CANNOT_SPLICE = frozenset({errno.EINVAL, errno.ENOSYS, errno.EPERM, errno.EMFILE, errno.ENFILE})
"""Errors of a socket or a system that cannot splice, where copying works."""
F_SETPIPE_SZ = 1031  # linux/fcntl.h

Pipe = tuple[int, int]
"""The descriptor to read from, and the one to write to."""


class PipePool:
    """Empty pipes, kept for reuse."""

    def __init__(self) -> None:
        self._idle: list[Pipe] = []
        self.descriptor_limit = sys.maxsize
        """Descriptors of this number and above are left to others in the process."""

    def take(self) -> Pipe:
        """Return an empty, non-blocking pipe.

        Raises:
            OSError: no descriptor is left.
        """
        if self._idle:
            return self._idle.pop()
        pipe = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        if max(pipe) >= self.descriptor_limit:
            os.close(pipe[0])
            os.close(pipe[1])
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        with contextlib.suppress(OSError):  # the user's limit on pipes is reached: it stays small
            fcntl.fcntl(pipe[1], F_SETPIPE_SZ, PIPE_SIZE)
        return pipe

    def give_back(self, pipe: Pipe, *, empty: bool) -> None:
        """Return a pipe to the pool; one that still holds bytes is closed."""
        if empty and len(self._idle) < POOL_LIMIT:
            self._idle.append(pipe)
        else:
            os.close(pipe[0])
            os.close(pipe[1])

    def close(self) -> None:
        while self._idle:
            self.give_back(self._idle.pop(), empty=False)


class Siphon:
    """Moves bytes from one socket to another, through a pipe that it has only while needed."""

    __slots__ = ("_pipe", "_pipes", "_sink_fd", "_source_fd", "_splice", "held")

    def __init__(
        self, splice: Callable[..., int], pipes: PipePool, source_fd: int, sink_fd: int
    ) -> None:
        self._splice = splice
        self._pipes = pipes
        self._source_fd = source_fd
        self._sink_fd = sink_fd
        self._pipe: Pipe | None = None
        self.held = 0
        """Bytes in the pipe, which the sink has not taken."""

    def fill(self) -> int:
        """Move what has arrived into the pipe, and return its bytes; 0 at the end of the stream.

        Raises:
            BlockingIOError: nothing has arrived.
            OSError: splicing is not possible (``CANNOT_SPLICE``), or the source is broken.
        """
        if self._pipe is None:
            self._pipe = self._pipes.take()
        try:
            self.held = self._splice(self._source_fd, self._pipe[1], PIPE_SIZE, flags=SPLICE_FLAGS)
        finally:
            if not self.held:
                self.close()
        return self.held

    def drain(self) -> None:
        """Move what is held into the sink, as much as that takes.

        Raises:
            OSError: the sink is broken.
        """
        assert self._pipe is not None
        with contextlib.suppress(BlockingIOError):
            self.held -= self._splice(self._pipe[0], self._sink_fd, self.held, flags=SPLICE_FLAGS)
        if not self.held:
            self.close()

    def close(self) -> None:
        """Release the pipe; what it holds is lost."""
        if self._pipe is not None:
            self._pipes.give_back(self._pipe, empty=not self.held)
            self._pipe = None
            self.held = 0
