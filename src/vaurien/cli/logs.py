"""The log: where it is written, how records are formatted, and how repetitions are limited."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable

from ..config.settings import LOG_FORMATS, LOG_LEVELS
from ..values.events import Event, PluginFailed, Trouble
from ..values.texts import printable
from .log_file import LogFile, opener

LOGGER = logging.getLogger("vaurien")
FORMAT = "%(asctime)s [%(process)d] [%(levelname)s] %(message)s"
DATE_FORMAT = "%Y-%m-%d %H:%M:%S"
TEXT = LOG_FORMATS[0]
LEVELS = {name: logging.getLevelNamesMapping()[name.upper()] for name in LOG_LEVELS}
REPEAT_INTERVAL = 5.0
"""Seconds during which the same trouble is logged only once."""
NUMBERS = re.compile(r"\d+")
KINDS_LIMIT = 100
"""Kinds of trouble within ``REPEAT_INTERVAL`` that are told from each other."""
OTHERS = Trouble("", "trouble of yet another kind")
"""Stands for what is beyond that limit."""
CONTINUATION = "\n    "
"""Starts further lines of a record, so that no text from the traffic can pass for a record."""


def configure(level: str, output: str, form: str = TEXT) -> None:
    """Log to a file, or to standard error for ``-``; ``form``: one of ``LOG_FORMATS``.

    Raises:
        OSError: the file cannot be written.
    """
    handler = LogFile(opener(output))
    handler.setFormatter(_formatter(form))
    logging.raiseExceptions = False  # a log that cannot be written must not affect traffic
    LOGGER.setLevel(LEVELS[level])
    for earlier in LOGGER.handlers[:]:
        LOGGER.removeHandler(earlier)
        earlier.close()
    LOGGER.addHandler(handler)
    logging.lastResort = handler  # for libraries, which would write to standard error, and wait


def reopen() -> None:
    """Open the log file anew, under the name it was configured with."""
    for handler in LOGGER.handlers:
        if isinstance(handler, LogFile):
            handler.reopen()


def drain() -> None:
    """Wait, for a limited time, until everything is written."""
    for handler in LOGGER.handlers:
        if isinstance(handler, LogFile):
            handler.drain()


def _formatter(form: str) -> logging.Formatter:
    if form == TEXT:
        return RecordFormatter(FORMAT, DATE_FORMAT)
    from .json_log import JsonFormatter

    return JsonFormatter()


class RecordFormatter(logging.Formatter):
    """Escapes control characters, and indents all but the first line of a record."""

    def format(self, record: logging.LogRecord) -> str:
        return CONTINUATION.join(map(printable, super().format(record).split("\n")))


class EventLog:
    """A subscriber to events: it logs them.

    Trouble of one kind, which is its proxy and ``what`` without the numbers, is logged once
    in ``REPEAT_INTERVAL`` seconds, then with the number of repetitions.  ``call_later`` is the
    reactor's.  ``named``: start each line with the proxy's name.
    """

    def __init__(
        self, call_later: Callable[[float, Callable[[], None]], object], *, named: bool = False
    ) -> None:
        self._call_later = call_later
        self._named = named
        self._logged: dict[tuple[str, str], Trouble | PluginFailed] = {}
        self._repeats: Counter[tuple[str, str]] = Counter()

    def __call__(self, event: Event) -> None:
        level = LEVELS[event.level]
        if not LOGGER.isEnabledFor(level):
            return
        if isinstance(event, (Trouble, PluginFailed)):
            key = _key(event)
            if key not in self._logged and len(self._logged) >= KINDS_LIMIT:
                event, key = OTHERS, _key(OTHERS)
            if key in self._logged:
                self._repeats[key] += 1
                return
            self._remember(key, event)
        LOGGER.log(level, "%s%s", self._name(event), _line(event), extra={"event": event})

    def close(self) -> None:
        """Log the repetitions that have not been logged yet."""
        for key in list(self._logged):
            self._log_repeats(key)

    def _remember(self, key: tuple[str, str], event: Trouble | PluginFailed) -> None:
        self._logged[key] = event
        self._call_later(REPEAT_INTERVAL, lambda: self._log_repeats(key))

    def _log_repeats(self, key: tuple[str, str]) -> None:
        event = self._logged.pop(key, None)
        repeats = self._repeats.pop(key, 0)
        if event is None or not repeats:
            return
        what = self._name(event) + printable(event.what)
        known = {"proxy": event.proxy, "repeats": repeats}
        LOGGER.log(LEVELS[event.level], "%s (and %d more like it)", what, repeats, extra=known)
        self._remember(key, event)

    def _name(self, event: Event) -> str:
        return f"{event.proxy}: " if self._named and event.proxy else ""


def _key(event: Trouble | PluginFailed) -> tuple[str, str]:
    return event.proxy, NUMBERS.sub("#", event.what)


def _line(event: Event) -> str:
    """Return the event's text on a single line, unless it has a traceback."""
    return event.text().rstrip("\n") if isinstance(event, PluginFailed) else printable(event.text())
