"""Results for other programs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

from vaurien.explore.exploration import Exploration
from vaurien.explore.files import to_json, to_junit


def test_json(exploration: Exploration, expected: dict[str, str]) -> None:
    document = json.loads(to_json(exploration, expected))
    assert [each["result"] for each in document["results"]] == [
        "passed",
        "failed",
        "hung",
        "not reached",
        "failed",
    ]
    assert [each["expected"] for each in document["results"]].count("known <b>") == 1
    assert document["not_run"] == exploration.left
    assert document["points"][1]["labels"]["command"] == "SET"


def test_the_keys_of_json_are_documented(
    exploration: Exploration, expected: dict[str, str]
) -> None:
    document = json.loads(to_json(exploration, expected))
    page = (Path(__file__).parents[2] / "docs" / "explore.md").read_text()
    documented = [
        name
        for row in re.findall(r"^\| (`.*?) \|", page, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    ]
    assert documented == [
        *document,
        *sorted(document["results"][0], key=documented.index),
    ]


SUITES = {"name": str, "tests": int, "failures": int, "errors": int, "skipped": int, "time": float}
ATTRIBUTES: dict[str, dict[str, type]] = {
    "testsuites": SUITES,
    "testsuite": SUITES,
    "testcase": {"classname": str, "name": str, "time": float},
    "failure": {"message": str, "type": str},
    "skipped": {"message": str},
}
"""What elements of JUnit's XML have, as the schemas of its readers ask for it."""
CHILDREN = {
    "testsuites": {"testsuite"},
    "testsuite": {"testcase"},
    "testcase": {"failure", "skipped"},
    "failure": set[str](),
    "skipped": set[str](),
}


def test_junit_has_the_form_that_readers_ask_for(
    exploration: Exploration, expected: dict[str, str]
) -> None:
    text = to_junit(exploration, expected)
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<testsuites ')
    root = ElementTree.fromstring(text.encode())
    for element in root.iter():
        wanted = ATTRIBUTES[element.tag]
        assert element.attrib.keys() == wanted.keys()
        assert [kind(element.attrib[name]) for name, kind in wanted.items()]
        assert {child.tag for child in element} <= CHILDREN[element.tag]
    for name, tag in (("tests", "testcase"), ("failures", "failure"), ("skipped", "skipped")):
        for suites in (root, *root):
            assert int(suites.attrib[name]) == len(suites.findall(f".//{tag}"))


def test_junit(exploration: Exploration, expected: dict[str, str]) -> None:
    root = ElementTree.fromstring(to_junit(exploration, expected))
    suites = {suite.get("name"): suite for suite in root}
    connect = suites["db/connect/1"]
    assert (connect.get("tests"), connect.get("failures"), connect.get("skipped")) == (
        "3",
        "1",
        "1",
    )
    cases = root.findall(".//testcase")
    assert [case.get("name") for case in cases] != []
    failures = root.findall(".//failure")
    assert len(failures) == 2
    assert "alert(1)>\\x1b[31m]]>&" in str(failures[0].text)
    assert [skipped.get("message") for skipped in root.findall(".//skipped")] == [
        "known <b>",
        "elsewhere",
    ]
