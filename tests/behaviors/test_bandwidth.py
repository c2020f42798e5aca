"""bandwidth passes its rate in bytes per second: never more, and hardly ever less."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acting import ARRIVAL, Stage, actions_of, firing, request, response
from lines import Lines
from scenario import Peer, World
from shaping import Shaped
from vaurien.behaviors.bandwidth import Bandwidth
from vaurien.errors import OptionError
from vaurien.protocols.tcp import Tcp
from vaurien.testing import at_work
from vaurien.values.actions import Forward
from vaurien.values.messages import Message

EXACTLY = 1e-6
"""Seconds or bytes that floats may be off by."""


def sizes(left: list[Forward]) -> list[int]:
    return [len(one.message.data) for one in left]


def times(left: list[Forward]) -> list[float]:
    """In seconds from the arrival."""
    return [one.message.at - ARRIVAL for one in left]


# One connection.


def test_a_piece_leaves_when_its_last_byte_would_have() -> None:
    left = Shaped(Bandwidth(rate=1000)).says(250)
    assert sizes(left) == [100, 100, 50]
    assert times(left) == pytest.approx([0.1, 0.2, 0.25])


@pytest.mark.parametrize(
    ("rate", "size"),
    [(1, 1), (5, 1), (100, 10), (14_600, 1460), (29_200, 1460), (100_000, 5000), (10**6, 50_000)],
)
def test_pieces_are_as_long_as_suits_the_rate(rate: int, size: int) -> None:
    left = Shaped(Bandwidth(rate=rate)).says(3 * size)
    assert sizes(left) == [size] * 3


@pytest.mark.parametrize(
    ("rate", "size"),
    [(1, 1), (5, 1), (100, 10), (14_600, 1460), (73_000, 1460), (100_000, 2000), (10**6, 20_000)],
)
def test_pieces_of_a_shared_line_are_short_as_others_wait_for_them(rate: int, size: int) -> None:
    left = Shaped(Bandwidth(rate=rate, shared=True)).says(3 * size)
    assert sizes(left) == [size] * 3


def test_a_message_is_marked_at_its_two_ends() -> None:
    left = Shaped(Bandwidth(rate=20)).plays(request(b"abcde"))
    assert [one.message._replace(at=ARRIVAL) for one in left] == [
        request(b"ab", ends=False)._replace(left=3),
        request(b"cd", begins=False, ends=False)._replace(offset=2, left=1),
        request(b"e", begins=False)._replace(offset=4),
    ]


def test_an_empty_end_of_a_message_passes() -> None:
    end = request(b"", begins=False)
    assert actions_of(Bandwidth(rate=1), end) == [Forward(end)]


def test_directions_have_a_line_each() -> None:
    shaped = Shaped(Bandwidth(rate=1000))
    assert times(shaped.plays(request(bytes(100)))) == pytest.approx([0.1])
    assert times(shaped.plays(response(bytes(100)))) == pytest.approx([0.1])


def test_a_megabyte_a_second_is_exact_over_seconds() -> None:
    shaped = Shaped(Bandwidth(rate=10**6))
    left = [one for _ in range(500) for one in shaped.says(10_007)]
    total = 500 * 10_007
    assert times(left)[-1] == pytest.approx(total / 10**6, rel=1e-9)
    for passed, seconds in zip(accumulate(sizes(left)), times(left), strict=True):
        assert passed <= 10**6 * seconds + EXACTLY


def test_a_byte_a_second() -> None:
    left = Shaped(Bandwidth(rate=1)).says(10_000)
    assert times(left) == list(range(1, 10_001))


def test_a_rate_above_all_that_comes_cuts_nothing() -> None:
    left = Shaped(Bandwidth(rate=10**15)).says(128 * 1024)
    assert sizes(left) == [128 * 1024]
    assert times(left) == pytest.approx([0], abs=EXACTLY)


def test_it_takes_a_byte_a_second_at_least() -> None:
    for option in ("rate=0", "burst=-1"):
        name, _, value = option.partition("=")
        with pytest.raises(OptionError, match=f"{option} is not allowed"):
            Bandwidth(**{name: int(value)})


says = st.lists(
    st.tuples(st.integers(0, 3000), st.sampled_from([0, 0, 0.001, 0.1, 2])), max_size=30
)


@given(rate=st.integers(1, 100_000), burst=st.sampled_from([0, 1, 500, 10_000]), says=says)
def test_never_more_than_the_rate_and_never_later_than_it_must(
    rate: int, burst: int, says: list[tuple[int, float]]
) -> None:
    shaped = Shaped(Bandwidth(rate=rate, burst=burst))
    at, free_at, passed = ARRIVAL, 0.0, 0
    begun: float | None = None
    for size, pause in says:
        at += pause
        left = shaped.says(size, at)
        assert sum(sizes(left)) == size
        begun = at if begun is None and size else begun
        for one in left:
            passed += len(one.message.data)
            if passed:
                assert begun is not None
                seconds = one.message.at - begun
                assert passed <= rate * seconds + burst + max(1, rate * 1e-9 * one.message.at)
        if size:
            free_at = max(free_at, at) + size / rate
            due = max(at, free_at - burst / rate)
            assert left[-1].message.at == pytest.approx(max(due, left[0].message.at))


def test_after_a_rest_a_burst_goes_at_once() -> None:
    shaped = Shaped(Bandwidth(rate=1000, burst=500))
    assert times(shaped.says(500)) == pytest.approx([0] * 5)
    assert times(shaped.says(200)) == pytest.approx([0.1, 0.2])
    # It has rested for 0.3 s: good for as many bytes, with what is left of no burst.
    assert times(shaped.says(400, ARRIVAL + 0.5)) == pytest.approx([0.5, 0.5, 0.5, 0.6])
    assert times(shaped.says(600, ARRIVAL + 60)) == pytest.approx([60] * 5 + [60.1])


def test_lifted_it_lets_the_rest_go_uncut() -> None:
    world = World("bandwidth rate=100 ttl=0.25", whole=True)
    world.client().say(bytes(1000))
    world.run(seconds=1)
    (backend,) = world.backends
    assert len(backend.heard) == 1000
    assert backend.heard_at == pytest.approx([0.1, 0.2, 0.25])


@pytest.mark.parametrize("shared", ["false", "true"])
def test_what_was_let_go_delays_nothing_later(shared: str) -> None:
    """Its window ends, and begins again."""
    world = World(f"bandwidth rate=1 shared={shared} on=2.5 off=0.5", whole=True)
    clients = [world.client() for _ in range(50)]
    for client in clients:
        client.say(b"x")
    world.run(seconds=3)
    assert all(backend.heard == b"x" for backend in world.backends)
    clients[0].say(b"yz")
    world.run(seconds=2.4)
    assert world.backends[0].heard_at[1:] == pytest.approx([4, 5])


def test_a_rate_that_changes_holds_from_the_next_piece_on() -> None:
    bandwidth = Bandwidth(rate=1000)
    shaped = Shaped(bandwidth)
    shaped.says(100)
    bandwidth.rate = 100
    assert times(shaped.says(10)) == pytest.approx([0.2])


def test_a_ramp_holds_within_what_is_under_way() -> None:
    world = World("bandwidth rate=100..100000/10", whole=True)
    client = world.client()
    client.say(bytes(20_000))
    world.run(lambda: world.backends and len(world.backends[0].heard) == 20_000)
    # 100 * t + 9990 * t * t / 2 bytes have gone after t seconds, if not later by a piece or two.
    assert 1.98 < world.system.time < 2.2


# Many lines.

Heard = dict[Peer, list[tuple[int, float]]]
"""By backend: how many bytes it has heard, and when."""


def hearing(rule: str) -> tuple[World, Heard]:
    heard: Heard = {}

    def hear(peer: Peer, data: bytes) -> None:
        del data
        heard.setdefault(peer, []).append((len(peer.heard), world.system.time))

    world = World(rule, whole=True, on_data=hear)
    return world, heard


def test_many_lines_have_long_pieces_that_leave_together_and_no_other_rate() -> None:
    world, heard = hearing("bandwidth rate=100000 direction=to_backend")
    begun: list[float] = []
    for client, _ in crowd(world, 100):
        begun.append(world.system.time)
        client.say(bytes(60_000))
        world.run(seconds=0.0013)
    world.run(lambda: all(len(backend.heard) == 60_000 for backend in world.backends))
    moments: set[float] = set()  # while all are busy
    for backend, since in zip(world.backends, begun, strict=True):
        for size, at in heard[backend]:
            assert size <= 100_000 * (at - since) + EXACTLY
        assert heard[backend][-1][1] == pytest.approx(since + 0.6)
        moments.update(round(at, 6) for _, at in heard[backend] if 0.2 <= at <= 0.5)
    assert sum(map(len, heard.values())) < 100 * 0.6 / 0.05 * 0.7
    assert len(moments) <= 0.3 / 0.01 + 2


def test_those_that_have_gone_count_no_more() -> None:
    world, heard = hearing("bandwidth rate=100000 direction=to_backend")
    pairs = crowd(world, 100)
    for client, _ in pairs:
        client.say(bytes(60_000))
    world.run(seconds=0.1)
    (client, backend), *others = pairs
    for _, other in others:
        other.reset()
    world.run(lambda: len(backend.heard) == 60_000)
    heard.clear()
    client.say(bytes(20_000))
    world.run(seconds=1)
    assert [size for size, _ in heard[backend]] == [65_000, 70_000, 75_000, 80_000]


def test_a_line_whose_rule_is_updated_is_one_line() -> None:
    world, heard = hearing("bandwidth rate=100000 direction=to_backend")
    client = world.client()
    client.say(bytes(60_000))
    for number in range(100):
        world.run(seconds=0.001)
        world.apply(f"bandwidth rate=100000 direction=to_backend burst={number % 2}")
    world.run(seconds=1)
    (backend,) = world.backends
    assert [size for size, _ in heard[backend]][:4] == [5000, 10_000, 15_000, 20_000]


# One line for all.


def test_what_is_shared_is_shared_by_connections_and_not_by_directions() -> None:
    source = at_work("connection")
    bandwidth = Bandwidth(rate=1000, shared=True)

    def leaves(message: Message) -> float:
        stage = Stage(Tcp(), at=ARRIVAL + 1000)
        wait, _ = bandwidth.on_message(message, firing(stage=stage, source=source))
        return wait.until - ARRIVAL  # type: ignore[union-attr]  # it is a Wait

    assert [leaves(request(bytes(100))) for _ in range(3)] == pytest.approx([0.1, 0.2, 0.3])
    assert leaves(response(bytes(100))) == pytest.approx(0.1)


def crowd(world: World, count: int) -> list[tuple[Peer, Peer]]:
    """This many clients, each with the backend's end of its connection."""
    pairs: list[tuple[Peer, Peer]] = []
    for _ in range(count):
        client = world.client()
        world.run(lambda: len(world.backends) > len(pairs))
        pairs.append((client, world.backends[-1]))
    return pairs


