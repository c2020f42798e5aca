"""A system whose sockets are partly open already: systemd opens them, and keeps them open."""

from __future__ import annotations

import socket
from collections.abc import Iterable

from .system import INTERNET, NODELAY, Endpoint, Socket, System


class ActivatedSystem(System):
    """Listens with these sockets where they are, so nobody is refused during a restart.

    They cannot be closed for others: while their proxy does not listen, clients wait.
    """

    def __init__(self, passed: Iterable[socket.socket]) -> None:
        super().__init__()
        self._passed = {(int(sock.family), sock.getsockname()): sock for sock in passed}

    def listen(self, endpoint: Endpoint, backlog: int) -> Socket:
        passed = self._passed.get(endpoint)
        return super().listen(endpoint, backlog) if passed is None else _listening(passed)

    def reserve(self, endpoint: Endpoint) -> Socket:
        passed = self._passed.get(endpoint)
        return super().reserve(endpoint) if passed is None else passed.dup()

    def close(self) -> None:
        super().close()
        for sock in self._passed.values():
            sock.close()


def _listening(passed: socket.socket) -> socket.socket:
    sock = passed.dup()
    sock.setblocking(False)
    if sock.family in INTERNET:
        sock.setsockopt(*NODELAY)
    return sock
