"""corrupt flips bits."""

from __future__ import annotations

import random
from math import sqrt

import pytest

from acting import Stage, actions_of, firing, request, response
from lifting import ANSWER, QUESTION, lifted_at_any_moment
from scenario import World, echo
from vaurien.behavior import Firing, Scope
from vaurien.behaviors.corrupt import BLOCK, PLACES, Corrupt
from vaurien.errors import OptionError
from vaurien.protocols.tcp import Tcp
from vaurien.rules.plan import SCOPES
from vaurien.testing import at_work
from vaurien.values.actions import Forward
from vaurien.values.messages import Message

STREAM = random.Random(3).randbytes(100_000)
BITS = 8 * len(STREAM)


def spoilt(behavior: Corrupt, fired: Firing, *messages: Message) -> bytes:
    """What is forwarded of these messages, one for each."""
    data = b""
    for message in messages:
        (forward,) = actions_of(behavior, message, fired)
        assert isinstance(forward, Forward)
        assert forward.message._replace(data=message.data) == message
        data += forward.message.data
    return data


def flipped(before: bytes, after: bytes) -> int:
    assert len(before) == len(after)
    difference = int.from_bytes(before, "big") ^ int.from_bytes(after, "big")
    return difference.bit_count()


@pytest.mark.parametrize("rate", [0.00001, 0.001, 0.03, 0.5, 0.9])
def test_so_many_bits_are_flipped(rate: float) -> None:
    seeds = range(100 if rate < 0.01 else 3)
    counts = [
        flipped(STREAM, spoilt(Corrupt(rate=rate), firing(seed=seed), request(STREAM)))
        for seed in seeds
    ]
    expected, deviation = BITS * rate, sqrt(BITS * rate * (1 - rate))
    assert all(abs(count - expected) < 5 * deviation for count in counts)
    mean = sum(counts) / len(counts)
    assert abs(mean - expected) < 4 * deviation / sqrt(len(counts))
    assert len(set(counts)) > 1


def test_every_bit_of_a_byte_is_as_likely() -> None:
    after = spoilt(Corrupt(rate=0.05), firing(), request(bytes(len(STREAM))))
    expected, deviation = len(STREAM) * 0.05, sqrt(len(STREAM) * 0.05 * 0.95)
    for bit in range(8):
        flips = sum(byte >> bit & 1 for byte in after)
        assert abs(flips - expected) < 4 * deviation


def test_gaps_are_geometric() -> None:
    rate = 0.02
    after = spoilt(Corrupt(rate=rate), firing(), request(bytes(len(STREAM))))
    flips = f"{int.from_bytes(after, 'big'):0{BITS}b}".split("1")[:-1]
    gaps = [len(zeros) for zeros in flips]
    for least in (0, 1, 10, 50, 100, 200):
        share = sum(gap >= least for gap in gaps) / len(gaps)
        expected = (1 - rate) ** least
        assert abs(share - expected) < 4 * sqrt(expected * (1 - expected) / len(gaps)) + 1e-9


def test_at_most_every_bit_and_at_least_none() -> None:
    message = request(bytes(1000))
    assert spoilt(Corrupt(rate=1), firing(), message) == b"\xff" * 1000
    assert actions_of(Corrupt(rate=0), message) == [Forward(message)]
    assert actions_of(Corrupt(rate=5e-324), message) == [Forward(message)]
    with pytest.raises(OptionError, match="from 0 to 1"):
        Corrupt(rate=1.5)


