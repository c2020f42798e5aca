"""The pace of the API: it leaves most of the interpreter to traffic that needs it.

Law: while the data plane computes for more than ``BUSY`` of the time, everything else computes
for ``SHARE`` of it, and requests wait for that.  With less traffic they do not wait.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

SHARE = 0.25
BUSY = 0.4
BURST = 0.01
"""Seconds that may be computed at once."""
WINDOW = 0.02
"""Seconds over which it is measured how busy the data plane is, at the least."""
LONGEST = 0.03
"""Seconds that a request may wait."""


class Pace:
    """How long requests have to wait."""

    def __init__(
        self,
        traffic: Callable[[], float],
        process: Callable[[], float] = time.process_time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``traffic``: CPU seconds of the data plane so far; ``process``: of the whole process."""
        self._traffic = traffic
        self._process = process
        self._clock = clock
        self._at = self._begun = clock()
        self._others = process() - traffic()
        self._carried = traffic()
        self._busy = False
        self._credit = BURST

    def pause(self) -> float:
        """Return how many seconds the next request should wait."""
        now, carried, process = self._clock(), self._traffic(), self._process()
        if now - self._begun >= WINDOW:
            self._busy = carried - self._carried > BUSY * (now - self._begun)
            self._begun, self._carried = now, carried
        others = process - carried
        earned, spent = SHARE * (now - self._at), others - self._others
        self._at, self._others = now, others
        self._credit = min(BURST, self._credit + earned - spent) if self._busy else BURST
        return max(0.0, -self._credit / SHARE)


class Paced:
    """An ASGI application that passes requests on to another, one by one and at this pace."""

    def __init__(self, app: ASGIApp, pace: Pace) -> None:
        self._app = app
        self._pace = pace
        self._turn = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        clock = asyncio.get_running_loop().time
        latest = clock() + LONGEST
        async with self._turn:
            pause = min(self._pace.pause(), latest - clock())
            if pause > 0:
                await asyncio.sleep(pause)
        await self._app(scope, receive, send)
