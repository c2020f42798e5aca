"""error puts something wrong in the place of a response, or into it."""

from __future__ import annotations

import pytest

from acting import actions_of, firing, request, response
from lines import Lines, Refusal
from vaurien.behaviors.error import NOISE, Error
from vaurien.errors import OptionError
from vaurien.fault import Catalogue
from vaurien.protocol import ERROR_SIZE
from vaurien.protocols.tcp import Tcp
from vaurien.values.actions import Forward, Reply
from vaurien.values.messages import Direction, Message


def forwarded(behavior: Error, message: Message, count: int = 1, seed: int = 1) -> bytes:
    """Return what a message becomes when a rule fires for the ``count``-th time."""
    fired = firing(count, seed=seed, protocol=Lines())
    (action,) = actions_of(behavior.fit(Lines), message, fired)
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
    error = Error().fit(Lines)
    told = [actions_of(error, piece, firing(protocol=Lines())) for piece in pieces]
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


# Faults of the protocol.


def test_a_fault_must_be_of_the_protocol() -> None:
    with pytest.raises(OptionError, match="the protocol 'tcp' has no faults"):
        Error(fault="BUSY").fit(Tcp)
    with pytest.raises(OptionError, match="fault='BUZY' is unknown"):
        Error(fault="BUZY").fit(Lines)
    with pytest.raises(OptionError, match="fault='BUSY' excludes inject"):
        Error(fault="BUSY", inject=True).fit(Lines)
    with pytest.raises(OptionError, match="'slot' is not a parameter of the fault 'BUSY'"):
        Error.configured({"fault": "BUSY", "slot": 1}).fit(Lines)


def test_a_fault_brings_matches_and_options() -> None:
    assert Error(fault="LOCKED").fit(Lines).applies_to == {"command": "PUT"}
    assert list(Error.further_options({"fault": "BUSY"}, Lines)) == ["reason"]
    assert Error.further_options({}, Lines) == {}


def test_settings_make_the_same_again() -> None:
    error = Error.configured({"fault": "BUSY", "reason": "later"}).fit(Lines)
    assert error.settings()["reason"] == "later"
    assert Error.configured(error.settings()).fit(Lines) == error


def test_to_fit_a_protocol_changes_nothing() -> None:
    error = Error(fault="LOCKED")
    assert error.fit(Lines) is not error
    assert (error.faults, error.applies_to, error.needs_messages) == ((), {}, False)


def test_what_one_fault_was_told_does_not_suit_another() -> None:
    defaults = {"fault": "BUSY", "reason": "later", "warmup": 3}
    assert Error.over(defaults, {"warmup": 1}) == {**defaults, "warmup": 1}
    assert Error.over(defaults, {"fault": "UNDONE"}) == {"fault": "UNDONE", "warmup": 3}


def test_the_journal_is_told_the_fault() -> None:
    error = Error(fault="17", warmup=1).fit(Lines)
    assert error.detail(firing(1, protocol=Lines())) == ""
    assert error.detail(firing(2, protocol=Lines())) == "BUSY"
    assert Error().fit(Lines).detail(firing(protocol=Lines())) == "BUSY"
    assert Error(inject=True).fit(Lines).detail(firing(protocol=Lines())) == "noise"
    assert Error().fit(Tcp).detail(firing()) == "noise"


class TwoFaults(Lines):
    name = "two-faults"
    faults = Catalogue(
        Refusal(name=name, meaning="-", exercises="-", typical=True) for name in ("ONE", "TWO")
    )


def test_the_fault_of_an_exchange_is_chosen_once() -> None:
    error = Error().fit(TwoFaults)
    names = set()
    for seed in range(20):
        fired = firing(seed=seed, protocol=TwoFaults())
        name = error.detail(fired)
        assert actions_of(error, request(b"GET a\n"), fired) == [Reply(f"{name} no\n".encode())]
        names.add(name)
    assert names == {"ONE", "TWO"}
