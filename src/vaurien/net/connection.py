"""A client, a backend, and the two links between them."""

from __future__ import annotations

import contextlib
import copy
import socket
from collections.abc import Callable
from functools import partial
from typing import Protocol as Interface

from ..parsing.exchanges import Exchanges, QueuedReply
from ..parsing.stream import Parser, Stream
from ..rules.active import ActiveRule
from ..values.actions import Close
from ..values.events import PluginFailed
from ..values.messages import Direction, Ended, Message
from .closing import Ending, InUse, close_socket, read_unread
from .decisions import Deciding
from .end import End
from .framing import Framing
from .hooks import HookRun, perform
from .link import Link
from .player import Play
from .system import READ, Socket
from .view import ProxyView

CONNECT = "connect"
"""What rules do before there is a backend; beside it, courses go by rules and directions."""


MISSES_BYTES = InUse.HELD | InUse.QUEUED | InUse.UNSENT
"""Closed with one of these, a connection has lost bytes that a peer was to get."""


class Owner(ProxyView, Interface):
    """The proxy as a connection sees it."""

    def connect(self, connection: Connection) -> None:
        """Attach a backend to a connection, now or later, or close it."""

    def refuse(self, connection: Connection, what: str, detail: str = "") -> None:
        """Reset a client that gets no backend, and say why."""

    def on_closed(self, connection: Connection) -> None:
        """A connection has closed."""


