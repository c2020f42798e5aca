"""What methods mean to who judges a client (RFC 9110, section 9.2)."""

from __future__ import annotations

from ...semantics import Semantics

SEMANTICS = Semantics(
    safe=({"method": "~^(GET|HEAD|OPTIONS|TRACE)$"},),
    idempotent=({"method": "~^(PUT|DELETE)$"},),
    failed=({"status": "~^[45]"},),
    identity=r"(?im)^idempotency-key:[ \t]*(\S+)",
)
