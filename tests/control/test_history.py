"""What proxies have carried lately."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from control.plane import Plane, spec
from vaurien.control.history import History


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[Plane]:
    plane = Plane(tmp_path, spec("cache", 1), spec("web", 2))
    yield plane
    plane.close()


@pytest.fixture
def history(plane: Plane) -> History:
    history = History(plane.reactor, plane.proxies, lambda: plane.system.time)
    history.start()
    plane.pass_time(0)
    return history


def test_each_second_is_sampled(plane: Plane, history: History) -> None:
    plane.connect(1)
    plane.pass_time(1)
    assert history.latest.number == 1
    assert history.latest.proxies["cache"].accepted == 1
    assert history.latest.proxies["web"].accepted == 0
    assert history.latest.totals.open == 1
    plane.pass_time(1)
    assert history.latest.proxies["cache"].accepted == 0
    assert history.read("cache", 300).values["accepted"] == [1, 0]
    assert history.read("", 300).values["open"] == [1, 1]


def test_a_sample_that_does_not_change_is_the_same(plane: Plane, history: History) -> None:
    plane.pass_time(1)
    before = history.latest
    plane.pass_time(1)
    assert history.latest is not before
    assert history.latest.proxies["web"] is before.proxies["web"]
