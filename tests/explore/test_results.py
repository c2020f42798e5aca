"""What is kept of a run."""

from __future__ import annotations

import json

import pytest

from traces import exchange, injected, trace_of
from vaurien.explore.command import Outcome
from vaurien.explore.judge import Judgement
from vaurien.explore.points import points_of
from vaurien.explore.results import TIMELINE, Result, result_of
from vaurien.explore.scenarios import scenarios_at

TRACE = trace_of(*(injected(exchange(n, command="GET", key="a")) for n in range(1, 101)))
SCENARIO = scenarios_at(points_of(TRACE), TRACE, every_fault=False)[-1]


def made(*findings: str) -> Result:
    outcome = Outcome("failed", 1, 1.23456, "last words", TRACE)
    return result_of(SCENARIO, outcome, Judgement("failed", findings))


def test_a_finding_is_kept_with_what_explains_it() -> None:
    result = made("it failed")
    assert (result.id, result.point) == (SCENARIO.id, SCENARIO.point.id)
    assert (result.output, result.seconds, result.broke) == ("last words", 1.235, True)
    assert len(result.timeline) == TIMELINE
    assert result.timeline[-1].startswith("db +99.000 s connection 1, exchange 100: command=GET")


def test_others_are_kept_without() -> None:
    assert (made().output, made().timeline, made().broke) == ("", (), False)


def test_as_json_and_back() -> None:
    result = made("it failed")
    assert Result.from_json(json.loads(json.dumps(result.to_json()))) == result
    with pytest.raises((TypeError, LookupError)):
        Result.from_json({"id": "x"})
