"""A simulated operating system for tests: a virtual clock and sockets in memory.

The ``Reactor`` over a ``SimulatedSystem`` is the real one.  Waiting only advances the
clock, so hours pass in milliseconds.  The order of events and the sizes of reads and
writes are drawn from a seed, which therefore repeats a run.  Peers are watchers on the
same reactor.
"""

from __future__ import annotations

import errno
import os
import socket
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

from .system import ERROR, HANGUP, READ, WRITE, Endpoint, Sockaddr, Socket, System

CAPACITY = 64 * 1024
"""Bytes of a socket's receive buffer; a full one blocks its peer."""
FIRST_FD = 1_000_000


class SimulationOver(Exception):
    """No event is ready and no timer is set: nothing can happen any more."""


class SimulatedSocket:
    """One side of a connection in memory, or a listener; it behaves as Linux TCP does."""

    def __init__(self, system: SimulatedSystem, name: Sockaddr) -> None:
        self.system = system
        self.name = name
        self.fd = system.new_fd(self)
        self.peer: SimulatedSocket | None = None
        self.inbox = bytearray()
        self.fin_received = False
        self.fin_sent = False
        self.reset = False  # by the peer; data received before can still be read
        self.error = 0  # pending; reported once
        self.linger = True
        self.closed = False
        self.queue: deque[SimulatedSocket] | None = None  # of a listener

    def fileno(self) -> int:
        return self.fd

    def getsockname(self) -> Sockaddr:
        return self.name

    def getpeername(self) -> object:
        if self.peer is None:
            raise OSError(errno.ENOTCONN, "not connected")
        return self.peer.name

    def recv_into(self, buffer: bytearray | memoryview, limit: int = 0) -> int:
        if not self.inbox:
            if self.fin_received:
                return 0  # even if a RST followed
            self._raise_error()
            if self.reset:
                return 0
            raise BlockingIOError
        size = self.system.some_of(min(len(self.inbox), limit or len(buffer)))
        buffer[:size] = self.inbox[:size]
        del self.inbox[:size]
        return size

    def send(self, data: bytes | memoryview) -> int:
        self._raise_error()  # even if there is data to read
        peer = self.peer
        if self.reset or self.fin_sent or peer is None:
            raise BrokenPipeError(errno.EPIPE, "broken pipe")
        if peer.closed:  # its kernel answers with a RST
            self.receive_reset()
            return len(data)
        room = min(len(data), CAPACITY - len(peer.inbox))
        if not room:
            raise BlockingIOError
        size = self.system.some_of(room)
        self.system.sends += 1
        peer.inbox += data[:size]
        return size

    def shutdown(self, how: int) -> None:
        del how  # always SHUT_WR
        if self.reset or self.peer is None or (self.fin_received and self.fin_sent):
            raise OSError(errno.ENOTCONN, "not connected")
        self.fin_sent = True
        self.peer.fin_received = True

    def receive_reset(self) -> None:
        """The peer, or its kernel, resets the connection."""
        if not (self.fin_received and self.fin_sent):
            self.reset = True
            self.error = errno.EPIPE if self.fin_received else errno.ECONNRESET

    def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        self.system.release_fd(self.fd)
        for waiting in self.queue or ():
            waiting.linger = False
            waiting.close()
        peer = self.peer
        if peer is None or peer.closed or self.reset:
            return
        if not self.linger or self.inbox:
            peer.receive_reset()
        else:
            peer.fin_received = True

    def events(self) -> int:
        """Return the events that are ready."""
        if self.queue is not None:
            return READ if self.queue else 0
        if self.peer is None:  # still connecting
            return 0
        ready = 0
        if self.inbox or self.fin_received or self.reset:
            ready |= READ
        full = len(self.peer.inbox) >= CAPACITY
        if self.reset or self.fin_sent or self.peer.closed or not full:
            ready |= WRITE
        if self.reset:
            ready |= ERROR | HANGUP if self.error else HANGUP
        elif self.fin_received and self.fin_sent:
            ready |= HANGUP
        return ready

    def _raise_error(self) -> None:
        if self.error:
            code, self.error = self.error, 0
            raise OSError(code, os.strerror(code))


