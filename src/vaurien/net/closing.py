"""Closing sockets so that the peer hears what was meant for it, and how it ended."""

from __future__ import annotations

import contextlib
import enum

from .reactor import Reactor
from .system import Socket

UNREAD_ROUNDS = 32
"""Buffers of unread bytes that are thrown away to close with a FIN."""
PATIENCE = 30.0
"""Seconds that a RST waits for what the kernel still has to send."""
SHORTEST_PAUSE = 0.002
LONGEST_PAUSE = 0.1


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
    """The client has spoken last, or there is no backend yet."""
    WATCHED = enum.auto()
    """A rule's ``on_open`` is running, and the client has not ended."""


def read_unread(reactor: Reactor, sock: Socket) -> None:
    """Throw away what has arrived: closing with unread bytes would send RST, not FIN."""
    with contextlib.suppress(OSError):
        for _ in range(UNREAD_ROUNDS):
            if not sock.recv_into(reactor.buffer):
                return


def close_socket(
    reactor: Reactor,
    sock: Socket,
    *,
    reset: bool,
    patience: float = PATIENCE,
    pause: float = SHORTEST_PAUSE,
) -> None:
    """Close a socket with a FIN, or with a RST once the kernel has sent what came before.

    A RST throws away what the kernel still holds for the peer, so it waits for that,
    within limits.
    """
    if reset and patience > 0 and reactor.system.unsent(sock):
        reactor.linger(sock)
        left, longer = patience - pause, min(pause * 2, LONGEST_PAUSE)
        reactor.call_later(
            pause,
            lambda: close_socket(reactor, sock, reset=True, patience=left, pause=longer),
        )
        return
    if reset:
        reactor.system.reset_on_close(sock)
    reactor.discard(sock)
