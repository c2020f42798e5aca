"""JSON and YAML that are safe to show, and mean the same."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaurien.cli.remote.notations import json_text, yaml_lines

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_json_means_the_same_and_is_printable(value: object) -> None:
    for indent in (2, None):
        text = json_text(value, indent=indent)
        assert json.loads(text) == value
        assert all(line.isprintable() for line in text.split("\n"))


@given(VALUES)
def test_yaml_is_printable(value: object) -> None:
    assert all(line.isprintable() for line in yaml_lines(value))


@given(VALUES)
def test_yaml_means_the_same(value: object) -> None:
    yaml = pytest.importorskip("yaml")
    assert yaml.safe_load("\n".join(yaml_lines(value))) == value


def test_block_form() -> None:
    value = {
        "name": "cache",
        "listen": "[::]:6380",
        "enabled": True,
        "percent": 10.0,
        "empty": {},
        "none": None,
        "rules": [{"behavior": "delay", "labels": {"path": "~^/x"}}, [1, [2]], [], "a b"],
        "größe": 1e-9,
    }
    assert list(yaml_lines(value)) == [
        "name: cache",
        'listen: "[::]:6380"',
        "enabled: true",
        "percent: 10.0",
        "empty: {}",
        "none: null",
        "rules:",
        "  - behavior: delay",
        "    labels:",
        '      path: "~^/x"',
        "  - - 1",
        "    - - 2",
        "  - []",
        '  - "a b"',
        '"größe": 1.0e-09',
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yes",
        "NO",
        "on",
        "null",
        "~",
        "1",
        "1e3",
        "0x1",
        "- a",
        "a: b",
        "a #b",
        "#",
        "&a",
        "2026-01-01",
        ".inf",
        "a\nb",
        "\x1b[2J",
        "\u2028",
        "\ud800",
    ],
)
def test_texts_that_could_be_something_else_are_quoted(text: str) -> None:
    (line,) = yaml_lines(text)
    assert line[0] == line[-1] == '"'


def test_numbers_of_yaml_have_a_point() -> None:
    assert list(yaml_lines([1e22, 1e-7, 0.5, -0.0, 10**30])) == [
        "- 1.0e+22",
        "- 1.0e-07",
        "- 0.5",
        "- -0.0",
        f"- {10**30}",
    ]
    assert math.isclose(float("1.0e+22"), 1e22)
