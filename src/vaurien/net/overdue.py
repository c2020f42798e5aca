"""Requests of which too little has come, for too long, to be kept back any longer."""

from __future__ import annotations

from typing import Protocol

from ..parsing.stream import Stream
from .reactor import Reactor, Timer

PATIENCE = 0.1
"""Seconds for the rest of a request to come, if the backend may answer its beginning."""


class Parsed(Protocol):
    """What is parsed of a link, and when the newest of it arrived."""

    stream: Stream
    at: float


class ParsedLink(Protocol):
    """The link as this module sees it."""

    @property
    def quiet(self) -> bool: ...
    @property
    def paused(self) -> bool: ...
    @property
    def dead(self) -> bool: ...
    @property
    def framing(self) -> Parsed | None: ...
    def catch_up(self) -> None: ...


class Overdue:
    """Tells the parser of requests when their rest is overdue."""

    __slots__ = ("_link", "_reactor", "_timer")

    def __init__(self, reactor: Reactor, link: ParsedLink) -> None:
        self._reactor = reactor
        self._link = link
        self._timer: Timer | None = None

    def wait(self) -> None:
        """The parser waits for more, but not for long."""
        if self._timer is None:
            self._timer = self._reactor.call_later(PATIENCE, self._look)

    def cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        link, framing = self._link, self._link.framing
        if framing is None or link.quiet or link.dead or not framing.stream.waits_briefly:
            return
        due = framing.at + PATIENCE
        if self._reactor.now < due:  # some of it has come meanwhile
            self._timer = self._reactor.call_at(due, self._look)
        elif link.paused:  # the responses are to be parsed first
            self.wait()
        else:
            framing.stream.overdue = True
            link.catch_up()
