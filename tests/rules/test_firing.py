"""A firing tells its rule and its connection, gives randomness, and keeps things."""

from __future__ import annotations

import pytest

from acting import Stage, firing, request
from vaurien.behavior import Scope
from vaurien.protocols.tcp import Tcp
from vaurien.testing import at_work
from vaurien.values.messages import Direction

TO_BACKEND, TO_CLIENT = Direction.TO_BACKEND, Direction.TO_CLIENT


class Box:
    """What a behavior may keep."""


class Other:
    pass


def test_a_firing_knows_its_rule_and_its_connection() -> None:
    stage = Stage(Tcp(), at=20.0, opened_at=5.0, number=7)
    fired = firing(3, stage=stage, scope="connection", direction=TO_CLIENT, exchange=4)
    assert (fired.rule, fired.scope, fired.direction) == ("rule", "connection", TO_CLIENT)
    assert (fired.connection, fired.exchange, fired.count) == (7, 4, 3)
    assert (fired.now, fired.opened_at, fired.protocol) == (20.0, 5.0, stage.protocol)


def test_a_firing_knows_when_something_was_heard() -> None:
    stage = Stage(Tcp(), opened_at=5.0, heard={TO_CLIENT: 9.0, TO_BACKEND: 7.0})
    fired = firing(stage=stage)
    assert (fired.heard_at(), fired.heard_at(TO_BACKEND)) == (9.0, 7.0)
    assert firing(stage=Stage(Tcp(), opened_at=5.0)).heard_at() == 5.0


def test_a_firing_does_not_change() -> None:
    with pytest.raises(AttributeError):
        firing().draw = 1.0  # type: ignore[misc] # that it is refused is the point


def test_a_firing_keeps_messages_of_its_own() -> None:
    fired = firing()
    fired.kept.append(request(b"?"))
    assert fired.kept == [request(b"?")]
    assert firing().kept == []


# Randomness.


def test_a_firing_has_randomness_of_its_own() -> None:
    one = firing(seed=1)
    assert one.random().randbytes(8) == one.random().randbytes(8)
    assert one.random().randbytes(8) == firing(seed=1).random().randbytes(8)
    assert one.random().randbytes(8) != firing(seed=2).random().randbytes(8)
    assert one.random().randbytes(8).hex() == "f5b165224a58b791"


@pytest.mark.parametrize("scope", ["exchange", "connection"])
def test_draws_go_on_and_are_the_same_for_the_same_seed(scope: Scope) -> None:
    one, same, other = (firing(seed=seed, scope=scope) for seed in (1, 1, 2))
    drawn = [one.draws(TO_BACKEND).random() for _ in range(5)]
    assert len(set(drawn)) == 5
    assert [same.draws(TO_BACKEND).random() for _ in range(5)] == drawn
    assert other.draws(TO_BACKEND).random() != drawn[0]


@pytest.mark.parametrize("scope", ["exchange", "connection"])
def test_the_draws_of_a_direction_are_not_disturbed_by_those_of_the_other(scope: Scope) -> None:
    alone, both = firing(scope=scope), firing(scope=scope)
    drawn = [alone.draws(TO_CLIENT).random() for _ in range(3)]
    mixed = []
    for _ in range(3):
        assert both.draws(TO_BACKEND).random() not in drawn
        mixed.append(both.draws(TO_CLIENT).random())
    assert mixed == drawn


def test_draws_go_on_from_exchange_to_exchange_of_a_connection() -> None:
    stage, source = Stage(Tcp()), at_work("connection")
    first = firing(stage=stage, source=source, exchange=1)
    second = firing(stage=stage, source=source, exchange=2)
    assert first.draws(TO_BACKEND) is second.draws(TO_BACKEND)
    elsewhere = firing(stage=Stage(Tcp(), number=2), source=source)
    assert elsewhere.draws(TO_BACKEND) is not first.draws(TO_BACKEND)


def test_draws_begin_anew_with_each_exchange_where_that_is_the_scope() -> None:
    stage, source = Stage(Tcp()), at_work("exchange")
    first = firing(seed=1, stage=stage, source=source, exchange=1)
    second = firing(seed=2, stage=stage, source=source, exchange=2)
    assert first.draws(TO_BACKEND) is first.draws(TO_BACKEND)
    assert first.draws(TO_BACKEND) is not second.draws(TO_BACKEND)
    assert stage.memory.own == {}


# What is kept.


@pytest.mark.parametrize("scope", ["exchange", "connection"])
def test_what_is_kept_of_an_exchange_is_made_once(scope: Scope) -> None:
    stage, source = Stage(Tcp()), at_work(scope)
    fired = firing(stage=stage, source=source)
    box = fired.of_exchange(Box)
    assert isinstance(box, Box)
    assert fired.of_exchange(Box) is box
    assert isinstance(fired.of_exchange(Other), Other)
    assert firing(stage=stage, source=source, exchange=2).of_exchange(Box) is not box
    assert fired.own(Box) is not box
    assert fired.shared(Box) is not box


def test_what_is_empty_is_kept_all_the_same() -> None:
    fired = firing()
    assert fired.of_exchange(list) is fired.of_exchange(list)
    assert fired.own(list) is fired.own(list)
    assert fired.shared(list) is fired.shared(list)


def test_what_is_kept_of_a_connection_is_made_once() -> None:
    stage, source = Stage(Tcp()), at_work()
    box = firing(stage=stage, source=source).own(Box)
    assert isinstance(box, Box)
    assert firing(stage=stage, source=source).own(Box) is box
    fired = firing(stage=stage, source=source)
    assert fired.own(Box, TO_BACKEND) is fired.own(Box, TO_BACKEND)
    boxes = {id(kept) for kept in (box, fired.own(Box, TO_BACKEND), fired.own(Box, TO_CLIENT))}
    assert len(boxes) == 3
    assert isinstance(fired.own(Other), Other)


def test_connections_and_rules_keep_things_apart() -> None:
    stage, source = Stage(Tcp()), at_work()
    box = firing(stage=stage, source=source).own(Box)
    assert firing(stage=Stage(Tcp()), source=source).own(Box) is not box
    assert firing(stage=stage, source=at_work()).own(Box) is not box


def test_what_is_shared_is_kept_of_all_connections_of_a_rule() -> None:
    source = at_work()
    one, two = (firing(stage=Stage(Tcp()), source=source) for _ in range(2))
    assert one.shared(Box) is two.shared(Box)
    assert one.shared(Box, TO_CLIENT) is two.shared(Box, TO_CLIENT)
    assert one.shared(Box) is not one.shared(Box, TO_CLIENT)
    assert one.shared(Box) is not one.own(Box)
    assert firing(stage=Stage(Tcp()), source=at_work()).shared(Box) is not one.shared(Box)
