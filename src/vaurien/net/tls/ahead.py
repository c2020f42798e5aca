"""An end of which bytes are held that the poller does not see: they have been read already.

Law: while such bytes are held and the end is to be read, it has a turn to come.
"""

from __future__ import annotations

import traceback
from typing import Protocol

from ..connection import Connection
from ..end import End, Stream
from ..system import READ, Socket


class AheadStream(Stream, Protocol):
    """A stream that may have read more than it has given."""

    @property
    def has_more(self) -> bool:
        """It has bytes, or the end, that the poller does not see."""

    def let_go(self) -> None:
        """Forget its owner, which is closed."""


class AheadEnd(End):
    """An end with such a stream."""

    __slots__ = ("_has_turn", "ahead")

    def __init__(self, stream: AheadStream, connection: Connection, sock: Socket) -> None:
        super().__init__(connection, sock, stream)
        self.ahead = stream
        self._has_turn = False

    def close(self, *, reset: bool) -> None:
        super().close(reset=reset)
        self.ahead.let_go()  # or they would keep each other in memory

    def want(self, what: int, *, wanted: bool) -> None:
        super().want(what, wanted=wanted)
        if wanted and what == READ and self.ahead.has_more:
            self.read_later()

    def read_later(self) -> None:
        """Read what is held, after the next poll."""
        if not self._has_turn:
            self._has_turn = True
            self.reactor.call_next(self._read)

    def _read(self) -> None:
        self._has_turn = False
        if not self.interest & READ or not self.ahead.has_more:
            return  # it is closed, or will be told when it is to be read
        if self.outgoing.paused:
            self.read_later()
            return
        try:
            self.outgoing.on_readable()
        except Exception:  # noqa: BLE001 - it ends this connection only
            self.on_failure(traceback.format_exc())


def prefixed(data: bytes, connection: Connection, sock: Socket) -> AheadEnd:
    """Return the end of a socket of which these bytes have been read already."""
    stream = Prefixed(data, sock)
    end = stream.owner = AheadEnd(stream, connection, sock)
    return end


class Prefixed:
    """What a socket carries, after bytes that have been read of it already."""

    owner: AheadEnd

    def __init__(self, data: bytes, sock: Socket) -> None:
        self._sock = sock
        self._data = memoryview(data)
        self.send = sock.send
        self.shutdown = sock.shutdown

    @property
    def has_more(self) -> bool:
        return len(self._data) > 0

    def let_go(self) -> None:
        del self.owner

    def recv_into(self, buffer: bytearray, limit: int = 0, /) -> int:
        """Give what has been read; with the last of it, the end is read as any other."""
        size = min(limit or len(buffer), len(self._data))
        buffer[:size] = self._data[:size]
        self._data = self._data[size:]
        if self.has_more:
            self.owner.read_later()
        else:
            self.owner.stream = self._sock
            self.owner.outgoing.follow_streams()
        return size
