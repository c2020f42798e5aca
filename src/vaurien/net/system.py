"""The part of the operating system that the data plane uses.

Law: the rest of ``net`` touches sockets, clocks and threads only through a ``System``,
so that ``simulated`` can replace it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import selectors
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Protocol, cast

from . import presence
from .address import EVERYWHERE
from .stale import remove_stale_socket

if sys.platform == "linux":
    import fcntl  # at start: imports fail once descriptors have run out

READ = 1
WRITE = 4
ERROR = 8
HANGUP = 16

COARSE = 0.25
"""Seconds; epoll counts whole milliseconds, so select does the last part of a wait."""

SHORT = 0.00006
"""Seconds that waking up takes; waits end this much early, so that timers are not late."""

FD_SETSIZE = 1024
"""select() accepts only descriptors below this one."""

BATCH = 64
"""Events handled before timers and submitted calls get their turn."""

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
SIOCOUTQNSD = 0x894B  # linux/sockios.h: bytes not yet sent to the peer
NODELAY = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
NONBLOCK = getattr(socket, "SOCK_NONBLOCK", 0)
INTERNET = frozenset({int(socket.AF_INET), int(socket.AF_INET6)})

Sockaddr = tuple[str, int] | tuple[str, int, int, int] | str
Endpoint = tuple[int, Sockaddr]
"""An address family, and a socket address of that family."""


class Socket(Protocol):
    """The methods that are used of a socket; ``socket.socket`` has them."""

    def fileno(self) -> int: ...
    def recv_into(self, buffer: bytearray | memoryview, limit: int = 0, /) -> int: ...
    def send(self, data: bytes | memoryview, /) -> int: ...
    def shutdown(self, how: int, /) -> None: ...
    def close(self) -> None: ...
    def getpeername(self) -> object: ...
    def getsockname(self) -> Sockaddr: ...


class Poller(Protocol):
    """Waits for events; interests and events are masks of READ, WRITE, ERROR and HANGUP."""

    forgets_closed: bool
    """Closing a descriptor unregisters it."""

    def register(self, fd: int, interest: int, /) -> None: ...
    def modify(self, fd: int, interest: int, /) -> None: ...
    def unregister(self, fd: int, /) -> None: ...
    def wait(self, timeout: float | None, /) -> list[tuple[int, int]]: ...
    def close(self) -> None: ...


class EpollPoller:
    """Level-triggered epoll; a wait may end slightly early, and hardly ever late."""

    forgets_closed = True

    def __init__(self) -> None:
        with contextlib.suppress(OSError), open("/proc/self/timerslack_ns", "w") as slack:
            slack.write("1")  # by default the kernel wakes us up to 50 us late
        self._epoll = select.epoll()
        self._selectable = self._epoll.fileno() < FD_SETSIZE
        self.register = self._epoll.register
        self.modify = self._epoll.modify
        self.unregister = self._epoll.unregister
        self.close = self._epoll.close

    def wait(self, timeout: float | None) -> list[tuple[int, int]]:
        if timeout is None:
            return self._epoll.poll(-1, BATCH)
        if timeout > COARSE or not self._selectable:  # the caller waits again for the rest
            return self._epoll.poll(max(0.0, timeout - 0.001), BATCH)  # it rounds up
        rest = timeout - SHORT
        if rest > 0 and not select.select((self._epoll,), (), (), rest)[0]:
            return []
        return self._epoll.poll(0, BATCH)


class SelectorPoller:
    """The best poller of ``selectors``, for systems without epoll."""

    forgets_closed = False

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._idle: set[int] = set()

    def register(self, fd: int, interest: int) -> None:
        if interest & (READ | WRITE):
            self._selector.register(fd, self._mask(interest))
        else:
            self._idle.add(fd)

    def modify(self, fd: int, interest: int) -> None:
        if fd in self._idle or not interest & (READ | WRITE):
            self.unregister(fd)
            self.register(fd, interest)
        else:
            self._selector.modify(fd, self._mask(interest))

    def unregister(self, fd: int) -> None:
        if fd in self._idle:
            self._idle.remove(fd)
        else:
            self._selector.unregister(fd)

    def wait(self, timeout: float | None) -> list[tuple[int, int]]:
        return [
            (
                key.fd,
                (READ if events & selectors.EVENT_READ else 0)
                | (WRITE if events & selectors.EVENT_WRITE else 0),
            )
            for key, events in self._selector.select(timeout)
        ]

    def close(self) -> None:
        self._selector.close()

    @staticmethod
    def _mask(interest: int) -> int:
        return (selectors.EVENT_READ if interest & READ else 0) | (
            selectors.EVENT_WRITE if interest & WRITE else 0
        )


class System:
    """Sockets, clock, poller and threads of the operating system."""

    splice: Callable[..., int] | None = (
        getattr(os, "splice", None) if sys.platform == "linux" else None
    )

    descriptor_limit = sys.maxsize
    """Descriptors of this number and above are left to others in the process."""

    def __init__(self, poller: Poller | None = None) -> None:
        self.clock: Callable[[], float] = time.monotonic
        self.poller: Poller = poller or (
            EpollPoller() if hasattr(select, "epoll") else SelectorPoller()
        )
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._wake_reader.setblocking(False)
        self._wake_writer.setblocking(False)
        self.wake_fd = self._wake_reader.fileno()
        self._highest = self.wake_fd  # that a client had; new ones are the lowest that are free
        self.poller.register(self.wake_fd, READ)

    def wake(self) -> None:
        """End the poller's wait; safe in any thread and in signal handlers."""
        with contextlib.suppress(OSError):  # full: it will wake up anyway
            self._wake_writer.send(b"\0")

    def clear_wakeups(self) -> None:
        """Read the bytes that ``wake`` has written."""
        with contextlib.suppress(OSError):
            self._wake_reader.recv(4096)

    @contextlib.contextmanager
    def woken_by_signals(self) -> Iterator[None]:
        """Let a signal end the poller's wait, even one that arrived just before it."""
        if threading.current_thread() is not threading.main_thread():
            yield  # Python runs signal handlers only in the main thread
            return
        before = signal.set_wakeup_fd(self._wake_writer.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)

    def close(self) -> None:
        self.poller.close()
        self._wake_reader.close()
        self._wake_writer.close()

    def run_in_thread(self, work: Callable[[], None]) -> None:
        """Run blocking work in a separate thread."""
        threading.Thread(target=work, name="vaurien resolver", daemon=True).start()

    def resolve(self, host: str, port: int) -> list[Endpoint]:
        """Return the endpoints of a host, in the system's order of preference; blocks.

        ``localhost`` is both IPv4 and IPv6, whatever the hosts file says.

        Raises:
            OSError: the name cannot be resolved.
        """
        if host.lower() == "localhost":
            return [
                (int(socket.AF_INET), ("127.0.0.1", port)),
                (int(socket.AF_INET6), ("::1", port, 0, 0)),
            ]
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except UnicodeError as error:
            raise OSError(f"{host!r} is not a host name: {error}") from None
        endpoints: list[Endpoint] = []
        for family, _, _, _, address in found:
            if family in INTERNET:
                endpoint = (int(family), cast(Sockaddr, address))
                if endpoint not in endpoints:
                    endpoints.append(endpoint)
        return endpoints

    def parse_numeric(self, host: str, port: int) -> Endpoint | None:
        """Return the endpoint of a numeric address; None for a name."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with contextlib.suppress(OSError, UnicodeError):
            socket.inet_pton(family, host.partition("%")[0])
            if family == socket.AF_INET:
                return int(family), (host, port)
            return self.resolve(host, port)[0]  # turns a scope such as %eth0 into a number
        return None

    def listen(self, endpoint: Endpoint, backlog: int) -> Socket:
        """Return a non-blocking listening socket.

        Raises:
            OSError: the address is in use, or not of this machine.
        """
        sock = _bound(endpoint)
        try:
            sock.listen(backlog)
        except BaseException:
            sock.close()
            raise
        return sock

    def accept(self, listener: Socket, family: int) -> Socket:
        """Return a client's socket, non-blocking.

        Raises:
            BlockingIOError: no client is waiting.
            OSError: accept failed, or no descriptor would be left for its backend; see errno.
        """
        if 2 * self._highest >= self.descriptor_limit:  # else half of them were never needed
            self._check_descriptors()
        # Like socket.accept, without its enums, which cost more than the call.
        fd, _ = listener._accept()  # type: ignore[attr-defined]
        self._highest = max(fd, self._highest)
        sock = socket.SocketType(family, socket.SOCK_STREAM, 0, fd)
        sock.setblocking(False)
        if sys.platform != "linux" and family in INTERNET:  # Linux passes it on from the listener
            with contextlib.suppress(OSError):  # macOS refuses it on a dead socket
                sock.setsockopt(*NODELAY)
        return sock

    def dial(self, endpoint: Endpoint) -> tuple[Socket, int]:
        """Start to connect; return a non-blocking socket, and 0 or the errno of connect().

        EINPROGRESS: the socket becomes writable once it is connected or has failed.

        Raises:
            OSError: there is no descriptor left.
        """
        family, address = endpoint
        sock = socket.SocketType(family, socket.SOCK_STREAM | NONBLOCK)
        if sock.fileno() >= self.descriptor_limit:
            sock.close()
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        if not NONBLOCK:
            sock.setblocking(False)
        if family in INTERNET:
            sock.setsockopt(*NODELAY)
        try:
            code = sock.connect_ex(address)
        except OSError as error:  # an address that connect() does not take
            code = error.errno or errno.EINVAL
        if code == errno.EINPROGRESS and self.is_connected(sock):
            code = 0  # as it may be on loopback
        return sock, code

    def _check_descriptors(self) -> None:
        """Raise EMFILE unless two below the limit are free; the system gives the lowest ones."""
        first = os.dup(self.wake_fd)
        try:
            second = os.dup(self.wake_fd)
            os.close(second)
        finally:
            os.close(first)
        if second >= self.descriptor_limit:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    def is_connected(self, sock: Socket) -> bool:
        """Whether a dialled socket is connected."""
        try:
            sock.getpeername()
        except OSError:
            return False
        return True

    def pending_error(self, sock: Socket) -> int:
        """Return and clear the pending error of a socket, an errno; 0 for none."""
        assert isinstance(sock, socket.SocketType)
        return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def reset_on_close(self, sock: Socket) -> None:
        """Make ``close`` send a RST instead of a FIN."""
        assert isinstance(sock, socket.SocketType)
        with contextlib.suppress(OSError):  # a unix socket has no RST
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)

    def unsent(self, sock: Socket) -> int:
        """Return how many bytes the kernel has not sent yet; 0 if unknown, or if it never will."""
        if sys.platform != "linux":
            return 0
        assert isinstance(sock, socket.SocketType)
        try:
            answer = fcntl.ioctl(sock.fileno(), SIOCOUTQNSD, bytes(4))
            if answer != bytes(4):
                sock.getpeername()  # fails after a reset, which the count survives
        except OSError:
            return 0
        return int.from_bytes(answer, sys.byteorder)

    def peer_gone(self, sock: Socket) -> bool:
        """Whether nobody is at the other end: a FIN may mean that it only sends no more.

        A peer on another machine is not known to be gone before it resets the connection;
        from this call on it is probed, and does so when its system has forgotten it.
        """
        assert isinstance(sock, socket.SocketType)
        return presence.has_gone(sock)

    def reserve(self, endpoint: Endpoint) -> Socket:
        """Return a socket that is bound but does not listen, so that clients are refused.

        Raises:
            OSError: the address is in use.
        """
        sock = _bound(endpoint)
        if os.name == "posix" and endpoint[0] in INTERNET:
            # With it, Linux would let others bind the address, as nobody listens there.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        return sock


def _bound(endpoint: Endpoint) -> socket.socket:
    """Return a non-blocking socket bound to an address of this machine."""
    family, address = endpoint
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if family in INTERNET:
            if os.name == "posix":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, address[0] != EVERYWHERE)
            sock.setsockopt(*NODELAY)
        else:
            remove_stale_socket(str(address))
        sock.bind(address)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def is_local(endpoint: Endpoint) -> bool:
    """Whether an endpoint's address is one of this machine.

    Raises:
        OSError: there is no descriptor left for a probe.
    """
    family, address = endpoint
    with socket.socket(family, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.connect(address)  # UDP: this sends nothing
        return bool(probe.getsockname()[0] == probe.getpeername()[0])
    return False
