"""A stream of events, resumed where it broke off, without I/O."""

from __future__ import annotations

from collections.abc import Iterator

from .errors import ClientError
from .steps import Request, path_of
from .wire import Event, EventReader, WireError

SILENCE = 45.0
"""Seconds without a byte after which a connection is dead: the server sends one every 15 s."""


class EventStream:
    """What to ask for, how long to wait, and what has arrived.

    ``after``: the id of the last event that is known.  ``timeout``: end after so many seconds
    without an event.  ``of``: ``events``, or ``live`` for samples.  Times are in seconds of one
    clock.
    """

    def __init__(
        self, after: str | int, timeout: float | None, *, of: str = "events", **filters: str
    ) -> None:
        self._of = of
        self._timeout = timeout
        self._filters = filters
        self._after = str(after)
        self._reader = EventReader()
        self._waiting_since: float | None = None
        self._silent = False

    def request(self) -> Request:
        """Return the request of the stream, or of what is left of it.

        Raises:
            ClientError: the server has closed the stream before without having sent anything.
        """
        if self._silent:
            raise ClientError("the server closes the stream of events at once")
        self._silent = True
        self._reader = EventReader(self._reader.last_id)
        headers = {"Accept": "text/event-stream"}
        if self._reader.last_id:
            headers["Last-Event-ID"] = self._reader.last_id
        path = path_of("v1", self._of, after=self._after, **self._filters)
        return Request("GET", path, headers=headers)

    def patience(self, now: float) -> float:
        """Return the seconds to wait for more."""
        if self._waiting_since is None:
            self._waiting_since = now
        if self._timeout is None:
            return SILENCE
        return max(0.0, min(SILENCE, self._waiting_since + self._timeout - now))

    def is_over(self, now: float) -> bool:
        """Whether there was no event for ``timeout`` seconds."""
        return self._timeout is not None and self.patience(now) == 0

    def feed(self, piece: bytes) -> Iterator[Event]:
        """Yield the events that are complete; raise ClientError if they are none."""
        self._silent = self._silent and not piece
        try:
            for event in self._reader.feed(piece):
                yield event
                self._waiting_since = None  # what the reader does with an event may take its time
        except WireError as error:
            raise ClientError(f"the server does not send events: {error}") from error
