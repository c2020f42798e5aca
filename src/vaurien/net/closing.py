"""Close sockets so that the peer receives all data first, then the FIN or RST."""

from __future__ import annotations

import contextlib
import enum

from .reactor import Reactor
from .system import Socket

UNREAD_ROUNDS = 32
"""Buffers of unread bytes that are discarded to close with a FIN."""
RESET_LIMIT = 30.0
"""Seconds that a RST waits for the kernel to send what is buffered."""
SHORTEST_PAUSE = 0.002
LONGEST_PAUSE = 0.1
FINISHED = "it has finished, and its proxy takes no more"
"""Why a drain closes a connection."""


class Ending(enum.Enum):
    """How a stream ends."""

    FIN = enum.auto()
    RST = enum.auto()


class InUse(enum.Flag):
    """Why a connection should not be closed yet."""

    HELD = enum.auto()
    """A rule makes it wait, and the peer that waits for that is still there."""
    QUEUED = enum.auto()
    """Messages are queued, for whatever reason."""
    UNSENT = enum.auto()
    """A peer does not take what it is sent."""
    UNANSWERED = enum.auto()
    """The client sent last, or there is no backend yet."""
    WATCHED = enum.auto()
    """A rule's ``on_open`` is running, and the client has not ended."""


MISSES_BYTES = InUse.HELD | InUse.QUEUED | InUse.UNSENT
"""Closed in one of these uses, a connection loses bytes that a peer should have received."""


def read_unread(reactor: Reactor, sock: Socket) -> None:
    """Discard what has arrived: closing with unread bytes would send a RST, not a FIN."""
    with contextlib.suppress(OSError):
        for _ in range(UNREAD_ROUNDS):
            if not sock.recv_into(reactor.buffer):
                return


def close_socket(
    reactor: Reactor,
    sock: Socket,
    *,
    reset: bool,
    limit: float = RESET_LIMIT,
    pause: float = SHORTEST_PAUSE,
) -> None:
    """Close a socket with a FIN, or with a RST once the kernel has sent what it holds.

    A RST discards the kernel's send buffer, so it waits up to ``limit`` seconds for that
    to empty, and checks after ``pause`` seconds, then after longer ones.
    """
    if reset and limit > 0 and reactor.system.unsent(sock):
        reactor.linger(sock)
        left, longer = limit - pause, min(pause * 2, LONGEST_PAUSE)
        reactor.call_later(
            pause,
            lambda: close_socket(reactor, sock, reset=True, limit=left, pause=longer),
        )
        return
    if reset:
        reactor.system.reset_on_close(sock)
    reactor.discard(sock)
