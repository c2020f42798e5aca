"""All rules together."""

from __future__ import annotations

from judged import attempt, trace
from vaurien.embedded.trace import Trace
from vaurien.verdicts.verdict import judge


def test_a_client_that_does_all_right() -> None:
    verdict = judge(trace(attempt(0, "READONLY"), attempt(0.3, "READONLY"), attempt(1.2)))
    assert (verdict.findings, verdict.failed, verdict.text) == ([], False, "OK: nothing was found")


def test_the_worst_comes_first() -> None:
    verdict = judge(
        trace(
            attempt(0, "ambiguous"),
            *(attempt(0.02 * each, "OOM", connection=2) for each in range(1, 5)),
            attempt(0.1, connection=2),
        )
    )
    assert [(each.level, each.rule) for each in verdict.findings] == [
        ("FAIL", "repeated-effect"),
        ("WARN", "no-backoff"),
    ]
    assert verdict.failed
    assert str(verdict).startswith("FAIL repeated-effect: db: INCRBY paid was carried out")


def test_nothing_has_happened() -> None:
    assert judge(Trace()).findings == []
