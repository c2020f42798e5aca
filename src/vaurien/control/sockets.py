"""The sockets that the HTTP server listens on."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import logging
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..errors import ListenError
from ..net.address import EVERYWHERE, Address
from ..net.stale import remove_stale_socket
from ..net.system import Endpoint

BACKLOG = 256
LOOPBACK = ("127.0.0.1", "::1")
UNIX_MODE = 0o600
"""Whoever may open the socket may control the proxies: its owner."""
NO_RESOURCE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""The errors after which asyncio pauses accepting."""
LOG = logging.getLogger("vaurien")


class ListeningSocket(socket.socket):
    """Says once, until it accepts again, that it cannot.

    asyncio pauses accepting for a second, but only after it has accepted as often as the
    backlog is long, each failure with a traceback: here a failure ends its loop.
    """

    _failing = False
    _ended = False

    def accept(self) -> tuple[socket.socket, Any]:
        if self._ended:
            self._ended = False
            raise BlockingIOError
        try:
            accepted = super().accept()
        except OSError as error:
            if error.errno not in NO_RESOURCE:
                raise
            self._ended = True
            if not self._failing:
                self._failing = True
                LOG.error("The HTTP server cannot accept clients: %s", error.strerror)
            raise
        self._failing = False
        return accepted


@dataclass(frozen=True)
class Opened:
    """An address that is listened on."""

    address: Address
    """With the actual port."""
    sockets: tuple[socket.socket, ...]
    file: os.stat_result | None = None
    """Of a unix socket."""

    @property
    def endpoints(self) -> list[Endpoint]:
        return [(int(sock.family), sock.getsockname()) for sock in self.sockets]

    @property
    def is_public(self) -> bool:
        """Whether others than programs of this machine may reach it."""
        return any(not each.is_loopback for each in self._numeric())

    @property
    def is_everywhere(self) -> bool:
        """Whether it listens on all addresses of the machine."""
        return any(each.is_unspecified for each in self._numeric())

    def _numeric(self) -> Iterator[ipaddress.IPv4Address | ipaddress.IPv6Address]:
        for _, name in self.endpoints:
            if not isinstance(name, str):
                yield ipaddress.ip_address(name[0].partition("%")[0])

    def close(self) -> None:
        """Close the sockets, and remove the file of a unix socket."""
        for sock in self.sockets:
            sock.close()
        if self.file is not None:
            with contextlib.suppress(OSError):
                if os.path.samestat(self.file, os.stat(self.address.path)):
                    os.unlink(self.address.path)


def on_tcp(host: str, port: int) -> Opened:
    """Listen on TCP.  Port 0 picks a free one; ``localhost`` is both 127.0.0.1 and ::1.

    Without a host, it is all addresses of the machine.

    Raises:
        ListenError: the address cannot be listened on.
    """
    host = host or EVERYWHERE
    try:
        sockets = _listen(host, port)
    except UnicodeError:
        raise ListenError(errno.EINVAL, f"{host!r} is not a host") from None
    except OSError as error:
        if isinstance(error, socket.gaierror) and ":" in host:
            raise ListenError(errno.EINVAL, f"{host!r} is not a host: it has no port") from None
        raise _not_listening(Address(host, port), error) from None
    return Opened(Address(host, sockets[0].getsockname()[1]), tuple(sockets))


def on_unix(path: str) -> Opened:
    """Listen on a unix socket; replace one that a killed process has left.

    Raises:
        ListenError: the path cannot be listened on.
    """
    address = Address("", 0, path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        remove_stale_socket(path)
        sock.bind(path)
        os.chmod(path, UNIX_MODE)  # nobody can connect before it listens
        sock.listen(BACKLOG)
        file = os.stat(path)
    except OSError as error:
        sock.close()
        why = error.strerror or error
        raise ListenError(error.errno, f"cannot listen on {address}: {why}") from None
    return Opened(address, (ListeningSocket(fileno=sock.detach()),), file)


def adopted(sock: socket.socket) -> Opened:
    """Take a socket that listens already; the file of a unix socket is left where it is."""
    name = sock.getsockname()
    address = Address("", 0, name) if isinstance(name, str) else Address(name[0], name[1])
    return Opened(address, (ListeningSocket(fileno=sock.detach()),))


def _not_listening(address: Address, error: OSError) -> ListenError:
    known = error.errno and not isinstance(error, socket.gaierror)
    reason = os.strerror(error.errno or 0) if known else error.strerror or error
    return ListenError(error.errno, f"cannot listen on {address}: {reason}")


def _listen(host: str, port: int) -> list[socket.socket]:
    if host != "localhost":
        return [_listening(host, port)]
    first = _listening(LOOPBACK[0], port)
    try:
        return [first, _listening(LOOPBACK[1], first.getsockname()[1])]
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            return [first]  # this machine has no IPv6
        first.close()
        if port:
            raise
    return _listen(host, port)  # the port that the system picked is free on one address only


def _listening(host: str, port: int) -> socket.socket:
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    sock = socket.create_server(
        address, family=family, backlog=BACKLOG, dualstack_ipv6=host == EVERYWHERE
    )
    # Connections inherit this.  Without it, the body of a response waits for the client's
    # delayed ACK of its head: 40 ms.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return ListeningSocket(fileno=sock.detach())
