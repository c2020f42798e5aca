"""Which backends the proxies of a process may have: judged when wanted, and when dialled.

What a name resolves to is known for certain only when it is dialled.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from ..errors import BackendError
from .address import Address
from .loops import API, UNIX, Loops, literal
from .permitted import Permitted
from .system import Endpoint, System

CACHE_SIZE = 1000
LOOKUP_LIMIT = 1.0
"""Seconds to wait for the addresses of a name, which is judged again when it is dialled."""


@dataclass(frozen=True)
class Lead:
    """A proxy, as it is wanted: where it listens, if it is enabled, and its backend."""

    name: str
    listening: Sequence[Endpoint]
    backend: Address


class Backends:
    """What is permitted, and who listens where."""

    def __init__(self, permitted: Permitted | None = None) -> None:
        self.permitted = permitted or Permitted()
        self.loops = Loops()
        self._permitted: set[tuple[str, Endpoint]] = set()

    def check(self, name: str, backend: Address, endpoint: Endpoint) -> None:
        """Check what the backend of a proxy resolved to, before it is dialled.

        Raises:
            OSError: it is not allowed.
        """
        key = backend.host, endpoint
        if key not in self._permitted:
            if why := self.permitted.why_not(backend, endpoint):
                raise OSError(errno.EACCES, why)
            if len(self._permitted) >= CACHE_SIZE:
                self._permitted.clear()
            self._permitted.add(key)
        where = endpoint[1]
        if (UNIX if isinstance(where, str) else where[1]) in self.loops.by_port:
            self.loops.enter(name, endpoint)

    def check_wanted(self, wanted: Iterable[Lead], system: System) -> None:
        """Check all proxies as they are wanted; look up names only where they may be ours.

        Raises:
            BackendError: a backend is not allowed.
        """
        loops = Loops()
        wanted = list(wanted)
        loops.listen(API, self.loops.listening(API))
        for lead in wanted:
            loops.listen(lead.name, lead.listening)
        for lead in wanted:
            try:
                if why := self.permitted.why_never(lead.backend):
                    raise OSError(errno.EACCES, why)
                found = literal(lead.backend)
                for endpoint in found:
                    if why := self.permitted.why_not(lead.backend, endpoint):
                        raise OSError(errno.EACCES, why)
                if loops.has_port(lead.backend):
                    for endpoint in found or _looked_up(lead.backend, system):
                        loops.enter(lead.name, endpoint)
            except OSError as error:
                raise BackendError(
                    str(error.strerror), given=str(lead.backend), proxy=lead.name
                ) from None


def _looked_up(address: Address, system: System) -> list[Endpoint]:
    """Return what a name resolves to; nothing if it does not, or not in time."""
    found: list[Endpoint] = []
    done = threading.Event()

    def look_up() -> None:
        with suppress(OSError, ValueError):  # whoever dials it hears of it
            found.extend(system.resolve(address.host, address.port))
        done.set()

    system.run_in_thread(look_up)
    return found if done.wait(LOOKUP_LIMIT) else []
