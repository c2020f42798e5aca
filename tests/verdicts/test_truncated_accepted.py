"""truncated-accepted."""

from __future__ import annotations

from judged import GET, SET, attempt, judged, levels
from vaurien.embedded.exchanges import Exchange
from vaurien.protocols.http import Http
from vaurien.verdicts.truncated_accepted import TruncatedAccepted

ASKED = {"method": "POST", "path": "/v1/messages", "provider": "anthropic"}


def test_the_connection_is_used_again() -> None:
    (finding,) = judged(TruncatedAccepted(), attempt(0, "partial", GET), attempt(1, labels=GET))
    assert (finding.level, finding.text) == (
        "FAIL",
        "GET cart was answered in part, and its connection used again",
    )


def test_what_was_sent_before_it_broke_off_does_not_show_that_it_is_used_again() -> None:
    partial = attempt(0, "partial", GET)
    partial.answered_at = partial.answer_ended_at = 0.2
    assert levels(TruncatedAccepted(), partial, attempt(0.1, labels=SET)) == ["WARN"]


def test_not_asking_again_is_a_warning() -> None:
    assert levels(TruncatedAccepted(), attempt(0, "partial", GET)) == ["WARN"]
    assert levels(TruncatedAccepted(), attempt(0, "partial")) == []


def test_asking_again_elsewhere_is_right() -> None:
    again = attempt(1, labels=GET, connection=2)
    assert levels(TruncatedAccepted(), attempt(0, "partial", GET), again) == []


def looks_whole(at: float) -> Exchange:
    """An attempt at a request that may be repeated, of which the answer was cut short."""
    made = attempt(at, "cut-event", ASKED)
    made.replied_at, made.told_at, made.told_bytes = None, at + 0.01, 3
    return made


def test_an_answer_that_only_looks_whole() -> None:
    (finding,) = judged(TruncatedAccepted(), looks_whole(0), protocol=Http)
    assert (finding.level, finding.text) == (
        "WARN",
        "POST /v1/messages was answered in part, and not asked again",
    )


def test_asking_again_after_it_is_right_on_the_same_connection() -> None:
    again = attempt(1, labels=ASKED)
    assert levels(TruncatedAccepted(), looks_whole(0), again, protocol=Http) == []


def test_whole_answers() -> None:
    assert levels(TruncatedAccepted(), attempt(0, labels=GET), attempt(1, "ambiguous", GET)) == []
