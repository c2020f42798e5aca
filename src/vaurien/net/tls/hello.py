"""Reads the ClientHello of a client, within a limit of time and size."""

from __future__ import annotations

from collections.abc import Callable

from ...parsing.client_hello import HELLO_LIMIT, ClientHello, Unread, read_client_hello
from ..reactor import Reactor
from ..system import READ, Socket
from .awaiting import Awaiting, closed

Answer = ClientHello | Unread | OSError
"""What a client has sent, or why nothing is known of it."""


class HelloReader(Awaiting[ClientHello | Unread]):
    """Reads until there is an answer, and calls back with it and with all that was read."""

    __slots__ = ("_data",)

    awaited = "ClientHello"

    def __init__(
        self,
        reactor: Reactor,
        sock: Socket,
        limit: float,
        then: Callable[[Answer, bytes], None],
        received: bytes = b"",
    ) -> None:
        """``limit``: in seconds; ``received``: the beginning, which has been read already."""
        data = self._data = bytearray(received)
        super().__init__(reactor, sock, lambda answer: then(answer, bytes(data)))
        self._start(READ, limit)

    def on_event(self, events: int) -> None:
        del events
        try:
            size = self.sock.recv_into(self.reactor.buffer, HELLO_LIMIT)
        except BlockingIOError:
            return
        except OSError as error:
            self._end(error)
            return
        if not size:
            self._end(closed())
            return
        self._data += self.reactor.view[:size]
        answer = read_client_hello(self._data)
        if answer is not Unread.INCOMPLETE:
            self._end(answer)
