"""Scenario files: what they may say, and what is wrong with others."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaurien.config.document import Document, FileKey
from vaurien.config.problems import Problems
from vaurien.config.scenario import Fire, fires_of, to_toml

FIRE = {"proxy": "cache", "behavior": "error"}


def understood(content: object) -> tuple[list[Fire], list[str]]:
    document = Document({"fire": content} if content is not None else {}, FileKey("f"))
    problems = Problems(document)
    fires = fires_of(document, problems)
    return fires, [str(each).removeprefix("f: ") for each in problems.found]


def test_all_keys() -> None:
    fire = {
        **FIRE,
        "options": {"fault": "LOADING"},
        "exchange": {"command": "SET"},
        "occurrence": 3,
        "lasting": True,
        "name": "n",
    }
    (found,), _ = understood([fire])
    labels = {"command": "SET"}
    assert found == Fire("cache", "error", {"fault": "LOADING"}, labels, 3, True, "n")
    assert found.entry == {
        "behavior": "error",
        "fault": "LOADING",
        "match.command": "SET",
        "name": "n",
    }


def test_defaults() -> None:
    found, _ = understood([FIRE, FIRE])
    assert found == [Fire("cache", "error", name="fire-1"), Fire("cache", "error", name="fire-2")]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "fire is missing: it takes [[fire]] for each fault"),
        ([], "fire is missing: it takes [[fire]] for each fault"),
        ([3], "fire[0] = 3 is not allowed: it takes a table"),
        ([{"behavior": "error"}], "fire[0].proxy is missing: it takes a name"),
        ([{**FIRE, "times": 1}], "fire[0].times = 1 is an unknown key"),
        ([{**FIRE, "occurrence": 0}], "fire[0].occurrence = 0 is not allowed"),
        ([{**FIRE, "lasting": "x"}], "fire[0].lasting = 'x' is not allowed"),
        (
            [{**FIRE, "options": {"times": 1}}],
            "fire[0].options.times = 1 is not for scenarios: use lasting",
        ),
        ([{**FIRE, "exchange": {"key": 1}}], "fire[0].exchange.key = 1 is not allowed"),
    ],
)
def test_what_is_wrong(content: object, told: str) -> None:
    _, (problem,) = understood(content)
    assert problem.startswith(told)


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
labels = st.dictionaries(st.sampled_from(["command", "key"]), texts)


@given(labels, labels, st.integers(1, 9), st.booleans(), texts)
def test_what_is_written_can_be_read(
    options: dict[str, Any], exchange: dict[str, str], occurrence: int, lasting: bool, title: str
) -> None:
    fire = Fire("a.b", "error", options, exchange, occurrence, lasting)
    content = tomllib.loads(to_toml([fire, fire], title))
    found, problems = understood(content["fire"])
    assert [({**each.entry, "name": ""}, each.occurrence) for each in found] == [
        (fire.entry, occurrence)
    ] * 2
    assert ([each.lasting for each in found], problems) == ([lasting] * 2, [])
