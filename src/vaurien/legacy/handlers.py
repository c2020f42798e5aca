"""The former built-in handlers, as base classes of old handlers."""

from __future__ import annotations

from collections.abc import Mapping
from socket import socket
from typing import ClassVar

from . import behaviors
from .forms import BaseHandler, Declaration, takes_ends


class Dummy(BaseHandler):
    """Forward data unchanged.

    Without ``keep_alive``, it then forwards the response until the other side closes, and
    closes the connection.
    """

    name = "dummy"
    options: ClassVar[Mapping[str, Declaration]] = {
        "keep_alive": ("Keep-alive protocol", bool, False),
        "reuse_socket": ("If True, the socket is reused.", bool, False),
        "buffer": ("Buffer size", int, 2048),
    }

    def __call__(self, source: socket, dest: socket, to_backend: bool) -> object:
        """Called by position; a subclass may pass on its own arguments, the two ends."""
        if takes_ends(self) and not to_backend:
            source, dest = dest, source  # they were the client and the backend
        self.on_before_handler()
        try:
            return self.move(source, dest, to_backend)
        finally:
            self.on_after_handler()

    def on_before_handler(self) -> None:
        """For subclasses."""

    def on_after_handler(self) -> None:
        """For subclasses."""

    def move(self, source: socket, dest: socket, to_backend: bool) -> object:
        data = self._get_data(source)
        if not data:
            if not to_backend and not self.option("reuse_socket"):
                source.close()
            return False
        dest.sendall(data)
        if self.option("keep_alive"):
            return True
        while answer := self._get_data(dest):
            source.sendall(answer)
        dest.close()
        return False


class Delay(Dummy):
    """Sleep before data is forwarded, or after."""

    name = "delay"
    options: ClassVar[Mapping[str, Declaration]] = {**behaviors.Delay.options, **Dummy.options}

    def on_before_handler(self) -> None:
        behaviors.sleep(self, before=True)

    def on_after_handler(self) -> None:
        behaviors.sleep(self, before=False)


class Error(Dummy):
    """Reply with an error, or with random bytes."""

    name = "error"
    options: ClassVar[Mapping[str, Declaration]] = {
        **behaviors.Error.options,
        "http": ("return random 50xs", bool, False),
        **Dummy.options,
    }
    current = 0

    def move(self, source: socket, dest: socket, to_backend: bool) -> object:
        if self.current < int(str(self.option("warmup"))):
            self.current += 1
            return super().move(source, dest, to_backend)
        data: bytes = self._get_data(source)
        if not data:
            return False
        if to_backend and self.option("http"):
            source.sendall(behaviors.http_error())
            return False
        if not to_backend:
            data = behaviors.corrupted(data, inject=bool(self.option("inject")))
        dest.sendall(data)
        return True


class Blackout(Dummy):
    """Close the connection at once."""

    name = "blackout"

    def move(self, source: socket, dest: socket, to_backend: bool) -> object:
        del to_backend
        source.close()
        dest.close()
        return False


class Hang(Dummy):
    """Read and discard, until the sender closes."""

    name = "hang"

    def move(self, source: socket, dest: socket, to_backend: bool) -> object:
        del dest, to_backend
        while self._get_data(source):
            pass
        return False
