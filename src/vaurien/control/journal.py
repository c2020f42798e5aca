"""The journal: every rule that fired, a line of JSON each.

Law: traffic never waits for a reader.  Lines are written once for each batch of events,
always whole; what cannot be written now is kept for later, up to a limit.  A write is
waited for, though, as long as the system takes for it: on a slow disk, traffic is slow.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..values.events import Event, Fired, Trouble

if TYPE_CHECKING:
    from ..net.reactor import Reactor
    from ..values.events import Emit

KEPT = 1024 * 1024
"""Bytes that wait at most, while the file cannot be written."""
RETRY = 1.0
"""Seconds until a failed write is tried again."""
FLAGS = (
    os.O_WRONLY
    | os.O_APPEND
    | os.O_CREAT
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a pipe that nobody reads must not stop traffic
)


class Journal:
    """A subscriber to events which writes those of rules that fired to a file."""

    def __init__(
        self, path: str, reactor: Reactor, emit: Emit, clock: Callable[[], float] = time.time
    ) -> None:
        """Open the file at its end; one that does not exist is created for its owner only.

        ``emit`` hears of trouble with the file; ``clock`` gives seconds since 1970.

        Raises:
            OSError: the file cannot be opened.
        """
        self._fd = os.open(path, FLAGS, 0o600)
        self._path = path
        self._reactor = reactor
        self._emit = emit
        self._clock = clock
        self._pending = bytearray()
        self._scheduled = False
        self._failing = False
        self._lost = 0

    def __call__(self, event: Event) -> None:
        if not isinstance(event, Fired):
            return
        line = entry(event, self._clock())
        if len(self._pending) + len(line) > KEPT:
            self._lost += 1
            return
        self._pending += line
        if not self._scheduled:
            self._scheduled = True
            self._reactor.call_soon(self._flush)

    def close(self) -> None:
        """Write what is left, if it can be, and close the file."""
        if self._pending:
            self._flush()
        self._lost += self._pending.count(b"\n")
        if self._lost:
            self._tell("cannot be written", f"{self._lost} entries are lost")
        os.close(self._fd)

    def _flush(self) -> None:
        self._scheduled = False
        try:
            while self._pending:
                # The rest of a line that was cut short goes first, whenever that is.
                del self._pending[: os.write(self._fd, self._pending)]
        except OSError as error:
            self._scheduled = True
            self._reactor.call_later(RETRY, self._flush)
            if not self._failing:
                self._failing = True
                waiting = self._pending.count(b"\n")
                self._tell("cannot be written", f"{error.strerror}; {waiting} entries wait")
            return
        if self._failing:
            self._failing = False
            lost, self._lost = self._lost, 0
            self._tell("is written again", f"{lost} entries are lost")

    def _tell(self, what: str, detail: str) -> None:
        self._emit(Trouble("journal", f"the journal {self._path!r} {what}", detail))


def entry(event: Fired, at: float) -> bytes:
    """A line of the journal; ``at`` is in seconds since 1970."""
    firing = event.firing
    moment = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    said = {
        "time": moment.replace("+00:00", "Z"),
        "proxy": event.proxy,
        "rule": firing.rule,
        "behavior": event.behavior,
        "connection": firing.connection,
        "exchange": firing.exchange,
        "draw": firing.draw,
        "count": firing.count,
        "direction": event.direction.value,
        "labels": dict(event.labels),
        "fault": event.detail,
    }
    return json.dumps(said, separators=(",", ":")).encode("ascii") + b"\n"
