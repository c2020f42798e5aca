"""TLS over a socket: what is sent is encrypted, and what is received is decrypted.

Law: nothing here waits, and what is held is bounded: of what was received a record, of what is to
be sent a few.  A send takes no more than has left, so a link knows when its sink is blocked.
"""

from __future__ import annotations

import contextlib
import errno
import os
import ssl
from collections.abc import Callable, Sequence
from socket import SHUT_WR
from typing import Protocol, cast

from ..reactor import BUFFER_SIZE, Reactor
from ..system import Socket

HALF = BUFFER_SIZE // 2
"""Of the reactor's buffer the first half is for what is decrypted, the other for what arrives."""
PIECE = 16 * 1024
"""Bytes that are encrypted, or given to be decrypted, at once: larger buffers would be kept."""
SENT_AT_ONCE = 4
"""Pieces that leave in one send ..."""
SENDS = 4
"""... and such sends in a row."""
UNSENT_LIMIT = 2 * SENT_AT_ONCE * PIECE
"""Bytes that wait for the socket, with answers to TLS messages of a peer that reads none."""


class StreamOwner(Protocol):
    """The end whose stream it is."""

    @property
    def other_is_ragged(self) -> bool:
        """What is sent here has ended without a close_notify."""

    def read_later(self) -> None: ...
    def send_later(self) -> None: ...
    def on_tls_failure(self, error: OSError) -> None: ...


