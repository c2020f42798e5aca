"""Counters: plain integers, and not too many of them."""

from __future__ import annotations

from vaurien.parsing.tally import BUCKETS, KINDS, OTHER, Latency, Tally, count
from vaurien.values.messages import Direction, Message


def test_traffic_cannot_make_it_remember_more_than_so_many_kinds() -> None:
    counts: dict[str, int] = {}
    for number in range(KINDS + 50):
        count(counts, str(number))
    count(counts, "0")
    assert len(counts) == KINDS + 1
    assert (counts["0"], counts[OTHER]) == (2, 50)


def test_latency_is_counted_by_powers_of_two() -> None:
    latency = Latency()
    for seconds in (0.0, 0.000_001, 0.000_003, 0.001, 1e9):
        latency.add(seconds)
    assert latency.count == 5
    assert latency.longest == 1e9
    filled = {bucket: hits for bucket, hits in enumerate(latency.buckets) if hits}
    assert filled == {0: 1, 1: 1, 2: 1, 10: 1, BUCKETS - 1: 1}


def test_what_has_the_same_latency_is_counted_together() -> None:
    latency = Latency()
    latency.add(0.001, 3)
    latency.add(1e9, 2)
    assert (latency.count, latency.buckets[10], latency.buckets[-1]) == (5, 3, 2)
    assert latency.total == 0.003 + 2e9


def test_kinds_are_counted_together() -> None:
    counts = {str(number): 1 for number in range(KINDS)}
    count(counts, "0", 3)
    count(counts, "new", 2)
    assert (counts["0"], counts[OTHER]) == (4, 2)


def test_latencies_of_kinds_add_up() -> None:
    tally = Tally()
    tally.latency_of("GET").add(0.5)
    tally.latency_of("SET").add(0.25, times=3)
    assert (tally.latency.count, tally.latency.total, tally.latency.longest) == (4, 1.25, 0.5)


def test_traffic_cannot_add_latencies_without_end() -> None:
    tally = Tally()
    for number in range(2 * KINDS):
        tally.latency_of(str(number)).add(0.1)
    assert len(tally.latencies) == KINDS + 1
    assert tally.latencies[OTHER].count == KINDS


def test_what_is_held_is_counted_by_its_beginning() -> None:
    tally = Tally()
    message = Message(b"x", Direction.TO_CLIENT, 1.0)
    for begins, now in ((True, 1.0), (True, 1.0001), (True, 3.0), (False, 9.0)):
        tally.let_go(message._replace(begins=begins), now)
    assert (tally.held.count, tally.held.total) == (1, 2.0)
