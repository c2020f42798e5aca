"""What was found, as files for other programs: JSON, and JUnit's XML."""

from __future__ import annotations

import json
from collections.abc import Mapping
from xml.etree import ElementTree

from ..values.texts import printable
from .explorer import Exploration
from .results import Result


def to_json(exploration: Exploration, expected: Mapping[str, str]) -> str:
    """Return all results as JSON."""
    document = {
        "points": [
            {"id": point.id, "title": point.title, "labels": dict(point.example)}
            for point in exploration.points
        ],
        "quiet_seconds": round(exploration.quiet.seconds, 3),
        "not_run": exploration.left,
        "results": [
            {**result.to_json(), "expected": expected.get(result.id)}
            for result in exploration.results.values()
        ],
    }
    return json.dumps(document, indent=1) + "\n"


def to_junit(exploration: Exploration, expected: Mapping[str, str]) -> str:
    """Return all results as JUnit's XML: a suite for each point, a case for each scenario."""
    root = ElementTree.Element("testsuites", name="vaurien explore")
    for point in dict.fromkeys(result.point for result in exploration.results.values()):
        own = [each for each in exploration.results.values() if each.point == point]
        suite = ElementTree.SubElement(root, "testsuite", name=_text(point), tests=str(len(own)))
        bad = [each for each in own if each.broke and each.id not in expected]
        suite.set("failures", str(len(bad)))
        suite.set("skipped", str(sum(_is_skipped(each, expected) for each in own)))
        for result in own:
            _case(suite, result, expected)
    ElementTree.indent(root)
    return ElementTree.tostring(root, "unicode", xml_declaration=True) + "\n"


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
        failure = ElementTree.SubElement(case, "failure", message=_text("; ".join(result.findings)))
        failure.text = _text("\n".join((result.text, result.output, *result.timeline)))
    elif _is_skipped(result, expected):
        why = expected.get(result.id) or result.why
        ElementTree.SubElement(case, "skipped", message=_text(why))


def _text(text: str) -> str:
    """Return a text without what XML cannot contain."""
    return "\n".join(map(printable, text.split("\n")))
