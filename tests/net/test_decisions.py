"""Decisions: on requests, on what only responses tell, and what is carried through."""

from __future__ import annotations

import pytest

from lines import Lines
from scenario import Peer, World
from vaurien.errors import OptionError


def answer(peer: Peer, data: bytes) -> None:
    """A backend that answers each line with its own words, and undoes when it is told."""
    answered = getattr(peer, "answered", 0)
    whole = [line for line in bytes(peer.heard).splitlines(keepends=True) if line[-1:] == b"\n"]
    for line in whole[answered:]:
        if not line.startswith((b"QUIET", b"AND")):
            peer.say(b"FAIL a\n" if b"fail" in line else line)
    peer.answered = len(whole)  # type: ignore[attr-defined]


def test_a_rule_may_match_what_only_the_response_tells() -> None:
    world = World("delay before=false sleep=3 answer=FAIL", protocol=Lines(), on_data=answer)
    client = world.client()
    client.say(b"GET a\nGET fail\nGET c\n")
    world.run(lambda: client.heard.count(b"\n") == 3)
    assert bytes(client.heard) == b"GET a\nFAIL a\nGET c\n"
    assert world.system.time >= 3
    assert world.fired == [(1, 2, "delay")]


def test_a_rule_may_match_both_request_and_response() -> None:
    rule = "error fault=BUSY command=GET answer=FAIL times=1"
    world = World(rule, protocol=Lines(), on_data=answer)
    client = world.client()
    client.say(b"SET fail\nGET ok\nGET fail\nGET fail\n")
    world.run(lambda: client.heard.count(b"\n") == 4)
    assert bytes(client.heard) == b"FAIL a\nGET ok\nBUSY no\nFAIL a\n"


def test_what_a_response_tells_is_too_late_for_requests() -> None:
    with pytest.raises(OptionError) as caught:
        World("delay answer=FAIL", protocol=Lines())
    assert str(caught.value) == (
        "'answer' is known with the response only, and with these options 'delay' acts on "
        "requests; requests have: command, key"
    )


def test_a_fault_brings_what_its_exchange_must_be() -> None:
    world = World("error fault=LOCKED", protocol=Lines(), on_data=answer)
    client = world.client()
    client.say(b"GET a\nPUT 1\nx")
    world.run(lambda: client.heard.count(b"\n") == 2)
    assert bytes(client.heard) == b"GET a\nLOCKED no\n"


def test_a_match_of_the_rules_own_goes_before_that_of_its_fault() -> None:
    world = World("error fault=LOCKED command=GET", protocol=Lines(), on_data=answer)
    client = world.client()
    client.say(b"GET a\nPUT 0\n")
    world.run(lambda: client.heard.count(b"\n") == 2)
    assert bytes(client.heard) == b"LOCKED no\nPUT 0\n"


@pytest.mark.parametrize("seed", range(6))
def test_what_a_fault_has_begun_it_carries_through(seed: int) -> None:
    world = World("error fault=UNDONE", protocol=Lines(), seed=seed)
    client = world.client()
    client.say(b"GET a\n")
    world.run(lambda: bool(world.backends) and bytes(world.backends[0].heard) == b"UNDO\n")
    world.apply()
    world.backends[0].say(b"DONE\n")
    world.run(lambda: client.heard.endswith(b"\n"))
    assert bytes(client.heard) == b"UNDONE\n"
    client.say(b"GET b\n")
    world.run(lambda: world.backends[0].heard.endswith(b"GET b\n"))
    world.backends[0].say(b"b\n")
    world.run(lambda: client.heard.endswith(b"b\n"))
    assert bytes(client.heard) == b"UNDONE\nb\n"
    (connection,) = world.proxy.connections
    assert [link.quiet for link in connection.links] == [True, True]


@pytest.mark.parametrize("seed", range(6))
def test_a_long_request_is_swallowed_to_its_end_though_the_rule_is_lifted(seed: int) -> None:
    world = World("error fault=BUSY", protocol=Lines(), on_data=answer, seed=seed)
    client = world.client()
    client.say(b"PUT 6\nabc")
    world.run(seconds=1)
    world.apply()
    client.say(b"def")
    world.run(seconds=1)
    client.say(b"GET b\n")
    world.run(lambda: client.heard.endswith(b"b\n"))
    assert bytes(client.heard) == b"BUSY no\nGET b\n"
    assert bytes(world.backends[0].heard) == b"GET b\n"


@pytest.mark.parametrize("lifted", [False, True])
def test_what_continues_a_request_shares_its_decision(lifted: bool) -> None:
    world = World("error fault=BUSY times=1", protocol=Lines(), on_data=answer)
    client = world.client()
    client.say(b"GET a\n")
    world.run(lambda: client.heard.endswith(b"\n"))
    if lifted:
        world.apply()
    for _ in range(3):
        client.say(b"AND more\n")
        world.run(seconds=1)
    client.say(b"GET b\nAND more\n")
    world.run(seconds=1)
    assert bytes(client.heard) == b"BUSY no\nGET b\n"
    assert bytes(world.backends[0].heard) == b"GET b\nAND more\n"


def test_decisions_are_forgotten_with_their_exchanges() -> None:
    world = World("delay sleep=0.1", protocol=Lines(), on_data=answer)
    client = world.client()
    for number in range(50):
        client.say(b"GET %d\nQUIET x\n" % number)
        world.run(lambda number=number: client.heard.endswith(b"GET %d\n" % number))  # type: ignore[misc]
    (connection,) = world.proxy.connections
    assert len(connection._decisions or ()) <= 2


def test_responses_that_come_together_share_the_decision_on_their_request() -> None:
    rule = "delay before=false sleep=1 times=1"
    world = World(rule, protocol=Lines(), on_data=lambda *_: None, whole=True)
    client = world.client()
    client.say(b"GET a\nGET b\n")
    world.run(lambda: bool(world.backends and world.backends[0].heard.endswith(b"b\n")))
    world.backends[0].say(b"MORE\na\nb\n")
    world.run(lambda: client.heard.count(b"\n") == 3)
    assert world.fired == [(1, 1, "delay")]
