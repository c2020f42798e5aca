"""SMTP and LMTP: the parser, the wire format and the faults."""

from __future__ import annotations

from .parser import Smtp

__all__ = ["Smtp"]