@pytest.mark.parametrize("rate", [1.4 / 2**PLACES, 1 - 0.4 / 2**PLACES])
def test_a_rate_between_what_blocks_can_have_is_exact_on_average(
    rate: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vaurien.behaviors.corrupt.DENSE", 0.0)
    fired, size = firing(scope="connection"), 8 * BLOCK * 4000
    flips = flipped(bytes(size // 8), spoilt(Corrupt(rate=rate), fired, request(bytes(size // 8))))
    assert abs(flips - size * rate) < 5 * sqrt(size * rate * (1 - rate) + size / 2**PLACES)


def test_an_empty_message_stays_so() -> None:
    message = request(b"")
    assert actions_of(Corrupt(rate=1), message) == [Forward(message)]


@pytest.mark.parametrize("rate", [0.001, 0.02, 0.6])
@pytest.mark.parametrize("scope", SCOPES)
def test_the_same_seed_flips_the_same_bits_however_they_are_chunked(
    scope: Scope, rate: float
) -> None:
    behavior = Corrupt(rate=rate)
    whole = spoilt(behavior, firing(scope=scope), request(STREAM))
    for seed in range(5):
        sizes = random.Random(seed)
        fired, chunks, at = firing(scope=scope), [], 0
        while at < len(STREAM):
            size = sizes.randint(1, 3000)
            chunks.append(request(STREAM[at : at + size]))
            at += size
        assert spoilt(behavior, fired, *chunks) == whole
    assert spoilt(behavior, firing(scope=scope, seed=2), request(STREAM)) != whole


def test_directions_have_flips_of_their_own() -> None:
    alone = spoilt(Corrupt(rate=0.001), firing(), request(STREAM))
    fired = firing()
    other = spoilt(Corrupt(rate=0.001), fired, response(STREAM))
    assert spoilt(Corrupt(rate=0.001), fired, request(STREAM)) == alone
    assert other not in (alone, STREAM)


def test_an_exchange_has_flips_of_its_own_and_a_connection_goes_on() -> None:
    behavior = Corrupt(rate=0.001)

    def second(scope: Scope, before: bytes) -> bytes:
        stage, source = Stage(Tcp()), at_work(scope)
        spoilt(behavior, firing(seed=1, stage=stage, source=source), request(before))
        seed = 1 if scope == "connection" else 2
        fired = firing(seed=seed, stage=stage, source=source, exchange=2)
        return spoilt(behavior, fired, request(STREAM))

    assert second("exchange", b"") == second("exchange", STREAM)
    assert second("connection", b"") != second("connection", STREAM)


def test_a_rate_that_changes_stays_true() -> None:
    fired, flips, expected = firing(scope="connection"), 0, 0.0
    for number in range(1000):
        rate = 0.0001 * (number % 100)
        flips += flipped(STREAM[:1000], spoilt(Corrupt(rate=rate), fired, request(STREAM[:1000])))
        expected += 8000 * rate
    assert abs(flips - expected) < 4 * sqrt(expected)


def test_both_directions_of_a_connection() -> None:
    world = World("corrupt rate=0.01", on_data=echo, seed=1)
    client = world.client()
    client.say(STREAM)
    world.run(lambda: len(client.heard) == len(STREAM))
    (backend,) = world.backends
    arrived = bytes(backend.heard)
    there, back = flipped(STREAM, arrived), flipped(arrived, bytes(client.heard))
    deviation = sqrt(BITS * 0.01 * 0.99)
    assert abs(there - BITS * 0.01) < 4 * deviation
    assert abs(back - BITS * 0.01) < 4 * deviation


@pytest.mark.parametrize("direction", ["to_backend", "to_client"])
def test_how_sockets_give_the_bytes_does_not_matter(direction: str) -> None:
    heard = []
    for whole in (True, False):
        world = World(f"corrupt rate=0.001 direction={direction}", on_data=echo, whole=whole)
        client = world.client()
        client.say(STREAM)
        world.run(lambda client=client: len(client.heard) == len(STREAM))  # type: ignore[misc]  # no inference
        heard.append(bytes(client.heard))
    assert heard[0] == heard[1] != STREAM


def test_lifting_it_loses_nothing() -> None:
    for lifted in lifted_at_any_moment("corrupt rate=1", seeds=1):
        assert_inverted_up_to_a_point(lifted.question, QUESTION)
        assert_inverted_up_to_a_point(lifted.answer, ANSWER)
        assert lifted.ends == ("fin", "fin")


def assert_inverted_up_to_a_point(heard: bytes, said: bytes) -> None:
    inverted = bytes(byte ^ 0xFF for byte in said)
    point = next(
        (at for at, (one, other) in enumerate(zip(heard, inverted, strict=True)) if one != other),
        len(said),
    )
    assert heard == inverted[:point] + said[point:]
