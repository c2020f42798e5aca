"""Runs the scenarios of a program, several at once, until all are run or the time is over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from ..config.scenario import Fire
from ..errors import VaurienError
from .command import CommandRunner, Outcome
from .judge import Lasting, judge
from .memory import FOLDER, Memory, key_of
from .points import Point, points_of, sampled
from .results import Result, result_of
from .scenarios import Scenario, scenario_of, scenarios_at

LEAST_LIMIT = 10.0
"""Seconds that a run may take at least, before it has hung, ..."""
TIMES_LIMIT = 5.0
"""... and how many times as long as the first."""


class FirstRunError(VaurienError):
    """The command fails without any fault."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to explore."""

    jobs: int = 1
    budget: float | None = None
    """Seconds after which no further run begins."""
    depth: int = 1
    """Faults in one run."""
    everything: bool = False
    """Each occurrence, and each fault of the catalogue."""
    only: Sequence[str] = ()
    """Patterns of identifiers, as those of a shell; without any, all."""
    exactly: Sequence[str] = ()
    """Identifiers of scenarios; if there are any, these alone are run, ..."""
    given: Sequence[Sequence[Fire]] = ()
    """... with these, from scenario files."""
    skip: Sequence[str] = ()
    again: bool = False
    """Run what is remembered, too."""
    limit: float | None = None
    """Seconds after which a run has hung; None: a multiple of the first run's."""
    lasting: Lasting = "give-up"
    folder: str = FOLDER

    def wants(self, scenario: Scenario) -> bool:
        """Whether to run a scenario."""
        if self.exactly or self.given:
            return scenario.id in self.exactly or any(
                each.startswith(f"{scenario.id}+") for each in self.exactly
            )
        wanted = not self.only or matches(scenario.id, self.only)
        return wanted and not matches(scenario.id, self.skip)


@dataclass
class Exploration:
    """What was found; it grows while runs end."""

    quiet: Outcome
    points: list[Point]
    scenarios: list[Scenario]
    results: dict[str, Result] = field(default_factory=dict)
    remembered: int = 0
    """Results of earlier explorations."""

    @property
    def broken(self) -> list[Result]:
        return [result for result in self.results.values() if result.broke]

    def forgo_implied(self) -> None:
        """Leave out what another run has shown: who hangs once, hangs if nothing ever comes."""
        implied = {
            each.id
            for each in self.scenarios
            if each.mode == "lasting" and each.injection.hangs and self._hung_once(each)
        }
        self.scenarios = [each for each in self.scenarios if each.id not in implied]
        for identifier in implied:
            self.results.pop(identifier, None)

    def _hung_once(self, scenario: Scenario) -> bool:
        once = self.results.get(replace(scenario, mode="once").id)
        return once is not None and once.result == "hung"

    @property
    def left(self) -> int:
        """How many scenarios have not been run."""
        return sum(scenario.id not in self.results for scenario in self.scenarios)


Tell = Callable[[Exploration, Result | None], None]
"""Called after the first run, with None, and after each further one; by one thread at a time."""


def matches(identifier: str, patterns: Iterable[str]) -> bool:
    """Whether an identifier, or its beginning up to a slash, matches one of these patterns."""
    return any(
        fnmatchcase(identifier, pattern) or fnmatchcase(identifier, f"{pattern.rstrip('/')}/*")
        for pattern in patterns
    )


