"""What requests mean, by their labels."""

from __future__ import annotations

import pytest

from vaurien.embedded.meaning import meets_any
from vaurien.protocols.redis.semantics import SEMANTICS


@pytest.mark.parametrize(
    ("what", "labels", "meets"),
    [
        ("opening", {"command": "HELLO", "access": "control"}, True),
        ("opening", {"command": "GET", "access": "read"}, False),
        ("safe", {"command": "GET", "access": "read"}, True),
        ("safe", {"command": "PING", "access": "other"}, True),
        ("safe", {"command": "INCRBY", "access": "write"}, False),
        ("idempotent", {"command": "SETEX", "access": "write"}, True),
        ("idempotent", {"command": "HSET", "access": "write"}, True),
        ("idempotent", {"command": "LPUSH", "access": "write"}, False),
        ("idempotent", {"command": "XADD", "access": "write"}, False),
        ("failed", {"error": "OOM"}, True),
        ("failed", {}, False),
        ("commit", {"command": "EXEC"}, True),
        ("begin", {"command": "MULTI"}, True),
        ("rollback", {"command": "DISCARD"}, True),
    ],
)
def test_what_requests_mean(what: str, labels: dict[str, str], meets: bool) -> None:
    assert meets_any(labels, getattr(SEMANTICS, what)) is meets
