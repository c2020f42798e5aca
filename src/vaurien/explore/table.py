"""What was found, as a table and a list for a terminal."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence

from ..values.texts import printable
from .exploration import Exploration, Options
from .points import fold
from .queue import MOST_DEEPER
from .results import Result
from .scenarios import MODES

MARKS = {"passed": ".", "failed": "F", "hung": "H", "not reached": "-"}
"""What a cell says of a run that ended so and is no finding; findings are marked with a ``!``."""
LEGEND = (
    "first once, then from there on: "
    ". passed   F failed   H hung   - not reached   ! broken   = broken, as expected   "
    "(empty) not run"
)


def lines_of(exploration: Exploration, expected: Mapping[str, str]) -> Iterator[str]:
    """Yield tables of points and faults, one a proxy; ``expected``: reasons, by identifiers."""
    results = list(exploration.results.values())
    for proxy in dict.fromkeys(proxy_of(result) for result in results):
        yield from _table([each for each in results if proxy_of(each) == proxy], expected)
    if results:
        yield LEGEND
    missed = {(each.point, each.why): None for each in results if each.why}
    yield from (printable(f"{point}: not reached: {why}") for point, why in missed)


def proxy_of(result: Result) -> str:
    """Return the name of the proxy at which a result's fault happened."""
    return result.point.partition("/")[0]


def _table(results: Sequence[Result], expected: Mapping[str, str]) -> Iterator[str]:
    points = list(dict.fromkeys(result.point for result in results))
    faults = list(dict.fromkeys(result.fault for result in results))
    cells = {(result.point, result.fault, result.mode): result for result in results}
    width = max(map(len, points))
    for number, fault in enumerate(faults):
        yield f"{' ' * width}  {' | ' * number} {fault}"
    for point in points:
        pairs = [[cells.get((point, fault, mode)) for mode in MODES] for fault in faults]
        marks = ["".join(mark_of(each, expected) for each in pair) for pair in pairs]
        yield f"{printable(point):{width}}   {' '.join(marks)}".rstrip()


def mark_of(result: Result | None, expected: Mapping[str, str]) -> str:
    """Return what a cell says of a result."""
    if result is None:
        return " "
    if result.broke:
        return "=" if result.id in expected else "!"
    return MARKS[result.result]


def estimate(exploration: Exploration, options: Options) -> Iterator[str]:
    """Yield how much there is to run, and how long it takes at least."""
    points, scenarios = len(exploration.points), len(exploration.scenarios)
    seconds = exploration.quiet.seconds
    least = time_of(exploration.left * seconds / options.jobs)
    yield (
        f"{points} points, {scenarios} scenarios, {exploration.remembered} of them run before; "
        f"without faults the command takes {seconds:.1f} s, so the others {least} and more"
    )
    if exploration.left_out:
        yield f"{exploration.left_out} points are left out, because they are too many"
    if options.depth > 1:
        yield f"at most {MOST_DEEPER} scenarios with another fault will be added"
    if options.budget is not None:
        yield f"no run begins after {time_of(options.budget)}"


def time_of(seconds: float) -> str:
    """Return a time for a person."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"


def told(result: Result, again: Sequence[str]) -> Iterator[str]:
    """Yield what a finding is, and the command that shows it again."""
    yield printable(f"{result.id}: {result.text}")
    for finding in result.findings:
        yield printable(f"  {finding}")
    for line in result.output.splitlines()[-5:]:
        yield printable(f"  | {line}")
    yield f"  again: {again_line(again, result.id)}"


def cause_of(result: Result) -> tuple[str, ...]:
    """Return what is the same for findings that seem to have the same cause."""
    return (
        proxy_of(result),
        result.mode,
        *map(fold, (*result.findings, *result.output.splitlines()[-1:])),
    )


def told_again(result: Result, before: str) -> Iterator[str]:
    """Yield that a finding is like another one, by its identifier."""
    yield printable(f"{result.id}: like {before}")


def again_line(command: Sequence[str], scenario: str) -> str:
    """Return the command line that runs a scenario again."""
    return shlex.join(["vaurien", "explore", "--scenario", scenario, *command])


def summary(exploration: Exploration, expected: Mapping[str, str]) -> str:
    """Return the outcome in a line."""
    left = exploration.left
    broken = [result for result in exploration.broken if result.id not in expected]
    counts: dict[str, int] = {}
    for result in exploration.results.values():
        counts[result.result] = counts.get(result.result, 0) + 1
    parts = [f"{number} {word}" for word, number in counts.items()]
    text = f"{len(exploration.points)} points, {len(exploration.results)} scenarios"
    text += f": {', '.join(parts)}" if parts else ""
    as_expected = len(exploration.broken) - len(broken)
    text += f"; broken: {len(broken)}"
    text += f", and {as_expected} as expected" if as_expected else ""
    text += f"; not run: {left}" if left else ""
    text += f"; shown by others: {len(exploration.forgone)}" if exploration.forgone else ""
    text += f"; left out: {exploration.left_out}" if exploration.left_out else ""
    return text
