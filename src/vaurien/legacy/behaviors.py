# ruff: noqa: ARG002 - the hooks' parameters are what old plugins expect
"""The built-in behaviors in their old form.

Old behaviors are often derived from these, by way of ``vaurien.behaviors.delay`` and
the like.  Those modules have today's form; ``instances`` adds what is missing from here.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Mapping
from socket import SHUT_RDWR, socket
from typing import ClassVar

from .forms import Declaration, Dummy

__all__ = ["Abort", "Blackout", "Delay", "Dummy", "Error", "Hang", "Transient"]

NOISE = 100
GARBAGE = 1000
CHUNK = 1024
STATUSES = {
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
}


class Delay(Dummy):
    """Waits before the handling, or after it."""

    name = "delay"
    options: ClassVar[Mapping[str, Declaration]] = {
        "sleep": ("Delay in seconds (float)", float, 1),
        "before": ("If True adds before the backend is called. Otherwise after", bool, True),
    }

    def on_before_handle(
        self, protocol: object, source: socket, dest: socket, to_backend: bool
    ) -> object:
        if self.option("before"):
            self._sleep()
        return True

    def on_after_handle(
        self, protocol: object, source: socket, dest: socket, to_backend: bool
    ) -> object:
        if not self.option("before"):
            self._sleep()
        return True

    def _sleep(self) -> None:
        time.sleep(float(str(self.option("sleep"))))  # noqa: TID251 - in the connection's own thread


class Error(Dummy):
    """Answers with an error, or with bytes that mean nothing."""

    name = "error"
    options: ClassVar[Mapping[str, Declaration]] = {
        "inject": ("Inject errors inside valid data", bool, False),
        "warmup": ("Number of calls before erroring out", int, 0),
    }
    current = 0

    def on_before_handle(
        self, protocol: object, source: socket, dest: socket, to_backend: bool
    ) -> object:
        if self.current < int(str(self.option("warmup"))):
            self.current += 1
            return True
        data = source.recv(CHUNK)
        if not data:
            return False
        if to_backend and getattr(protocol, "name", "") == "http":
            source.sendall(http_error())
            source.close()
            return False
        dest.sendall(data if to_backend else spoiled(data, inject=bool(self.option("inject"))))
        return True


class Transient(Error):
    """Fails at first, then works."""

    name = "transient"
    options: ClassVar[Mapping[str, Declaration]] = {
        "agitate": ("Number of calls before succeeding", int, 1),
        **Error.options,
    }
    failed = 0

    def on_before_handle(
        self, protocol: object, source: socket, dest: socket, to_backend: bool
    ) -> object:
        if self.failed >= int(str(self.option("agitate"))):
            return True
        self.failed += 1
        return super().on_before_handle(protocol, source, dest, to_backend)


class Blackout(Dummy):
    """Closes the connection at once."""

    name = "blackout"

    def on_before_handle(
        self, protocol: object, source: socket, dest: socket, to_backend: bool
    ) -> object:
        source.close()
        return False


class Hang(Dummy):
    """Reads what is sent and does nothing with it, as long as somebody sends."""

    name = "hang"

    def on_before_handle(
        self, protocol: object, source: socket, dest: socket, to_backend: bool
    ) -> object:
        while source.recv(CHUNK):
            pass
        source.close()
        return False


class Abort(Dummy):
    """Closes the backend's connection between a request and its response."""

    name = "abort"

    def on_between_handle(
        self, protocol: object, source: socket, dest: socket, to_backend: bool
    ) -> object:
        dest.shutdown(SHUT_RDWR)
        dest.close()
        return False


def spoiled(data: bytes, *, inject: bool) -> bytes:
    """A response with noise inside, or with nothing but noise left of it."""
    if not inject:
        return os.urandom(GARBAGE)
    middle = len(data) // 2
    return data[:middle] + os.urandom(NOISE) + data[middle:]


def http_error() -> bytes:
    """A response that says what a server in trouble would say."""
    code, reason = random.choice(list(STATUSES.items()))
    body = f"<title>{code} {reason}</title>\n<h1>{code} {reason}</h1>\n"
    return (
        f"HTTP/1.1 {code} {reason}\r\nContent-Type: text/html; charset=UTF-8\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
    ).encode()
