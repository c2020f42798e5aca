"""Resolve host names outside the reactor's thread, with a short-lived cache."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from functools import partial
from math import inf

from .address import Address
from .reactor import Reactor
from .system import Endpoint

CACHE_TIME = 1.0
"""Seconds for which an answer, error or not, is reused."""

Resolved = list[Endpoint] | OSError
OnResolved = Callable[[Resolved], None]


def no_address() -> OSError:
    return OSError(errno.EINVAL, "it is no address")


class Resolver:
    """Has at most one lookup per name under way, shared by all callers."""

    def __init__(self, reactor: Reactor) -> None:
        self._reactor = reactor
        self._cache: dict[tuple[str, int], tuple[float, Resolved]] = {}
        self._waiting: dict[tuple[str, int], list[OnResolved]] = {}

    def resolve(self, address: Address, then: OnResolved) -> None:
        """Call back with the endpoints of an address, or the error; at once if cached."""
        if address.path:
            then([(int(socket.AF_UNIX), address.path)])
            return
        key = address.host, address.port
        cached = self._cache.get(key)
        if cached is not None and self._reactor.clock() < cached[0]:
            then(cached[1])
            return
        if not address.usable:
            then(no_address())
            return
        numeric = self._reactor.system.parse_numeric(*key)
        if numeric is not None:
            self._cache[key] = (inf, [numeric])
            then([numeric])
            return
        waiting = self._waiting.setdefault(key, [])
        waiting.append(then)
        if len(waiting) == 1:
            try:
                self._reactor.system.run_in_thread(lambda: self._look_up(key))
            except RuntimeError as error:  # the system has no thread left
                self._answer(key, OSError(errno.EAGAIN, str(error)))

    def _look_up(self, key: tuple[str, int]) -> None:
        answer: Resolved
        try:
            answer = self._reactor.system.resolve(*key)
        except OSError as error:
            answer = error
        except Exception as error:  # noqa: BLE001 - every caller needs an answer
            answer = OSError(errno.EINVAL, f"{type(error).__name__}: {error}")
        self._reactor.post(lambda: self._answer(key, answer))

    def _answer(self, key: tuple[str, int], answer: Resolved) -> None:
        self._cache[key] = (self._reactor.clock() + CACHE_TIME, answer)
        for then in self._waiting.pop(key):
            self._reactor.call_soon(partial(then, answer))
