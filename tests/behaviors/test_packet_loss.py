"""packet-loss delays what comes behind a lost segment, as TCP does, and loses as it says."""

from __future__ import annotations

from itertools import groupby
from math import sqrt

import pytest

from acting import ARRIVAL, actions_of, firing, request, response
from lines import Lines
from scenario import World, echo
from shaping import Shaped, correlation, mean
from vaurien.behavior import Scope
from vaurien.behaviors.packet_loss import PacketLoss
from vaurien.errors import OptionError
from vaurien.values.actions import Close, Drop, Forward

SEGMENTS = 10_000
GIVEN_UP = 924.6
"""Seconds that Linux tries for, with 15 retries and a first timeout of 0.2 s (ip-sysctl)."""


class Scripted(PacketLoss):
    """Loses the segments that a test says: ``.`` arrives, ``x`` is lost; the rest arrives."""

    name = "test-packet-loss-scripted"
    script = ""

    def _loses(self, fate: object, chance: object) -> bool:
        next_one, self.script = self.script[:1], self.script[1:]
        return next_one == "x"


def waited(script: str, size: int, **options: object) -> float:
    """How long a chunk of this many bytes, in segments of 10, waits for all of them."""
    loss = Scripted(size=10, rto=1, rtt=0.1, **options)
    loss.script = script
    (left,) = Shaped(loss).says(size)
    assert loss.script == ""
    return left.message.at - ARRIVAL


# How long it takes.


@pytest.mark.parametrize(
    ("script", "size", "seconds"),
    [
        ("....", 40, 0),
        ("x.", 10, 1),
        ("..x.", 30, 1),
        ("x....", 40, 0.1),
        ("x....", 31, 0.1),
        ("x...", 30, 1),
        (".x..", 30, 1),
        ("xx.....", 50, 0.1),
        ("x.x..", 40, 1),
        ("xx.", 10, 1 + 2),
        ("xxx.", 10, 1 + 2 + 4),
        ("x...x.", 40, 0.1 + 1),
        ("x...xx.", 40, 0.1 + 1 + 2),
        ("x..." + "xxx.", 40, 0.1 + 1 + 2 + 4),
        ("x....x" + "." + ".", 60, 1),
        ("x....x" + "." + "xxx.", 60, 0.1 + 1 + 2 + 4),
        ("x....x" + "x." + ".", 60, 1 + 2),
        ("x" * 9 + ".", 10, 1 + 2 + 4 + 8 + 16 + 32 + 64 + 120 + 120),
    ],
)
def test_a_chunk_waits_for_its_last_segment(script: str, size: int, seconds: float) -> None:
    assert waited(script, size) == pytest.approx(seconds, abs=1e-9)


def test_nothing_is_lost_at_0_and_an_empty_end_never() -> None:
    shaped = Shaped(PacketLoss(loss=0))
    assert {shaped.says(100_000)[0].message.at for _ in range(20)} == {ARRIVAL}
    end = request(b"", begins=False)
    assert actions_of(PacketLoss(loss=100), end) == [Forward(end)]


@pytest.mark.parametrize("correlation", [0, 50, 100])
def test_who_never_gets_through_is_reset_after_15_retries(correlation: float) -> None:
    shaped = Shaped(PacketLoss(loss=100, correlation=correlation))
    ((action, at),) = shaped.acts(request(b"?"))
    assert action == Close(reset=True)
    assert at - ARRIVAL == pytest.approx(GIVEN_UP)


def test_one_segment_that_never_gets_through_is_enough() -> None:
    loss = Scripted(size=10)
    loss.script = "xx" + "x" * 15 + "."
    ((action, at),) = Shaped(loss).acts(request(bytes(20)))
    assert action == Close(reset=True)
    assert at == pytest.approx(ARRIVAL + GIVEN_UP)


def test_lifted_before_that_it_lets_all_go() -> None:
    world = World("packet-loss loss=100 direction=to_backend ttl=900", whole=True)
    world.client().say(bytes(5000))
    world.run(seconds=1000)
    (backend,) = world.backends
    assert len(backend.heard) == 5000
    assert backend.heard_at == pytest.approx([900])


def test_the_reset_reaches_both_peers() -> None:
    world = World("packet-loss loss=100 direction=to_backend")
    client = world.client()
    client.say(b"hello")
    world.run(lambda: client.ended != "", seconds=2000)
    world.run(seconds=1)
    (backend,) = world.backends
    assert (client.ended, backend.ended, bytes(backend.heard)) == ("reset", "reset", b"")
    assert client.world.system.time == pytest.approx(GIVEN_UP + 1)


@pytest.mark.parametrize("moment", [0.1, 100, 924.5])
def test_until_then_lifting_it_saves_the_connection(moment: float) -> None:
    world = World("packet-loss loss=100", on_data=echo)
    client = world.client()
    client.say(b"hello", finish=True)
    world.run(seconds=moment)
    world.apply()
    world.run(lambda: client.heard == b"hello", seconds=1)
    assert world.system.time == moment


def test_messages_are_left_whole() -> None:
    shaped = Shaped(PacketLoss(loss=50))
    for message in (request(b"?" * 5000), response(b"!", ends=False), response(b"", begins=False)):
        (left,) = shaped.plays(message)
        assert left.message._replace(at=ARRIVAL) == message


def test_the_first_timeout_is_not_0() -> None:
    with pytest.raises(OptionError, match="rto=0 is not allowed"):
        PacketLoss(rto=0)


