"""Names, resolved off the reactor's thread and remembered for a moment."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from functools import partial
from math import inf

from .address import Address
from .reactor import Reactor
from .system import Endpoint

REMEMBERED = 1.0
"""Seconds for which the answer to a name stands."""

Resolved = list[Endpoint] | OSError
OnResolved = Callable[[Resolved], None]


class Resolver:
    """One question for each name at a time, however many ask."""

    def __init__(self, reactor: Reactor) -> None:
        self._reactor = reactor
        self._known: dict[tuple[str, int], tuple[float, Resolved]] = {}
        self._asking: dict[tuple[str, int], list[OnResolved]] = {}

    def resolve(self, address: Address, then: OnResolved) -> None:
        """Call back with the endpoints of an address, or the error; at once if known."""
        if address.path:
            then([(int(socket.AF_UNIX), address.path)])
            return
        key = address.host, address.port
        known = self._known.get(key)
        if known is not None and self._reactor.clock() < known[0]:
            then(known[1])
            return
        numeric = self._reactor.system.numeric(*key)
        if numeric is not None:
            self._known[key] = (inf, [numeric])
            then([numeric])
            return
        asking = self._asking.setdefault(key, [])
        asking.append(then)
        if len(asking) == 1:
            try:
                self._reactor.system.in_thread(lambda: self._ask(key))
            except RuntimeError as error:  # the system has no thread left
                self._tell(key, OSError(errno.EAGAIN, str(error)))

    def _ask(self, key: tuple[str, int]) -> None:
        answer: Resolved
        try:
            answer = self._reactor.system.resolve(*key)
        except OSError as error:
            answer = error
        except Exception as error:  # noqa: BLE001 - whoever asks must get an answer
            answer = OSError(errno.EINVAL, f"{type(error).__name__}: {error}")
        self._reactor.post(lambda: self._tell(key, answer))

    def _tell(self, key: tuple[str, int], answer: Resolved) -> None:
        self._known[key] = (self._reactor.clock() + REMEMBERED, answer)
        for then in self._asking.pop(key):
            self._reactor.call_soon(partial(then, answer))
