"""A client, a backend, and the two links between them."""

from __future__ import annotations

import contextlib
import copy
import socket
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ..actions import Close
from ..behavior import Firing
from ..events import PluginFailed
from ..messages import NO_LABELS, Direction, Message
from ..plan import Decision, RuleAtWork, Verdicts
from ..protocol import Answer, Exchanges, Parser, Stream
from .closing import Ending, close_socket, read_unread
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


class Connection:
    """See the module.  It begins with a client, and gets its backend from the proxy."""

    __slots__ = (
        "_answered",
        "_decision",
        "_decisions",
        "_swallowers",
        "_unsent",
        "_verdicts",
        "backend",
        "client",
        "client_socket",
        "closed",
        "exchange",
        "exchanges",
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
        self.proxy = proxy
        self.number = number  # on its proxy, counted from 1
        self.client_socket: Socket | None = client_socket  # until there is a backend
        self.protocol = proxy.protocol
        self.closed = False
        self.opened_at = proxy.reactor.now
        self.exchange = 0  # of the newest chunk, where there is no framing
        self.exchanges: Exchanges | None = None  # where there is
        self.on_close: Callable[[], None] | None = None
        self._answered = True
        self._decision: Decision | None = None  # on the exchange above
        self._decisions: dict[int, Decision] | None = None  # where there is framing
        self._verdicts: Verdicts | None = None
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
        streams: tuple[Stream | None, Stream | None] = (None, None)
        if self.protocol.framed:
            streams = self._frame()
        self.to_backend = Link(self, Direction.TO_BACKEND, client, backend, streams[0])
        self.to_client = Link(self, Direction.TO_CLIENT, backend, client, streams[1])
        client.outgoing = backend.incoming = self.to_backend
        backend.outgoing = client.incoming = self.to_client
        for end in (client, backend):
            end.reactor.add(end.fd, end, READ)

    def apply(self) -> None:
        """Follow the proxy's new plan.  Nobody waits for anybody."""
        lives = self.proxy.enactment.lives
        if self._swallowers and not all(map(lives, self._swallowers)):
            self.close()  # what was swallowed is missed by a peer that is served again
            return
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

    # Exchanges, and what is decided on them.

    def decide_chunk(self, direction: Direction) -> Decision:
        """What is decided on the exchange that an unframed chunk belongs to.

        An exchange is what the client says until the backend speaks, and what the
        backend then says.
        """
        if self.exchanges is not None and self.exchange < self.exchanges.begun:
            self.exchange = self.exchanges.begun  # as far as the parser has counted
            self._decision = None
        if direction is Direction.TO_CLIENT:
            self._answered = True
        elif self._answered:
            self._answered = False
            self.exchange += 1
            self._decision = None
        decision = self._decision
        if decision is None:
            decision = self._decision = Decision()
        if decision.generation != self.proxy.enactment.plan.generation:
            self._decide(decision, self.exchange, direction, NO_LABELS)
        return decision

    def draw(self, at_work: RuleAtWork) -> Firing | None:
        """Whether a rule whose scope is the connection fires on it, before there is a message."""
        if self._verdicts is None:
            self._verdicts = {}
        if at_work not in self._verdicts:
            now = self.proxy.reactor.clock()
            firing = at_work.fire(self.number, 1, NO_LABELS, self.protocol, now)
            self._verdicts[at_work] = firing
            if firing is not None:
                self.proxy.on_fired(at_work.rule, firing, Direction.TO_BACKEND, NO_LABELS)
        return self._verdicts[at_work]

    def decided_turn(self, direction: Direction) -> Decision | None:
        """What is decided on the turn under way, if that is this direction's."""
        decision = self._decision
        if (
            decision is None
            or self._answered is (direction is Direction.TO_BACKEND)
            or decision.generation != self.proxy.enactment.plan.generation
        ):
            return None
        return decision

    def decide(self, message: Message) -> Decision:
        """What is decided on the exchange of a message; nothing new in its middle."""
        if self._decisions is None:
            self._decisions = {}
        decision = self._decisions.get(message.exchange)
        if decision is None:
            decision = Decision()
            if message.begins:
                self._decisions[message.exchange] = decision
        self.update(decision, message)
        return decision

    def update(self, decision: Decision, message: Message) -> None:
        """Bring a decision up to date with the proxy's plan, where a message begins."""
        if message.begins and decision.generation != self.proxy.enactment.plan.generation:
            self._decide(decision, message.exchange, message.direction, message.labels)

    def played(self, message: Message) -> None:
        """A message has been played; decisions are kept while their exchange goes on."""
        if self._decisions and message.ends and self.exchanges is not None:
            owed = self.exchanges.owed
            if not owed or owed[-1 if message.to_backend else 0] != message.exchange:
                self._decisions.pop(message.exchange, None)

    def answer(self, message: Message, answer: Answer) -> None:
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
            stream = self.to_client.stream
            if stream is None or not stream.in_message:
                for due in self.exchanges.due():
                    self.to_client.reply(due)

    def swallowed(self, at_work: RuleAtWork) -> None:
        """A rule has swallowed a message: the peers may be out of step from now on."""
        self._swallowers = [*(self._swallowers or ()), at_work]

    def _decide(
        self, decision: Decision, exchange: int, direction: Direction, labels: Mapping[str, str]
    ) -> None:
        proxy = self.proxy
        verdicts: Verdicts = {} if self._verdicts is None else self._verdicts
        news = proxy.enactment.decide(
            decision,
            self.number,
            exchange,
            labels,
            self.protocol,
            verdicts,
            proxy.reactor.clock(),
        )
        if verdicts:
            self._verdicts = verdicts
        for at_work, firing in news:
            proxy.on_fired(at_work.rule, firing, direction, labels)

    def _frame(self) -> tuple[Stream, Stream]:
        """Streams for the two parsers of a protocol object of this connection's own."""
        self.exchanges = Exchanges()
        self.protocol = copy.copy(self.protocol)
        requests = Stream(Direction.TO_BACKEND, self.exchanges)
        responses = Stream(Direction.TO_CLIENT, self.exchanges)
        requests.parse_with(_parse(self.protocol.requests, requests))
        responses.parse_with(_parse(self.protocol.responses, responses))
        return requests, responses


def _parse(parser: Callable[[Stream], Parser], stream: Stream) -> Parser:
    """A parser which, if it fails when it is called, fails when it is fed."""
    yield from parser(stream)
