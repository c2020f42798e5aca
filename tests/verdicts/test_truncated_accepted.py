"""truncated-accepted."""

from __future__ import annotations

from judged import GET, attempt, judged, levels
from vaurien.verdicts.truncated_accepted import TruncatedAccepted


def test_the_connection_is_used_again() -> None:
    (finding,) = judged(TruncatedAccepted(), attempt(0, "partial", GET), attempt(1, labels=GET))
    assert (finding.level, finding.text) == (
        "FAIL",
        "GET cart was answered in part, and its connection used again",
    )


def test_not_asking_again_is_a_warning() -> None:
    assert levels(TruncatedAccepted(), attempt(0, "partial", GET)) == ["WARN"]
    assert levels(TruncatedAccepted(), attempt(0, "partial")) == []


def test_asking_again_elsewhere_is_right() -> None:
    again = attempt(1, labels=GET, connection=2)
    assert levels(TruncatedAccepted(), attempt(0, "partial", GET), again) == []


def test_whole_answers() -> None:
    assert levels(TruncatedAccepted(), attempt(0, labels=GET), attempt(1, "ambiguous", GET)) == []
