"""duplicate hands chunks on twice."""

from __future__ import annotations

import random
from collections import Counter
from math import sqrt

import pytest

from acting import actions_of, firing, request, response
from lifting import ANSWER, QUESTION, lifted_at_any_moment
from lines import Lines
from scenario import World
from vaurien.behaviors.duplicate import Duplicate
from vaurien.errors import OptionError
from vaurien.protocols.http.parser import Http
from vaurien.protocols.tcp import Tcp
from vaurien.values.actions import Forward


def test_a_chunk_is_followed_by_its_copy() -> None:
    for message in (request(b"?"), response(b"!")):
        copy = message._replace(again=True)
        assert actions_of(Duplicate(), message) == [Forward(message), Forward(copy)]
        assert actions_of(Duplicate(chance=0), message) == [Forward(message)]


@pytest.mark.parametrize("chance", [1, 30, 75])
def test_so_many_of_them_are(chance: float) -> None:
    count = 10_000
    behavior, fired = Duplicate(chance=chance), firing(scope="connection")
    told = sum(len(actions_of(behavior, request(b"?"), fired)) for _ in range(count))
    expected = count * chance / 100
    deviation = sqrt(expected * (1 - chance / 100))
    assert abs(told - count - expected) < 4 * deviation


def test_the_same_seed_chooses_the_same() -> None:
    def chosen(seed: int) -> list[int]:
        fired = firing(scope="connection", seed=seed)
        return [len(actions_of(Duplicate(chance=50), request(b"?"), fired)) for _ in range(50)]

    assert chosen(1) == chosen(1) != chosen(2)


def test_it_is_not_for_messages() -> None:
    Duplicate().fit(Tcp)
    for protocol in (Lines, Http):
        with pytest.raises(OptionError, match="'duplicate' is not allowed with the protocol"):
            Duplicate().fit(protocol)


def test_chunks_arrive_twice_in_order() -> None:
    world = World("duplicate", whole=True)
    client = world.client()
    for chunk in (b"one ", b"two ", b"three "):
        client.say(chunk)
        world.run(seconds=1)
    client.finish()
    world.run(lambda: world.backends[0].ended)
    (backend,) = world.backends
    assert bytes(backend.heard) == b"one one two two three three "
    backend.say(b"and back ", finish=True)
    world.run(lambda: client.ended)
    assert bytes(client.heard) == b"and back and back "


def test_two_of_them_make_four() -> None:
    world = World("duplicate", "duplicate", whole=True)
    client = world.client()
    client.say(b"x", finish=True)
    world.run(lambda: world.backends and world.backends[0].ended)
    assert bytes(world.backends[0].heard) == b"xxxx"


def test_a_copy_waits_no_longer_than_the_chunk() -> None:
    world = World("duplicate", "delay sleep=5", whole=True)
    client = world.client()
    client.say(b"x")
    world.run(lambda: world.backends and len(world.backends[0].heard) == 2)
    assert world.system.time == 5


def test_a_slow_reader_gets_it_all() -> None:
    said = random.Random(5).randbytes(500_000)
    world = World("duplicate", seed=3)
    client = world.client()
    world.run(lambda: world.backends)
    (backend,) = world.backends
    backend.read(wanted=False)
    client.say(said, finish=True)
    world.run(seconds=1)
    backend.read(wanted=True)
    world.run(lambda: backend.ended)
    assert Counter(backend.heard) == Counter(said + said)


def test_lifting_it_loses_nothing() -> None:
    for chance in (100, 40):
        for lifted in lifted_at_any_moment(f"duplicate chance={chance}", seeds=2):
            assert holds_in_order(lifted.question, QUESTION)
            assert holds_in_order(lifted.answer, ANSWER)
            assert lifted.ends == ("fin", "fin")


def holds_in_order(heard: bytes | bytearray, said: bytes) -> bool:
    """Whether all that was said is there, with nothing but copies of it in between."""
    at = 0  # how much of what was said has been found
    position = 0
    while position < len(heard):
        fresh = _agreement(heard, position, said, at)
        at, position = at + fresh, position + fresh
        if position == len(heard):
            break
        # A copy of what was just found: it begins somewhere in it, and ends where it ends.
        starts = (
            start
            for start in range(max(0, at - (len(heard) - position)), at)
            if heard[position : position + at - start] == said[start:at]
        )
        start = next(starts, None)
        if start is None:
            return False
        position += at - start
    return at == len(said)


def _agreement(heard: bytes | bytearray, position: int, said: bytes, at: int) -> int:
    """How many bytes of the one are those of the other, from these positions on."""
    low, high = 0, min(len(heard) - position, len(said) - at)
    while low < high:
        middle = (low + high + 1) // 2
        if heard[position : position + middle] == said[at : at + middle]:
            low = middle
        else:
            high = middle - 1
    return low
