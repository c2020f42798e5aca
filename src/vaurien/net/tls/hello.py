"""Reads the ClientHello of a client, within a limit of time and size."""

from __future__ import annotations

import errno
from collections.abc import Callable
from math import inf

from ...parsing.client_hello import HELLO_LIMIT, ClientHello, Unread, read_client_hello
from ..reactor import Reactor
from ..system import READ, Socket

Answer = ClientHello | Unread | OSError
"""What a client has sent, or why nothing is known of it."""


class HelloReader:
    """Reads until there is an answer, and calls back with it and with all that was read."""

    __slots__ = ("_data", "_reactor", "_sock", "_then", "_timer")

    def __init__(
        self,
        reactor: Reactor,
        sock: Socket,
        limit: float,
        then: Callable[[Answer, bytes], None],
        received: bytes = b"",
    ) -> None:
        """``limit``: in seconds; ``received``: the beginning, which has been read already."""
        self._reactor = reactor
        self._sock = sock
        self._then: Callable[[Answer, bytes], None] | None = then
        self._data = bytearray(received)
        reactor.add(sock.fileno(), self, READ)
        late = TimeoutError(errno.ETIMEDOUT, f"no ClientHello within {limit:g} s")
        self._timer = reactor.call_later(limit, lambda: self._end(late)) if limit < inf else None

    def cancel(self) -> None:
        """Give up, without calling back."""
        self._then = None
        self._stop()

    def on_event(self, events: int) -> None:
        del events
        try:
            size = self._sock.recv_into(self._reactor.buffer, HELLO_LIMIT)
        except BlockingIOError:
            return
        except OSError as error:
            self._end(error)
            return
        if not size:
            self._end(ConnectionAbortedError(errno.ECONNABORTED, "it closed the connection"))
            return
        self._data += self._reactor.view[:size]
        answer = read_client_hello(self._data)
        if answer is not Unread.INCOMPLETE:
            self._end(answer)

    def on_failure(self, report: str) -> None:
        del report
        self._end(OSError(errno.EIO, "the connection could not be set up"))

    def _end(self, answer: Answer) -> None:
        then, self._then = self._then, None
        if then is not None:
            self._stop()
            then(answer, bytes(self._data))

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._reactor.unwatch(self._sock.fileno())
