"""Which scenario is run next: those of the first run, then those that they lead to.

Law: what is run, and in which order, does not depend on which of several runs ends first.  So
second faults are added in the order of the scenarios that lead to them.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from .command import Outcome
from .exploration import Exploration, Options
from .memory import Memory
from .points import Point, points_of, sampled
from .results import Result
from .scenarios import Scenario, scenarios_at

MOST_DEEPER = 1000
"""Scenarios with more than one fault."""


class Queue:
    """The scenarios of an exploration that wait for a run; threads share it."""

    def __init__(
        self,
        exploration: Exploration,
        options: Options,
        memory: Memory,
        began: float,
        stopping: threading.Event,
    ) -> None:
        """Take what is remembered."""
        self.exploration = exploration
        self.lock = threading.Condition()
        """For whoever reads or changes the exploration, and waits for a change of it."""
        self._options = options
        self._end = None if options.budget is None else began + options.budget
        self._stopping = stopping
        self._known = {(point.group, point.occurrence) for point in exploration.points}
        self._before = {} if options.again else dict(memory.results)
        self._todo: deque[Scenario] = deque()
        self._shallow: deque[Scenario] = deque()
        """Those of which it is not known yet what they lead to, in order."""
        self._deepened: set[tuple[object, ...]] = set()
        self._room = MOST_DEEPER
        self._running = 0
        for scenario in exploration.scenarios:
            self._admit(scenario)
        exploration.forgo_implied()
        self._deepen()

    def take(self) -> Scenario | None:
        """Wait for the next scenario; None: there is none, or the time is over."""
        with self.lock:
            while not self._is_over():
                while self._todo:
                    scenario = self._todo.popleft()
                    if scenario.id not in self.exploration.forgone:
                        self._running += 1
                        return scenario
                if not self._running:
                    return None
                self.lock.wait()
        return None

    def _is_over(self) -> bool:
        in_time = self._end is None or time.monotonic() <= self._end
        return self._stopping.is_set() or not in_time

    @contextmanager
    def running(self) -> Iterator[None]:
        """Have others wait, as long as a scenario that was taken runs, for what it leads to."""
        try:
            yield
        finally:
            with self.lock:
                self._running -= 1
                self.lock.notify_all()

    def add(self, result: Result) -> bool:
        """Add what a run has shown; return False if another run has shown it meanwhile."""
        exploration = self.exploration
        with self.lock:
            if result.id in exploration.forgone:
                return False
            exploration.results[result.id] = result
            if result.result == "hung":
                exploration.forgo_implied()
            self._deepen()
            self.lock.notify_all()
        return True

    def fresh(self, scenario: Scenario, outcome: Outcome) -> list[Point]:
        """Return the points that a program came to only because it recovered."""
        if scenario.mode != "once":
            return []
        points = points_of(outcome.trace)
        found = [each for each in points if (each.group, each.occurrence) not in self._known]
        return found if self._options.exactly else sampled(found)

    def _admit(self, scenario: Scenario) -> None:
        self._shallow.append(scenario)
        result = self._before.get(scenario.id)
        if result is None:
            self._todo.append(scenario)
        else:
            self.exploration.results[scenario.id] = result
            self.exploration.remembered += 1

    def _deepen(self) -> None:
        """Add the scenarios to which those lead that have been run, up to the first that is not."""
        exploration = self.exploration
        while self._shallow:
            scenario = self._shallow[0]
            if scenario.id not in exploration.forgone:
                result = exploration.results.get(scenario.id)
                if result is None:
                    return
                if scenario.depth < self._options.depth:
                    self._add_deeper(scenario, result)
            self._shallow.popleft()

    def _add_deeper(self, scenario: Scenario, result: Result) -> None:
        """Add a second fault at each point that no other run with the same fault came to."""
        trace, exactly = self.exploration.quiet.trace, bool(self._options.exactly)
        name = scenario.injection.name
        points = [
            point
            for point in result.deeper
            if point.proxy in trace.proxies
            and (exactly or (scenario.depth, name, point.group) not in self._deepened)
        ]
        self._deepened |= {(scenario.depth, name, point.group) for point in points}
        found = [
            each
            for each in scenarios_at(points, trace, every_fault=exactly, before=scenario)
            if each.mode == "once" and self._options.wants(each)
        ]
        self.exploration.left_out += max(0, len(found) - self._room)
        for each in found[: self._room]:
            self.exploration.scenarios.append(each)
            self._admit(each)
        self._room -= min(len(found), self._room)
