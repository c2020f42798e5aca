"""A client, a backend, and the two links between them."""

from __future__ import annotations

import contextlib
import copy
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..actions import Close
from ..events import PluginFailed
from ..exchanges import Exchanges, Turn
from ..messages import Direction, Message
from ..plan import RuleAtWork
from ..stream import Parser, Stream
from .closing import Ending, close_socket, read_unread
from .decisions import Deciding
from .framing import Framing
from .link import Link
from .system import ERROR, HANGUP, READ, WRITE, Socket

if TYPE_CHECKING:
    from .proxy import Proxy


class End:
    """One peer of a connection: its socket, and what is wanted of it."""

    __slots__ = (
        "broken",
        "connection",
        "fd",
        "incoming",
        "interest",
        "muted",
        "outgoing",
        "reactor",
        "sock",
    )

    outgoing: Link  # carries what this end says
    incoming: Link  # carries what this end is told

    def __init__(self, connection: Connection, sock: Socket) -> None:
        self.connection = connection
        self.reactor = connection.proxy.reactor
        self.sock = sock
        self.fd = sock.fileno()
        self.interest = READ
        self.muted = False
        self.broken = False  # the peer has reset it: nothing can be told to it any more

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

    def on_failure(self, report: str) -> None:
        self.connection.on_failure(report)

    def want(self, what: int, *, wanted: bool) -> None:
        """Be told of READ or WRITE, or no more."""
        interest = self.interest | what if wanted else self.interest & ~what
        if interest == self.interest or self.connection.closed:
            return
        self.interest = interest
        if not self.muted:
            self.reactor.system.poller.modify(self.fd, interest)
        elif interest:
            self.muted = False
            self.reactor.add(self.fd, self, interest)

    def _on_unread_error(self, events: int) -> None:
        """The peer is gone while nothing is read from it; the poller would say so for ever."""
        if self.connection.closed:
            return
        self.reactor.mute(self.fd)
        self.muted = True
        self.interest &= ~WRITE
        if events & ERROR:
            self.connection.lose(self)


