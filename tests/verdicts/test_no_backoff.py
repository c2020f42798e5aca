"""no-backoff."""

from __future__ import annotations

import pytest

from judged import attempt, judged, levels
from vaurien.verdicts.no_backoff import NoBackoff, pace_of


def test_at_once() -> None:
    attempts = [attempt(0.011 * each, "OOM") for each in range(4)]
    (finding,) = judged(NoBackoff(), *attempts)
    assert (finding.level, finding.text) == ("WARN", "INCRBY paid was repeated 3 times at once")


def test_a_constant_pace() -> None:
    (finding,) = judged(NoBackoff(), *(attempt(0.5 * each, "OOM") for each in range(5)))
    assert finding.text == "INCRBY paid was repeated 4 times at a constant pace, each 0.49 s"


def test_few_gaps_say_nothing() -> None:
    assert levels(NoBackoff(), *(attempt(0.011 * each, "OOM") for each in range(3))) == []


def test_growing_pauses_are_right() -> None:
    assert levels(NoBackoff(), *(attempt(at, "OOM") for at in (0, 0.1, 0.3, 0.7, 1.5))) == []


@pytest.mark.parametrize(("spread", "found"), [(0.0, ["WARN"]), (0.1, [])])
def test_many_in_step(spread: float, found: list[str]) -> None:
    first = [attempt(0, "OOM", digest=str(client)) for client in range(8)]
    second = [attempt(1 + spread * client, digest=str(client)) for client in range(8)]
    assert levels(NoBackoff(), *first, *second) == found


def test_paces() -> None:
    assert pace_of([0.0, 0.001, 0.0]) == "3 times at once"
    assert pace_of([0.1, 0.2, 0.4]) == ""
