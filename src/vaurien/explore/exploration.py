"""How to explore, and what was found: values that everything else of this package reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from ..config.scenario import Fire
from .command import Outcome
from .judge import Lasting
from .memory import FOLDER
from .points import Point
from .results import Result
from .scenarios import Scenario


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
    left_out: int = 0
    """Points that were too many, and scenarios with a second fault."""
    forgone: set[str] = field(default_factory=set)
    """Scenarios that are not run because another run has shown it, by their identifiers."""

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
        self.forgone |= implied
        for identifier in implied:
            self.results.pop(identifier, None)

    def _hung_once(self, scenario: Scenario) -> bool:
        once = self.results.get(replace(scenario, mode="once").id)
        return once is not None and once.result == "hung"

    @property
    def left(self) -> int:
        """How many scenarios have not been run."""
        return len(self.scenarios) - len(self.results)

    def sort(self) -> None:
        """Bring the results in the order of their scenarios, whichever ended first."""
        self.results = {
            each.id: self.results[each.id] for each in self.scenarios if each.id in self.results
        }


def matches(identifier: str, patterns: Iterable[str]) -> bool:
    """Whether an identifier, or its beginning up to a slash, matches one of these patterns."""
    for pattern in patterns:
        beginning = f"{pattern.rstrip('/')}/"
        if identifier == pattern or identifier.startswith(beginning):
            return True
        if fnmatchcase(identifier, pattern) or fnmatchcase(identifier, f"{beginning}*"):
            return True
    return False


def reasons(results: Sequence[Result], expected: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return why results that broke were expected to, by their identifiers."""
    return {
        result.id: reason
        for result in results
        for pattern, reason in expected
        if result.broke and matches(result.id, [pattern])
    }
