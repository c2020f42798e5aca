"""Results for other programs."""

from __future__ import annotations

import json
from xml.etree import ElementTree

from vaurien.explore.explorer import Exploration
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
