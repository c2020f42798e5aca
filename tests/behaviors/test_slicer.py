"""slicer cuts what is said into pieces, and sends each by itself."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acting import ARRIVAL, actions_of, request, response
from scenario import World
from shaping import Shaped, mean
from vaurien.behavior import Scope
from vaurien.behaviors.slicer import Slicer
from vaurien.values.actions import Forward
from vaurien.values.messages import Direction, Message


def sizes(left: list[Forward]) -> list[int]:
    return [len(one.message.data) for one in left]


def times(left: list[Forward]) -> list[float]:
    return [one.message.at for one in left]


def test_pieces_have_the_size_and_the_last_what_is_left() -> None:
    left = Shaped(Slicer(size=30)).says(100)
    assert sizes(left) == [30, 30, 30, 10]
    assert set(times(left)) == {ARRIVAL}


def test_what_is_short_enough_is_left_alone() -> None:
    for message in (request(b"?"), response(b"!"), request(b"x" * 64), request(b"", begins=False)):
        assert actions_of(Slicer(), message) == [Forward(message)]


def test_a_message_is_marked_at_its_two_ends() -> None:
    assert actions_of(Slicer(size=2), request(b"abcde")) == [
        Forward(request(b"ab", ends=False)._replace(left=3)),
        Forward(request(b"cd", begins=False, ends=False)._replace(offset=2, left=1)),
        Forward(request(b"e", begins=False)._replace(offset=4)),
    ]


# When they leave.


def test_between_pieces_there_is_the_delay() -> None:
    left = Shaped(Slicer(size=10, delay=0.5)).says(25)
    assert times(left) == [ARRIVAL, ARRIVAL + 0.5, ARRIVAL + 1]


def test_between_the_pieces_of_two_messages_too() -> None:
    shaped = Shaped(Slicer(size=10, delay=0.5))
    shaped.says(20)
    assert times(shaped.says(20, ARRIVAL + 0.1)) == [ARRIVAL + 1, ARRIVAL + 1.5]
    assert times(shaped.says(20, ARRIVAL + 9)) == [ARRIVAL + 9, ARRIVAL + 9.5]


def test_directions_have_a_pace_each() -> None:
    shaped = Shaped(Slicer(size=10, delay=0.5))
    shaped.plays(request(bytes(20)))
    assert times(shaped.plays(response(bytes(20)))) == [ARRIVAL + 0.5, ARRIVAL + 0.5]
    assert shaped.stage.at == ARRIVAL + 0.5  # that of the requests: the clock does not go back


def test_lifted_it_lets_the_rest_go_uncut() -> None:
    world = World("slicer size=10 delay=0.5 ttl=0.75", whole=True)
    world.client().say(bytes(100))
    world.run(seconds=1)
    (backend,) = world.backends
    assert len(backend.heard) == 100
    assert backend.heard_at == pytest.approx([0, 0.5, 0.75])


@pytest.mark.parametrize(
    ("update", "expected"),
    [
        ("size=1000 delay=0.01", [0, 0.5]),
        ("size=10 delay=0.01", [0, 0.5, 0.51, 0.52]),
        ("size=20 delay=8", [0, 8, 16]),
        ("size=20 delay=5", [0, 5, 10]),
        ("size=20", [0, 0.5]),
    ],
)
def test_an_updated_delay_counts_from_the_last_piece(update: str, expected: list[float]) -> None:
    world = World("slicer size=10 delay=5", whole=True)
    world.client().say(bytes(40))
    world.run(seconds=0.5)
    world.apply(f"slicer {update}")
    world.run(seconds=100)
    (backend,) = world.backends
    assert len(backend.heard) == 40
    assert backend.heard_at == pytest.approx(expected)


def test_what_was_let_go_delays_nothing_later() -> None:
    """Its window ends, and begins again."""
    world = World("slicer size=1 delay=60 on=61 off=100", whole=True)
    client = world.client()
    client.say(bytes(1000))
    world.run(seconds=170)
    client.say(b"yz")
    world.run(lambda: len(world.backends[0].heard) == 1002, seconds=1000)
    assert world.backends[0].heard_at == pytest.approx([0, 60, 61, 170, 222])


# Sizes.


@pytest.mark.parametrize("scope", ["exchange", "connection"])
def test_every_size_within_the_variation_is_as_likely(scope: Scope) -> None:
    shaped = Shaped(Slicer(size=10, variation=4), scope=scope)
    drawn = [size for _ in range(100) for size in sizes(shaped.says(1000))[:-1]]
    counts = Counter(drawn)
    assert sorted(counts) == list(range(6, 15))
    assert mean(drawn) == pytest.approx(10, abs=0.1)
    expected = len(drawn) / 9
    chi_squared = sum((count - expected) ** 2 / expected for count in counts.values())
    assert chi_squared < 26.1  # which one in a thousand exceeds, of 8 degrees of freedom


def test_a_piece_has_a_byte_at_least() -> None:
    counts = Counter(sizes(Shaped(Slicer(size=1, variation=2)).says(3000)))
    assert sorted(counts) == [1, 2, 3]
    assert counts[1] > 2 * counts[2]


def test_the_same_seed_gives_the_same_sizes() -> None:
    once, again = (Shaped(Slicer(variation=60), seed=5) for _ in range(2))
    assert sizes(once.says(5000)) == sizes(again.says(5000)) != sizes(once.says(5000))


# A piece of a message.

marks = st.builds(
    lambda data, begins, ends, offset, left: Message(
        data,
        Direction.TO_BACKEND,
        ARRIVAL,
        begins=begins,
        ends=ends,
        offset=0 if begins else offset,
        left=0 if ends else left,
    ),
    st.binary(min_size=1, max_size=40),
    st.booleans(),
    st.booleans(),
    st.integers(0, 9),
    st.integers(0, 9),
)


@given(message=marks, cuts=st.sets(st.integers(1, 39)))
def test_pieces_are_marked_as_if_they_had_come_so(message: Message, cuts: set[int]) -> None:
    size = len(message.data)
    bounds = [0, *sorted(cut for cut in cuts if cut < size), size]
    pieces = [message.part(*pair) for pair in pairwise(bounds)]
    assert b"".join(one.data for one in pieces) == message.data
    assert [one.begins for one in pieces] == [message.begins] + [False] * (len(pieces) - 1)
    assert [one.ends for one in pieces] == [False] * (len(pieces) - 1) + [message.ends]
    passed = message.offset
    for one in pieces:
        assert one.offset == passed
        passed += len(one.data)
        if message.ends or message.left:
            assert one.left == message.offset + size + message.left - passed
        else:
            assert one.left == 0  # nobody knows how much will follow


def test_of_a_message_whose_length_nobody_knows_no_piece_does() -> None:
    message = request(b"abcd", ends=False)
    assert [message.part(0, 2).left, message.part(2, 4).left] == [0, 0]


def test_a_whole_message_is_left_as_it_is() -> None:
    message = request(b"abc")
    assert message.part(0, 3) is message
