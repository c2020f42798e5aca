"""What requests mean, by their labels."""

from __future__ import annotations

import pytest

from vaurien.embedded.meaning import meets_any
from vaurien.protocols.memcache.semantics import SEMANTICS


@pytest.mark.parametrize(
    ("what", "labels", "meets"),
    [
        ("opening", {"command": "version"}, True),
        ("safe", {"command": "mg"}, True),
        ("safe", {"command": "incr"}, False),
        ("idempotent", {"command": "set"}, True),
        ("idempotent", {"command": "append"}, False),
        ("failed", {"result": "NOT_STORED"}, True),
        ("failed", {"result": "STORED"}, False),
    ],
)
def test_what_requests_mean(what: str, labels: dict[str, str], meets: bool) -> None:
    assert meets_any(labels, getattr(SEMANTICS, what)) is meets
