"""What messages show of documents: short, on one line, whatever is in them."""

from __future__ import annotations

import datetime

import pytest

from vaurien.config.formatting import format_path, format_value, why_unusable


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("x\n\x1b\0\ud800", r"'x\n\x1b\x00\ud800'"),
        (True, "true"),
        (None, "null"),
        (1.5, "1.5"),
        ([1, [2, [3, [4]]]], "[1, [2, [...]]]"),
        ({"a": {"b": {"c": 1}}}, "{'a': {'b': {...}}}"),
        ([1, 2, 3, 4, 5], "[1, 2, 3, 4, ...]"),
        (datetime.date(2020, 1, 2), "datetime.date(2020, 1, 2)"),
    ],
)
def test_values_are_shown_as_users_write_them(given: object, expected: str) -> None:
    assert format_value(given) == expected


def test_numbers_that_python_makes_no_text_of_are_described() -> None:
    assert format_value(16**5000) == "a number of 20001 bits"


def test_large_and_deep_values_are_cut() -> None:
    deep: object = 1
    for _ in range(100_000):
        deep = [deep]
    assert len(format_value(deep)) < 100
    assert len(format_value("x" * 10_000_000)) < 100
    while isinstance(deep, list):  # taking it down recursively is none of our business
        deep = deep.pop()


def test_paths_are_written_with_dots_and_brackets() -> None:
    assert format_path(("proxies", "cache", "rules", 2, "sleep")) == "proxies.cache.rules[2].sleep"
    assert format_path((0, "toxics", 1)) == "[0].toxics[1]"
    assert format_path(("proxies", "a.b", "x\n\ud800")) == r'proxies."a.b"."x\n\ud800"'
    assert format_path(("",)) == '""'
    assert len(format_path(("x" * 1000, "y"))) < 80


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("ä", ""),
        (True, ""),
        (2**64 - 1, ""),
        (0.5, ""),
        ({}, "is a table"),
        ([], "is a list"),
        ("\ud800", "is not Unicode"),
        (-(2**64), "is too large"),
        (None, "is not allowed"),
        (datetime.time(), "is not allowed"),
    ],
)
def test_what_no_option_takes_is_told(given: object, expected: str) -> None:
    assert why_unusable(given) == expected
