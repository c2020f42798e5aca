"""Faults: found by any of their identifiers, and told what they may be told."""

from __future__ import annotations

import pytest

from acting import actions_of, firing, request, response
from lines import FAULTS, Lines
from scenario import World
from vaurien.behaviors.error import Error
from vaurien.errors import OptionError
from vaurien.fault import NO_FAULTS, values_of
from vaurien.protocols.redis.faults import CATALOGUE
from vaurien.protocols.redis.parser import Redis
from vaurien.values.actions import Close, Forward, Reply


@pytest.mark.parametrize("identifier", ["BUSY", "busy", "17"])
def test_a_fault_answers_to_all_its_identifiers(identifier: str) -> None:
    assert FAULTS.find(identifier).name == "BUSY"


def test_an_unknown_fault_is_told_what_there_is() -> None:
    with pytest.raises(OptionError) as caught:
        FAULTS.find("BUZY")
    assert str(caught.value) == (
        "fault='BUZY' is unknown (did you mean BUSY?): it takes one of BUSY, BYE, LOCKED, UNDONE"
    )


def test_an_unknown_fault_is_told_what_else_faults_answer_to() -> None:
    with pytest.raises(
        OptionError, match=r"is unknown \(did you mean WatchError \(watch-failed\)\?\)"
    ):
        CATALOGUE.find("WatchEror")


def test_an_unknown_fault_of_many_is_told_where_they_are_listed() -> None:
    with pytest.raises(OptionError, match=r"'vaurien faults redis' lists all \d+"):
        Error(fault="nope").fit(Redis)
    with pytest.raises(OptionError, match=r"'vaurien faults' lists all \d+"):
        CATALOGUE.find("nope")


def test_parameters_are_checked_and_have_defaults() -> None:
    fault = FAULTS.find("BUSY")
    assert values_of(fault, {}) == {"reason": "no"}
    assert values_of(fault, {"reason": "later"}) == {"reason": "later"}
    with pytest.raises(
        OptionError, match="'slot' is not a parameter of the fault 'BUSY': it takes one of reason"
    ):
        values_of(fault, {"slot": 1})
    with pytest.raises(OptionError, match="reason=True is not allowed"):
        values_of(fault, {"reason": True})


def test_some_faults_are_typical() -> None:
    assert [fault.name for fault in FAULTS.typical] == ["BUSY"]
    assert FAULTS
    assert not NO_FAULTS


def of_lines(fault: str) -> Error:
    return Error(fault=fault).fit(Lines)


def test_an_answer_takes_the_place_of_a_request_at_its_end() -> None:
    error = of_lines("BYE")
    fired = firing(protocol=Lines())
    assert actions_of(error, request(b"PUT 2\n", ends=False), fired) == []
    assert actions_of(error, request(b"ab", begins=False), fired) == [Reply(b"BYE no\n"), Close()]


def test_an_answer_takes_the_place_of_a_response_that_came() -> None:
    error = of_lines("BYE")
    fired = firing(protocol=Lines())
    first, last = response(b"FI", ends=False), response(b"NE\n", begins=False)
    assert actions_of(error, first, fired) == [Forward(first.with_data(b"BYE no\n")), Close()]
    assert actions_of(error, last, fired) == []


def test_nobody_is_answered_who_expects_no_reply() -> None:
    error = of_lines("BYE")
    quiet = request(b"QUIET x\n")._replace(expects_reply=False)
    assert actions_of(error, quiet, firing(protocol=Lines())) == []


def test_one_answer_takes_the_place_of_several_responses_to_one_request() -> None:
    world = World("error fault=BUSY answer=MORE", protocol=Lines())
    client = world.client()
    client.say(b"GET a\nGET b\n")
    world.run(lambda: bool(world.backends and world.backends[0].heard.endswith(b"b\n")))
    world.backends[0].say(b"MORE\na\nb\n")
    world.run(lambda: client.heard.endswith(b"b\n"))
    assert bytes(client.heard) == b"BUSY no\nb\n"


def test_what_the_backend_says_unasked_is_no_place_for_an_answer() -> None:
    world = World("error fault=BUSY", protocol=Lines())
    client = world.client()
    world.run(lambda: bool(world.backends))
    world.backends[0].say(b"!news\n")
    world.run(lambda: client.heard.endswith(b"\n"))
    client.say(b"GET a\n")
    world.run(lambda: client.heard.count(b"\n") == 2)
    assert bytes(client.heard) == b"!news\nBUSY no\n"
