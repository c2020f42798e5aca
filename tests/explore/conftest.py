"""An exploration with one result of each kind."""

from __future__ import annotations

import pytest

from traces import exchange, trace_of
from vaurien import plugins
from vaurien.explore.command import Outcome
from vaurien.explore.exploration import Exploration
from vaurien.explore.points import points_of
from vaurien.explore.results import Result
from vaurien.explore.scenarios import scenarios_at

HOSTILE = "<img src=x onerror=alert(1)>\x1b[31m]]>&\x00\u202e\udc80"


@pytest.fixture(autouse=True, scope="package")
def _known() -> None:
    plugins.install()


@pytest.fixture
def exploration() -> Exploration:
    trace = trace_of(exchange(1, command="SET", access="write", grows="yes", key=HOSTILE))
    points = points_of(trace)
    scenarios = scenarios_at(points, trace, every_fault=False)
    made = Exploration(Outcome("passed", 0, 0.5, "", trace), points, scenarios)
    kinds = ("passed", "failed", "hung", "not reached", "failed")
    for scenario, kind in zip(scenarios, kinds, strict=False):
        broke = kind in ("failed", "hung")
        made.results[scenario.id] = Result(
            id=scenario.id,
            text=scenario.text,
            point=scenario.point.id,
            fault=scenario.injection.name,
            mode=scenario.mode,
            result=kind,
            findings=(f"it broke {HOSTILE}",) if broke else (),
            why="elsewhere" if kind == "not reached" else "",
            output=f"before\n{HOSTILE}" if broke else "",
            timeline=(HOSTILE,) if broke else (),
        )
    return made


@pytest.fixture
def expected(exploration: Exploration) -> dict[str, str]:
    """The last of those that broke was expected to."""
    return {exploration.broken[-1].id: "known <b>"}
