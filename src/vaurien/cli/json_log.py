"""The log as lines of JSON, in ASCII; of an event, they say what the API tells of it."""

from __future__ import annotations

import json
import logging

from ..control.feed import KINDS, told
from ..control.journal import timestamp
from ..values.events import Event, PluginFailed

EXTRA = ("proxy", "proxies", "generation", "repeats")
"""What a record may have besides its text and an event."""


class JsonFormatter(logging.Formatter):
    """Makes an object of a record; its ``event`` is what the record is about."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": timestamp(record.created),
            "level": record.levelname.lower(),
            "pid": record.process,
            "message": record.getMessage(),
        }
        event = getattr(record, "event", None)
        if isinstance(event, Event):
            line["message"] = event.what if isinstance(event, PluginFailed) else event.text()
            line["event"] = KINDS.get(type(event), "event")
            line |= told(event, record.created)
        line |= {key: record.__dict__[key] for key in EXTRA if key in record.__dict__}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, separators=(",", ":"))
