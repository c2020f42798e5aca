"""What proxies have carried lately, on the simulated reactor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from control.plane import Plane, spec
from lines import Lines
from scenario import Peer, World, echo
from vaurien.control import history as sampling
from vaurien.control.history import OFF, History, Life
from vaurien.control.tracks import IDLE
from vaurien.net.spec import Limits
from vaurien.net.turns import PORTION

EPOCH = 1_800_000_000
"""What the clock on the wall shows when the reactor's begins."""


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[Plane]:
    plane = Plane(tmp_path, spec("cache", 1), spec("web", 2))
    yield plane
    plane.close()


@pytest.fixture
def history(plane: Plane) -> History:
    history = History(plane.reactor, plane.proxies, lambda: EPOCH + plane.system.time)
    history.start()
    plane.pass_time(0)
    return history


@contextmanager
def watched(world: World) -> Iterator[History]:
    """The history of a world's proxy, since now."""
    history = History(world.reactor, [world.proxy], lambda: EPOCH + world.reactor.clock())
    history.start()
    world.run(seconds=0)
    yield history
    history.stop()
    world.run(seconds=0)


def answer(peer: Peer, data: bytes) -> None:
    """Answers each line, in pieces as they come."""
    peer.say(data)


def pass_seconds(plane: Plane, seconds: int) -> None:
    for _ in range(seconds):
        plane.pass_time(1)


def test_each_second_is_sampled(plane: Plane, history: History) -> None:
    plane.connect(1)
    plane.pass_time(1)
    assert (history.latest.number, history.latest.at) == (1, EPOCH + 1)
    assert history.latest.proxies["cache"].accepted == 1
    assert history.latest.proxies["web"] == IDLE
    assert history.latest.totals.open == 1
    plane.pass_time(1)
    assert history.latest.proxies["cache"] == IDLE._replace(open=1)
    assert history.read("cache", 300).values["accepted"] == [1, 0]
    assert history.read("", 300).values["open"] == [1, 1]
    assert history.read("", 300).first == EPOCH + 1


def test_a_sample_that_does_not_change_is_the_same(plane: Plane, history: History) -> None:
    plane.pass_time(1)
    before = history.latest
    plane.pass_time(1)
    assert history.latest is not before
    assert history.latest.proxies["web"] is before.proxies["web"]


def test_seconds_that_are_missed_are_empty(plane: Plane, history: History) -> None:
    plane.pass_time(1)
    plane.connect(1)
    plane.pass_time(3)
    assert history.latest.number == 4
    assert history.read("cache", 300).values["accepted"] == [0, 0, 0, 1]


def test_samples_are_taken_at_full_seconds_of_the_clock_on_the_wall(plane: Plane) -> None:
    ahead = 0.25
    history = History(plane.reactor, plane.proxies, lambda: EPOCH + ahead + plane.system.time)
    history.start()
    plane.pass_time(0)
    plane.pass_time(0.5)
    assert history.latest.number == 0
    plane.pass_time(0.25)
    assert (history.latest.number, history.latest.at) == (1, EPOCH + 1)
    plane.pass_time(0.75)
    assert history.latest.number == 1


@pytest.mark.parametrize("early", [0.0, 0.0004, 0.4, 0.49])
def test_no_second_is_sampled_twice_when_the_clock_on_the_wall_is_slewed(
    plane: Plane, early: float
) -> None:
    slow = 0.0
    history = History(plane.reactor, plane.proxies, lambda: EPOCH + plane.system.time - slow)
    history.start()
    plane.pass_time(0)
    times = []
    for _ in range(30):
        slow = early
        plane.pass_time(0.1)
        times.append((history.latest.number, history.latest.at))
    assert len({number for number, _ in times}) == len({at for _, at in times})
    assert times[-1][1] - EPOCH in (2, 3)


def test_a_proxy_that_is_replaced_goes_on(plane: Plane, history: History) -> None:
    plane.connect(1)
    plane.pass_time(1)

    plane.control.change(
        lambda state: state.with_proxy(replace(state.proxies[0], limits=Limits(timeout=9)))
    )
    plane.connect(1)
    plane.connect(1)
    plane.pass_time(1)
    assert history.read("cache", 300).values["accepted"] == [1, 2]


