"""repeated-effect."""

from __future__ import annotations

from judged import SET, attempt, judged, levels
from vaurien.protocols.http import Http
from vaurien.verdicts.repeated_effect import RepeatedEffect


def test_both_were_carried_out() -> None:
    (finding,) = judged(RepeatedEffect(), attempt(0, "ambiguous"), attempt(1, connection=2))
    assert finding.level == "FAIL"
    assert finding.text == "INCRBY paid was carried out by the backend 2 times"
    assert len(finding.evidence) == 2


def test_one_that_was_lost_before_is_no_repetition() -> None:
    assert levels(RepeatedEffect(), attempt(0, "unsent"), attempt(1, connection=2)) == []
    assert levels(RepeatedEffect(), attempt(0, "OOM"), attempt(1)) == []


def test_what_may_be_repeated() -> None:
    assert levels(RepeatedEffect(), attempt(0, "ambiguous", SET), attempt(1, labels=SET)) == []
    head = b"POST /pay HTTP/1.1\r\nIdempotency-Key: 1\r\n\r\n"
    post = {"method": "POST", "path": "/pay"}
    again = [attempt(at, how, post, head=head) for at, how in ((0, "ambiguous"), (1, "ok"))]
    assert levels(RepeatedEffect(), *again, protocol=Http) == []


def test_doing_it_twice_on_purpose_is_no_repetition() -> None:
    assert levels(RepeatedEffect(), attempt(0), attempt(1)) == []
