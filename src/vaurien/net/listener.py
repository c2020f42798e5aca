"""Listen on an address, and accept clients within the limits of the system and the proxy."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Callable

from ..errors import ListenError
from .address import EVERYWHERE, Address
from .reactor import Reactor, Timer
from .resolver import Resolved, no_address
from .system import READ, Endpoint, Socket, System

ACCEPT_BATCH = 16
"""Clients accepted in one turn, each of which is a dial: others are not to wait for long."""
ACCEPT_PAUSE = 0.1
"""Seconds without accepting after accept failed, for lack of descriptors for instance."""


class Listener:
    """The listening sockets of one address; a host name may have several."""

    def __init__(
        self,
        reactor: Reactor,
        address: Address,
        backlog: int,
        *,
        on_client: Callable[[Socket], None],
        on_accept_error: Callable[[OSError], None],
        resolved: Resolved | None = None,
    ) -> None:
        """Bind and listen at once.

        ``resolved``: what ``resolve_host`` returned for the host; by default it is resolved now,
        which may block.

        Raises:
            ListenError: the address is in use, or not of this machine.
        """
        self._reactor = reactor
        self._on_client = on_client
        self._on_accept_error = on_accept_error
        self._sockets: list[Socket] = []
        self._backlog = backlog
        self._paused = False
        self._retry: Timer | None = None  # descriptors have run out
        self._tried = ""
        self.refusing = False
        self.endpoints: list[Endpoint] = []
        try:
            self._open(address, resolved or resolve_host(reactor.system, address))
        except OSError as error:
            self.close()
            why = f"cannot listen on {address}: {error.strerror or error}"
            failure = ListenError(error.errno, why)
            failure.endpoint = self._tried
            raise failure from None
        self.address = self._bound(address)
        self._watch()

    def attach(
        self, on_client: Callable[[Socket], None], on_accept_error: Callable[[OSError], None]
    ) -> None:
        """Pass clients and errors to these callbacks from now on."""
        self._on_client = on_client
        self._on_accept_error = on_accept_error

    @property
    def first_endpoint(self) -> Endpoint:
        """An endpoint that it listens on: one of IPv4, if there is one."""
        found = (each for each in self.endpoints if each[0] == socket.AF_INET)
        return next(found, self.endpoints[0])

    def refuse(self, refusing: bool) -> None:
        """Have the system refuse clients, or accept them again; the address stays bound.

        Raises:
            OSError: another process took the address while it was rebound.
        """
        if refusing is self.refusing:
            return
        for at, endpoint in enumerate(self.endpoints):
            self._close_now(self._sockets[at])
            self._sockets[at] = self._bind(endpoint, refusing=refusing)
        self.refusing = refusing
        self._watch()

    def release(self) -> None:
        """Accept the clients that wait, then free the address until it is reclaimed."""
        for _ in range(0, self._backlog, ACCEPT_BATCH):
            if not self.accept_waiting():
                break
        self.close()

    def reclaim(self) -> None:
        """Listen again on the released address.

        Raises:
            OSError: the address is in use.
        """
        self._sockets = [self._bind(each, refusing=self.refusing) for each in self.endpoints]
        self._watch()

    def pause(self) -> None:
        """Stop accepting; clients wait in the system's queue."""
        if not self._paused:
            self._paused = True
            self._unwatch()

    def resume(self) -> None:
        if self._paused:
            self._paused = False
            self._watch()

    def close(self) -> None:
        """Close the sockets now; do not call amid a batch of events."""
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        for sock in self._sockets:
            self._close_now(sock)
        self._unlink()
        self._sockets = []

    def _watch(self) -> None:
        """Watch for clients, unless none is to be accepted."""
        if not (self._paused or self.refusing or self._retry):
            for sock in self._sockets:
                if sock.fileno() >= 0:  # closed, if another process took its address
                    self._reactor.add(sock.fileno(), self, READ)

    def _unwatch(self) -> None:
        for sock in self._sockets:
            self._reactor.unwatch(sock.fileno())

    def _accept_again(self) -> None:
        self._retry = None
        self._watch()

    def _bind(self, endpoint: Endpoint, *, refusing: bool) -> Socket:
        system = self._reactor.system
        return system.reserve(endpoint) if refusing else system.listen(endpoint, self._backlog)

    def _close_now(self, sock: Socket) -> None:
        """Close a socket now, so that its address can be bound again."""
        self._reactor.unwatch(sock.fileno())
        sock.close()

    def _unlink(self) -> None:
        if self._sockets and isinstance(path := self.endpoints[0][1], str):
            with contextlib.suppress(OSError):
                os.unlink(path)

    def on_event(self, events: int) -> None:
        del events
        self.accept_waiting()

    def accept_waiting(self) -> int:
        """Accept the clients in the queue, a batch per socket at most; return how many."""
        accepted = 0
        if self.refusing or not self._sockets:
            return 0
        for listening, (family, _) in zip(self._sockets, self.endpoints, strict=True):
            accepted += self._accept(listening, family)
        return accepted

    def accept_all(self, then: Callable[[], None]) -> None:
        """Accept the clients that are in the queue now, in turns, and then call."""
        left = self._backlog

        def go_on() -> None:
            nonlocal left
            accepted = self.accept_waiting()
            left -= accepted
            if accepted >= ACCEPT_BATCH and left > 0:
                self._reactor.call_next(go_on)
            else:
                then()

        go_on()

    def on_failure(self, report: str) -> None:
        self._reactor.report(report)

    def _accept(self, listening: Socket, family: int) -> int:
        for accepted in range(ACCEPT_BATCH):
            if self._paused or self._retry is not None:
                return accepted
            try:
                sock = self._reactor.system.accept(listening, family)
            except (BlockingIOError, ConnectionAbortedError, InterruptedError):
                return accepted
            except OSError as error:
                self._on_accept_error(error)
                self._unwatch()
                self._retry = self._reactor.call_later(ACCEPT_PAUSE, self._accept_again)
                return accepted
            self._on_client(sock)
        return ACCEPT_BATCH

    def _open(self, address: Address, resolved: Resolved) -> None:
        """Bind every endpoint of the address, except in families that this machine lacks."""
        if isinstance(resolved, OSError):
            raise resolved
        system = self._reactor.system
        port = address.port
        skipped: OSError | None = None
        for family, where in resolved:
            if not isinstance(where, str):
                where = (where[0], port, *where[2:])  # the same port for all
                self._tried = str(Address(where[0], port))
            try:
                sock = system.listen((family, where), self._backlog)
            except OSError as error:
                # Port 0 is free for the first endpoint, and may be in use for the others.
                chosen = self._sockets and not address.port
                if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT) and not chosen:
                    raise
                skipped = error
                continue
            self._sockets.append(sock)
            bound = sock.getsockname()
            self.endpoints.append((family, bound))
            if not isinstance(bound, str):
                port = bound[1]
        if skipped and address.host == EVERYWHERE:  # this machine has no IPv6
            self._open(Address("0.0.0.0", port), [(int(socket.AF_INET), ("0.0.0.0", port))])
        if not self._sockets:
            raise skipped or OSError(errno.EADDRNOTAVAIL, "the name has no address")

    def _bound(self, address: Address) -> Address:
        where = self.endpoints[0][1]
        return address if isinstance(where, str) else Address(address.host, where[1])


def resolve_host(system: System, address: Address) -> Resolved:
    """Return the endpoints to listen on, with any port, or the error; this may block."""
    if address.path:
        return [(int(socket.AF_UNIX), address.path)]
    if not address.usable:
        return no_address()
    numeric = system.parse_numeric(address.host, address.port)
    if numeric is not None:
        return [numeric]
    try:
        return system.resolve(address.host, address.port)
    except OSError as error:
        return error
