"""The log: where it goes, what it may hold, and how often it repeats itself."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable

from ..values.events import Event, PluginFailed, Trouble
from ..values.texts import printable

LOGGER = logging.getLogger("vaurien")
FORMAT = "%(asctime)s [%(process)d] [%(levelname)s] %(message)s"
DATE_FORMAT = "%Y-%m-%d %H:%M:%S"
LEVELS = {
    "critical": logging.CRITICAL,
    "error": logging.ERROR,
    "warning": logging.WARNING,
    "info": logging.INFO,
    "debug": logging.DEBUG,
}
QUIET = 5.0
"""Seconds in which the same trouble is told once."""
NUMBERS = re.compile(r"\d+")
CONTINUED = "\n    "
"""Begins the further lines of a record: nothing that traffic says can look like a record."""


def configure(level: str, output: str) -> None:
    """Log to a file, or to standard error for ``-``.

    Raises:
        OSError: the file cannot be written.
    """
    handler: logging.Handler
    if output == "-":
        handler = logging.StreamHandler()
    else:
        handler = logging.FileHandler(output, encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(OneRecord(FORMAT, DATE_FORMAT))
    logging.raiseExceptions = False  # a log that cannot be written must not end up in traffic's way
    LOGGER.setLevel(LEVELS[level])
    for earlier in LOGGER.handlers[:]:
        LOGGER.removeHandler(earlier)
        earlier.close()
    LOGGER.addHandler(handler)


class OneRecord(logging.Formatter):
    """Escapes control characters, and indents the further lines of a record."""

    def format(self, record: logging.LogRecord) -> str:
        return CONTINUED.join(map(printable, super().format(record).split("\n")))


class EventLog:
    """A subscriber to events which logs them.

    A trouble that repeats itself, but for numbers in it, is told once in ``QUIET``
    seconds, and then with how many more there were.  ``call_later`` is the reactor's.
    ``named``: each line begins with the name of the proxy it is about.
    """

    def __init__(
        self, call_later: Callable[[float, Callable[[], None]], object], *, named: bool = False
    ) -> None:
        self._call_later = call_later
        self._named = named
        self._told: dict[tuple[str, str], Trouble | PluginFailed] = {}
        self._more: Counter[tuple[str, str]] = Counter()

    def __call__(self, event: Event) -> None:
        level = LEVELS[event.level]
        if not LOGGER.isEnabledFor(level):
            return
        if isinstance(event, (Trouble, PluginFailed)):
            key = event.proxy, NUMBERS.sub("#", event.what)
            if key in self._told:
                self._more[key] += 1
                return
            self._told[key] = event
            self._call_later(QUIET, lambda: self._tell_more(key))
        LOGGER.log(level, "%s%s", self._name(event), _line(event))

    def close(self) -> None:
        """Tell what has not been told yet."""
        for key in list(self._told):
            self._tell_more(key)

    def _tell_more(self, key: tuple[str, str]) -> None:
        event = self._told.pop(key, None)
        more = self._more.pop(key, 0)
        if event is None or not more:
            return
        what = self._name(event) + printable(event.what)
        LOGGER.log(LEVELS[event.level], "%s (and %d more like it)", what, more)
        self._told[key] = event
        self._call_later(QUIET, lambda: self._tell_more(key))

    def _name(self, event: Event) -> str:
        return f"{event.proxy}: " if self._named else ""


def _line(event: Event) -> str:
    """What happened; only a traceback has lines of its own."""
    return event.text().rstrip("\n") if isinstance(event, PluginFailed) else printable(event.text())
