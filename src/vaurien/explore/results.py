"""What a scenario showed, as a value that can be kept in a file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any

from ..embedded.journal import line_of
from .command import Outcome
from .judge import Judgement
from .points import Point
from .scenarios import Scenario

TIMELINE = 60
"""Exchanges of a failing run that are kept: the last ones."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a run under a scenario showed."""

    id: str
    text: str
    """What happened, in words."""
    point: str
    """The identifier of the point; of the last one, if there are several."""
    fault: str
    mode: str
    result: str
    """passed, failed, hung, or not reached."""
    findings: tuple[str, ...] = ()
    why: str = ""
    seconds: float = 0.0
    output: str = ""
    """The last lines of its output, if it broke."""
    timeline: tuple[str, ...] = ()
    """Its exchanges, a line each, if it broke."""
    deeper: tuple[Point, ...] = ()
    """What the program did only because it recovered."""

    @property
    def broke(self) -> bool:
        return bool(self.findings)

    def to_json(self) -> dict[str, object]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Result:
        """Return the result of a JSON object.

        Raises:
            TypeError, LookupError: it is none.
        """
        known = {field.name for field in fields(cls)}
        lists: dict[str, Any] = {key: tuple(value[key]) for key in ("findings", "timeline")}
        lists["deeper"] = tuple(map(Point.from_json, value["deeper"]))
        return cls(**{key: value[key] for key in value if key in known} | lists)


def result_of(
    scenario: Scenario, outcome: Outcome, judgement: Judgement, deeper: Iterable[Point] = ()
) -> Result:
    """Return what is kept of a run."""
    exchanges = list(outcome.trace.exchanges()) if judgement.broke else []
    begin = exchanges[0].asked_at if exchanges else 0.0
    return Result(
        id=scenario.id,
        text=scenario.text,
        point=scenario.point.id,
        fault=scenario.injection.name,
        mode=scenario.mode,
        result=judgement.result,
        findings=judgement.findings,
        why=judgement.why,
        seconds=round(outcome.seconds, 3),
        output=outcome.output if judgement.broke else "",
        timeline=tuple(f"{each.proxy} {line_of(each, begin)}" for each in exchanges[-TIMELINE:]),
        deeper=tuple(deeper),
    )
