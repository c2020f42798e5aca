"""Rules: added, changed, paused, resumed and removed."""

from __future__ import annotations

import json

import pytest

from cli.remote.conftest import Run
from live import Http, Live
from vaurien.cli.remote.rules import options_text


def names(run: Run) -> list[str]:
    return run("inspect cache -o name").lines


def test_a_rule_from_its_beginning_to_its_end(http: Http, running: Live, run: Run) -> None:
    said = run("rule add cache delay sleep=0 percent=100 name=slow")
    assert (said.status, said.out, said.message) == (0, "", "Added rule slow to cache")
    assert running.ask() == b"hello"
    assert run("rule add cache dummy --before slow").status == 0
    assert names(run) == ["dummy", "slow"]
    said = run("rule update cache slow percent=50 times=7 -o json")
    rule = json.loads(said.out)
    assert (rule["percent"], rule["times"], rule["status"]["fired"]) == (50.0, 7, 1)
    rule = json.loads(run("rule update cache slow --unset percent --unset times -o json").out)
    assert rule.get("percent", 100) == 100
    assert rule.get("times", 0) == 0
    assert run("rule pause cache slow -o tsv").lines[0].split("\t")[2] == "paused"
    assert run("rule pause cache slow").message == "Paused rule slow of cache"
    assert run("rule resume cache slow").message == "Resumed rule slow of cache"
    assert run("rule remove cache slow").message == "Removed rule slow from cache"
    assert names(run) == ["dummy"]


@pytest.mark.parametrize(
    ("words", "status", "part"),
    [
        ("rule add nope delay", 3, "nope"),
        ("rule add cache nope", 4, "nope"),
        ("rule add cache delay sleep=x", 4, "sleep"),
        ("rule add cache error fault=NOPE", 4, "NOPE"),
        ("rule add cache delay sleep", 2, "KEY=VALUE"),
        ("rule add cache delay a=1 a=2", 2, "given twice"),
        ("rule update cache nope sleep=1", 3, "nope"),
        ("rule update cache nope", 2, "nothing to change"),
        ("rule remove cache nope", 3, "nope"),
        ("rule pause cache nope", 3, "nope"),
    ],
)
def test_mistakes(words: str, status: int, part: str, http: Http, run: Run) -> None:
    said = run(words)
    assert (said.status, said.out) == (status, "")
    assert part in said.message


def test_options_as_words() -> None:
    rule = {"name": "a", "behavior": "b", "paused": False, "on": True, "x": 0.50, "y": "z"}
    assert options_text(rule) == "on=true x=0.5 y=z"
