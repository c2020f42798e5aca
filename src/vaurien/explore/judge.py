"""Whether what came of a run is a finding.

What happens once is for a program to survive.  Under a fault that lasts, or that will be the same
next time, it may give up; then it must not hang, nor end with success though nothing can have
worked, nor do things twice.  What proxies have seen may be wrong even if a run passes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Literal

from ..embedded.trace import Trace
from ..verdicts.verdict import judge as verdict_on
from .command import Outcome
from .effects import Effect, effects
from .patience import patience
from .points import fold, folded
from .scenarios import Scenario, strikes

SLOW = 10.0
"""How many times as long as the first run is too long, under a lasting fault, but for what it
had to wait, ..."""
SLOW_AT_LEAST = 5.0
"""... and at least so many seconds."""

Lasting = Literal["give-up", "survive"]


@dataclass(frozen=True)
class Judgement:
    """What a run showed."""

    result: Literal["passed", "failed", "hung", "not reached"]
    findings: tuple[str, ...] = ()
    """What is wrong with the program, a sentence each."""
    why: str = ""
    """Why the point was not reached."""

    @property
    def broke(self) -> bool:
        return bool(self.findings)


def judge(
    scenario: Scenario, outcome: Outcome, quiet: Outcome, lasting: Lasting = "give-up"
) -> Judgement:
    """Judge a run under a scenario beside the one without."""
    missed = not_reached(scenario, outcome.trace)
    if missed is not None:
        why = why_not_reached(missed, outcome.trace)
        if outcome.status == "passed":
            return Judgement("not reached", why=why)
        broken = f"it {outcome.status}, though the fault never happened: it does not repeat"
        return Judgement("not reached", (broken,), why)
    return Judgement(outcome.status, tuple(_findings(scenario, outcome, quiet, lasting)))


def is_slow(scenario: Scenario, outcome: Outcome, quiet: Outcome) -> bool:
    """Whether a run took too long to give up, but for what it had to wait."""
    if outcome.status == "hung" or scenario.mode != "lasting":
        return False
    slow = max(SLOW_AT_LEAST, SLOW * quiet.seconds)
    return outcome.seconds > slow and outcome.seconds - patience(outcome.trace) > slow


def _findings(
    scenario: Scenario, outcome: Outcome, quiet: Outcome, lasting: Lasting
) -> Iterator[str]:
    fatal = scenario.injection.fatal
    survives = not fatal and (scenario.mode == "once" or lasting == "survive")
    if outcome.status == "hung":
        how = ", and waited without a limit of time" if outcome.stuck else ""
        yield f"it hung: it was ended after {outcome.seconds:.0f} s{how}"
    elif outcome.status == "failed" and survives:
        yield f"it failed, with exit status {outcome.code}"
    if is_slow(scenario, outcome, quiet):
        yield f"it took {outcome.seconds:.1f} s; without faults, {quiet.seconds:.1f} s"
    before, after = effects(quiet.trace), effects(outcome.trace)
    if outcome.status == "passed" and (fatal or scenario.mode == "lasting"):
        for what in _missed(before, after):
            yield f"it ended with success, though {what.title} never reached the backend"
    repeated = [what for what in after if after[what] > before[what] > 0 and not what.idempotent]
    for what in repeated:
        yield (
            f"{what.title} changed the backend {_times(after[what])}; "
            f"without faults, {_times(before[what])}"
        )
    if scenario.mode == "once":
        told = {"waited-forever"} if outcome.status == "hung" else set()
        told |= {"repeated-effect"} if repeated else set()
        yield from _wrong(outcome.trace, quiet.trace, told)


def _missed(before: Counter[Effect], after: Counter[Effect]) -> Iterator[Effect]:
    """Yield what never reached the backend, but should have.

    Where what was to be written may be lost, there is nothing to change or remove later.
    """
    lost: set[tuple[str, str]] = set()
    for what in before:
        if not after[what]:
            if what.forgettable:
                lost.add((what.proxy, what.key))
            elif not what.key or (what.proxy, what.key) not in lost:
                yield what


def _wrong(trace: Trace, quiet: Trace, told: Container[str]) -> Iterator[str]:
    """Yield what a verdict finds wrong, but for what is wrong without faults, or was told."""
    usual = {(each.rule, each.proxy, fold(each.text)) for each in verdict_on(quiet).findings}
    for each in verdict_on(trace).findings:
        new = (each.rule, each.proxy, fold(each.text)) not in usual
        if each.level == "FAIL" and each.rule not in told and new:
            yield f"{each.proxy}: {each.text} ({each.rule})"


def not_reached(scenario: Scenario, trace: Trace) -> Scenario | None:
    """Return the first of the scenario's faults that has not happened, if there is one."""
    fired = {each.rule for each in strikes(trace)}
    missed = None
    step: Scenario | None = scenario
    while step is not None:
        missed = missed if step.rule in fired else step
        step = step.before
    return missed


def why_not_reached(scenario: Scenario, trace: Trace) -> str:
    """Return what a run did in place of reaching the point, in words."""
    point = scenario.point
    proxy = trace.proxies.get(point.proxy)
    if proxy is None:
        return f"there was no proxy {point.proxy!r}"
    if point.kind == "connect":
        times = len(proxy.connections)
    else:
        asked = [folded(each.labels, proxy.protocol) for each in proxy.exchanges]
        times = asked.count(point.labels)
    what = f"{point.proxy}: {point.title}"
    if times > point.occurrence:
        return f"{what} happened {_times(times)}, but not so that {scenario.injection.name} can"
    if not times:
        return f"{what} did not happen"
    return f"{what} happened {_times(times)} only, and was to fail at #{point.occurrence + 1}"


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")
