"""waited-forever."""

from __future__ import annotations

from judged import attempt, trace
from vaurien.embedded.exchanges import Connection
from vaurien.verdicts.judging import Case
from vaurien.verdicts.waited_forever import WaitedForever


def found(closed_at: float | None, ended_at: float) -> list[str]:
    connection = Connection("db", 1, 0.0, 0.0, closed_at=closed_at)
    made = trace(attempt(0, "ambiguous"), connections=(connection,), ended_at=ended_at)
    return [finding.text for finding in WaitedForever().judge(Case(made))]


def test_one_that_waits_still() -> None:
    assert found(None, 30.0) == ["INCRBY paid had no answer, and the client waited for 30 s"]


def test_one_that_was_not_watched_for_long_enough() -> None:
    assert found(None, 9.0) == []


def test_one_that_gave_up() -> None:
    assert found(5.0, 100.0) == []
    assert found(60.0, 100.0) == ["INCRBY paid had no answer, and the client waited for 60 s"]
