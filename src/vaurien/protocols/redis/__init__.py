"""Redis, RESP2 and RESP3: the parser, the wire format and the faults."""

from __future__ import annotations

from .parser import Redis

__all__ = ["Redis"]
