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
        ("idempotent", {"sql": "UPDATE orders SET state = 'paid' WHERE id = $1"}, True),
        ("idempotent", {"sql": "update a.t set x = $1, y = NULL where id = 'x'"}, True),
        ("idempotent", {"sql": "UPDATE items SET stock = stock - 1 WHERE id = $1"}, False),
        ("idempotent", {"sql": "UPDATE jobs SET a = 1 WHERE id = (SELECT id FROM jobs)"}, False),
        ("idempotent", {"sql": "INSERT INTO t VALUES (1)"}, False),
        ("idempotent", {"sql": "INSERT INTO t VALUES (1) ON CONFLICT (id) DO NOTHING"}, True),
        ("idempotent", {"sql": "INSERT INTO t VALUES (1) ON CONFLICT DO UPDATE SET n = 2"}, False),
        ("idempotent", {"sql": "DELETE FROM t WHERE id = 1"}, True),
        ("idempotent", {"sql": "CREATE TABLE IF NOT EXISTS t (id int)"}, True),
        ("failed", {"error": "40001"}, True),
        ("begin", {"verb": "BEGIN"}, True),
        ("commit", {"verb": "END"}, True),
        ("rollback", {"verb": "ROLLBACK", "sql": "rollback"}, True),
        ("rollback", {"verb": "ROLLBACK", "sql": "ROLLBACK TO SAVEPOINT a"}, False),
    ],
)
def test_what_requests_mean(what: str, labels: dict[str, str], meets: bool) -> None:
    assert meets_any(labels, getattr(SEMANTICS, what)) is meets
