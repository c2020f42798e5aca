"""reused-broken."""

from __future__ import annotations

from judged import INCR, attempt, trace
from vaurien.embedded.exchanges import Connection
from vaurien.verdicts.judging import Case
from vaurien.verdicts.reused_broken import ReusedBroken


def found(ended_at: float | None, asked_at: float, labels: dict[str, str] = INCR) -> list[str]:
    connection = Connection("db", 1, 0.0, 0.0, backend_ended_at=ended_at)
    made = trace(attempt(asked_at, "unsent", labels), connections=(connection,))
    return [finding.text for finding in ReusedBroken().judge(Case(made))]


def test_after_its_end() -> None:
    assert found(1.0, 5.0) == ["INCRBY paid was sent on a connection that had ended"]


def test_before_its_end_could_be_seen() -> None:
    assert found(1.0, 1.05) == []
    assert found(None, 5.0) == []


def test_a_pool_that_looks() -> None:
    assert found(1.0, 5.0, {"command": "PING", "access": "control"}) == []
