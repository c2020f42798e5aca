"""Events for readers of the API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

import pytest

from vaurien.control.feed import BATCH, KINDS, TEXTS, Feed, Wanted, fields_of
from vaurien.net.recent import Numbered, Recent
from vaurien.values.events import Changed, Cut, Event, Fired, GaveUp, PluginFailed, Trouble
from vaurien.values.messages import Direction

NOW = 1_780_000_000.0625


def fired(proxy: str = "cache", labels: Mapping[str, str] | None = None) -> Fired:
    way = Direction.TO_BACKEND
    return Fired(proxy, "slow", "delay", 7, 2, 12.5, 3, way, labels or {}, "why")


CHANGED = Changed("", 5, ("cache",), ("web",), ())
EVENTS: dict[str, Event] = {
    "fired": fired(),
    "trouble": Trouble("cache", "odd", "very"),
    "gave_up": GaveUp("cache", "no redis"),
    "cut": Cut("cache", "connection 7 closed: it was idle"),
    "plugin_failed": PluginFailed("cache", "connection 7 failed", "Traceback"),
    "changed": CHANGED,
}


def full(count: int, size: int = 4096, first: int = 1) -> Feed:
    """A feed of so many events."""
    recent = Recent(size, clock=lambda: NOW, first=first)
    for number in range(1, count + 1):
        recent.add(Trouble("cache", str(number)))
    return Feed(recent)


def data_of(text: str) -> tuple[str, str, dict[str, object]]:
    lines = text.removesuffix("\n\n").split("\n")
    number, kind, data = [line.partition(": ")[2] for line in lines]
    assert [line.partition(": ")[0] for line in lines] == ["id", "event", "data"]
    return number, kind, json.loads(data)


@pytest.mark.parametrize("after", [1, 998, 1003, 10**15])
def test_an_id_of_another_process_is_known_as_such(after: int) -> None:
    feed = full(3, first=1000)
    batch = feed.read(after)
    assert (batch.lost, batch.before, batch.last) == (None, 999, 1002)
    assert [each.number for each in batch.events] == [1000, 1001, 1002]


@pytest.mark.parametrize(
    ("after", "lost", "numbers"),
    [
        (0, 1, [1001, 1002]),
        (999, 1, [1001, 1002]),
        (1000, 0, [1001, 1002]),
        (1001, 0, [1002]),
        (1002, 0, []),
    ],
)
def test_what_is_kept_after_an_event(after: int, lost: int, numbers: list[int]) -> None:
    batch = full(3, 2, first=1000).read(after)
    assert (batch.lost, batch.last) == (lost, 1002)
    assert [each.number for each in batch.events] == numbers


@pytest.mark.parametrize(("after", "lost"), [(0, 0), (999, 0), (5, None)])
def test_there_are_no_events_yet(after: int, lost: int | None) -> None:
    batch = full(0, first=1000).read(after)
    assert (batch.lost, batch.events, batch.before, batch.last) == (lost, [], 999, 999)


@pytest.mark.parametrize("kind", EVENTS)
def test_each_kind_of_event_can_be_written(kind: str) -> None:
    text = Feed(Recent()).text(Numbered(12, NOW, EVENTS[kind]))
    number, told, data = data_of(text)
    assert (number, told) == ("12", kind)
    assert data["id"] == 12
    assert data["time"] == "2026-05-28T20:26:40.062Z"


def test_there_is_no_other_kind() -> None:
    assert list(EVENTS) == list(KINDS.values())
    assert [type(event) for event in EVENTS.values()] == list(KINDS)


def test_what_is_told_of_a_firing_is_what_the_journal_says() -> None:
    assert fields_of(Numbered(1, NOW, fired(labels={"command": "GET"}))) == {
        "id": 1,
        "time": "2026-05-28T20:26:40.062Z",
        "proxy": "cache",
        "rule": "slow",
        "behavior": "delay",
        "connection": 7,
        "exchange": 2,
        "draw": 12.5,
        "count": 3,
        "direction": "to_backend",
        "labels": {"command": "GET"},
        "fault": "why",
    }


def test_what_is_told_of_a_change() -> None:
    told = fields_of(Numbered(1, NOW, CHANGED))
    assert {key: told[key] for key in ("generation", "added", "changed", "removed")} == {
        "generation": 5,
        "added": ("cache",),
        "changed": ("web",),
        "removed": (),
    }
    assert "proxy" not in told


@pytest.mark.parametrize("text", ["a\n\nevent: evil\ndata: 1\n\n", "\r", "\u2028", "\udc80", "ß"])
def test_traffic_cannot_end_an_event(text: str) -> None:
    for event in (fired(labels={text: text}), Trouble(text, text, text)):
        written = Feed(Recent()).text(Numbered(1, NOW, event))
        assert written.isascii()
        assert written.count("\n") == 4
        data_of(written)


@pytest.mark.parametrize(
    ("wanted", "kinds"),
    [
        (Wanted(), set(KINDS.values())),
        (Wanted(proxy="cache"), set(KINDS.values())),
        (Wanted(proxy="web"), {"changed"}),
        (Wanted(proxy="other"), set()),
        (Wanted(rule="slow"), {"fired"}),
        (Wanted(rule="slow", proxy="web"), set()),
        (Wanted(rule="fast"), set()),
        (Wanted(kinds=frozenset({"cut", "gave_up"})), {"cut", "gave_up"}),
    ],
)
def test_which_events_are_wanted(wanted: Wanted, kinds: set[str]) -> None:
    assert {kind for kind, event in EVENTS.items() if wanted.accepts(event)} == kinds


def test_events_are_read_in_batches() -> None:
    feed = full(BATCH + 10)
    first = feed.read(0)
    assert (first.lost, len(first.events), first.last) == (0, BATCH, BATCH)
    rest = feed.read(first.last)
    assert [each.number for each in rest.events] == list(range(BATCH + 1, BATCH + 11))
    assert feed.read(rest.last) == (0, [], BATCH + 10)


def test_a_reader_learns_how_many_events_are_lost() -> None:
    batch = full(10, size=4).read(2)
    assert (batch.lost, [each.number for each in batch.events]) == (4, [7, 8, 9, 10])
    assert full(10, size=4).read(6).lost == 0


def test_the_texts_of_old_events_are_forgotten() -> None:
    feed = full(0)
    for number in range(2 * TEXTS):
        feed.text(Numbered(number, NOW, EVENTS["cut"]))
    assert len(feed._texts) <= TEXTS


def test_who_waits_is_told_of_news() -> None:
    async def act() -> None:
        recent = Recent()
        feed = Feed(recent)
        waiting = [
            asyncio.ensure_future(feed.wait(lambda: feed.has_after(0), 60)) for _ in range(3)
        ]
        waiting[0].cancel()
        await asyncio.sleep(0)
        recent.add(EVENTS["cut"])
        await asyncio.gather(*waiting[1:])
        await feed.wait(lambda: feed.has_after(0), 60)  # there is news already

    asyncio.run(act())


def test_who_has_read_all_goes_on_waiting() -> None:
    async def act() -> None:
        feed = full(1)
        behind = asyncio.ensure_future(feed.wait(lambda: feed.has_after(0), 60))
        waiting = asyncio.ensure_future(feed.wait(lambda: feed.has_after(1), 60))
        await behind
        assert not waiting.done()
        waiting.cancel()

    asyncio.run(act())


def test_who_waits_is_told_when_the_time_is_over() -> None:
    asyncio.run(full(0).wait(lambda: False, 0.01))


def test_who_waits_is_told_of_the_end() -> None:
    async def act() -> None:
        feed = full(0)
        waiting = asyncio.ensure_future(feed.wait(lambda: feed.has_after(0), 60))
        feed.close()
        await waiting

    asyncio.run(act())
