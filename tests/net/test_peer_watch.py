"""Looks for peers that may be gone: soon at first, and ever more seldom."""

from __future__ import annotations

from itertools import pairwise

import pytest

from vaurien.net.peer_watch import LOOKS, SHORTEST_LOOK, PeerWatch
from vaurien.net.reactor import Reactor
from vaurien.net.simulated import SimulatedSystem, SimulationOver


class Kept:
    """What is kept, whether it is awaited at each look, and when somebody looked."""

    def __init__(self, *looks: list[bool]) -> None:
        self.reactor = Reactor(SimulatedSystem())
        self.left = list(looks)
        self.looked: list[float] = []
        self.given_up: list[float] = []
        now = self.reactor.clock
        self.watch = PeerWatch(self.reactor, self.look, lambda: self.given_up.append(now()))

    def look(self) -> list[bool]:
        self.looked.append(self.reactor.clock())
        return self.left.pop(0)

    def run(self) -> None:
        try:
            while True:
                self.reactor.run_once()
        except SimulationOver:
            pass


def test_it_gives_up_when_nobody_waits_any_more() -> None:
    kept = Kept([True, False], [False, True], [False, False])
    kept.watch.begin()
    kept.run()
    assert kept.looked == [1, 2, 3]
    assert kept.given_up == [3]


def test_it_ends_when_nothing_is_kept() -> None:
    kept = Kept([True], [])
    kept.watch.begin()
    kept.run()
    assert (kept.looked, kept.given_up) == ([1, 2], [])


def test_it_looks_ever_more_seldom_but_for_what_is_new() -> None:
    kept = Kept(*[[True]] * 30, [])
    kept.watch.begin()
    kept.run()
    for earlier, later in pairwise(kept.looked):
        assert later - earlier == pytest.approx(max(SHORTEST_LOOK, earlier / LOOKS))
    assert kept.looked[-1] > 100
    kept.left = [[]]
    now = kept.reactor.clock()
    kept.watch.begin()
    kept.run()
    assert kept.looked[-1] == now + SHORTEST_LOOK


def test_cancelled_it_looks_no_more() -> None:
    kept = Kept()
    kept.watch.cancel()
    kept.watch.begin()
    kept.watch.begin()
    kept.watch.cancel()
    kept.run()
    assert kept.looked == []
