"""ignored-wait."""

from __future__ import annotations

from judged import attempt, judged, levels
from vaurien.protocols.http import Http
from vaurien.verdicts.ignored_wait import IgnoredWait

TOLD = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\n\r\n"
GET = {"method": "GET", "path": "/"}


def test_too_soon() -> None:
    (finding,) = judged(
        IgnoredWait(), attempt(0, "503", GET, told=TOLD), attempt(1.01, labels=GET), protocol=Http
    )
    assert (finding.level, finding.text) == ("FAIL", "GET / was repeated after 1.00 s, not 2 s")


def test_in_time_or_never() -> None:
    first = attempt(0, "503", GET, told=TOLD)
    assert levels(IgnoredWait(), first, attempt(2.01, labels=GET), protocol=Http) == []
    assert levels(IgnoredWait(), first, protocol=Http) == []


def test_an_answer_that_does_not_say() -> None:
    assert (
        levels(IgnoredWait(), attempt(0, "503", GET), attempt(0.1, labels=GET), protocol=Http) == []
    )
