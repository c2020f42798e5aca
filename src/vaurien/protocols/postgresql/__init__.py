"""PostgreSQL: the parser, the wire format and the faults."""

from __future__ import annotations

from .parser import PostgreSQL

__all__ = ["PostgreSQL"]