def reasons(results: Sequence[Result], expected: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return why results that broke were expected to, by their identifiers."""
    return {
        result.id: reason
        for result in results
        for pattern, reason in expected
        if result.broke and matches(result.id, [pattern])
    }


class Explorer:
    """Explores one program."""

    def __init__(
        self,
        make_runner: Callable[[int], CommandRunner],
        key: Sequence[str],
        options: Options,
        tell: Tell = lambda _exploration, _result: None,
    ) -> None:
        """``make_runner``: makes one for each of the jobs, which are counted from 0.

        ``key``: what is remembered of other programs has another one.
        """
        self._make_runner = make_runner
        self._key = key
        self._options = options
        self._tell = tell
        self._lock = threading.Lock()
        self._deepened: set[tuple[object, ...]] = set()
        self.stopping = threading.Event()
        """Set it, and no further run begins."""

    def explore(self) -> Exploration:
        """Run the command quietly, then once under each scenario; return what was found.

        Raises:
            FirstRunError: it fails without any fault.
            VaurienError: a proxy cannot be opened.
            OSError: the command cannot be started, or the folder cannot be used.
        """
        began = time.monotonic()
        with ExitStack() as closing:
            runners = [self._runner(0, closing)]
            exploration = self._first(runners[0])
            names = [scenario.id for scenario in exploration.scenarios]
            memory = Memory(self._options.folder, key_of(self._key, names))
            closing.callback(memory.close)
            todo = self._to_run(exploration, memory)
            self._tell(exploration, None)
            jobs = max(1, min(self._options.jobs, len(todo)))
            runners += [self._runner(job, closing) for job in range(1, jobs)]
            self._run_all(runners, todo, exploration, memory, began)
            if not self.stopping.is_set():
                memory.finish()
        return exploration

    def _runner(self, job: int, closing: ExitStack) -> CommandRunner:
        runner = self._make_runner(job)
        closing.callback(runner.close)
        return runner

    def _first(self, runner: CommandRunner) -> Exploration:
        quiet = runner.run(limit=self._options.limit)
        if quiet.status != "passed":
            raise FirstRunError(
                f"the command {quiet.status} without any fault, with exit status {quiet.code}:\n"
                f"{quiet.output}"
            )
        points = points_of(quiet.trace)
        chosen = points if self._options.everything else sampled(points)
        found = scenarios_at(chosen, quiet.trace, every_fault=self._options.everything)
        given = [scenario_of(fires, quiet.trace) for fires in self._options.given]
        wanted = [each for each in found if self._options.wants(each)]
        every = {each.id: each for each in (*wanted, *given)}
        return Exploration(quiet, points, list(every.values()))

    def _to_run(self, exploration: Exploration, memory: Memory) -> list[Scenario]:
        """Take what is remembered; return the scenarios that are left.

        What broke is run again, because the program may be another one, unless the exploration
        before was interrupted.
        """
        scenarios = exploration.scenarios
        for scenario in scenarios:  # it grows: what is remembered leads to others
            result = memory.results.get(scenario.id)
            if result is None or self._options.again or (result.broke and memory.finished):
                continue
            exploration.results[scenario.id] = result
            exploration.remembered += 1
            scenarios += self._wanted(result.deeper)
            self._deepened |= {
                (scenario.injection.name, each.point.group) for each in result.deeper
            }
        exploration.forgo_implied()
        return [each for each in exploration.scenarios if each.id not in exploration.results]

    def _run_all(
        self,
        runners: Sequence[CommandRunner],
        todo: list[Scenario],
        exploration: Exploration,
        memory: Memory,
        began: float,
    ) -> None:
        """Run scenarios on all runners; those found on the way come last."""
        failures: list[BaseException] = []

        def work(runner: CommandRunner) -> None:
            try:
                while (scenario := self._next(todo, began)) is not None:
                    self._run(runner, scenario, todo, exploration, memory)
            except BaseException as error:  # noqa: BLE001 - raised again below
                failures.append(error)
                self.stopping.set()

        threads = [threading.Thread(target=work, args=(runner,)) for runner in runners[1:]]
        for thread in threads:
            thread.start()
        work(runners[0])
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]

    def _next(self, todo: list[Scenario], began: float) -> Scenario | None:
        budget = self._options.budget
        if self.stopping.is_set() or (budget is not None and time.monotonic() - began > budget):
            return None
        with self._lock:
            return todo.pop(0) if todo else None

    def _run(
        self,
        runner: CommandRunner,
        scenario: Scenario,
        todo: list[Scenario],
        exploration: Exploration,
        memory: Memory,
    ) -> None:
        quiet = exploration.quiet
        limit = self._options.limit or max(LEAST_LIMIT, TIMES_LIMIT * quiet.seconds)
        outcome = runner.run(scenario, limit=limit)
        judgement = judge(scenario, outcome, quiet, self._options.lasting)
        with self._lock:
            deeper = self._deeper(scenario, outcome, exploration)
            result = result_of(scenario, outcome, judgement, deeper)
            memory.add(result)
            if scenario not in exploration.scenarios:
                return  # another run has shown it meanwhile
            exploration.results[scenario.id] = result
            further = self._wanted(deeper)
            exploration.scenarios += further
            todo += [each for each in further if each.id not in exploration.results]
            if result.result == "hung":
                exploration.forgo_implied()
                todo[:] = [each for each in todo if each in exploration.scenarios]
            self._tell(exploration, result)

    def _wanted(self, deeper: Iterable[Scenario]) -> list[Scenario]:
        """Return those that are to be run."""
        wants, depth = self._options.wants, self._options.depth
        return [each for each in deeper if each.depth <= depth and wants(each)]

    def _deeper(
        self, scenario: Scenario, outcome: Outcome, exploration: Exploration
    ) -> list[Scenario]:
        """Return scenarios at what a program did only because it recovered."""
        if scenario.mode != "once":
            return []
        known = {(point.group, point.occurrence) for point in exploration.points}
        fresh = [
            point
            for point in points_of(outcome.trace)
            if (point.group, point.occurrence) not in known
            and (scenario.injection.name, point.group) not in self._deepened
        ]
        self._deepened |= {(scenario.injection.name, point.group) for point in fresh}
        found = scenarios_at(fresh, outcome.trace, every_fault=False, before=scenario)
        return [each for each in found if each.mode == "once"]
