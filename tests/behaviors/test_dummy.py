"""dummy leaves traffic as it is."""

from __future__ import annotations

from acting import actions_of, request, response
from vaurien.behaviors.dummy import Dummy
from vaurien.values.actions import Forward


def test_it_forwards_everything() -> None:
    for message in (request(b"?"), response(b"!")):
        assert actions_of(Dummy(), message) == [Forward(message)]


def test_links_need_not_ask_it() -> None:
    assert Dummy.inert
