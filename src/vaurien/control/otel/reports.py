"""Says once that sending fails, and once that it works again."""

from __future__ import annotations

import logging
from collections.abc import Callable

LIBRARY = logging.getLogger("opentelemetry")


class Reasons(logging.Handler):
    """Keeps the last reason that the library would log: it would do so at each attempt."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._last = self._cause = ""

    def install(self) -> None:
        LIBRARY.addHandler(self)
        LIBRARY.propagate = False

    def remove(self) -> None:
        LIBRARY.removeHandler(self)
        LIBRARY.propagate = True

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.levelno < logging.ERROR:
            self._cause = text  # why it tries again
        self._last = text

    def take(self) -> str:
        """Return it, and forget it."""
        reason, self._last, self._cause = self._cause or self._last, "", ""
        return reason


class Reports:
    """What was sent of one kind, and what was not."""

    def __init__(self, kind: str, tell: Callable[[str, str], None]) -> None:
        """``tell`` takes what is the matter, and details."""
        self._kind = kind
        self._tell = tell
        self.failing = False
        self._lost = 0
        self._behind = False

    def sent(self) -> None:
        """Some were sent."""
        if self.failing:
            lost = f"lost: {self._lost}" if self._lost else ""
            self._tell(f"{self._kind} are sent to OpenTelemetry again", lost)
        self.failing, self._lost = False, 0

    def lost(self, count: int, reason: str) -> None:
        """Some were not; ``count`` of them will not be sent again."""
        if not self.failing:
            self._tell(f"{self._kind} cannot be sent to OpenTelemetry", reason)
        self.failing = True
        self._lost += count

    def missed(self, count: int) -> None:
        """So many have found the queue full."""
        if count and not (self.failing or self._behind):
            self._tell(f"{self._kind} are not sent fast enough", "some are lost")
            self._behind = True
        self._lost += count if self.failing else 0