class Connection(Deciding):
    """See the module.  It begins with a client, and gets its backend from the proxy."""

    __slots__ = (
        "_hook_runs",
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

    proxy: Owner
    client: End
    backend: End
    to_backend: Link
    to_client: Link

    def __init__(self, proxy: Owner, number: int, client_socket: Socket) -> None:
        super().__init__()
        self.proxy = proxy
        self.number = number  # on its proxy, counted from 1
        self.client_socket: Socket | None = client_socket  # until there is a backend
        self.protocol = proxy.protocol
        self.closed = False
        self.opened_at = proxy.reactor.now
        self.on_close: Callable[[], None] | None = None
        self._hook_runs: dict[object, HookRun] | None = None
        self._unsent = 0  # when a sweep looked last

    # Its life.

    def begin(self) -> None:
        """Get a backend, after what rules have to say to that."""
        connecting = self.proxy.active_plan.connecting
        if not connecting:
            self.proxy.connect(self)
            return

        def play() -> Play:
            for active_rule in connecting:
                yield from self._ask(active_rule, "on_connect")

        self._run(CONNECT, play(), partial(self.proxy.connect, self))

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
        if self.proxy.active_plan.opening:
            self._watch()

    def apply(self) -> None:
        """Follow the proxy's new plan.  Nobody waits for anybody."""
        active_plan = self.proxy.active_plan
        if self._memory is not None:
            if not all(map(active_plan.lives, self._memory.swallowers)):
                self.close()  # what was swallowed is missed by a peer that is served again
                return
            self._memory.forget(active_plan.knows)
        if active_plan.opening or self._hook_runs:
            self._follow()
        if self.closed:
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
            if not reset:
                read_unread(reactor, self.client_socket)
            close_socket(reactor, self.client_socket, reset=reset)
        else:
            for end in (self.client, self.backend):
                end.interest = 0
                if not reset and end.outgoing.ending is None:
                    read_unread(reactor, end.sock)
                close_socket(reactor, end.sock, reset=reset and not end.broken)
        for hook_run in (self._hook_runs or {}).values():
            hook_run.cancel()
        self.proxy.on_closed(self)
        if self.on_close is not None:
            self.on_close()

    def on_reset(self, end: End) -> None:
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
        if self.pretends(outgoing):
            end.incoming.settle()  # the other peer is to notice nothing of it

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

    def in_use(self) -> InUse:
        """Return all reasons why it should not be closed yet; none is falsy."""
        found = InUse(0)
        if any(map(self._is_awaited, self._under_way())) or any(map(self._has_more, self.links)):
            found |= InUse.HELD
        if any(link.player is not None for link in self.links):
            found |= InUse.QUEUED
        if any(link.blocked for link in self.links):
            found |= InUse.UNSENT
        if not self.links or self.to_backend.active_at > self.to_client.active_at:
            found |= InUse.UNANSWERED
        watched = any(isinstance(key, ActiveRule) for key in self._under_way())
        if watched and self.links and self.to_backend.ending is None:
            found |= InUse.WATCHED
        return found

    def _has_more(self, link: Link) -> bool:
        """What a link holds waits for its time, or for a source that is still there."""
        if link.player is None:
            return False
        ended = link.ending is not None or self.proxy.reactor.system.peer_closed(link.source.sock)
        return link.player.waits(ended=ended)  # unread, where too much is held to read on

    @property
    def active_at(self) -> float:
        """When it carried something last, or was opened."""
        if self.client_socket is not None:
            return self.opened_at
        return max(self.opened_at, self.to_backend.active_at, self.to_client.active_at)

    def is_draining(self) -> bool:
        """Whether a blocked peer has taken bytes, or been sent some, since the last call."""
        unsent = sum(
            self.proxy.reactor.system.unsent(link.sink.sock) for link in self.links if link.blocked
        )
        before, self._unsent = self._unsent, unsent
        return unsent not in (0, before)

    def cut(self) -> None:
        """Close now, with a reset if a peer misses bytes by it, and otherwise with a clean end."""
        self.close(reset=bool(self.in_use() & MISSES_BYTES))

    # Answers, and what is swallowed.

    def answer(self, message: Message, answer: QueuedReply) -> None:
        """Answer the sender of a message; a client's requests in their turn."""
        if isinstance(answer, Close) and (answer.at_once or not message.to_backend):
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

    def swallowed(self, active_rule: ActiveRule) -> None:
        """A rule has swallowed a message: the peers may be out of step from now on."""
        swallowers = self.memory.swallowers
        if active_rule not in swallowers:
            swallowers.append(active_rule)

    # What rules do where there is no message.

    def may_end(self, link: Link) -> bool:
        """Ask rules whether the sink may hear that the source has ended; they may say so later."""
        hook_runs = self._hook_runs or {}
        if link.direction not in hook_runs:
            if not self.proxy.active_plan.ending:
                return True
            self._run(link.direction, self._ends(link), link.settle)
            if self.pretends(link):
                link.sink.outgoing.settle()  # the sink is to notice nothing of it
        return self.closed or not self.pretends(link)

    def pretends(self, link: Link) -> bool:
        """The sink is not to hear yet that the source has ended."""
        hook_run = (self._hook_runs or {}).get(link.direction)
        return hook_run is not None and not hook_run.over

    def heard_at(self, direction: Direction | None = None) -> float:
        """When it carried something last, in this direction or in either."""
        heard = [link.active_at for link in self.links if direction in (None, link.direction)]
        return max([self.opened_at, *heard])

    def _run(self, key: object, play: Play, then: Callable[[], None]) -> None:
        """Start a hook run, and go on with what comes after it unless that is at once."""
        hook_run = HookRun(self, play, then)
        if self._hook_runs is None:
            self._hook_runs = {}
        self._hook_runs[key] = hook_run
        if hook_run.start() and key is CONNECT and not self.closed:
            then()

    def _ask(self, active_rule: ActiveRule, hook: str, *about: object) -> Play:
        """Do what a rule asks for in one of its behavior's hooks, if it fires on what is open."""
        if not self.closed and self.proxy.active_plan.lives(active_rule):
            firing = self.draw(active_rule)
            if firing is not None:
                behavior = active_rule.behavior(self.now())
                yield from perform(self, active_rule, getattr(behavior, hook)(*about, firing))

    def _ends(self, link: Link) -> Play:
        for active_rule in self.proxy.active_plan.ending:
            if active_rule.rule.direction in (None, link.direction):
                ended = Ended(link.direction, self.now(), link.ending is Ending.RST)
                yield from self._ask(active_rule, "on_end", ended)

    def _watch(self) -> None:
        """Start what rules do while a connection is open, whatever is said on it."""
        for active_rule in self.proxy.active_plan.opening:
            hook_run = (self._hook_runs or {}).get(active_rule)
            if hook_run is None and not self.closed:
                self._run(active_rule, self._ask(active_rule, "on_open"), _nothing)

    def _follow(self) -> None:
        """Go on where a rule has been lifted; start with what is new."""
        lives = self.proxy.active_plan.lives
        hook_runs = self._hook_runs or {}
        for key, hook_run in list(hook_runs.items()):
            if isinstance(key, ActiveRule) and not lives(key):
                hook_run.cancel()
                del hook_runs[key]
            else:
                hook_run.step()
        if self.links:
            self._watch()

    def _under_way(self) -> list[object]:
        """The keys of the courses that have not come to their ends."""
        return [key for key, hook_run in (self._hook_runs or {}).items() if not hook_run.over]

    def _is_awaited(self, key: object) -> bool:
        """Whether a peer is there that waits for the end of a hook run."""
        if key is CONNECT and self.client_socket is not None:
            return not self.proxy.reactor.system.peer_closed(self.client_socket)
        if isinstance(key, Direction):
            link = self.to_backend if key is Direction.TO_BACKEND else self.to_client
            return link.sink.outgoing.ending is None
        return False

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
            link.update_quiet()


def _nothing() -> None:
    """What comes after a hook run that nothing waits for."""


def _parse(parser: Callable[[Stream], Parser], stream: Stream) -> Parser:
    """A parser which, if it fails when it is called, fails when it is fed."""
    yield from parser(stream)
