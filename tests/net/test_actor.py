"""Since when a message waits for a rule; what actors do is in test_player."""

from __future__ import annotations

from vaurien.net.actor import since
from vaurien.testing import at_work
from vaurien.values.messages import Direction, Message


def test_what_waited_before_a_rule_came_arrives_with_the_rule() -> None:
    message = Message(b"abc", Direction.TO_BACKEND, 10.0)
    active_rule = at_work()
    active_rule.on_since = 11.0
    assert since(message, active_rule) == message._replace(at=11.0)
    active_rule.on_since = 9.0
    assert since(message, active_rule) is message
