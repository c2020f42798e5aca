"""How to explore, and what was found."""

from __future__ import annotations

from vaurien.explore.exploration import Exploration, matches


def test_patterns_of_scenarios() -> None:
    assert matches("cache/GET/1/hang/once", ["cache"])
    assert matches("cache/GET/1/hang/once", ["*/hang/*"])
    assert matches("cache/GET/1/hang/once", ["cache/GET/1/"])
    assert not matches("cache/GET/1/hang/once", ["cach", "hang"])
    assert matches("a [x]/GET/1/hang/once", ["a [x]/GET"])  # taken as it is, too


def test_results_are_in_the_order_of_their_scenarios(exploration: Exploration) -> None:
    before = list(exploration.results)
    exploration.results = dict(reversed(exploration.results.items()))
    exploration.sort()
    assert list(exploration.results) == before


def test_what_is_left(exploration: Exploration) -> None:
    assert exploration.left == len(exploration.scenarios) - 5
