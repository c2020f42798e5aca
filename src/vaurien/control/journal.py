"""The journal: one line of JSON for each rule that fires.

Law: traffic never waits for a reader.  Lines are written in batches, and never in part; what
cannot be written yet is buffered, up to a limit.  The writes themselves do block: a slow
disk slows traffic down.
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

BUFFER_LIMIT = 1024 * 1024
"""Maximum number of bytes buffered while the file cannot be written."""
RETRY = 1.0
"""Seconds until a failed write is tried again."""
FLAGS = (
    os.O_WRONLY
    | os.O_APPEND
    | os.O_CREAT
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a pipe without a reader must not block traffic
)


class Journal:
    """A subscriber to events: it writes a line to a file whenever a rule fires."""

    def __init__(
        self, path: str, reactor: Reactor, emit: Emit, clock: Callable[[], float] = time.time
    ) -> None:
        """Open the file for appending; a new file is accessible to its owner only.

        ``emit`` gets events about trouble with the file; ``clock`` returns seconds since 1970.

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
        self._torn = False
        """What waits begins within a line."""
        self._failing = False
        self._lost = 0

    def __call__(self, event: Event) -> None:
        if not isinstance(event, Fired):
            return
        line = entry(event, self._clock())
        if len(self._pending) + len(line) > BUFFER_LIMIT:
            self._lost += 1
            return
        self._pending += line
        if not self._scheduled:
            self._scheduled = True
            self._reactor.call_soon(self._flush)

    def reopen(self) -> None:
        """Open the file anew, as it may have been moved; the present one stays if that fails."""
        if self._pending and not self._scheduled:
            self._flush()
        try:
            fd = os.open(self._path, FLAGS, 0o600)
        except OSError as error:
            self._report("cannot be opened again", str(error.strerror))
            return
        os.close(self._fd)
        self._fd = fd
        if self._torn:  # its beginning is in the other file
            del self._pending[: self._pending.index(b"\n") + 1]
            self._torn = False
            self._lost += 1

    def close(self) -> None:
        """Write what is buffered, if possible, and close the file."""
        if self._pending:
            self._flush()
        self._lost += self._pending.count(b"\n")
        if self._lost:
            self._report("cannot be written", f"{self._lost} entries are lost")
        os.close(self._fd)

    def _flush(self) -> None:
        self._scheduled = False
        try:
            while self._pending:
                written = os.write(self._fd, self._pending)
                self._torn = not self._pending.endswith(b"\n", 0, written)
                del self._pending[:written]
        except OSError as error:
            self._scheduled = True
            self._reactor.call_later(RETRY, self._flush)
            if not self._failing:
                self._failing = True
                waiting = self._pending.count(b"\n")
                self._report("cannot be written", f"{error.strerror}; {waiting} entries wait")
            return
        if self._failing:
            self._failing = False
            lost, self._lost = self._lost, 0
            self._report("is written again", f"{lost} entries are lost")

    def _report(self, what: str, detail: str) -> None:
        self._emit(Trouble("journal", f"the journal {self._path!r} {what}", detail))


def entry(event: Fired, at: float) -> bytes:
    """Return a line of the journal; ``at`` is in seconds since 1970."""
    timestamp = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    fields = {
        "time": timestamp.replace("+00:00", "Z"),
        "proxy": event.proxy,
        "rule": event.rule,
        "behavior": event.behavior,
        "connection": event.connection,
        "exchange": event.exchange,
        "draw": event.draw,
        "count": event.count,
        "direction": event.direction.value,
        "labels": dict(event.labels),
        "fault": event.detail,
    }
    return json.dumps(fields, separators=(",", ":")).encode("ascii") + b"\n"
