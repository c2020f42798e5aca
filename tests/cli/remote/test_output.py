"""The forms of what commands print."""

from __future__ import annotations

import json

import pytest

from vaurien.cli.remote.output import (
    BOLD,
    GREEN,
    PLAIN,
    Resource,
    View,
    in_status,
    lines_of,
    shows_colors,
    table_lines,
    width,
)

VIEW = View(
    {
        "NAME": lambda each: each.get("name"),
        "STATE": lambda each: each.get("state"),
        "COUNT": lambda each: each.get("count"),
    }
)
ONES: list[Resource] = [
    {"name": "cache", "state": "enabled", "count": 7.5},
    {"name": "größe 日本", "state": None, "count": True},
]
HOSTILE: list[Resource] = [{"name": "\x1b[2J\t\n\x9b\u202e", "state": "\x07", "count": "\x00"}]


def test_a_table_is_aligned() -> None:
    assert list(lines_of(ONES, VIEW, "table")) == [
        "NAME        STATE    COUNT",
        "cache       enabled  7.5",
        "größe 日本           true",
    ]
    assert list(lines_of([], VIEW, "table")) == ["NAME  STATE  COUNT"]


def test_colors() -> None:
    lines = list(table_lines(["STATE"], [["enabled"], ["whatever"]], has_colors=True))
    assert lines == [f"{BOLD}STATE{PLAIN}", f"{GREEN}enabled{PLAIN}", "whatever"]


def test_forms_for_programs() -> None:
    assert list(lines_of(ONES, VIEW, "tsv")) == ["cache\tenabled\t7.5", "größe 日本\t\ttrue"]
    assert list(lines_of(ONES, VIEW, "name")) == ["cache", "größe 日本"]
    (text,) = lines_of(ONES, VIEW, "json")
    assert json.loads(text) == ONES
    (text,) = lines_of(ONES[:1], VIEW, "yaml")
    assert text == "- name: cache\n  state: enabled\n  count: 7.5"
    assert list(lines_of([], VIEW, "json")) == ["[]"]


@pytest.mark.parametrize("form", ["table", "tsv", "name", "json", "yaml"])
def test_no_control_character_is_printed(form: str) -> None:
    for text in lines_of(HOSTILE, VIEW, form):
        assert all(line.replace("\t", "").isprintable() for line in text.split("\n"))
        assert text.count("\t") == (2 if form == "tsv" else 0)


def test_widths() -> None:
    assert width("abc") == 3
    assert width("日本") == 4
    assert width("e\u0301") == 1


def test_a_value_of_the_status() -> None:
    assert in_status({"status": {"bytes": {"in": 3}}}, "bytes", "in") == 3
    assert in_status({"status": {}}, "bytes", "in") is None
    assert in_status({}, "bytes") is None


@pytest.mark.parametrize(
    ("variables", "terminal", "wanted"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"TERM": "dumb"}, True, False),
    ],
)
def test_when_there_are_colors(
    variables: dict[str, str], terminal: bool, wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    class Output:
        def isatty(self) -> bool:
            return terminal

    monkeypatch.setattr("sys.stdout", Output())
    assert shows_colors() is wanted
