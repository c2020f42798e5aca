"""What authors of plugins test with."""

from __future__ import annotations

from vaurien.behaviors.bandwidth import Bandwidth
from vaurien.testing import Stage, at_work, firing
from vaurien.values.messages import Direction, Message

TO_CLIENT = Direction.TO_CLIENT


class Box:
    """What a behavior may keep."""


def test_firings_on_one_stage_share_what_is_kept_of_the_connection() -> None:
    stage, source = Stage(), at_work()
    first = firing(stage, source, exchange=1).own(Box, TO_CLIENT)
    assert firing(stage, source, exchange=2).own(Box, TO_CLIENT) is first
    assert firing(Stage(), source).own(Box, TO_CLIENT) is not first
    assert firing(stage, at_work()).own(Box, TO_CLIENT) is not first


def test_firings_of_one_rule_share_what_is_kept_of_all_connections() -> None:
    source = at_work()
    assert firing(Stage(), source).shared(Box) is firing(Stage(), source).shared(Box)


def test_a_stage_says_when_it_was_heard() -> None:
    stage = Stage(opened_at=3.0, heard={TO_CLIENT: 5.0})
    fired = firing(stage)
    assert (fired.opened_at, fired.now) == (3.0, 0.0)
    assert fired.heard_at() == 5.0
    assert fired.heard_at(Direction.TO_BACKEND) == 3.0


def test_a_behavior_that_remembers_can_be_called() -> None:
    message = Message(b"x" * 100, TO_CLIENT, 0.0)
    assert list(Bandwidth(rate=1000).on_message(message, firing()))
