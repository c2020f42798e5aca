"""HTTP/1.0 and HTTP/1.1: the parser, the wire format and the faults."""

from __future__ import annotations

from .parser import Http

__all__ = ["Http"]
