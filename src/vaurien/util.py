"""Functions that old plugins and test suites import from here."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from importlib import import_module

from .launch import start_proxy, stop_proxy
from .legacy.sockets import Received

__all__ = [
    "ImportStringError",
    "chunked",
    "get_data",
    "import_string",
    "parse_address",
    "start_proxy",
    "stop_proxy",
]


class ImportStringError(ImportError):
    """Raised by ``import_string``."""

    def __init__(self, import_name: str, exception: Exception) -> None:
        super().__init__(
            f"{import_name!r} cannot be imported: {type(exception).__name__}: {exception}"
        )
        self.import_name = import_name
        self.exception = exception


def import_string(import_name: str, silent: bool = False) -> object:
    """Import the module or the object named ``package.module.name`` or ``package.module:name``.

    Raises:
        ImportStringError: it cannot be imported; with ``silent``, return None instead.
    """
    module, colon, name = import_name.partition(":")
    if not colon:
        module, _, name = import_name.rpartition(".")
    try:
        if not module:
            return import_module(name)
        found: object = import_module(module)
        if not hasattr(found, name):
            return import_module(f"{module}.{name}")
        return getattr(found, name)
    except ImportError as error:
        if silent:
            return None
        raise ImportStringError(import_name, error) from error


def parse_address(address: str) -> tuple[str, int]:
    """Return the host, as an IPv4 address, and the port of ``HOST:PORT``.

    Raises:
        ValueError: it is not ``HOST:PORT``.
        OSError: the host has no IPv4 address.
    """
    host, _, port = address.rpartition(":")
    if not (host and port.isascii() and port.isdigit()):
        raise ValueError(f"Expected HOST:PORT: {address!r}")
    return socket.gethostbyname(host), int(port)


def chunked(total: int, chunk: int) -> Iterator[int]:
    """Split ``total`` bytes into sizes of at most ``chunk`` bytes."""
    while total > chunk:
        yield chunk
        total -= chunk
    yield total


def get_data(sock: socket.socket, buffer: int = 1024) -> Received:
    """Read once; with a non-blocking socket, wait until it is readable.

    Raises:
        OSError: the connection is broken.
        TimeoutError: no data arrived within the socket's timeout.
    """
    while True:
        try:
            return Received(sock.recv(buffer))
        except BlockingIOError:
            select.select([sock], [], [])