class Connection(Deciding):
    """See the module.  It begins with a client, and gets its backend from the proxy."""

    __slots__ = (
        "_swallowers",
        "_unsent",
        "backend",
        "client",
        "client_socket",
        "closed",
        "number",
        "on_close",
        "opened_at",
        "protocol",
        "proxy",
        "to_backend",
        "to_client",
    )

    client: End
    backend: End
    to_backend: Link
    to_client: Link

    def __init__(self, proxy: Proxy, number: int, client_socket: Socket) -> None:
        super().__init__()
        self.proxy = proxy
        self.number = number  # on its proxy, counted from 1
        self.client_socket: Socket | None = client_socket  # until there is a backend
        self.protocol = proxy.protocol
        self.closed = False
        self.opened_at = proxy.reactor.now
        self.on_close: Callable[[], None] | None = None
        self._swallowers: list[RuleAtWork] | None = None
        self._unsent = 0  # when a sweep looked last

    # Its life.

    def attach_backend(self, sock: Socket) -> None:
        """Begin to carry bytes between the client and this socket, which must not block."""
        if self.closed or self.client_socket is None:
            self.proxy.reactor.discard(sock)
            return
        client = self.client = End(self, self.client_socket)
        backend = self.backend = End(self, sock)
        self.client_socket = None
        self.to_backend = Link(self, Direction.TO_BACKEND, client, backend)
        self.to_client = Link(self, Direction.TO_CLIENT, backend, client)
        client.outgoing = backend.incoming = self.to_backend
        backend.outgoing = client.incoming = self.to_client
        if self.protocol.framed:
            self._frame()
        for end in (client, backend):
            end.reactor.add(end.fd, end, READ)

    def apply(self) -> None:
        """Follow the proxy's new plan.  Nobody waits for anybody."""
        lives = self.proxy.enactment.lives
        if self._swallowers and not all(map(lives, self._swallowers)):
            self.close()  # what was swallowed is missed by a peer that is served again
            return
        self.forget()
        for link in self.links:
            if not self.closed:
                link.apply()

    def close(self, *, reset: bool = False) -> None:
        """Close both sides; what a player still holds is gone."""
        if self.closed:
            return
        self.closed = True
        reactor = self.proxy.reactor
        for link in self.links:
            link.dead = True
            link.release()
        if self.client_socket is not None:
            close_socket(reactor, self.client_socket, reset=reset)
        else:
            for end in (self.client, self.backend):
                end.interest = 0
                if not reset and end.outgoing.ending is None:
                    read_unread(reactor, end.sock)
                close_socket(reactor, end.sock, reset=reset and not end.broken)
        self.proxy.on_closed(self)
        if self.on_close is not None:
            self.on_close()

    def lose(self, end: End) -> None:
        """A peer has reset its side: nothing more can be told to it.

        What it said before is still passed on, in its turn, and then the reset.
        """
        if self.closed:
            return
        end.broken = True
        end.incoming.kill()
        outgoing = end.outgoing
        held = outgoing.player is not None and outgoing.player.holding
        if outgoing.done or outgoing.dead or held:
            self.close(reset=True)
        elif outgoing.ending is Ending.FIN:
            outgoing.ending = Ending.RST

    def pass_on(self, link: Link, ending: Ending) -> None:
        """All that a link had to carry is with its sink: tell it how the stream ended."""
        opposite = link.sink.outgoing
        if ending is Ending.RST or link.source.broken:
            self.close(reset=True)
        elif opposite.done or opposite.dead:
            self.close()
        else:
            with contextlib.suppress(OSError):  # it is gone, and will say so when read
                link.sink.sock.shutdown(socket.SHUT_WR)

    def on_failure(self, report: str) -> None:
        """Something raised while it handled this connection."""
        name = self.proxy.name
        self.proxy.emit(PluginFailed(name, f"connection {self.number} failed", report))
        self.close()

    @property
    def links(self) -> tuple[Link, ...]:
        return () if self.client_socket is not None else (self.to_backend, self.to_client)

    @property
    def busy(self) -> bool:
        """Messages wait in it, for what a behavior asked."""
        return any(
            link.player is not None and link.player.waits(ended=link.ending is not None)
            for link in self.links
        )

    @property
    def active_at(self) -> float:
        """When it carried something last, or was opened."""
        if self.client_socket is not None:
            return self.opened_at
        return max(self.opened_at, self.to_backend.active_at, self.to_client.active_at)

    def creeps(self) -> bool:
        """A peer takes what it is sent, too slowly for us to notice but by looking twice."""
        unsent = sum(
            self.proxy.reactor.system.unsent(link.sink.sock) for link in self.links if link.blocked
        )
        before, self._unsent = self._unsent, unsent
        return unsent not in (0, before)

    def cut(self) -> None:
        """Close it now; a peer that misses bytes by it sees a reset, and no clean end."""
        self.close(reset=self.blocked or self.busy)

    @property
    def blocked(self) -> bool:
        """A peer does not take what it is sent."""
        return any(link.blocked for link in self.links)

    @property
    def awaits_response(self) -> bool:
        """The client spoke last, or the backend has not been reached yet."""
        if self.client_socket is not None:
            return True
        return self.to_backend.active_at > self.to_client.active_at

    # Answers, and what is swallowed.

    def answer(self, message: Message, answer: Turn) -> None:
        """Answer the sender of a message; a client's requests in their turn."""
        if not message.to_backend and isinstance(answer, Close):
            self.close(reset=answer.reset)
        elif not message.to_backend:
            self.to_backend.reply(answer)
        elif self.exchanges is None:
            self._answered = True
            self.to_client.reply(answer)
        else:
            self.exchanges.reply(message.exchange, answer)
            framing = self.to_client.framing
            if framing is None or not framing.in_message:
                for due in self.exchanges.due():
                    self.to_client.reply(due)
            if self.exchanges.replies:
                self.to_client.quiet = False  # they go between its messages

    def swallowed(self, at_work: RuleAtWork) -> None:
        """A rule has swallowed a message: the peers may be out of step from now on."""
        if self._swallowers is None or at_work not in self._swallowers:
            self._swallowers = [*(self._swallowers or ()), at_work]

    def _frame(self) -> None:
        """Have a protocol object of this connection's own parse what its links carry."""
        proxy = self.proxy
        exchanges = self.exchanges = Exchanges(proxy.tally, self.protocol.tallied)
        protocol = self.protocol = copy.copy(self.protocol)
        protocol.backend = str(proxy.backend)
        protocol.tell = proxy.tell  # type: ignore[method-assign]  # that is what it is for
        for link, parser in (
            (self.to_backend, protocol.requests),
            (self.to_client, protocol.responses),
        ):
            stream = Stream(link.direction, exchanges)
            stream.parse_with(_parse(parser, stream))
            link.framing = Framing(link, stream, exchanges)
            link.calm_down()


def _parse(parser: Callable[[Stream], Parser], stream: Stream) -> Parser:
    """A parser which, if it fails when it is called, fails when it is fed."""
    yield from parser(stream)
