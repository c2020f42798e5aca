"""error puts something wrong in the place of a response, or into it."""

from __future__ import annotations

import pytest

from acting import actions_of, firing, response
from lines import Lines
from vaurien.actions import Forward
from vaurien.behavior import Behavior
from vaurien.behaviors.error import NOISE, Error
from vaurien.errors import OptionError
from vaurien.messages import Direction, Message
from vaurien.protocol import ERROR_SIZE


def forwarded(behavior: Behavior, message: Message, count: int = 1, seed: int = 1) -> bytes:
    """What comes through of a message, when a rule fires for the so-manieth time."""
    (action,) = actions_of(behavior, message, firing(count, seed=seed, protocol=Lines()))
    assert isinstance(action, Forward)
    assert action.message == message.with_data(action.message.data)
    return action.message.data


def test_the_response_becomes_the_protocols_error() -> None:
    assert forwarded(Error(), response(b"fine\n")) == b"BUSY no\n"


def test_without_a_protocol_the_error_is_noise() -> None:
    (action,) = actions_of(Error(), response(b"fine"), firing())
    assert isinstance(action, Forward)
    assert len(action.message.data) == ERROR_SIZE


def test_one_error_takes_the_place_of_all_pieces() -> None:
    pieces = [
        response(b"one", ends=False),
        response(b"two", begins=False, ends=False),
        response(b"three", begins=False),
    ]
    told = [actions_of(Error(), piece, firing(protocol=Lines())) for piece in pieces]
    assert told == [[Forward(pieces[0].with_data(b"BUSY no\n"))], [], []]


def test_noise_goes_into_the_middle() -> None:
    data = b"before" + b"_after"
    told = forwarded(Error(inject=True), response(data))
    assert len(told) == len(data) + NOISE
    assert told.startswith(b"before")
    assert told.endswith(b"_after")


def test_noise_goes_into_the_first_piece_only() -> None:
    pieces = [
        response(b"one", ends=False),
        response(b"two", begins=False, ends=False),
        response(b"three", begins=False),
    ]
    told = [forwarded(Error(inject=True), piece) for piece in pieces]
    assert len(told[0]) == len(b"one") + NOISE
    assert told[1:] == [b"two", b"three"]


def test_noise_is_the_firings_own() -> None:
    error, message = Error(inject=True), response(b"before_after")
    assert forwarded(error, message, seed=1) == forwarded(error, message, seed=1)
    assert forwarded(error, message, seed=1) != forwarded(error, message, seed=2)


@pytest.mark.parametrize("inject", [True, False])
def test_the_first_exchanges_are_left_alone(inject: bool) -> None:
    error = Error(inject=inject, warmup=2)
    told = [forwarded(error, response(b"fine\n"), count) for count in (1, 2, 3, 4)]
    assert [data == b"fine\n" for data in told] == [True, True, False, False]


def test_requests_are_none_of_its_business() -> None:
    assert not Error().concerns(Direction.TO_BACKEND)
    assert Error().concerns(Direction.TO_CLIENT)


def test_a_warmup_is_a_number() -> None:
    with pytest.raises(OptionError, match="warmup=-1 is not allowed"):
        Error(warmup=-1)
