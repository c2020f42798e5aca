"""The table of points and faults."""

from __future__ import annotations

from dataclasses import replace

from vaurien.explore.exploration import Exploration, Options
from vaurien.explore.table import (
    LEGEND,
    again_line,
    cause_of,
    estimate,
    lines_of,
    mark_of,
    summary,
    time_of,
    told,
    told_again,
)


def test_rows_are_points_and_columns_are_faults(
    exploration: Exploration, expected: dict[str, str]
) -> None:
    lines = list(lines_of(exploration, expected))
    assert [line.split()[-1] for line in lines[:5]] == [
        "refused",
        "reply-lost",
        "reset",
        "request-lost",
        "silence",
    ]
    connect, setting = lines[5:7]
    assert connect.split() == ["db/connect/1", ".", "!", "="]
    assert setting.split()[1:] == ["!", "-"]
    assert lines[7:] == [LEGEND, f"{setting.split()[0]}: not reached: elsewhere"]
    assert all(map(str.isprintable, lines))
    assert mark_of(None, expected) == " "


def test_a_finding_and_how_to_see_it_again(exploration: Exploration) -> None:
    first = exploration.broken[0]
    command = ["--config", "a b.toml", "--", "pytest", "-q"]
    lines = list(told(first, command))
    assert lines[0].startswith(f"{first.id}: reply-lost at db: SET <img")
    assert lines[-1] == f"  again: {again_line(command, first.id)}"
    assert "--scenario" in lines[-1]
    assert "'a b.toml' -- pytest -q" in lines[-1]
    assert all(map(str.isprintable, lines))


def test_findings_with_the_same_cause_are_told_in_short(exploration: Exploration) -> None:
    first, second = exploration.broken[:2]
    assert cause_of(first) != cause_of(replace(first, mode="lasting"))
    assert cause_of(first) != cause_of(replace(first, findings=("it hung",)))
    other = replace(first, id=second.id, output=f"{first.output} 17")
    assert cause_of(replace(first, output=f"{first.output} 18")) == cause_of(other)
    assert list(told_again(other, "it")) == [f"{second.id}: like it"]


def test_the_summary(exploration: Exploration, expected: dict[str, str]) -> None:
    left = len(exploration.scenarios) - 5
    assert summary(exploration, expected) == (
        "2 points, 5 scenarios: 1 passed, 2 failed, 1 hung, 1 not reached; "
        f"broken: 2, and 1 as expected; not run: {left}"
    )


def test_an_estimate(exploration: Exploration) -> None:
    exploration.left_out = 7
    count = len(exploration.scenarios)
    lines = list(estimate(exploration, Options(jobs=2, depth=2, budget=600.0)))
    assert lines == [
        f"2 points, {count} scenarios, 0 of them run before; without faults the command takes "
        f"0.5 s, so the others {time_of((count - 5) * 0.25)} and more",
        "7 points are left out, because they are too many",
        "at most 1000 scenarios with another fault will be added",
        "no run begins after 10 min",
    ]
    assert len(list(estimate(replace(exploration, left_out=0), Options()))) == 1
    assert summary(exploration, {}).endswith("; left out: 7")


def test_times() -> None:
    assert [time_of(each) for each in (0.2, 89.0, 100.0, 3600.0, 10_000.0)] == [
        "0 s",
        "89 s",
        "2 min",
        "60 min",
        "2.8 h",
    ]
