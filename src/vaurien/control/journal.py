"""The journal: one line of JSON for each rule that fires.

Law: traffic never waits for a reader, or for a slow disk: an ``Appender`` writes the lines, in
its own thread, and those of one batch of events together.
"""

from __future__ import annotations

import json
import os
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..net.appender import FLAGS, Appender
from ..values.events import Event, Fired, Trouble

if TYPE_CHECKING:
    from ..net.reactor import Reactor
    from ..values.events import Emit

BUFFER_LIMIT = 4 * 1024 * 1024
"""Maximum number of bytes that wait to be written."""


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
        self._path = path
        self._reactor = reactor
        self._emit = emit
        self._clock = clock
        self._batch = bytearray()
        self._remarks: deque[str] = deque()
        self._closed = False
        self._run = timestamp(clock())
        self._appender = Appender(
            "journal",
            lambda: os.open(path, FLAGS, 0o600),
            self._remark,
            limit=BUFFER_LIMIT,
        )

    def __call__(self, event: Event) -> None:
        if not isinstance(event, Fired):
            return
        if not self._batch:
            self._reactor.call_soon(self._flush)
        self._batch += entry(event, self._clock(), self._run)

    def reopen(self) -> None:
        """Open the file anew, as it may have been moved; the present one stays if that fails."""
        self._flush()
        self._appender.reopen()

    def close(self) -> None:
        """Write what is buffered, for a limited time, and close the file."""
        self._flush()
        self._closed = True
        lost = self._appender.close()
        if lost:
            self._remarks.append(f"cannot be written; lines lost: {lost}")
        self._report()

    def _flush(self) -> None:
        if self._batch:
            self._appender.append(self._batch)
            self._batch.clear()

    def _remark(self, text: str) -> bytes:
        """Have it reported in the reactor's thread; nothing is written about it here."""
        self._remarks.append(text)
        if not self._closed:
            self._reactor.post(self._report)
        return b""

    def _report(self) -> None:
        while self._remarks:
            what = f"the journal {self._path!r} {self._remarks.popleft()}"
            self._emit(Trouble("journal", what))


def entry(event: Fired, at: float, run: str = "") -> bytes:
    """Return a line of the journal; ``at`` is in seconds since 1970.

    ``run``: what tells lines of this process from those of others in the same file.
    """
    line = described(event, at)
    noted = event.noted
    if noted is not None:  # for whoever replays it
        line |= {
            "run": run,
            "occurrence": noted.occurrence,
            "begins": noted.begins,
            "unsolicited": max(0, -noted.exchange),
            "seed": f"{noted.seed:016x}",
        }
    return json.dumps(line, separators=(",", ":")).encode("ascii") + b"\n"


def described(event: Fired, at: float) -> dict[str, object]:
    """Return what a line of the journal says."""
    return {
        "time": timestamp(at),
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


def timestamp(at: float) -> str:
    """Return a time in seconds since 1970 as RFC 3339 has it, in milliseconds."""
    text = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