def test_a_proxy_that_is_removed_is_forgotten(plane: Plane, history: History) -> None:
    plane.pass_time(1)
    plane.control.remove("web")
    plane.pass_time(1)
    assert set(history.latest.proxies) == {"cache"}
    plane.control.add(spec("web", 2))
    assert history.read("web", 300).values["open"] == []
    pass_seconds(plane, 2)
    assert history.read("web", 300).values["open"] == [0, 0]


def test_it_ends_when_it_is_told_to(plane: Plane, history: History) -> None:
    history.stop()
    plane.pass_time(0)
    pass_seconds(plane, 3)
    assert history.latest.number == 0


def total(values: list[float | None]) -> float:
    return sum(value or 0 for value in values)


def test_nothing_is_counted_twice_or_lost_and_many_connections_take_turns() -> None:
    world = World(whole=True, on_data=echo)
    with watched(world) as history:
        clients = [world.client() for _ in range(3 * PORTION)]
        for client in clients:
            client.say(b"x")
        world.run(lambda: all(client.heard for client in clients), seconds=0.5)
        polls = 0
        while history.latest.number < 1:
            if polls % 2:
                clients[polls].reset()
                clients[-1 - polls].say(b"y")
            world.reactor.run_once()
            polls += 1
        world.client().say(b"z")
        world.run(seconds=2.5)
        totals, series = world.proxy.totals(), history.read("", 300)
        assert total(series.values["accepted"]) == totals.opened
        assert total(series.values["bytes_to_client"]) == totals.bytes_to_client
        assert series.values["open"][-1] == totals.open
        assert series == history.read(world.proxy.name, 300)


def test_the_time_of_the_backend_and_of_rules_are_told_apart() -> None:
    world = World("delay sleep=0.25", protocol=Lines(), on_data=answer, whole=True)
    with watched(world) as history:
        client = world.client()
        client.say(b"GET a\n")
        world.run(lambda: bool(client.heard))
        world.run(seconds=1.5)
        series = history.read("", 300).values
        (held,) = filter(None, series["held_p99"])
        (alone,) = filter(None, series["p99"])
        assert 131 < held < 263
        assert alone < 10
        assert total(series["exchanges"]) == 1


def test_when_rules_were_on(plane: Plane, history: History) -> None:
    plane.pass_time(1)
    plane.control.set_plan([{"behavior": "delay", "name": "slow"}], "cache")
    pass_seconds(plane, 2)
    plane.control.set_plan([{"behavior": "delay", "name": "slow", "sleep": 2}], "cache")
    pass_seconds(plane, 2)
    plane.control.set_plan([{"behavior": "hang", "name": "slow"}], "cache")
    plane.pass_time(1)
    assert history.lives("cache") == [
        Life("slow", "delay", EPOCH + 1, EPOCH + 6),
        Life("slow", "hang", EPOCH + 5, None),
    ]
    assert history.lives("web") == history.lives("none") == []


def test_when_a_proxy_was_off(plane: Plane, history: History) -> None:
    plane.control.set_plan([{"behavior": "delay", "name": "slow"}], "cache")
    plane.pass_time(1)
    plane.control.disable("cache")
    pass_seconds(plane, 2)
    plane.control.enable("cache")
    plane.pass_time(1)
    assert history.lives("cache") == [
        Life("slow", "delay", EPOCH),
        Life(OFF, "", EPOCH + 1, EPOCH + 4),
    ]


def test_a_rule_that_turns_itself_on_and_off_has_many_lives(plane: Plane, history: History) -> None:
    plane.control.set_plan([{"behavior": "delay", "name": "slow", "start": 2, "stop": 4}], "cache")
    pass_seconds(plane, 6)
    (life,) = history.lives("cache")
    assert (life.begun, life.ended) == (EPOCH + 1, EPOCH + 4)


def test_no_more_than_so_many_lives_are_kept(
    plane: Plane, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "LIVES", 3)
    for number in range(5):
        plane.control.set_plan([{"behavior": "delay", "name": f"r{number}"}], "cache")
        plane.pass_time(1)
    assert [life.rule for life in history.lives("cache")] == ["r2", "r3", "r4"]
