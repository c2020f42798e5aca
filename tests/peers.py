"""Raw TCP peers whose every step is the test's to decide.

A test plays both sides itself, in its own thread: ``Listening`` is the backend,
``connect`` makes the client, and the functions here are the steps that a peer takes.
Where both sides must act at the same time, ``Scripted`` runs a script for each
connection in threads of its own.  No wait is longer than ``PATIENCE``, whose end is
an error.
"""

from __future__ import annotations

import contextlib
import fcntl
import select
import socket
import socketserver
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from vaurien.net.address import Address

PATIENCE = 30.0
"""Seconds; far more than anything takes on a loaded machine."""
GLANCE = 0.005
"""Seconds between two looks at a condition."""
LOOPBACK = Address("127.0.0.1", 0)
SIOCOUTQ = 0x5411  # linux/sockios.h: bytes that the other side has not acknowledged


def wait_until(condition: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    """Return as soon as a condition holds.

    Raises:
        TimeoutError: it does not.
    """
    end = time.monotonic() + patience
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {patience:g} s")
        select.select((), (), (), GLANCE)


class Listening:
    """A backend that does what the test says; port 0 takes a free one."""

    def __init__(self, address: Address = LOOPBACK, backlog: int = 1024) -> None:
        if address.path:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.bind(address.path)
            self.address = address
        else:
            self.sock = socket.socket(socket.AF_INET6 if ":" in address.host else socket.AF_INET)
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.sock.bind((address.host, address.port))
            self.address = Address(address.host, self.sock.getsockname()[1])
        self.sock.listen(backlog)
        self.sock.settimeout(PATIENCE)

    def accept(self) -> socket.socket:
        peer, _ = self.sock.accept()
        peer.settimeout(PATIENCE)
        return peer

    def close(self) -> None:
        self.sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def connect(address: Address, room: int = 0) -> socket.socket:
    """A client, connected; ``room`` is the size of its kernel's buffer for what it has not read."""
    if address.path:
        sock = socket.socket(socket.AF_UNIX)
    else:
        sock = socket.socket(socket.AF_INET6 if ":" in address.host else socket.AF_INET)
    try:
        if room:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        sock.settimeout(PATIENCE)
        sock.connect(address.path or (address.host, address.port))
    except BaseException:
        sock.close()
        raise
    return sock


# Steps.


def receive(sock: socket.socket, size: int) -> bytes:
    """Exactly this many bytes.

    Raises:
        EOFError: the stream ends before.
        ConnectionResetError: likewise, with a reset.
    """
    data = bytearray()
    while len(data) < size:
        chunk = sock.recv(min(size - len(data), 1024 * 1024))
        if not chunk:
            raise EOFError(f"{len(data)} bytes of {size}")
        data += chunk
    return bytes(data)


def receive_until_fin(sock: socket.socket) -> bytes:
    """All that comes until the peer has no more to say.

    Raises:
        ConnectionResetError: the stream ends with a reset instead.
    """
    data = bytearray()
    while chunk := sock.recv(1024 * 1024):
        data += chunk
    return bytes(data)


def receive_until_reset(sock: socket.socket) -> bytes:
    """All that comes until the peer resets.

    Raises:
        EOFError: the stream ends with a FIN instead.
    """
    data = bytearray()
    with contextlib.suppress(ConnectionResetError):
        while chunk := sock.recv(1024 * 1024):
            data += chunk
        raise EOFError(f"a FIN, and no reset, after {len(data)} bytes")
    return bytes(data)


def is_refused(address: Address) -> bool:
    """Whether a client that says nothing is closed."""
    with connect(address) as client:
        return receive_until_fin(client) == b""


def half_close(sock: socket.socket) -> None:
    """Say that there is no more to come, and go on listening."""
    sock.shutdown(socket.SHUT_WR)


def reset(sock: socket.socket) -> None:
    """Close with a RST; what the kernel has not delivered yet is lost."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def undelivered(sock: socket.socket) -> int:
    """How many of the bytes sent the other side's kernel does not have yet."""
    return int.from_bytes(fcntl.ioctl(sock.fileno(), SIOCOUTQ, bytes(4)), sys.byteorder)


def wait_until_delivered(sock: socket.socket) -> None:
    """Wait until the other side's kernel has all that was sent."""
    wait_until(lambda: not undelivered(sock), "the sent bytes were delivered")


def dribble(sock: socket.socket, data: bytes) -> None:
    """Send byte by byte, each in a packet of its own."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for position in range(len(data)):
        sock.sendall(data[position : position + 1])


def send_until_stuck(sock: socket.socket, block: bytes, quiet: float = 0.5) -> int:
    """Send blocks until none has been taken for this many seconds; return the bytes taken."""
    patience = sock.gettimeout()
    sock.setblocking(False)
    taken = 0
    while select.select((), (sock,), (), quiet)[1]:
        with contextlib.suppress(BlockingIOError):
            taken += sock.send(memoryview(block)[taken % len(block) :])
    sock.settimeout(patience)
    return taken


def is_silent(sock: socket.socket) -> bool:
    """Whether neither a byte nor the end of the stream has arrived."""
    return not select.select((sock,), (), (), 0)[0]


@contextlib.contextmanager
def deaf_backend() -> Iterator[Address]:
    """The address of a backend that never answers: its queue of one client is taken."""
    with Listening(backlog=0) as listening, connect(listening.address):
        yield listening.address


# Scripts.

Script = Callable[[socket.socket], None]


@contextlib.contextmanager
def serving_in_thread(server: socketserver.TCPServer) -> Iterator[Address]:
    """Run a server of the standard library in a thread."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield Address(*server.socket.getsockname())
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def echo(sock: socket.socket) -> None:
    """Say what is heard, to the end."""
    while data := sock.recv(65536):
        sock.sendall(data)


class Scripted:
    """A backend that runs a script for each connection, and closes it afterwards.

    A reset ends a script; any other error fails the test that runs at the time.
    """

    def __init__(self, script: Script, address: Address = LOOPBACK) -> None:
        self._script = script
        self._listening = Listening(address)
        self._listening.sock.settimeout(None)
        self._threads: set[threading.Thread] = set()
        self._open: set[socket.socket] = set()
        self._stopped = False
        self.address = self._listening.address
        self.accepted = 0
        self._acceptor = threading.Thread(target=self._accept, name="acceptor", daemon=True)

    def __enter__(self) -> Self:
        self._acceptor.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopped = True
        with contextlib.suppress(OSError):
            self._listening.sock.shutdown(socket.SHUT_RDWR)  # wakes the acceptor
        self._acceptor.join(PATIENCE)
        self._listening.close()
        for sock in list(self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join(PATIENCE)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listening.sock.accept()
            except OSError:
                if self._stopped:
                    return
                raise
            self.accepted += 1
            self._open.add(sock)
            thread = threading.Thread(target=self._run, args=(sock,), daemon=True)
            self._threads.add(thread)
            thread.start()

    def _run(self, sock: socket.socket) -> None:
        try:
            with sock, contextlib.suppress(ConnectionError):
                sock.settimeout(PATIENCE)
                self._script(sock)
        finally:
            self._open.discard(sock)
            self._threads.discard(threading.current_thread())
