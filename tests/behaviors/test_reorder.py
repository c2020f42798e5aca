"""reorder lets chunks overtake each other."""

from __future__ import annotations

from collections import Counter
from math import sqrt

import pytest

from acting import ARRIVAL, actions_of, firing, request, response
from lifting import ANSWER, QUESTION, lifted_at_any_moment
from lines import Lines
from scenario import Peer, World
from vaurien.behaviors.reorder import Reorder
from vaurien.errors import OptionError
from vaurien.protocols.http.parser import Http
from vaurien.protocols.tcp import Tcp
from vaurien.values.actions import Behind, Forward

LATER = ARRIVAL + 0.05


def test_pairs_change_places() -> None:
    fired = firing(scope="connection")
    for message in (request(b"a"), request(b"c")):
        assert actions_of(Reorder(), message, fired) == [Behind(message, LATER)]
        follower = request(b"b")._replace(at=ARRIVAL + 0.04)
        assert actions_of(Reorder(), follower, fired) == [Forward(follower)]


def test_directions_do_not_overtake_each_other() -> None:
    fired = firing(scope="connection")
    for message in (request(b"?"), response(b"!")):
        assert actions_of(Reorder(), message, fired) == [Behind(message, LATER)]


def test_who_comes_too_late_is_overtaken_itself() -> None:
    fired = firing(scope="connection")
    first, second = request(b"a"), request(b"b")._replace(at=LATER)
    assert actions_of(Reorder(), first, fired) == [Behind(first, LATER)]
    assert actions_of(Reorder(), second, fired) == [Behind(second, LATER + 0.05)]


def test_patience_may_be_long_or_none() -> None:
    message = request(b"a")
    assert actions_of(Reorder(patience=7), message) == [Behind(message, ARRIVAL + 7)]
    assert actions_of(Reorder(patience=0), message) == [Behind(message, ARRIVAL)]


@pytest.mark.parametrize("chance", [0, 1, 30, 75])
def test_so_many_of_those_that_may_are_overtaken(chance: float) -> None:
    behavior, fired = Reorder(chance=chance, patience=0), firing(scope="connection")
    kinds = Counter(type(actions_of(behavior, request(b"?"), fired)[0]) for _ in range(10_000))
    expected = 100 * chance
    assert abs(kinds[Behind] - expected) <= 4 * sqrt(expected * (1 - chance / 100))


def test_it_is_not_for_messages() -> None:
    Reorder().fit(Tcp)
    for protocol in (Lines, Http):
        with pytest.raises(OptionError, match="'reorder' is not allowed with the protocol"):
            Reorder().fit(protocol)


def say(world: World, client: Peer, *chunks: bytes, pause: float = 0.001) -> None:
    for chunk in chunks:
        client.say(chunk)
        world.run(seconds=pause)


def test_the_stream_that_arrives() -> None:
    world = World("reorder direction=to_backend", whole=True)
    client = world.client()
    say(world, client, b"a", b"b", b"c", b"d", b"e")
    (backend,) = world.backends
    assert bytes(backend.heard) == b"badc"
    client.say(b"f", finish=True)
    world.run(lambda: backend.ended)
    assert (bytes(backend.heard), backend.ended) == (b"badcfe", "fin")


def test_so_it_is_the_other_way() -> None:
    world = World("reorder patience=1", whole=True)
    client = world.client()
    world.run(lambda: world.backends)
    say(world, world.backends[0], b"a", b"b", b"c")
    assert bytes(client.heard) == b"ba"
    begun = world.system.time
    world.run(lambda: bytes(client.heard) == b"bac")
    assert world.system.time - begun == pytest.approx(1 - 0.001)


def test_a_chunk_waits_no_longer_than_its_patience() -> None:
    world = World("reorder patience=5", whole=True)
    client = world.client()
    say(world, client, b"a", b"b", b"c", pause=10)
    (backend,) = world.backends
    assert bytes(backend.heard) == b"abc"
    assert backend.heard_at == [5, 15, 25]


@pytest.mark.parametrize("how", ["fin", "reset"])
def test_the_end_comes_after_a_chunk_that_waits(how: str) -> None:
    world = World("reorder patience=3600", whole=True)
    client = world.client()
    say(world, client, b"a", b"b", b"c", pause=1)
    (backend,) = world.backends
    if how == "fin":
        client.finish()
    else:
        client.reset()
    world.run(lambda: backend.ended)
    assert (bytes(backend.heard), backend.ended) == (b"bac", how)
    assert world.system.time == 3


