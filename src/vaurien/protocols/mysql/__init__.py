"""MySQL and MariaDB: the parser, the wire format and the faults."""

from __future__ import annotations

from .parser import MySQL

__all__ = ["MySQL"]
