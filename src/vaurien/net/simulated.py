"""The twin of ``system`` for tests: a virtual clock and sockets in memory.

A ``Reactor`` over a ``SimulatedSystem`` is the real reactor.  Hours pass in
milliseconds, since waiting only moves the clock; and a seed repeats a whole run,
since everything left to chance (the order of events, how much a socket takes or
gives at once) is drawn from it.  Peers are handlers on the same reactor.
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
"""Bytes that wait in a socket before its peer can send no more."""
FIRST_FD = 1_000_000


class SimulationOver(Exception):
    """Nothing is ready, nobody waits for a time: nothing can ever happen again."""


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
        self.reset = False  # by the peer; what came before can still be read
        self.error = 0  # told once
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

    def recv_into(self, buffer: bytearray) -> int:
        if not self.inbox:
            if self.fin_received:
                return 0  # even if a reset followed
            self._raise_error()
            if self.reset:
                return 0
            raise BlockingIOError
        size = self.system.some_of(min(len(self.inbox), len(buffer)))
        buffer[:size] = self.inbox[:size]
        del self.inbox[:size]
        return size

    def send(self, data: bytes | memoryview) -> int:
        self._raise_error()  # though there may be more to read
        peer = self.peer
        if self.reset or self.fin_sent or peer is None:
            raise BrokenPipeError(errno.EPIPE, "broken pipe")
        if peer.closed:  # its kernel answers with a reset
            self.be_reset()
            return len(data)
        room = min(len(data), CAPACITY - len(peer.inbox))
        if not room:
            raise BlockingIOError
        size = self.system.some_of(room)
        peer.inbox += data[:size]
        return size

    def shutdown(self, how: int) -> None:
        del how  # only ever for writing
        if self.reset or self.peer is None or (self.fin_received and self.fin_sent):
            raise OSError(errno.ENOTCONN, "not connected")
        self.fin_sent = True
        self.peer.fin_received = True

    def be_reset(self) -> None:
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
            peer.be_reset()
        else:
            peer.fin_received = True

    def events(self) -> int:
        """What a poller would say of it."""
        if self.queue is not None:
            return READ if self.queue else 0
        if self.peer is None:  # still on its way
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
    """Everything ``System`` offers, in memory."""

    splice = None
    forgets_closed = True

    def __init__(self, seed: int = 0, *, whole: bool = False) -> None:
        """``whole``: sockets take and give as much as they can, instead of some of it."""
        self.time = 0.0
        self.clock = lambda: self.time
        self.poller = self
        self.wake_fd = -1
        self._random = Random(seed)
        self._whole = whole
        self._next_fd = FIRST_FD
        self._sockets: dict[int, SimulatedSocket] = {}
        self._interests: dict[int, int] = {}
        self._listeners: dict[Sockaddr, SimulatedSocket] = {}
        self._silent: set[Sockaddr] = set()

    # For scenarios.

    def connect(self, endpoint: Endpoint) -> SimulatedSocket:
        """A client's socket, connected to whoever listens there.

        Raises:
            ConnectionRefusedError: nobody does.
        """
        sock, code = self.dial(endpoint)
        if code:
            raise ConnectionRefusedError(code, "connection refused")
        assert isinstance(sock, SimulatedSocket)
        return sock

    def silence(self, endpoint: Endpoint) -> None:
        """Let nobody answer at this endpoint, neither yes nor no."""
        self._silent.add(endpoint[1])

    @property
    def open_sockets(self) -> int:
        return len(self._sockets)

    def some_of(self, size: int) -> int:
        """How much of so many bytes a socket takes or gives at once; at least one."""
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
        """Events that are ready, in any order; there being none, the clock moves on."""
        ready = [
            (fd, events)
            for fd, interest in self._interests.items()
            if (events := self._sockets[fd].events() & (interest | ERROR | HANGUP))
        ]
        if not ready:
            if timeout is None:
                raise SimulationOver
            self.time += timeout
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

    def in_thread(self, work: Callable[[], None]) -> None:
        work()

    def resolve(self, host: str, port: int) -> list[Endpoint]:
        if host == "nowhere.invalid":
            raise OSError(errno.ENOENT, "name not known")
        return [(int(socket.AF_INET), (host, port))]

    def numeric(self, host: str, port: int) -> Endpoint | None:
        del host, port
        return None

    def listen(self, endpoint: Endpoint, backlog: int) -> Socket:
        del backlog
        name = endpoint[1]
        if name in self._listeners:
            raise OSError(errno.EADDRINUSE, "address in use")
        listener = SimulatedSocket(self, name)
        listener.queue = deque()
        self._listeners[name] = listener
        return listener

    def reserve(self, endpoint: Endpoint) -> Socket:
        name = endpoint[1]
        if name in self._listeners:
            raise OSError(errno.EADDRINUSE, "address in use")
        reserved = SimulatedSocket(self, name)
        self._listeners[name] = reserved
        return reserved

    def peer_closed(self, sock: Socket) -> bool:
        assert isinstance(sock, SimulatedSocket)
        return sock.fin_received or sock.reset

    def accept(self, listener: Socket, family: int) -> Socket:
        del family
        assert isinstance(listener, SimulatedSocket)
        if not listener.queue:
            raise BlockingIOError
        return listener.queue.popleft()

    def dial(self, endpoint: Endpoint) -> tuple[Socket, int]:
        sock = SimulatedSocket(self, ("client", self._next_fd))
        listener = self._listeners.get(endpoint[1])
        if endpoint[1] in self._silent:
            return sock, errno.EINPROGRESS
        if listener is None or listener.queue is None:
            return sock, errno.ECONNREFUSED
        there = SimulatedSocket(self, endpoint[1])
        sock.peer, there.peer = there, sock
        listener.queue.append(there)
        return sock, 0

    def error_of(self, sock: Socket) -> int:
        assert isinstance(sock, SimulatedSocket)
        return sock.error

    def reset_on_close(self, sock: Socket) -> None:
        assert isinstance(sock, SimulatedSocket)
        sock.linger = False

    def unsent(self, sock: Socket) -> int:
        del sock
        return 0