def test_lifted_it_lets_go_of_a_chunk_that_waits() -> None:
    world = World("reorder patience=3600", whole=True)
    client = world.client()
    say(world, client, b"a", pause=1)
    world.apply()
    world.run(lambda: world.backends[0].heard)
    say(world, client, b"b", b"c")
    assert bytes(world.backends[0].heard) == b"abc"
    assert world.system.time == pytest.approx(1.002)


@pytest.mark.parametrize(
    ("rule", "at_once", "later"),
    [
        ("hang", 0, 0),
        ("blackout", 0, 0),
        ("limit-data bytes=100", 100, 100),
        ("delay sleep=2", 0, 5000),
        ("latency delay=2", 0, 5000),
        ("slicer size=100 delay=0.1", 500, 5000),
        ("bandwidth rate=10000", 4000, 5000),
        ("reorder name=other patience=2", 0, 5000),
        ("delay sleep=2 before=off", 5000, 5000),
        ("hang percent=0", 5000, 5000),
    ],
)
@pytest.mark.parametrize("behind", ["", "duplicate chance=0"])
def test_rules_that_replace_it_act_on_what_it_held(
    rule: str, at_once: int, later: int, behind: str
) -> None:
    others = [behind] * bool(behind)
    world = World("reorder patience=30 direction=to_backend", *others, whole=True)
    say(world, world.client(), bytes(5000), pause=1)
    (backend,) = world.backends
    assert not backend.heard
    world.apply(rule, *others)
    world.run(seconds=0.49)
    assert len(backend.heard) == at_once
    world.run(seconds=10)
    assert len(backend.heard) == later


def test_a_rule_before_it_does_not_act_again_on_what_it_held() -> None:
    slow, late = "latency delay=1", "reorder patience=30 direction=to_backend"
    world = World(slow, late, whole=True)
    say(world, world.client(), b"a", pause=5)
    world.apply(slow, "delay sleep=2")
    world.run(seconds=100)
    assert world.backends[0].heard_at == [7]


def test_rules_that_come_while_the_next_is_held_act_on_what_it_overtakes() -> None:
    world = World("reorder patience=30 direction=to_backend", "hang", whole=True)
    say(world, world.client(), bytes(100), bytes(100), pause=1)
    world.apply("slicer size=10 delay=1")
    world.run(seconds=100)
    assert [round(at) for at in world.backends[0].heard_at] == list(range(2, 22))


def test_a_delay_goes_with_it() -> None:
    for rules in (("reorder", "delay sleep=5"), ("delay sleep=5", "reorder")):
        world = World(*rules, whole=True)
        client = world.client()
        say(world, client, b"a", b"b", b"c")
        (backend,) = world.backends
        client.finish()
        world.run(lambda backend=backend: backend.ended)  # type: ignore[misc]  # no inference
        assert bytes(backend.heard) == b"bac"


def test_what_waited_has_arrived_when_it_goes_on() -> None:
    """So two waits add up; and what it goes behind and it wait together."""
    rules = ("reorder patience=1", "latency delay=5")
    for order in (rules, rules[::-1]):
        world = World(*order, whole=True)
        client = world.client()
        say(world, client, b"a")
        world.run(lambda world=world: world.backends and world.backends[0].heard)  # type: ignore[misc]
        assert world.system.time == pytest.approx(6)
        begun = world.system.time
        say(world, client, b"b", b"c", pause=0.5)
        world.run(lambda world=world: len(world.backends[0].heard) == 3)  # type: ignore[misc]
        assert bytes(world.backends[0].heard) == b"acb"
        assert world.system.time - begun == pytest.approx(5.5)


@pytest.mark.parametrize("options", ["", "chance=40", "patience=3600"])
def test_lifting_it_loses_nothing(options: str) -> None:
    for lifted in lifted_at_any_moment(f"reorder {options}", seeds=2):
        assert Counter(lifted.question) == Counter(QUESTION)
        assert Counter(lifted.answer) == Counter(ANSWER)
        assert lifted.ends == ("fin", "fin")
