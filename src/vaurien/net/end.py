"""One peer of a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .closing import close_socket, read_unread
from .system import ERROR, HANGUP, READ, WRITE, Socket

if TYPE_CHECKING:
    from .connection import Connection
    from .link import Link


class End:
    """One peer of a connection: its socket, and the events that it is watched for."""

    __slots__ = (
        "broken",
        "connection",
        "ended_at",
        "fd",
        "incoming",
        "interest",
        "outgoing",
        "reactor",
        "sock",
        "unwatched",
    )

    outgoing: Link  # carries what this peer sends
    incoming: Link  # carries what this peer is sent

    def __init__(self, connection: Connection, sock: Socket) -> None:
        self.connection = connection
        self.reactor = connection.proxy.reactor
        self.sock = sock
        self.fd = sock.fileno()
        self.interest = READ
        self.unwatched = False
        self.ended_at: float | None = None  # when its end arrived; what came before may be held
        self.broken = False  # the peer has reset it: nothing can be sent to it

    def on_event(self, events: int) -> None:
        if events == READ and self.interest == READ:  # by far the most frequent
            self.outgoing.on_readable()
            return
        if events & WRITE and self.interest & WRITE:
            self.incoming.on_writable()
        if self.interest & READ:
            if events & (READ | ERROR | HANGUP):
                self.outgoing.on_readable()
        elif events & (ERROR | HANGUP):
            self._on_unread_error(events)

    def close(self, *, reset: bool) -> None:
        """Close the socket, with a RST if ``reset``; the connection is over."""
        self.interest = 0
        if not reset and self.outgoing.ending is None:
            read_unread(self.reactor, self.sock)
        close_socket(self.reactor, self.sock, reset=reset and not self.broken)

    def on_failure(self, report: str) -> None:
        self.connection.on_failure(report)

    def want(self, what: int, *, wanted: bool) -> None:
        """Watch for READ or WRITE, or no longer."""
        interest = self.interest | what if wanted else self.interest & ~what
        if interest == self.interest or self.connection.closed:
            return
        self.interest = interest
        if not self.unwatched:
            self.reactor.system.poller.modify(self.fd, interest)
        elif interest:
            self.unwatched = False
            self.reactor.add(self.fd, self, interest)

    def _on_unread_error(self, events: int) -> None:
        """The peer is gone while nothing is read; stop watching, or the poller spins."""
        if self.connection.closed:
            return
        self.reactor.unwatch(self.fd)
        self.unwatched = True
        self.interest &= ~WRITE
        if events & ERROR:
            self.connection.on_reset(self)
