"""Proxies and rules as resources: what is shown can be sent back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from control.plane import Plane, spec
from vaurien.config.document import DocumentError
from vaurien.control.v1.bodies import decode, encode, table_of
from vaurien.control.v1.problems import Refusal
from vaurien.control.v1.resources import (
    check_name,
    continued,
    proxy_resource,
    read_proxy,
    rule_resource,
    writable,
)
from vaurien.control.v1.status import Status
from vaurien.rules.plan import Rule

HANG = {"behavior": "hang", "name": "h", "mix": "m", "percent": 33.3, "times": 2}


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[Plane]:
    plane = Plane(tmp_path, spec("a", 1, HANG), spec("b", 2, {"behavior": "dummy"}, enabled=False))
    yield plane
    plane.close()


@pytest.mark.parametrize("name", ["a", "b"])
def test_a_proxy_is_made_again_of_its_resource(plane: Plane, name: str) -> None:
    state = plane.control.state
    before = state.get(name)
    assert before is not None
    resource = proxy_resource(before, state.seed, Status(plane.control, [before]))
    sent = table_of(decode(encode(resource).encode()))
    assert read_proxy(plane.control, name, sent, state) == before
    assert read_proxy(plane.control, "new", {**sent, "enabled": False}, state).plan == before.plan


def test_a_rule_that_is_given_as_it_is_need_not_be_made_again(plane: Plane) -> None:
    """It may be one that no user could write: here, one that expires before it begins."""
    never = {"behavior": "hang", "ttl": 1, "start": 2}
    plane.control.change(lambda state: state.with_proxy(spec("a", 1, never)))
    state = plane.control.state
    before = state.proxies[0]
    resource = {**proxy_resource(before, state.seed), "enabled": False}
    assert read_proxy(plane.control, "a", resource, state).plan.rules == before.plan.rules
    with pytest.raises(DocumentError):
        read_proxy(plane.control, "c", {**resource, "listen": "here:9"}, state)


def test_the_status_of_what_does_not_run(plane: Plane) -> None:
    unknown = spec("c", 3, HANG)
    status = Status(plane.control, [unknown])
    assert status.of_proxy(unknown) == {"address": None, "generation": 0}
    assert status.of_rule(unknown, unknown.plan.rules[0])["matched"] == 0


def test_a_status_is_not_read(plane: Plane) -> None:
    rule = plane.control.state.proxies[0].plan.rules[0]
    shown = rule_resource(plane.control.state.proxies[0], rule)
    given = {"rules": [{**shown, "status": 1}, 5], "status": 2, "seed": 3}
    assert writable(given) == {"rules": [shown, 5], "seed": 3}
    assert writable({"rules": 7}) == {"rules": 7}


def test_rules_that_go_on(plane: Plane) -> None:
    (rule,) = plane.control.state.proxies[0].plan.rules
    before = Rule(behavior=rule.behavior, name="h", restarts=3)
    assert [each.restarts for each in continued([rule], [before])] == [3]


def test_a_name_is_that_of_the_path() -> None:
    check_name({}, "a")
    check_name({"name": "a"}, "a")
    with pytest.raises(Refusal):
        check_name({"name": None}, "a")
