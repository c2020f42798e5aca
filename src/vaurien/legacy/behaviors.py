# ruff: noqa: ARG002 - old plugins expect these parameters
"""The built-in behaviors in their old form, as base classes of old plugins.

Old plugins import them from ``vaurien.behaviors.delay`` and so on, where the current
classes are now; ``instances`` adds the old class to the bases.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Mapping
from http import HTTPStatus
from socket import SHUT_RDWR, socket
from typing import ClassVar

from .forms import Declaration, Dummy, Optioned

__all__ = ["Abort", "Blackout", "Delay", "Dummy", "Error", "Hang", "Transient"]

NOISE = 100
GARBAGE = 1000
CHUNK = 1024


def sleep(plugin: Optioned, *, before: bool) -> None:
    """Sleep as the options ``sleep`` (seconds) and ``before`` of a ``Delay`` say."""
    if bool(plugin.option("before")) is before:
        time.sleep(float(str(plugin.option("sleep"))))  # noqa: TID251 - in a thread of its own


class Delay(Dummy):
    """Sleep before the data is handled, or after."""

    name = "delay"
    options: ClassVar[Mapping[str, Declaration]] = {
        "sleep": ("Delay in seconds (float)", float, 1),
        "before": ("If True adds before the backend is called. Otherwise after", bool, True),
    }

    def on_before_handle(
        self, protocol: object, source: socket, dest: socket, to_backend: bool
    ) -> object:
        sleep(self, before=True)
        return True

    def on_after_handle(
        self, protocol: object, source: socket, dest: socket, to_backend: bool
    ) -> object:
        sleep(self, before=False)
        return True


class Error(Dummy):
    """Reply with an error, or with random bytes."""

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
        dest.sendall(data if to_backend else corrupted(data, inject=bool(self.option("inject"))))
        return True


class Transient(Error):
    """Fail for the first calls, then work."""

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
    """Close the connection at once."""

    name = "blackout"

    def on_before_handle(
        self, protocol: object, source: socket, dest: socket, to_backend: bool
    ) -> object:
        source.close()
        return False


class Hang(Dummy):
    """Read and discard, until the sender closes."""

    name = "hang"

    def on_before_handle(
        self, protocol: object, source: socket, dest: socket, to_backend: bool
    ) -> object:
        while source.recv(CHUNK):
            pass
        source.close()
        return False


class Abort(Dummy):
    """Close the backend connection between a request and its response."""

    name = "abort"

    def on_between_handle(
        self, protocol: object, source: socket, dest: socket, to_backend: bool
    ) -> object:
        dest.shutdown(SHUT_RDWR)
        dest.close()
        return False


def corrupted(data: bytes, *, inject: bool) -> bytes:
    """Return a response with random bytes in the middle, or random bytes alone."""
    if not inject:
        return os.urandom(GARBAGE)
    middle = len(data) // 2
    return data[:middle] + os.urandom(NOISE) + data[middle:]


def http_error() -> bytes:
    """Return an HTTP response with a random status from 500 to 503."""
    code = random.randint(500, 503)
    reason = HTTPStatus(code).phrase
    body = f"<title>{code} {reason}</title>\n<h1>{code} {reason}</h1>\n"
    return (
        f"HTTP/1.1 {code} {reason}\r\nContent-Type: text/html; charset=UTF-8\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
    ).encode()
