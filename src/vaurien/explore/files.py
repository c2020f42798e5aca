"""What was found, as files for other programs: JSON, and JUnit's XML."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from xml.etree import ElementTree

from ..values.texts import printable
from .exploration import Exploration
from .points import Point
from .results import Result


def to_json(exploration: Exploration, expected: Mapping[str, str]) -> str:
    """Return all results as JSON."""
    document = {
        "points": list(map(_point, exploration.points)),
        "quiet_seconds": round(exploration.quiet.seconds, 3),
        "not_run": exploration.left,
        "results": [
            {
                **result.to_json(),
                "deeper": list(map(_point, result.deeper)),
                "expected": expected.get(result.id),
            }
            for result in exploration.results.values()
        ],
    }
    return json.dumps(document, indent=1) + "\n"


def _point(point: Point) -> dict[str, object]:
    return {"id": point.id, "title": point.title, "labels": dict(point.example)}


def to_junit(exploration: Exploration, expected: Mapping[str, str]) -> str:
    """Return all results as JUnit's XML: a suite for each point, a case for each scenario."""
    results = list(exploration.results.values())
    root = ElementTree.Element("testsuites", name="vaurien explore")
    root.attrib |= _counts(results, expected)
    suites: dict[str, list[Result]] = {}
    for result in results:
        suites.setdefault(result.point, []).append(result)
    for point, own in suites.items():
        suite = ElementTree.SubElement(root, "testsuite", name=_text(point))
        suite.attrib |= _counts(own, expected)
        for result in own:
            _case(suite, result, expected)
    ElementTree.indent(root)
    text = ElementTree.tostring(root, "unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _counts(results: Sequence[Result], expected: Mapping[str, str]) -> dict[str, str]:
    return {
        "tests": str(len(results)),
        "failures": str(sum(each.broke and each.id not in expected for each in results)),
        "errors": "0",
        "skipped": str(sum(_is_skipped(each, expected) for each in results)),
        "time": f"{sum(each.seconds for each in results):.3f}",
    }


def _is_skipped(result: Result, expected: Mapping[str, str]) -> bool:
    return result.id in expected if result.broke else result.result == "not reached"


def _case(suite: ElementTree.Element, result: Result, expected: Mapping[str, str]) -> None:
    case = ElementTree.SubElement(
        suite,
        "testcase",
        classname=_text(result.point),
        name=_text(result.id),
        time=f"{result.seconds:.3f}",
    )
    if result.broke and result.id not in expected:
        message = _text("; ".join(result.findings))
        failure = ElementTree.SubElement(case, "failure", message=message, type=result.result)
        failure.text = _text("\n".join((result.text, result.output, *result.timeline)))
    elif _is_skipped(result, expected):
        why = expected.get(result.id) or result.why
        ElementTree.SubElement(case, "skipped", message=_text(why))


def _text(text: str) -> str:
    """Return a text without what XML cannot contain."""
    return "\n".join(map(printable, text.split("\n")))