# How much is lost.


def is_drop(shaped: Shaped) -> bool:
    """Whether the next request is dropped."""
    return isinstance(shaped.acts(request(b"?"))[0][0], Drop)


def losses(loss: PacketLoss, *, scope: Scope = "connection") -> list[bool]:
    """What became of this many chunks of a segment each, none of which was sent again."""
    shaped = Shaped(loss, scope=scope)
    return [is_drop(shaped) for _ in range(SEGMENTS)]


@pytest.mark.parametrize("percent", [1, 20, 70])
@pytest.mark.parametrize("together", [0, 25, 80])
def test_losses_are_as_many_and_as_bursty_as_stated(percent: float, together: float) -> None:
    lost = losses(PacketLoss(loss=percent, correlation=together, drop=True))
    rate, part = percent / 100, together / 100
    spread = sqrt(rate * (1 - rate) / SEGMENTS * (1 + part) / (1 - part))
    assert mean(lost) == pytest.approx(rate, abs=4 * spread)
    assert correlation(lost) == pytest.approx(part, abs=0.08)
    bursts = [len(list(group)) for is_lost, group in groupby(lost) if is_lost]
    expected = 1 / ((1 - rate) * (1 - part))
    assert mean(bursts) == pytest.approx(expected, abs=4 * expected / sqrt(len(bursts)))


def test_exchanges_of_a_connection_share_bursts() -> None:
    lost = losses(PacketLoss(loss=20, correlation=60, drop=True), scope="exchange")
    assert mean(lost) == pytest.approx(0.2, abs=0.032)
    assert correlation(lost) == pytest.approx(0.6, abs=0.05)


def test_without_drop_as_many_chunks_are_late() -> None:
    shaped = Shaped(PacketLoss(loss=10, rto=1))
    late = []
    for number in range(5000):
        at = ARRIVAL + number * 10_000
        late.append(shaped.says(1, at)[0].message.at - at)
    assert mean([seconds > 0 for seconds in late]) == pytest.approx(0.1, abs=0.017)
    assert mean([seconds > 1 for seconds in late]) == pytest.approx(0.01, abs=0.006)
    assert set(map(round, late)) <= {0, 1, 3, 7, 15}


@pytest.mark.parametrize("seed", range(10))
def test_full_correlation_is_all_or_nothing(seed: int) -> None:
    shaped = Shaped(PacketLoss(loss=50, correlation=100, drop=True), seed=seed)
    assert len({is_drop(shaped) for _ in range(50)}) == 1


def test_the_extremes_hold_whatever_the_correlation() -> None:
    for together in (0, 50, 100):
        for percent, is_lost in ((0, False), (100, True)):
            loss = PacketLoss(loss=percent, correlation=together, drop=True)
            shaped = Shaped(loss)
            assert all(is_drop(shaped) is is_lost for _ in range(100))


# Dropped.


def test_what_is_dropped_vanishes_and_the_rest_does_not_wait() -> None:
    shaped = Shaped(PacketLoss(loss=50, drop=True))
    acted = [shaped.acts(request(b"%d" % number))[0] for number in range(100)]
    assert {at for _, at in acted} == {ARRIVAL}
    dropped = [isinstance(action, Drop) for action, _ in acted]
    assert 20 < sum(dropped) < 80
    for number, (action, _) in enumerate(acted):
        sent = Forward(request(b"%d" % number))
        assert action == (Drop(closes=False) if dropped[number] else sent)


def test_pieces_share_the_fate_of_their_message() -> None:
    shaped = Shaped(PacketLoss(loss=50, drop=True))
    fates = []
    for _ in range(100):
        pieces = [
            request(b"abc", ends=False),
            request(b"def", begins=False, ends=False),
            request(b"", begins=False),
        ]
        fate = {type(shaped.acts(one)[0][0]) for one in pieces}
        assert len(fate) == 1
        fates.append(fate)
    assert {Drop} in fates
    assert {Forward} in fates


def test_a_piece_whose_beginning_it_did_not_see_passes() -> None:
    rest = request(b"rest", begins=False)
    assert actions_of(PacketLoss(loss=100, drop=True), rest, firing()) == [Forward(rest)]


def test_directions_have_fates_of_their_own() -> None:
    alike = set()
    for seed in range(20):
        shaped = Shaped(PacketLoss(loss=50, correlation=100, drop=True), seed=seed)
        ((asked, _),), ((answered, _),) = shaped.acts(request(b"?")), shaped.acts(response(b"!"))
        alike.add(isinstance(asked, Drop) is isinstance(answered, Drop))
    assert alike == {True, False}


@pytest.mark.parametrize("later", ["", "packet-loss drop=off loss=0 name=lossy"])
@pytest.mark.parametrize("framed", [False, True])
def test_chunks_continue_to_pass_once_it_is_lifted_and_messages_do_not(
    later: str, framed: bool
) -> None:
    world = World(
        "packet-loss loss=100 drop=on direction=to_backend name=lossy",
        protocol=Lines() if framed else None,
        on_data=echo,
    )
    client = world.client()
    client.say(b"GET lost\n")
    world.run(seconds=1)
    world.apply(*filter(None, [later]))
    client.say(b"GET kept\n")
    world.run(seconds=1)
    assert bytes(client.heard) == (b"" if framed else b"GET kept\n")
    assert (client.ended != "") is framed
