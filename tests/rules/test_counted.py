"""What rules note of where they fire."""

from __future__ import annotations

import pytest

from replaying import Run, rule, stream
from vaurien.rules import counted
from vaurien.rules.counted import DIGIT, digest_of


def test_occurrences_are_those_of_all_connections() -> None:
    run = Run(rule(), rule("other", every=3))
    run.ask_all([*stream(1, "ab"), *stream(2, "ba")])
    noted = [(firing.rule, firing.noted) for _, firing in run.firings]
    assert [(name, each.occurrence) for name, each in noted if each] == [
        ("rule", 1),
        ("rule", 1),
        ("rule", 2),
        ("other", 2),
        ("rule", 2),
    ]


def test_a_connection_is_known_by_its_first_exchanges() -> None:
    run = Run(rule())
    run.ask_all(stream(1, "ab" * 10))
    begins = [firing.noted.begins for _, firing in run.firings if firing.noted]
    a, b = (digest_of({"key": key})[:DIGIT] for key in "ab")
    assert begins[:3] == [a, a + b, a + b + a]
    assert begins[-1] == (a + b) * 8


def test_a_digest_is_the_same_in_each_process() -> None:
    assert digest_of({"b": "\udc80", "a": "1"}) == digest_of({"a": "1", "b": "\udc80"})
    assert digest_of({"key": "a"}) == "7069c32def83aba9"


def test_few_different_labels_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counted, "COUNTED", 2)
    run = Run(rule())
    run.ask_all(stream(1, "abcabc"))
    assert [each.noted.occurrence for _, each in run.firings if each.noted] == [1, 1, 0, 2, 2, 0]


def test_whether_a_rule_would_fire_is_not_counted() -> None:
    run = Run(rule())
    (active,) = run.active_plan.rules
    assert active.would_fire(run.stage(1), 1, 0.0, {"key": "a"})
    run.ask_all(stream(1, "a"))
    ((_, firing),) = run.firings
    assert (firing.count, firing.noted and firing.noted.occurrence) == (1, 1)