class SimulatedSystem(System):
    """The ``System``, in memory."""

    splice = None
    forgets_closed = True

    def __init__(self, seed: int = 0, *, whole: bool = False) -> None:
        """``whole``: reads and writes are as large as possible, not of random sizes."""
        self.time = 0.0
        self.turn = 0.0
        """Seconds that each turn of the reactor takes."""
        self.clock = lambda: self.time
        self.poller = self
        self.wake_fd = -1
        self.sends = 0
        """Sends that have moved bytes, so far."""
        self._random = Random(seed)
        self._whole = whole
        self._next_fd = FIRST_FD
        self._sockets: dict[int, SimulatedSocket] = {}
        self._interests: dict[int, int] = {}
        self._listeners: dict[Sockaddr, SimulatedSocket] = {}
        self._blackholes: set[Sockaddr] = set()

    # For scenarios.

    def connect(self, endpoint: Endpoint) -> SimulatedSocket:
        """Return a client's socket, connected to the listener at an endpoint.

        Raises:
            ConnectionRefusedError: there is none.
        """
        sock, code = self.dial(endpoint)
        if code:
            raise ConnectionRefusedError(code, "connection refused")
        assert isinstance(sock, SimulatedSocket)
        return sock

    def blackhole(self, endpoint: Endpoint) -> None:
        """Leave attempts to connect to this endpoint unanswered."""
        self._blackholes.add(endpoint[1])

    @property
    def open_sockets(self) -> int:
        return len(self._sockets)

    def some_of(self, size: int) -> int:
        """Draw how many of ``size`` bytes one read or write moves; at least one."""
        return size if self._whole or size < 2 else self._random.randint(1, size)

    def new_fd(self, sock: SimulatedSocket) -> int:
        self._next_fd += 1
        self._sockets[self._next_fd] = sock
        return self._next_fd

    def release_fd(self, fd: int) -> None:
        sock = self._sockets.pop(fd)
        self._interests.pop(fd, None)
        if self._listeners.get(sock.name) is sock:
            del self._listeners[sock.name]

    # A poller.

    def register(self, fd: int, interest: int) -> None:
        assert fd not in self._interests, "registered twice"
        self._interests[fd] = interest

    def modify(self, fd: int, interest: int) -> None:
        assert fd in self._interests, "not registered"
        self._interests[fd] = interest

    def unregister(self, fd: int) -> None:
        del self._interests[fd]

    def wait(self, timeout: float | None) -> list[tuple[int, int]]:
        """Return the ready events in random order; if there are none, advance the clock."""
        ready = [
            (fd, events)
            for fd, interest in self._interests.items()
            if (events := self._sockets[fd].events() & (interest | ERROR | HANGUP))
        ]
        if not ready:
            if timeout is None:
                raise SimulationOver
            self.time += timeout
        self.time += self.turn
        self._random.shuffle(ready)
        return ready

    # A system.

    def wake(self) -> None:
        pass

    @contextmanager
    def woken_by_signals(self) -> Iterator[None]:
        yield

    def close(self) -> None:
        pass

    def run_in_thread(self, work: Callable[[], None]) -> None:
        work()

    def resolve(self, host: str, port: int) -> list[Endpoint]:
        if host == "nowhere.invalid":
            raise OSError(errno.ENOENT, "name not known")
        return [(int(socket.AF_INET), (host, port))]

    def parse_numeric(self, host: str, port: int) -> Endpoint | None:
        del host, port
        return None

    def listen(self, endpoint: Endpoint, backlog: int) -> Socket:
        del backlog
        listener = self.reserve(endpoint)
        listener.queue = deque()
        return listener

    def reserve(self, endpoint: Endpoint) -> SimulatedSocket:
        name = endpoint[1]
        if name in self._listeners:
            raise OSError(errno.EADDRINUSE, "address in use")
        reserved = SimulatedSocket(self, name)
        self._listeners[name] = reserved
        return reserved

    def peer_gone(self, sock: Socket) -> bool:
        assert isinstance(sock, SimulatedSocket)
        over = sock.reset or (sock.fin_received and sock.fin_sent)
        return over or (sock.peer is not None and sock.peer.closed)

    def accept(self, listener: Socket, family: int) -> Socket:
        del family
        assert isinstance(listener, SimulatedSocket)
        if not listener.queue:
            raise BlockingIOError
        return listener.queue.popleft()

    def dial(self, endpoint: Endpoint) -> tuple[Socket, int]:
        sock = SimulatedSocket(self, ("client", self._next_fd))
        listener = self._listeners.get(endpoint[1])
        if endpoint[1] in self._blackholes:
            return sock, errno.EINPROGRESS
        if listener is None or listener.queue is None:
            return sock, errno.ECONNREFUSED
        there = SimulatedSocket(self, endpoint[1])
        sock.peer, there.peer = there, sock
        listener.queue.append(there)
        return sock, 0

    def pending_error(self, sock: Socket) -> int:
        assert isinstance(sock, SimulatedSocket)
        return sock.error

    def reset_on_close(self, sock: Socket) -> None:
        assert isinstance(sock, SimulatedSocket)
        sock.linger = False

    def unsent(self, sock: Socket) -> int:
        del sock
        return 0
