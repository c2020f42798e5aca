"""blackout closes instead of carrying anything."""

from __future__ import annotations

from acting import actions_of, request, response
from vaurien.behaviors.blackout import Blackout
from vaurien.values.actions import Close


def test_it_closes_at_once() -> None:
    for message in (request(b"?"), response(b"!"), request(b"piece", ends=False)):
        assert actions_of(Blackout(), message) == [Close()]
