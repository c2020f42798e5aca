"""The sockets that old plugins get.

They are real blocking sockets, so that every method works, and they tolerate code written
for Python 2 and gevent.
"""

from __future__ import annotations

import contextlib
import socket
import threading

Data = bytes | bytearray | memoryview
Buffer = bytearray | memoryview

TRANSPORT_LEVELS = frozenset({socket.IPPROTO_TCP, socket.IPPROTO_IP, socket.IPPROTO_IPV6})


class Received(bytes):
    """Bytes that compare equal to text, like the byte strings of Python 2.

    So a loop that ends at ``data == ''`` does end.
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            try:
                other = other.encode("latin-1")
            except UnicodeEncodeError:
                return False
        return bytes.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = bytes.__hash__


class HandedSocket(socket.socket):
    """A blocking socket that takes the descriptor of another one.

    Any attribute may be set on it.  Text is sent as latin-1.
    """

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock.family, sock.type, sock.proto, fileno=sock.detach())
        self._guard = threading.Lock()
        self.at_end = False
        """Its reader has seen the end of file."""
        self.steps = 0
        """Number of reads and writes, by which an idle plugin is detected."""

    @property
    def closed(self) -> bool:
        """Whether it is closed, as on gevent's sockets."""
        return self.fileno() < 0

    def recv(self, bufsize: int, flags: int = 0, /) -> Received:
        data = super().recv(bufsize, flags)
        self._note(len(data), bufsize, flags)
        return Received(data)

    def recv_into(self, buffer: Buffer, nbytes: int = 0, flags: int = 0) -> int:  # type: ignore[override] # narrower than typeshed's Buffer, which is no type at run time
        size = super().recv_into(buffer, nbytes, flags)
        self._note(size, nbytes or len(buffer), flags)
        return size

    def send(self, data: Data | str, flags: int = 0, /) -> int:  # type: ignore[override] # likewise
        self.steps += 1
        return super().send(_as_bytes(data), flags)

    def sendall(self, data: Data | str, flags: int = 0, /) -> None:  # type: ignore[override] # likewise
        self.steps += 1
        super().sendall(_as_bytes(data), flags)

    def close(self) -> None:
        with self._guard:
            super().close()

    def __exit__(self, *error: object) -> None:
        self.close()  # even if a plugin has set ``_closed``

    def sever(self) -> None:
        """End every blocked and later call on it; safe in any thread.

        The lock keeps the descriptor from being closed and reused meanwhile.  If it is
        taken, the socket is being closed.
        """
        if self._guard.acquire(blocking=False):
            try:
                with contextlib.suppress(OSError):
                    self.shutdown(socket.SHUT_RDWR)
            finally:
                self._guard.release()

    def _note(self, size: int, wanted: int, flags: int) -> None:
        self.steps += 1
        if not size and wanted and not flags & socket.MSG_PEEK:
            self.at_end = True


class ClientSocket(HandedSocket):
    """One half of a socket pair, with the addresses of the client's socket."""

    def __init__(self, sock: socket.socket, peer: object, own: object) -> None:
        super().__init__(sock)
        self._peer = peer
        self._own = own

    def getpeername(self) -> object:
        """The address of the real client."""
        return self._peer

    def getsockname(self) -> object:
        """The address to which the real client is connected."""
        return self._own

    def setsockopt(self, level: int, *option: object) -> None:
        """Ignore options of TCP and IP: a socket pair has neither."""
        if level not in TRANSPORT_LEVELS:
            super().setsockopt(level, *option)  # type: ignore[call-overload] # it checks them


def _as_bytes(data: Data | str) -> Data:
    return data.encode("latin-1") if isinstance(data, str) else data
