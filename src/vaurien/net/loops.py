"""Backends that are vaurien itself: its API, and proxies that lead back to themselves.

One proxy may be the backend of another.  A ring of them would forward the bytes of a single
client for ever.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Collection, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import cast

from .address import Address
from .permitted import plain
from .system import Endpoint, Sockaddr, is_local

API = ""
"""Stands for the API among the names of proxies."""
UNIX = ""
"""Stands for all paths among ports."""


class Loops:
    """Who listens where, and which proxies lead to which, as they were dialled last."""

    def __init__(self) -> None:
        self.by_port: dict[int | str, list[tuple[Endpoint, str]]] = {}
        """The endpoints on each port, or paths, and whose they are."""
        self._places: dict[str, Sequence[Endpoint]] = {}
        self._next: dict[str, Collection[str]] = {}

    def listen(self, name: str, endpoints: Sequence[Endpoint]) -> None:
        """A proxy, or the API, listens here from now on."""
        self.leave(name)
        self._places[name] = endpoints
        for endpoint in endpoints:
            self.by_port.setdefault(_port(endpoint), []).append((endpoint, name))

    def leave(self, name: str) -> None:
        """It listens no more."""
        for endpoint in self._places.pop(name, ()):
            there = self.by_port[_port(endpoint)]
            there.remove((endpoint, name))
            if not there:
                del self.by_port[_port(endpoint)]

    def listening(self, name: str) -> Sequence[Endpoint]:
        """Where a proxy, or the API, listens."""
        return self._places.get(name, ())

    def has_port(self, address: Address) -> bool:
        """Whether the address could be one of those that are listened on."""
        return (UNIX if address.path else address.port) in self.by_port

    def forget(self, name: str) -> None:
        """The backend of a proxy is another one from now on."""
        self._next.pop(name, None)

    def enter(self, name: str, endpoint: Endpoint) -> None:
        """The backend of a proxy is this endpoint.

        Raises:
            OSError: ELOOP: it is the API, or leads back to the proxy.
        """
        there = self.by_port.get(_port(endpoint), ())
        reached = [owner for own, owner in there if reaches(endpoint, own)]
        if API in reached:
            raise OSError(errno.ELOOP, "the backend is the API of this process")
        if name in reached:
            raise OSError(errno.ELOOP, "the backend is the proxy itself")
        for other in reached:
            if path := self._path(other, name):
                ring = " -> ".join([name, *path])
                raise OSError(errno.ELOOP, f"the backend leads back to the proxy: {ring}")
        if reached:  # by one of the endpoints of its name
            self._next[name] = reached

    def _path(self, start: str, end: str) -> list[str]:
        """Return the names on the way from one proxy to another; none if there is no way."""
        ways = [[start]]
        seen = {start}
        for way in ways:
            if way[-1] == end:
                return way
            for other in self._next.get(way[-1], ()):
                if other not in seen and other in self._places:
                    seen.add(other)
                    ways.append([*way, other])
        return []


@lru_cache(4096)
def literal(address: Address) -> Sequence[Endpoint]:
    """Return the endpoints of an address whose host is numeric in any form, or localhost.

    Nothing is looked up: another name has none.
    """
    if address.path:
        return [(int(socket.AF_UNIX), address.path)]
    if address.host.lower() == "localhost":
        return [
            (int(socket.AF_INET), ("127.0.0.1", address.port)),
            (int(socket.AF_INET6), ("::1", address.port, 0, 0)),
        ]
    with suppress(OSError, UnicodeError):
        host = address.host.encode("ascii")  # as a text it would go through a slow codec
        found = socket.getaddrinfo(
            host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
        )
        return [(int(family), cast(Sockaddr, where)) for family, _, _, _, where in found]
    return []


def reaches(endpoint: Endpoint, listening: Endpoint) -> bool:
    """Whether dialling an endpoint would connect to this listening endpoint."""
    there, here = endpoint[1], listening[1]
    if isinstance(there, str) or isinstance(here, str):
        return isinstance(there, str) and isinstance(here, str) and _is_same_file(there, here)
    if there[1] != here[1]:
        return False
    dialled, bound = plain(there[0]), plain(here[0])
    if bound.is_unspecified and (bound.version == 6 or dialled.version == 4):  # both families
        return dialled.is_loopback or dialled.is_unspecified or is_local(endpoint)
    if dialled.is_unspecified and dialled.version == bound.version:
        return bound.is_loopback  # which it connects to
    return dialled == bound


def _is_same_file(one: str, other: str) -> bool:
    if one == other:
        return True
    with suppress(OSError):
        return os.path.samefile(one, other)
    return False


def _port(endpoint: Endpoint) -> int | str:
    where = endpoint[1]
    return UNIX if isinstance(where, str) else where[1]
