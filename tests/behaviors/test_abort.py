"""abort cuts between a request and its response."""

from __future__ import annotations

from acting import actions_of, request, response
from vaurien.behaviors.abort import Abort
from vaurien.values.actions import Close, Forward


def test_the_request_arrives_and_the_response_does_not() -> None:
    question, answer = request(b"?"), response(b"!")
    assert actions_of(Abort(), question) == [Forward(question), Close()]
    assert actions_of(Abort(), answer) == [Close()]


def test_a_long_request_arrives_as_a_whole() -> None:
    pieces = [request(b"1", ends=False), request(b"2", begins=False)]
    assert [actions_of(Abort(), piece) for piece in pieces] == [
        [Forward(pieces[0])],
        [Forward(pieces[1]), Close()],
    ]
