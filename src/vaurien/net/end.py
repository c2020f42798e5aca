"""One peer of a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from .closing import close_socket, read_unread
from .system import ERROR, HANGUP, READ, WRITE, Socket

if TYPE_CHECKING:
    from .connection import Connection
    from .link import Link


class Stream(Protocol):
    """What links read of a peer and send to it: its socket, or what is inside of TLS.

    Its methods do what those of a non-blocking socket do.
    """

    def recv_into(self, buffer: bytearray, limit: int = 0, /) -> int: ...
    def send(self, data: bytes | memoryview, /) -> int: ...
    def shutdown(self, how: int, /) -> None: ...


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
        "stream",
        "unwatched",
    )

    outgoing: Link  # carries what this peer sends
    incoming: Link  # carries what this peer is sent

    def __init__(self, connection: Connection, sock: Socket, stream: Stream | None = None) -> None:
        """``stream``: what links read and send, if that is not what the socket carries."""
        self.connection = connection
        self.reactor = connection.proxy.reactor
        self.sock = sock
        self.stream = stream or sock
        self.fd = sock.fileno()
        self.interest = READ
        self.unwatched = False
        self.ended_at: float | None = None  # when its end arrived; what came before may be held
        self.broken = False  # the peer has reset it: nothing can be sent to it

    @property
    def is_ragged(self) -> bool:
        """The peer has ended, but has not said so inside of TLS."""
        return False

    @property
    def splice_fd(self) -> int:
        """The descriptor between which and another one bytes may move inside the kernel; or -1."""
        return self.fd if self.stream is self.sock else -1

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
