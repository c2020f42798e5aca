"""delay keeps requests back, or responses."""

from __future__ import annotations

import pytest

from acting import ARRIVAL, actions_of, request, response
from vaurien.behaviors.delay import Delay
from vaurien.errors import OptionError
from vaurien.values.actions import Forward, Wait
from vaurien.values.messages import Direction


def test_requests_wait_for_a_second() -> None:
    question, answer = request(b"?"), response(b"!")
    assert actions_of(Delay(), question) == [Wait(ARRIVAL + 1), Forward(question)]
    assert actions_of(Delay(), answer) == [Forward(answer)]


def test_responses_wait_instead() -> None:
    question, answer = request(b"?"), response(b"!")
    delay = Delay(sleep=2.5, before=False)
    assert actions_of(delay, question) == [Forward(question)]
    assert actions_of(delay, answer) == [Wait(ARRIVAL + 2.5), Forward(answer)]


def test_every_piece_waits_from_its_own_arrival() -> None:
    piece = request(b"?", begins=False, ends=False)
    assert actions_of(Delay(sleep=3), piece) == [Wait(ARRIVAL + 3), Forward(piece)]


@pytest.mark.parametrize("before", [True, False])
def test_it_says_which_direction_it_leaves_alone(before: bool) -> None:
    delay = Delay(before=before)
    assert delay.concerns(Direction.TO_BACKEND) is before
    assert delay.concerns(Direction.TO_CLIENT) is not before


def test_time_does_not_run_backwards() -> None:
    with pytest.raises(
        OptionError, match=r"sleep=-1 is not allowed: it takes a number of at least 0"
    ):
        Delay(sleep=-1)
