# ruff: noqa: ARG002 - old plugins expect these parameters
"""Protocols that move data between blocking sockets, and call the hooks of old behaviors."""

from __future__ import annotations

import select
from collections.abc import Callable, Mapping
from socket import SHUT_WR, socket
from typing import cast

from .forms import BaseProtocol


class TCP(BaseProtocol):
    """The base class of most old protocols.

    Without ``keep_alive``, it forwards one request, forwards the response until the backend
    closes, and closes the connection.
    """

    name = "tcp"

    def _handle(self, source: socket, dest: socket, to_backend: bool, *between: object) -> object:
        data = self._get_data(source)
        if not data:
            return False
        dest.sendall(data)
        if between and not cast("Callable[[], object]", between[0])():
            return False
        if self.option("keep_alive"):
            return True
        while answer := self._get_data(dest):
            source.sendall(answer)
        if not self.option("reuse_socket"):
            dest.close()
        return False


class PassThrough(BaseProtocol):
    """Forward available data in either direction, until both peers have closed.

    It replaces the current protocols when a behavior is an old one.
    """

    def __init__(self, name: str, settings: Mapping[str, object], proxy: object) -> None:
        super().__init__(settings, proxy)
        self.name = name

    def _handle(self, source: socket, dest: socket, to_backend: bool, *between: object) -> object:
        if not _readable(source):
            return True  # a hook has read the data
        data = self._get_data(source)
        if not data:
            dest.shutdown(SHUT_WR)
            return True
        dest.sendall(data)
        return not (to_backend and between and not cast("Callable[[], object]", between[0])())


def _readable(sock: socket) -> bool:
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))
