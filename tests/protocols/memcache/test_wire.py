"""Requests have labels, and binary packets a header."""

from __future__ import annotations

from vaurien.protocols.memcache.wire import HEADER, KEY_LIMIT, MemcacheRequest


def test_labels() -> None:
    request = MemcacheRequest("mg", "meta")
    assert request.labels(None, quiet=True) == {"command": "mg", "form": "meta", "quiet": "yes"}
    labels = request.labels(b"k\xff" + b"x" * KEY_LIMIT, quiet=False)
    assert labels["quiet"] == "no"
    assert labels["key"] == "k\\xff" + "x" * (KEY_LIMIT - 2)


def test_a_header_has_24_bytes() -> None:
    assert HEADER.size == 24
