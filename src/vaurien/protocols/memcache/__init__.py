"""Memcached: text, meta and binary commands: the parser, the wire format and the faults."""

from __future__ import annotations

from .parser import Memcache

__all__ = ["Memcache"]
