"""dummy leaves traffic as it is."""

from __future__ import annotations

from acting import actions_of, request, response
from vaurien.actions import Forward
from vaurien.behaviors.dummy import Dummy


def test_it_forwards_everything() -> None:
    for message in (request(b"?"), response(b"!")):
        assert actions_of(Dummy(), message) == [Forward(message)]


def test_links_need_not_ask_it() -> None:
    assert Dummy.inert
