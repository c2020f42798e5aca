"""The handler that writes the log: nobody waits for its file."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable

from ..net.appender import FLAGS, Appender

BUFFER_LIMIT = 1024 * 1024
"""Maximum number of bytes that wait to be written."""


def opener(output: str) -> Callable[[], int]:
    """Return what opens a file for appending, or standard error for ``-``."""
    if output != "-":
        return lambda: os.open(output, FLAGS, 0o666)
    if sys.stderr is None:  # its descriptor was closed, and may be another file's by now
        return lambda: os.open(os.devnull, FLAGS)
    return lambda: os.dup(2)


class LogFile(logging.Handler):
    """A handler that has a thread write the records."""

    def __init__(self, open_file: Callable[[], int]) -> None:
        """``open_file`` returns a descriptor, which is written to, and closed.

        Raises:
            OSError: raised by ``open_file``.
        """
        super().__init__()
        self._appender = Appender("log", open_file, self._remark, limit=BUFFER_LIMIT)
        self.reopen = self._appender.reopen
        self.drain = self._appender.drain

    def emit(self, record: logging.LogRecord) -> None:
        try:
            data = self._encoded(record)
        except Exception:  # noqa: BLE001 - what logs a record wrongly must not fail by it
            self.handleError(record)
            return
        self._appender.append(data)

    def close(self) -> None:
        """Write the rest, for a limited time; then nothing is written any more."""
        self._appender.close()
        super().close()

    def _encoded(self, record: logging.LogRecord) -> bytes:
        return f"{self.format(record)}\n".encode("utf-8", "backslashreplace")

    def _remark(self, text: str) -> bytes:
        where = (logging.WARNING, __file__, 0, f"the log {text}", (), None)
        return self._encoded(logging.LogRecord("vaurien", *where))
