"""The samples of one proxy over time."""

from __future__ import annotations

import gc
import sys
from random import Random

import pytest

from vaurien.control.tracks import COUNTS, IDLE, QUANTILES, SPANS, Tallied, Track, codes
from vaurien.parsing.tally import Latency

AT = 1_800_000_000
"""When the second number 0 ended."""


def tallied(exchanges: int, *seconds: float) -> Tallied:
    """So many requests, and such latencies."""
    return Tallied((exchanges, *[0] * (COUNTS - 1)), latencies(*seconds))


def latencies(*seconds: float) -> tuple[int, ...]:
    latency = Latency()
    for each in seconds:
        latency.add(each)
    return tuple(latency.buckets)


def test_a_track_tells_the_seconds_that_have_ended() -> None:
    track = Track(0)
    for number in (1, 2, 4):
        track.add(number, 3, tallied(10 * number))
    series = track.read(300, 5, AT + 5)
    assert (series.step, series.first) == (1, AT + 1)
    assert series.values["exchanges"] == [10, 20, 0, 40, 0]
    assert series.values["open"] == [3] * 5
    assert series.values["p50"] == [None] * 5


def test_a_long_step_tells_the_mean_of_its_seconds() -> None:
    track = Track(0)
    for number in range(1, 26):
        track.add(number, number, tallied(number, 0.001))
    series = track.read(3600, 25, AT + 25)
    assert (series.step, series.first) == (10, AT + 10)
    assert series.values["exchanges"] == [5.5, 15.5]
    assert series.values["open"] == [10, 20]
    assert None not in series.values["p99"]


@pytest.mark.parametrize("span", SPANS)
def test_a_track_keeps_no_more_than_its_span(span: int) -> None:
    track, end = Track(0), 5000
    for number in range(1, end + 1):
        track.add(number, 0, tallied(number))
    series = track.read(span, end, AT + end)
    step = SPANS[span]
    found = series.values["exchanges"]
    assert len(found) == span // step
    assert series.first == AT + end - span + step
    assert found[-1] == pytest.approx(end - (step - 1) / 2)
    assert found[0] == pytest.approx(series.first - AT - (step - 1) / 2)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("span", SPANS)
def test_whatever_seconds_are_busy_a_track_tells_all_of_them(span: int, seed: int) -> None:
    randomness = Random(seed)
    begun, opened = randomness.randrange(30), 0
    track, step = Track(begun), SPANS[span]
    counts, levels = [0.0] * 9000, [0] * 9000
    number = begun
    while number < 6000:
        idle = randomness.choice([1, 1, 1, 2, 9, 40, span // 3])
        levels[number : number + idle] = [opened] * idle
        number, opened = number + idle, randomness.randrange(5)
        counts[number], levels[number] = randomness.randrange(1, 99), opened
        track.add(number, opened, tallied(int(counts[number])))
    end = number + randomness.randrange(20)
    levels[number : end + 1] = [opened] * (end + 1 - number)
    told = track.read(span, end, AT + end)
    last = end // step
    first = max(last - span // step, -(-begun // step))
    steps = [range(at * step + 1, at * step + step + 1) for at in range(first, last)]
    assert told.first == AT + (first + 1) * step
    assert told.values["open"] == [levels[seconds[-1]] for seconds in steps]
    expected = [sum(counts[second] for second in seconds) / step for seconds in steps]
    assert told.values["exchanges"] == pytest.approx(expected)


def test_a_track_of_a_proxy_without_traffic_is_idle() -> None:
    series = Track(7).read(300, 10, AT + 10)
    assert series.first == AT + 8
    assert {name: values[0] for name, values in series.values.items()} == IDLE._asdict()
    assert {len(values) for values in series.values.values()} == {3}


def test_a_track_that_has_just_begun_is_empty() -> None:
    assert not any(Track(0).read(3600, 9, AT + 9).values.values())


def test_what_is_told_of_latencies_is_in_their_bucket() -> None:
    sample = Track(0).add(1, 0, tallied(0, *[0.001] * 90, *[0.1] * 10))
    assert sample.p50 is not None
    assert sample.p99 is not None
    assert 0.5 < sample.p50 <= 1.03
    assert 65 < sample.p99 <= 132


@pytest.mark.parametrize("seconds", [0.0, 1e-6, 0.001, 1.0, 60.0, 1e5])
def test_any_latency_has_a_code(seconds: float) -> None:
    (code,) = set(codes(latencies(seconds), QUANTILES))  # one response is all quantiles
    assert 0 <= code < 255


def memory_of(track: Track) -> int:
    """Bytes of a track and all that it alone has, types and shared constants apart."""
    seen: dict[int, object] = {}
    found: list[object] = [track]
    while found:
        each = found.pop()
        if id(each) not in seen and not isinstance(each, type):
            seen[id(each)] = each
            found += gc.get_referents(each)
    return sum(map(sys.getsizeof, seen.values()))


def test_a_track_takes_less_than_30_kilobytes() -> None:
    track = Track(0)
    for number in range(1, 700):
        track.add(number, number, tallied(number * 1000, 0.001, 0.5))
    assert memory_of(track) < 30_000


def test_a_track_takes_nothing_before_there_is_something_to_keep() -> None:
    track = Track(0)
    track.read(3600, 5000, AT)
    assert memory_of(track) < 500
