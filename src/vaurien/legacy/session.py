"""A connection that an old plugin serves: two sockets, and the loop that calls the plugin.

It has its own thread, since old plugins block.
"""

from __future__ import annotations

import select
import socket
import threading

from .forms import Call
from .sockets import ClientSocket, HandedSocket

PAUSE = 0.02
"""Seconds between two calls of a plugin that neither reads nor writes."""


class Session:
    """Calls a plugin once for each readable side.

    It ends when a call returns a false value (unless ``stay_connected``), when either
    socket is closed, at end of file on both sides, and after ``timeout`` seconds without
    data (0: never).
    """

    def __init__(
        self,
        client: ClientSocket,
        backend: socket.socket,
        *,
        timeout: float = 0.0,
        stay_connected: bool = False,
    ) -> None:
        """Take ownership of both sockets."""
        self._client = client
        self._backend = HandedSocket(backend)
        self._sides = (self._client, self._backend)
        self.timeout = timeout
        self._timeout = timeout or None
        self._stay_connected = stay_connected
        self._severed = threading.Event()
        self.calling = False
        """A call of the plugin is under way."""
        self.timed_out = False
        """Nothing came for ``timeout`` seconds."""
        for side in self._sides:
            side.settimeout(self._timeout)

    @property
    def severed(self) -> bool:
        """Whether it was ended from outside; ignore what its plugin raises after that."""
        return self._severed.is_set()

    def run(self, call: Call) -> None:
        """Serve the connection until it ends.

        Raises:
            Exception: raised by the plugin.
        """
        while not self.severed and (sides := self._readable()):
            steps = self._steps()
            self.calling = True
            try:
                results = [
                    call(self._client, self._backend, side is self._client)
                    for side in sides
                    if not side.closed
                ]
            finally:
                self.calling = False
            if not (results and all(results)) and not self._stay_connected:
                return
            if self._steps() == steps:
                self._severed.wait(PAUSE)

    def sever(self) -> None:
        """End it at once, or when the plugin next uses a socket; safe in any thread."""
        self._severed.set()
        for side in self._sides:
            side.sever()

    def close(self) -> None:
        """Close both sockets."""
        for side in self._sides:
            side.close()

    def _steps(self) -> int:
        return sum(side.steps for side in self._sides)

    def _readable(self) -> list[HandedSocket]:
        """Wait for readable sides, and return them; none if the session is over."""
        if any(side.closed for side in self._sides):
            return []
        waiting = {side.fileno(): side for side in self._sides if not side.at_end}
        if not waiting:
            return []
        poll = select.poll()
        for fd in waiting:
            poll.register(fd, select.POLLIN)
        ready = poll.poll(None if self._timeout is None else self._timeout * 1000)
        self.timed_out = not ready
        return [waiting[fd] for fd, _ in ready]
