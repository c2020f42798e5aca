"""A peer that speaks TLS: what links read of it is decrypted, and what they send is encrypted."""

from __future__ import annotations

import contextlib

from ...values.events import Trouble
from ..closing import RESET_LIMIT, close_socket, read_unread
from ..connection import Connection
from ..end import End
from ..reactor import Reactor
from ..system import READ, WRITE, Socket
from .ahead import AheadEnd
from .reasons import is_alert, reason_of
from .stream import TlsStream


class TlsEnd(AheadEnd):
    """An end inside of TLS."""

    __slots__ = ("layer",)

    def __init__(self, stream: TlsStream, connection: Connection, sock: Socket) -> None:
        self.layer = stream
        super().__init__(stream, connection, sock)
        stream.owner = self

    def on_event(self, events: int) -> None:
        if events == READ and self.interest == READ:
            self.outgoing.on_readable()
            return
        if events & WRITE and self.layer.unsent is not None:
            try:
                if not self.layer.flush():
                    events &= ~WRITE
            except OSError:
                self.connection.on_reset(self)
                return
        super().on_event(events)

    def want(self, what: int, *, wanted: bool) -> None:
        if wanted or what != WRITE or self.layer.unsent is None:
            super().want(what, wanted=wanted)

    def close(self, *, reset: bool) -> None:
        """Close, with a close_notify before the FIN; the connection is over."""
        layer = self.layer
        if not (reset or self.broken):
            layer.say_goodbye(notify=not self.other_is_ragged)
            if layer.unsent is not None and not self.incoming.blocked:
                self.interest = 0
                read_unread(self.reactor, self.sock)
                Farewell(self.reactor, layer)
                layer.let_go()
                return
        super().close(reset=reset)

    def send_later(self) -> None:
        """Send what is encrypted, when the socket takes it."""
        self.want(WRITE, wanted=True)

    @property
    def is_ragged(self) -> bool:
        return self.layer.ragged

    @property
    def other_is_ragged(self) -> bool:
        return self.incoming.source.is_ragged

    def on_tls_failure(self, error: OSError) -> None:
        """Say why what follows is a reset, unless the peer only complains of a ragged end."""
        if self.incoming.end_sent and self.other_is_ragged and is_alert(error):
            return
        connection = self.connection
        peer = "client" if self is connection.client else "backend"
        what = f"connection {connection.number}: TLS with the {peer} failed"
        name, number = connection.proxy.name, connection.number
        connection.proxy.emit(Trouble(name, what, reason_of(error), number))


class Farewell:
    """Sends the last bytes of TLS to a peer that did not take them at once, then closes."""

    def __init__(self, reactor: Reactor, stream: TlsStream) -> None:
        self._reactor = reactor
        self._stream = stream
        fd = stream.sock.fileno()
        reactor.unwatch(fd)
        reactor.linger(stream.sock)
        reactor.add(fd, self, WRITE)
        self._timer = reactor.call_later(RESET_LIMIT, self._close)

    def on_event(self, events: int) -> None:
        del events
        with contextlib.suppress(OSError):
            if not self._stream.flush():
                return
        self._close()

    def on_failure(self, report: str) -> None:
        del report
        self._close()

    def _close(self) -> None:
        self._timer.cancel()
        close_socket(self._reactor, self._stream.sock, reset=False)


class IdleEnd(End):
    """An end that is not read while its socket shakes hands."""

    def __init__(self, connection: Connection, sock: Socket) -> None:
        super().__init__(connection, sock)
        self.interest = 0

    def want(self, what: int, *, wanted: bool) -> None:
        """Do nothing; what is wanted is looked at again when there is TLS."""


def go_on(connection: Connection) -> None:
    """Read and send what handshakes have left."""
    for end in (connection.client, connection.backend):
        if isinstance(end, AheadEnd) and end.ahead.has_more:
            end.read_later()
        if isinstance(end, TlsEnd) and end.layer.unsent is not None:
            end.send_later()
