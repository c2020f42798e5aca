"""retried-fatal."""

from __future__ import annotations

from judged import GET, SET, attempt, judged, levels
from vaurien.verdicts.retried_fatal import RetriedFatal


def test_the_same_again() -> None:
    (finding,) = judged(RetriedFatal(), attempt(0, "WRONGTYPE"), attempt(1, "WRONGTYPE"))
    assert (finding.level, finding.text) == (
        "FAIL",
        "INCRBY paid was repeated after WRONGTYPE, times: 1",
    )


def test_looking_again_is_a_warning() -> None:
    assert levels(RetriedFatal(), attempt(0, "NOAUTH", GET), attempt(1, "NOAUTH", GET)) == ["WARN"]


def test_filling_a_cache_again_is_a_warning() -> None:
    head = b"SET cart 1\r\nEX\r\n60"
    again = [attempt(at, "NOPERM", SET, head=head) for at in (0, 1)]
    assert levels(RetriedFatal(), *again) == ["WARN"]


def test_much_later_is_something_else() -> None:
    assert levels(RetriedFatal(), attempt(0, "WRONGTYPE"), attempt(60, "WRONGTYPE")) == []


def test_what_passes_may_be_repeated() -> None:
    assert levels(RetriedFatal(), attempt(0, "LOADING"), attempt(1, "WRONGTYPE")) == []
