"""What differs between two states."""

from __future__ import annotations

from dataclasses import replace

from control.plane import spec
from vaurien.config.state import State
from vaurien.control.v1.differences import differences

SLOW = {"behavior": "delay", "name": "slow/1"}


def test_what_was_added_changed_and_removed() -> None:
    old, new = spec("new", 1), spec("old", 2)
    before = State((spec("a", 3, SLOW, {"behavior": "hang"}), old))
    changed = replace(spec("a", 3, {**SLOW, "sleep": 2}, {"behavior": "abort"}), enabled=False)
    found = differences(before, State((changed, new)))
    assert [tuple(each[key] for key in ("op", "proxy", "path")) for each in found] == [
        ("remove", "new", ""),
        ("change", "a", "/enabled"),
        ("remove", "a", "/rules/hang"),
        ("change", "a", "/rules/slow~11/sleep"),
        ("add", "a", "/rules/abort"),
        ("add", "old", ""),
    ]
    assert (found[1]["before"], found[1]["after"]) == (True, False)
    assert (found[3]["before"], found[3]["after"]) == (1.0, 2.0)


def test_another_order() -> None:
    one, two = {"behavior": "hang", "name": "a"}, {"behavior": "hang", "name": "b"}
    before, after = State((spec("p", 1, one, two),)), State((spec("p", 1, two, one),), seed=1)
    seed, order = differences(before, after)
    assert (seed["path"], seed["proxy"]) == ("/seed", None)
    assert (order["path"], order["after"]) == ("/rules", ["b", "a"])


def test_nothing() -> None:
    assert differences(State((spec("p", 1),)), State((spec("p", 1),))) == []