class TlsStream:
    """One side of TLS; ``handshake`` comes first, and its owner when that is done."""

    __slots__ = (
        "_ahead",
        "_alpn",
        "_arrival",
        "_finishing",
        "_give",
        "_incoming",
        "_outgoing",
        "_over",
        "_read",
        "_receive",
        "_said_goodbye",
        "_send",
        "_shut",
        "_take",
        "_view",
        "_withheld",
        "_write",
        "failure",
        "has_more",
        "openssl",
        "owner",
        "ragged",
        "sock",
        "unsent",
    )

    owner: StreamOwner

    def __init__(
        self,
        reactor: Reactor,
        sock: Socket,
        context: ssl.SSLContext,
        *,
        alpn: Sequence[str] = (),
        server_name: str | None = None,
        server_side: bool = False,
    ) -> None:
        """``alpn``: what is offered; as a server, what is chosen of the client's offer.

        Raises:
            ValueError: the name cannot be one, or is missing.
        """
        self._view = reactor.view[:HALF]
        self._arrival = reactor.view[HALF:]
        self.sock = sock
        self._alpn = alpn
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        if not server_side:
            context.set_alpn_protocols(alpn)  # OpenSSL copies them
        self.openssl = context.wrap_bio(
            self._incoming, self._outgoing, server_side=server_side, server_hostname=server_name
        )
        # Looked up once: most of what follows is done for every chunk.
        self._receive, self._send = sock.recv_into, sock.send
        self._give, self._take = self._incoming.write, self._outgoing.read
        # Given a buffer it returns a number, unlike what typeshed says.
        self._read = cast("Callable[[int, memoryview], int]", self.openssl.read)
        self._write = self.openssl.write
        self.has_more = False
        """Bytes that the poller does not see."""
        self.unsent: memoryview | None = None
        """What is encrypted, and the socket has not taken."""
        self.failure: OSError | None = None
        self.ragged = False
        """The peer has ended without a close_notify."""
        self._over = False  # the peer has ended, or failed
        self._ahead = b""  # decrypted, and not read yet
        self._withheld = 0  # bytes that a send has encrypted, and not taken
        self._said_goodbye = False
        self._finishing = False  # the socket is to be shut down when it has taken all
        self._shut = False

    # The handshake.

    def feed(self, data: bytes | memoryview) -> None:
        """Have this be what was received."""
        self._incoming.write(data)

    def handshake(self) -> bool:
        """Take a step with what was received; True if it is complete.

        Raises:
            OSError: it has failed.
        """
        if self.openssl.server_side:  # it asks the context, which is shared, in the midst of this
            self.openssl.context.set_alpn_protocols(self._alpn)
        try:
            self.openssl.do_handshake()
        except ssl.SSLWantReadError:
            return False
        finally:
            self._answer()
        self.has_more = self._incoming.pending > 0
        return True

    # A stream.

    def recv_into(self, buffer: bytearray, limit: int = 0, /) -> int:
        """Like that of a socket; the buffer is the reactor's.

        Raises:
            BlockingIOError: nothing that was received is data.
            OSError: TLS has failed, or the socket.
        """
        del buffer
        room = limit if 0 < limit < HALF else HALF
        filled = self._decrypt(0, room) if self.has_more else 0
        if not filled and not self._over:
            arrival = self._arrival
            size = self._receive(arrival if room > PIECE else arrival[:PIECE])
            if not size:
                self._over = self.ragged = True
                return 0
            if size <= PIECE:  # most often
                self._give(arrival[:size])
                filled = self._decrypt(0, room)
            else:
                for at in range(0, size, PIECE):
                    self._give(arrival[at : min(at + PIECE, size)])
                    filled = self._decrypt(filled, room)
        if filled:
            if self.has_more:
                self.owner.read_later()
            return filled
        if self.failure is not None:
            raise self.failure
        if self._over:
            return 0
        raise BlockingIOError

    def send(self, data: bytes | memoryview, /) -> int:
        """Like that of a socket.

        Where the socket does not take all, the last byte counts as not taken, though it is
        encrypted: the next call begins with it.

        Raises:
            BlockingIOError: the socket takes no more.
            OSError: TLS has failed, or the socket.
        """
        size = len(data)
        if self.unsent is None and not self._withheld and 0 < size <= PIECE:  # most often
            self._write(data)
            return size if self._leaves(self._take()) else size - 1
        if self.unsent is not None and not self.flush():
            raise BlockingIOError
        view = memoryview(data)
        at = self._withheld
        self._withheld = 0
        for _ in range(SENDS):
            if at >= size:
                break
            stop = min(size, at + SENT_AT_ONCE * PIECE)
            encrypted = self._encrypt(view, at, stop)
            at = stop
            if not self._leaves(encrypted):
                return at - 1
        return at

    def shutdown(self, how: int, /) -> None:
        """Send the end: a close_notify, unless the end that is passed on is without one; a FIN."""
        del how  # always SHUT_WR
        self.say_goodbye(notify=not self.owner.other_is_ragged)
        self._finishing = True
        if not self.flush():
            self.owner.send_later()

    # For its owner.

    def flush(self) -> bool:
        """Send what is encrypted, as much as the socket takes; True if nothing is left.

        Raises:
            OSError: the socket has failed.
        """
        if self.unsent is not None:
            try:
                sent = self.sock.send(self.unsent)
            except BlockingIOError:
                return False
            if sent < len(self.unsent):
                self.unsent = self.unsent[sent:]
                return False
            self.unsent = None
        if self._finishing and not self._shut:
            self._shut = True
            self.sock.shutdown(SHUT_WR)
        return True

    def say_goodbye(self, *, notify: bool) -> None:
        """Send a close_notify, once, if ``notify``; the peer's data can still be read."""
        if self._said_goodbye:
            return
        self._said_goodbye = True
        if not notify or self.failure is not None:
            return
        # OpenSSL would look for the peer's close_notify, and fail if it found data.
        with contextlib.suppress(ssl.SSLError):
            if pending := self.openssl.pending():
                self._ahead += self.openssl.read(pending)
        received = self._incoming.read()
        with contextlib.suppress(ssl.SSLError):
            self.openssl.unwrap()
        if received:
            self._incoming.write(received)
        self._answer()

    def let_go(self) -> None:
        """Forget its owner, which is closed."""
        del self.owner

    # Internal.

    def _decrypt(self, filled: int, room: int) -> int:
        """Decrypt what was received into the buffer, from ``filled`` on; return where it ends."""
        view, incoming = self._view, self._incoming
        if self._ahead:
            size = min(room - filled, len(self._ahead))
            view[filled : filled + size] = self._ahead[:size]
            self._ahead = self._ahead[size:]
            filled += size
        self.has_more = True
        try:
            while filled < room:
                size = self._read(room - filled, view[filled:] if filled else view)
                if not size:
                    self._over = True
                    break
                filled += size
                if filled < room and not incoming.pending:  # else the record may have more
                    self.has_more = False
                    break
        except ssl.SSLWantReadError:
            self.has_more = False
        except ssl.SSLZeroReturnError:
            self._over = True
        except ssl.SSLError as error:
            self._fail(error)
        if self._outgoing.pending:
            self._answer()
        return filled

    def _fail(self, error: OSError) -> None:
        if self.failure is None:
            self.failure = error
            self._over = True
            self._answer()  # with an alert
            self.owner.on_tls_failure(error)

    def _leaves(self, encrypted: bytes) -> bool:
        """Send this; True if the socket takes all. Else the last byte is withheld."""
        try:
            sent = self._send(encrypted)
        except BlockingIOError:
            sent = 0
        if sent == len(encrypted):
            return True
        self.unsent = memoryview(encrypted)[sent:]
        self._withheld = 1
        return False

    def _encrypt(self, view: memoryview, at: int, stop: int) -> bytes:
        if stop - at <= PIECE:
            self._write(view[at:stop])
            return self._take()
        pieces = []
        for begin in range(at, stop, PIECE):
            self._write(view[begin : min(begin + PIECE, stop)])
            pieces.append(self._take())
        return b"".join(pieces)

    def _answer(self) -> None:
        """Send what TLS itself has to say; a failure will be seen when the socket is read."""
        said = self._outgoing.read()
        if said:
            before = b"" if self.unsent is None else bytes(self.unsent)
            self.unsent = memoryview(before + said)
            if len(self.unsent) > UNSENT_LIMIT:
                self._over = True
                self.failure = OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS))
            with contextlib.suppress(OSError):
                if not self.flush() and self.has_owner:
                    self.owner.send_later()

    @property
    def has_owner(self) -> bool:
        """Its handshake is over, and an end has it."""
        return hasattr(self, "owner")
