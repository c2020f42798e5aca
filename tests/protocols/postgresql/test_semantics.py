"""What requests mean, by their labels."""

from __future__ import annotations

import pytest

from vaurien.embedded.meaning import meets_any
from vaurien.protocols.postgresql.semantics import SEMANTICS


@pytest.mark.parametrize(
    ("what", "labels", "meets"),
    [
        ("opening", {"phase": "startup", "verb": "STARTUP"}, True),
        ("opening", {"phase": "query", "verb": "SELECT"}, False),
        ("safe", {"phase": "query", "verb": "SELECT"}, True),
        ("safe", {"phase": "query", "verb": "UPDATE"}, False),
        ("failed", {"error": "40001"}, True),
        ("begin", {"verb": "BEGIN"}, True),
        ("commit", {"verb": "END"}, True),
        ("rollback", {"verb": "ROLLBACK", "sql": "rollback"}, True),
        ("rollback", {"verb": "ROLLBACK", "sql": "ROLLBACK TO SAVEPOINT a"}, False),
    ],
)
def test_what_requests_mean(what: str, labels: dict[str, str], meets: bool) -> None:
    assert meets_any(labels, getattr(SEMANTICS, what)) is meets
