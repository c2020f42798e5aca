"""hang keeps everything back until it is lifted."""

from __future__ import annotations

from acting import actions_of, request, response
from vaurien.behaviors.hang import Hang
from vaurien.values.actions import Forward, Hold


def test_it_holds_and_then_lets_go() -> None:
    for message in (request(b"?"), response(b"!"), request(b"piece", begins=False, ends=False)):
        assert actions_of(Hang(), message) == [Hold(), Forward(message)]
