"""Scenarios: one fault at one point, once or from there on; and as rules, and as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from ..config.scenario import Fire
from ..embedded.exchanges import Injected
from ..embedded.meaning import kind_of, title_of
from ..embedded.trace import Trace
from ..rules.notation import Entry
from .faults import Injection, injections_at
from .points import Kind, Point, points_of, slug_of

Mode = Literal["once", "lasting"]
MODES: tuple[Mode, ...] = ("once", "lasting")
NAME = "explored"
"""The name of the rule of a scenario; those of several begin with it."""


@dataclass(frozen=True)
class Scenario:
    """A fault at a point, and perhaps another while the program recovers from it."""

    point: Point
    injection: Injection
    mode: Mode
    before: Scenario | None = None
    """What happens first."""

    @cached_property
    def id(self) -> str:
        """Short, and the same in each run: ``payments/POST-charges/1/reply-lost/once``."""
        point = self.point
        own = f"{point.id}/{self.injection.name}/{self.mode}"
        return own if self.before is None else f"{self.before.id}+{own}"

    @property
    def text(self) -> str:
        """What happens, in words."""
        often = "once" if self.mode == "once" else "from there on"
        own = f"{self.injection.name} at {self.point}, {often}"
        return own if self.before is None else f"{self.before.text}; then {own}"

    def fires(self) -> Iterator[Fire]:
        """Yield its faults, as a scenario file has them.

        The last fault comes first: its rule is to see, and count, what the one before strikes.
        """
        point, injection = self.point, self.injection
        labels = dict(point.labels) if point.kind == "exchange" else {}
        yield Fire(
            point.proxy,
            injection.behavior,
            injection.options,
            {**labels, **injection.matches},
            point.occurrence + 1,
            self.mode == "lasting",
            self.rule,
        )
        if self.before is not None:
            yield from self.before.fires()

    def entries(self) -> Iterator[tuple[str, Entry]]:
        """Yield its rules, each with the name of its proxy."""
        for fire in self.fires():
            entry = dict(fire.entry)
            if fire.occurrence > 1:
                entry["after"] = fire.occurrence - 1
            if not fire.lasting:
                entry["times"] = 1
            yield fire.proxy, entry

    @property
    def rule(self) -> str:
        """The name of the rule of its last fault."""
        return NAME if self.before is None else f"{NAME}-{self.depth}"

    @property
    def depth(self) -> int:
        """How many faults there are."""
        return 1 if self.before is None else self.before.depth + 1


def strikes(trace: Trace) -> list[Injected]:
    """Return each time that a fault of a scenario has happened, in order."""
    return [each for each in trace.fired if each.rule.startswith(NAME)]


def scenarios_at(
    points: Iterable[Point], trace: Trace, *, every_fault: bool, before: Scenario | None = None
) -> list[Scenario]:
    """Return what can happen at these points: what differs most comes first.

    First the first fault of each point, once; then the second of each; then the same lasting, but
    for errors that are the same next time anyway.
    """
    injections = {
        point: [
            each
            for each in injections_at(point, trace.proxies[point.proxy].protocol)
            if each.typical or every_fault
        ]
        for point in points
    }
    longest = max(map(len, injections.values()), default=0)
    return [
        Scenario(point, of_point[turn], mode, before)
        for mode in MODES
        for turn in range(longest)
        for point, of_point in injections.items()
        if turn < len(of_point) and not (mode == "lasting" and of_point[turn].fatal)
    ]


def scenario_of(fires: Sequence[Fire], trace: Trace) -> Scenario:
    """Return the scenario that a file describes; ``trace``: that of a run without faults."""
    fire, *before = fires
    earlier = scenario_of(before, trace) if before else None
    mode: Mode = "lasting" if fire.lasting else "once"
    protocol = trace.proxies[fire.proxy].protocol
    for point in points_of(trace):
        if (point.proxy, point.occurrence) == (fire.proxy, fire.occurrence - 1):
            for injection in injections_at(point, protocol):
                found = Scenario(point, injection, mode, earlier)
                if replace(next(found.fires()), name=fire.name) == fire:
                    return found
    fault = str(fire.options.get("fault", ""))
    labels, occurrence = fire.exchange, fire.occurrence - 1
    kind: Kind = "exchange" if labels else "connect"
    title = title_of(labels, protocol) if labels else "connect"
    slug = slug_of(labels, protocol) if labels else "connect"
    point = Point(fire.proxy, kind, tuple(sorted(labels.items())), occurrence, title, slug)
    fatal = bool(fault) and kind_of(fault, protocol) == "fatal"
    native = bool(fault)
    made = Injection(
        fault or fire.behavior, fire.behavior, fire.options, native=native, fatal=fatal
    )
    return Scenario(point, made, mode, earlier)
