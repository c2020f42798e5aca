"""gave-up."""

from __future__ import annotations

from judged import GET, attempt, judged, levels
from vaurien.verdicts.gave_up import GaveUp


def test_one_attempt_at_what_passes() -> None:
    (finding,) = judged(GaveUp(), attempt(0, "LOADING"), attempt(1, "LOADING"))
    assert finding.level == "WARN"
    assert finding.text == "INCRBY paid was given up after LOADING, attempts: 2"
    assert len(finding.evidence) == 2


def test_lost_before_it_was_carried_out() -> None:
    assert levels(GaveUp(), attempt(0, "unsent")) == ["WARN"]


def test_not_knowing_is_a_reason_to_give_up_unless_it_may_be_repeated() -> None:
    assert levels(GaveUp(), attempt(0, "ambiguous")) == []
    assert levels(GaveUp(), attempt(0, "ambiguous", GET)) == ["WARN"]


def test_errors_that_stay_and_success_are_fine() -> None:
    assert levels(GaveUp(), attempt(0, "WRONGTYPE")) == []
    assert levels(GaveUp(), attempt(0, "LOADING"), attempt(1)) == []
