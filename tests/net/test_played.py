"""What is left of a message for a behavior that is called again."""

from __future__ import annotations

import pytest

from acting import response
from vaurien.net.played import Unsent, left_after, since
from vaurien.testing import at_work
from vaurien.values.actions import Action, Drop, Forward, Hold, Reply, Wait
from vaurien.values.messages import Direction, Message

WHOLE = response(b"0123456789")
REST = WHOLE.part(4, 10)


@pytest.mark.parametrize(
    ("action", "left"),
    [
        (Wait(1.0), WHOLE),
        (Hold(), WHOLE),
        (Wait(1.0, REST), REST),
        (Hold(REST), REST),
        (Forward(WHOLE.part(0, 4)), REST),
        (Forward(WHOLE), None),
        (Forward(WHOLE.with_data(b"xyz")), None),
        (Forward(WHOLE.with_data(b"")), None),
        (Reply(b"0123"), None),
        (Drop(), None),
    ],
)
def test_what_is_left(action: Action, left: Message | None) -> None:
    after = left_after(action, Unsent(WHOLE))
    assert (None if after is None else after.rest) == left


def test_what_is_left_after_several_pieces() -> None:
    left: Unsent | None = Unsent(WHOLE)
    for begin, end in ((0, 3), (3, 4)):
        left = left_after(Forward(WHOLE.part(begin, end)), left)
    assert left is not None
    assert left.rest == REST
    assert left_after(Forward(WHOLE.part(3, 5)), left) is None
    assert left_after(Forward(REST), left) is None


def test_of_what_cannot_be_told_only_the_behavior_can_say_what_is_left() -> None:
    assert left_after(Forward(WHOLE.part(0, 4)), None) is None
    assert left_after(Wait(1.0), None) is None
    assert left_after(Hold(REST), None) == Unsent(REST)


def test_what_waited_before_a_rule_came_arrives_with_the_rule() -> None:
    message = Message(b"abc", Direction.TO_BACKEND, 10.0)
    active_rule = at_work()
    active_rule.on_since = 11.0
    assert since(message, active_rule) == message._replace(at=11.0)
    active_rule.on_since = 9.0
    assert since(message, active_rule) is message
