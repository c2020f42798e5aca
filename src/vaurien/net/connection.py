"""A client, a backend, and the two links between them."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Protocol as Interface

from ..parsing.exchanges import QueuedReply
from ..rules.active import ActiveRule, Memory
from ..values.actions import Close
from ..values.events import Cut, PluginFailed
from ..values.messages import Direction, Message
from .closing import MISSES_BYTES, Ending, InUse, close_socket, read_unread
from .decisions import Decisions
from .end import End
from .framing import Conversation
from .hooks import BEFORE, Hooks
from .link import Link
from .peer_watch import GONE, PeerWatch
from .played import Steps
from .system import READ, Socket
from .view import ProxyView

MakeEnd = Callable[["Connection", Socket], End]


class Owner(ProxyView, Interface):
    """The proxy as a connection sees it."""

    def connect(self, connection: Connection) -> None:
        """Attach a backend to a connection, now or later, or close it."""

    def refuse(self, connection: Connection, what: str, detail: str = "") -> None:
        """Reset a client that gets no backend, and say why."""

    def on_closed(self, connection: Connection) -> None:
        """A connection has closed."""


class Connection:
    """One client and its backend, which the proxy attaches."""

    __slots__ = (
        "_peer_watch",
        "_unsent",
        "backend",
        "client",
        "client_socket",
        "closed",
        "conversation",
        "decisions",
        "encrypt",
        "generation",
        "hooks",
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

    def __init__(self, proxy: Owner, number: int, client_socket: Socket) -> None:
        self.proxy = proxy
        self.number = number  # on its proxy, counted from 1
        self.client_socket: Socket | None = client_socket  # None once there is a backend
        self.protocol = proxy.protocol
        self.conversation: Conversation | None = None  # if the protocol is framed
        self.decisions = Decisions(proxy, self)
        self.closed = False
        self.encrypt: Callable[[Connection], None] | None = None  # if its protocol asks for it
        self.generation = proxy.active_plan.generation  # of the plan that it follows
        self.opened_at = proxy.reactor.now
        self.on_close: Callable[[], None] | None = None
        self.hooks: Hooks | None = None
        self._peer_watch: PeerWatch | None = None
        self._unsent = 0  # at the last call of is_draining

    # From begin to close.

    def begin(self) -> None:
        """Run the rules' ``on_connect``, and then get a backend."""
        if self.proxy.active_plan.connecting:
            self.make_hooks().connect(lambda: self.proxy.connect(self))
        else:
            self.proxy.connect(self)

    def attach_backend(self, sock: Socket, client: MakeEnd = End, backend: MakeEnd = End) -> None:
        """Begin to carry bytes between the client and this socket, which is non-blocking."""
        if self.closed or self.client_socket is None:
            self.proxy.reactor.discard(sock)
            return
        first, second = client(self, self.client_socket), backend(self, sock)
        self.client, self.backend, self.client_socket = first, second, None
        if self._peer_watch is not None:
            self._peer_watch.cancel()
        self.to_backend = Link(self, Direction.TO_BACKEND, first, second)
        self.to_client = Link(self, Direction.TO_CLIENT, second, first)
        first.outgoing = second.incoming = self.to_backend
        second.outgoing = first.incoming = self.to_client
        if self.protocol.framed:
            self.conversation = Conversation(
                self.number, self.protocol, self.decisions, self.to_backend, self.to_client
            )
            self.protocol = self.conversation.protocol
        for end in (first, second):
            end.reactor.add(end.fd, end, READ)
        if self.proxy.active_plan.opening:
            self.make_hooks().open()

    def apply(self) -> None:
        """Follow the proxy's new plan."""
        if self.closed:
            return
        plan, before = self.proxy.active_plan, self.generation
        self.generation = plan.generation
        missed = self.decisions.follow_plan(before)
        if missed is not None:
            self.close(why=f"rule {missed.rule.name} is off, and has dropped messages")
            return
        if plan.opening or self.hooks is not None:
            hooks = self.make_hooks()
            hooks.follow_plan()
            if self.links:
                hooks.open()
        playing = any(link.player is not None for link in self.links)
        if plan.last_inert > before and not playing and not self.must_finish:
            self.decisions.forget()
        for link in self.links:
            if not self.closed:
                link.apply()

    def close(self, *, reset: bool = False, why: str = "") -> None:
        """Close both sides; what players hold is lost.  ``why``, if no rule asks for it."""
        links, talk = self.links, self.conversation
        for link in links:
            if link.gathered is not None:
                link.flush()
        if self.closed:
            return
        self.closed = True
        if why:
            what = f"connection {self.number} closed: {why}"
            self.proxy.emit(Cut(self.proxy.name, what, connection=self.number))
        reactor = self.proxy.reactor
        for link in links:
            link.dead = True
            link.release()
            link.source.close(reset=reset)
        if self.client_socket is not None:
            if not reset:
                read_unread(reactor, self.client_socket)
            close_socket(reactor, self.client_socket, reset=reset)
        for waiting in (self.hooks, self._peer_watch, talk.overdue if talk else None):
            if waiting is not None:
                waiting.cancel()
        self.proxy.on_closed(self)
        if self.on_close is not None:
            self.on_close()
        reactor.call_soon(self._break_cycles if links else self.decisions.let_go)

    def _break_cycles(self) -> None:
        """Cut what refers back: its memory is free at once, and still cached for the next one."""
        if self.to_client.paused:  # a turn to come looks whether it is closed
            return
        self.decisions.let_go()
        for link in (self.to_backend, self.to_client):
            end, link.framing, link.firings = link.source, None, ()
            del end.connection, end.incoming, end.outgoing
            del link.connection, link.source, link.sink

    def on_reset(self, end: End) -> None:
        """Send a peer that has reset nothing more; pass on what it sent, and then the reset."""
        if self.closed:
            return
        end.broken = True
        end.incoming.kill()
        outgoing = end.outgoing
        held = outgoing.player is not None and outgoing.player.holding
        if outgoing.end_sent or outgoing.dead or held:
            self.close(reset=True)
        elif outgoing.ending is Ending.FIN:
            outgoing.ending = Ending.RST
        if self.withholds_end(outgoing):
            end.incoming.settle()  # the other peer is not to notice

    def send_end(self, link: Link, ending: Ending) -> None:
        """End a stream as its source has ended; all that came before has been sent."""
        opposite = link.sink.outgoing
        if ending is Ending.RST or link.source.broken:
            self.close(reset=True)
        elif opposite.end_sent or opposite.dead:
            self.close()
        else:
            try:  # noqa: SIM105 - suppress() is three more calls for each connection
                link.sink.stream.shutdown(socket.SHUT_WR)
            except OSError:  # it is gone, as reading from it will show
                pass

    def on_failure(self, report: str, exchange: int = 0) -> None:
        """Close after an exception, and emit its traceback."""
        what = f"connection {self.number} failed"
        self.proxy.emit(PluginFailed(self.proxy.name, what, report, self.number, exchange))
        self.close()

    def refuse(self, detail: str) -> None:
        """Close a client that has no backend yet, as if the backend could not be reached."""
        self.proxy.refuse(self, f"backend {self.proxy.backend} cannot be reached", detail)

    def gather(self) -> bool:
        """Have both links gather what they write; True if ``send_gathered`` is to be called."""
        if self.conversation is None or self.to_client.gathers:
            return False
        self.to_backend.gathers = self.to_client.gathers = True
        return True

    def send_gathered(self) -> None:
        """Send what each link has gathered."""
        self.to_backend.gathers = self.to_client.gathers = False
        for link in (self.to_backend, self.to_client):
            if link.gathered is not None:
                link.flush()

    def go_on_reading(self, link: Link) -> None:
        """Read both peers again: the parser of a link has caught up."""
        opposite = link.sink.outgoing
        postponed = opposite.postponed
        for each in self.links:
            each.paused = each.postponed = False
        if postponed and opposite.source.interest & READ:
            opposite.on_readable()  # the link that has just had its turn comes later

    def settle(self) -> None:
        """Have both links follow a change."""
        for link in self.links:
            link.settle()

    @property
    def links(self) -> tuple[Link, ...]:
        """The two links, once there is a backend."""
        return () if self.client_socket is not None else (self.to_backend, self.to_client)

    @property
    def holds(self) -> bool:
        """It holds something that may have to be let go when a rule is lifted."""
        return (
            (self.hooks is not None and bool(self.hooks.running))
            or any(link.holds for link in self.links)
            or self.decisions.has_dropped
        )

    @property
    def memory(self) -> Memory:
        """What it keeps for the rules that fire on it."""
        return self.decisions.memory

    @property
    def must_finish(self) -> bool:
        """A lasting behavior has begun to act on a framed exchange, and acts to its end."""
        return self.decisions.lasts and any(link.framing is not None for link in self.links)

    def now(self) -> float:
        """Return the time in seconds on the reactor's clock."""
        return self.proxy.reactor.clock()

    def in_use(self) -> InUse:
        """Return why it should not be closed yet: all reasons, or none, which is falsy."""
        found = InUse(0)
        running = self.hooks.running if self.hooks is not None else []
        timed = any(link.player is not None and link.player.waiting for link in self.links)
        if timed or any(self._awaited(dead=False)):
            found |= InUse.HELD
        if any(link.player is not None or link.paused for link in self.links):
            found |= InUse.QUEUED
        if any(link.blocked for link in self.links):
            found |= InUse.UNSENT
        unanswered = None if self.conversation is None else self.conversation.unanswered
        if unanswered is None:
            unanswered = not self.links or self.to_backend.active_at > self.to_client.active_at
        if unanswered:
            found |= InUse.UNANSWERED
        watched = any(isinstance(key, ActiveRule) for key in running)
        if watched and self.links and self.to_backend.ending is None:
            found |= InUse.WATCHED
        return found

    @property
    def active_at(self) -> float:
        """When it last carried bytes, or was opened; in seconds on the reactor's clock."""
        if self.client_socket is not None:
            return self.opened_at
        return max(self.opened_at, self.to_backend.active_at, self.to_client.active_at)

    def is_draining(self) -> bool:
        """Whether a blocked peer has taken bytes, or been sent some, since the last call."""
        system = self.proxy.reactor.system
        unsent = sum(system.unsent(link.sink.sock) for link in self.links if link.blocked)
        before, self._unsent = self._unsent, unsent
        return unsent not in (0, before)

    def drain(self, *, wanted: bool) -> None:
        """Close after the answers under way, or after the next; or go on if not ``wanted``.

        Without a protocol that knows where an answer ends, the proxy closes when it is idle.
        """
        talk = self.conversation
        if talk is not None and not self.closed and (talk.last is None) is wanted:
            busy = bool(self.in_use() & (InUse.QUEUED | InUse.UNSENT | InUse.UNANSWERED))
            talk.drain(talk.exchanges.begun + (not busy) if wanted else None)

    def end_answered(self) -> None:
        """Send the client a FIN if a drain awaits no answer, and close later: it may be sending."""
        talk, link = self.conversation, self.to_client
        done = talk is not None and talk.is_full and talk.unanswered is False
        if done and not (link.dead or any(each.player or each.blocked for each in self.links)):
            link.flush()
            self.send_end(link, Ending.FIN)
            link.kill()

    def cut(self, why: str = "") -> None:
        """Close now, with a reset if a peer misses bytes by it, and otherwise with a clean end."""
        self.close(reset=bool(self.in_use() & MISSES_BYTES), why=why)

    # Replies.

    def reply(self, message: Message, reply: QueuedReply) -> None:
        """Reply to the sender of a message; a client gets replies in the order of its requests."""
        from_backend = message.direction is Direction.TO_CLIENT
        if isinstance(reply, Close) and (reply.at_once or from_backend):
            self.close(reset=reply.reset)
        elif from_backend:
            self.to_backend.reply(reply)
        elif self.conversation is None:
            self.decisions.end_turn()
            self.to_client.reply(reply)
        else:
            self.conversation.reply(message.exchange + message.continues, reply)

    # What rules do where there is no message.

    def may_end(self, link: Link) -> bool:
        """Whether the sink may be sent the end now; if not, the link is settled when it may."""
        if self.hooks is None or not self.hooks.has_begun(link.direction):
            if not self.proxy.active_plan.ending:
                return True
            self.make_hooks().end(link.direction, lambda: link.ending is Ending.RST, link.settle)
            if self.withholds_end(link):
                link.sink.outgoing.settle()  # the sink is not to notice
        return self.closed or not self.withholds_end(link)

    def pass_close(self, by: ActiveRule, *, reset: bool) -> Steps:
        """Let the rules behind one that closes the connection act on the end."""
        yield from self.make_hooks().pass_close(by, reset=reset)

    def withholds_end(self, link: Link) -> bool:
        """Whether a rule keeps the sink from being sent the end."""
        return self.hooks is not None and link.direction in self.hooks.running

    def heard_at(self, direction: Direction | None = None) -> float:
        """Return when it last carried bytes, in this direction or in either."""
        links = [link for link in self.links if direction in (None, link.direction)]
        return max([self.opened_at, *(link.active_at for link in links)])

    def make_hooks(self) -> Hooks:
        if self.hooks is None:
            self.hooks = Hooks(self)
        self.proxy.on_holding(self)
        return self.hooks

    def watch_peers(self) -> None:
        """Something is kept that may never come: close when nobody waits for it any more."""
        if self._peer_watch is None:
            self._peer_watch = PeerWatch(self.proxy.reactor, self._awaited, lambda: self.cut(GONE))
        if not self.closed:
            self._peer_watch.begin()

    def _awaited(self, *, dead: bool = True) -> list[bool]:
        """Return of each thing that is kept (``dead``: or lost) whether a peer waits for it."""
        running = self.hooks.running if self.hooks is not None else []
        waiting = [key for key in running if isinstance(key, Direction)]
        if not BEFORE.isdisjoint(running) or any(
            (dead and link.dead) or (link.player is not None and link.player.holding)
            for link in self.links
        ):
            waiting.append(Direction.TO_CLIENT)
        return [not self._is_gone(direction) for direction in waiting]

    def _is_gone(self, direction: Direction) -> bool:
        """Whether the peer at the end of a direction has closed, not only its sending side."""
        to_client = direction is Direction.TO_CLIENT
        sock = self.client_socket or (self.client if to_client else self.backend).sock
        return self.proxy.reactor.system.peer_gone(sock)