@pytest.mark.parametrize("count", [1, 2, 7])
def test_connections_that_share_have_the_rate_together(count: int) -> None:
    world = World("bandwidth rate=100000 shared=true direction=to_backend", seed=count)
    pairs = crowd(world, count)
    for client, _ in pairs:
        client.say(bytes(420_000 // count))
    world.run(seconds=4)
    heard = [len(backend.heard) for _, backend in pairs]
    assert 400_000 * 0.999 - 2000 <= sum(heard) <= 400_000
    assert min(heard) > max(heard) * 0.9
    world.run(seconds=1)
    assert {len(backend.heard) for _, backend in pairs} == {420_000 // count}
    assert max(backend.heard_at[-1] for _, backend in pairs) == pytest.approx(4.2, rel=0.001)


LINE = b"GET a\n"
LONG = b"PUT 30000\n" + bytes(30_000)


def test_whoever_says_little_at_a_time_has_a_fair_share_too() -> None:
    world = World(
        "bandwidth rate=100000 shared=true direction=to_backend", protocol=Lines(), whole=True
    )
    pairs = crowd(world, 4)
    for (client, _), said in zip(pairs, (LINE, LINE * 7, LONG, LONG), strict=True):
        client.say(said * (60_000 // len(said) + 1))
    world.run(seconds=1)
    heard = [len(backend.heard) for _, backend in pairs]
    assert 100_000 * 0.999 - 2000 <= sum(heard) <= 100_000
    assert min(heard) > sum(heard) / len(heard) * 0.75


def test_who_comes_late_does_not_wait_for_what_others_have_queued() -> None:
    world = World("bandwidth rate=100000 shared=true direction=to_backend", whole=True)
    (busy, _), (late, backend) = crowd(world, 2)
    busy.say(bytes(500_000))
    world.run(seconds=1.005)
    late.say(b"hello")
    world.run(lambda: bool(backend.heard))
    assert world.system.time < 1.005 + 0.05


def test_a_connection_that_goes_leaves_its_share_to_the_others() -> None:
    world = World("bandwidth rate=100000 shared=true direction=to_backend", whole=True)
    pairs = crowd(world, 3)
    for client, _ in pairs:
        client.say(bytes(200_000))
    world.run(seconds=0.5)
    pairs[0][1].reset()
    world.run(seconds=1.5)
    heard = sum(len(backend.heard) for _, backend in pairs)
    assert 200_000 * 0.999 - 2 * 2000 <= heard <= 200_000  # its place on the line stays empty
