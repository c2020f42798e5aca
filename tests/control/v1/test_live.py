"""What proxies carry, over the native API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

import pytest

from live import Http, Live
from native import Native
from peers import wait_until
from vaurien.client import Client
from vaurien.control.feed import Feed
from vaurien.control.history import NO_SAMPLES, Samples
from vaurien.control.live import Live as Samplings
from vaurien.control.tracks import IDLE, Sample
from vaurien.control.v1 import live
from vaurien.net.recent import Recent


class Kept:
    """A history in which a test says what comes."""

    latest = NO_SAMPLES

    def add(self, **exchanges: int) -> None:
        number = self.latest.number + 1
        proxies: Mapping[str, Sample] = {
            name: IDLE._replace(exchanges=count) for name, count in exchanges.items()
        }
        self.latest = Samples(number, 100 + number, proxies, IDLE)


def told(text: str) -> tuple[int, dict[str, int]]:
    """When a second ended, and the requests of the proxies that are told of."""
    _, _, data = text.partition("data: ")
    found = json.loads(data)
    return found["at"], {name: each["exchanges"] for name, each in found["proxies"].items()}


def test_a_reader_is_told_all_and_then_what_changes_however_slow_it_is() -> None:
    async def act() -> None:
        kept, feed = Kept(), Feed(Recent())
        texts = live.told(feed, Samplings(kept), "")  # type: ignore[arg-type]  # what is asked here
        kept.add(a=1, b=1)
        assert told(await anext(texts)) == (101, {"a": 1, "b": 1})
        kept.add(a=2, b=1)
        assert told(await anext(texts)) == (102, {"a": 2})
        kept.add(a=3, b=9)
        kept.add(a=3, b=1)
        kept.add(a=4, b=1, c=0)
        assert told(await anext(texts)) == (105, {"a": 4, "c": 0})
        feed.close()
        with pytest.raises(StopAsyncIteration):
            await anext(texts)

    asyncio.run(act())


def test_a_stream_begins_at_once_and_has_heartbeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "HEARTBEAT", 0.01)

    async def act() -> None:
        texts = live.told(Feed(Recent()), Samplings(Kept()), "")  # type: ignore[arg-type]
        assert await anext(texts) == "retry: 1000\n:\n\n"
        assert await anext(texts) == ":\n\n"

    asyncio.run(act())


def test_each_second_is_told(http: Http, ask: Native, cache: str, running: Live) -> None:
    running.ask(proxy="cache")
    client = Client(http.host, http.port)
    samples = (event.data for event in client.samples(proxy="cache"))
    first = next(each for each in samples if each["proxies"])
    assert set(first) == {"at", "proxies", "totals"}
    assert first["totals"] == {**IDLE._asdict(), **first["proxies"]["cache"]}  # type: ignore[index]
    told = ask("GET", "/v1/history?proxy=cache").body
    assert (told["proxy"], told["step"]) == ("cache", 1)
    assert told["rules"] == told["off"] == []
    assert sum(told["series"]["accepted"]) == 1
    assert told["from"] + len(told["series"]["p50"]) - 1 >= first["at"]
    assert set(told["series"]) == {*IDLE._fields, "connections"} - {"open"}


def test_the_lives_of_rules_are_told(http: Http, ask: Native, cache: str, running: Live) -> None:
    rule = {"name": "slow", "behavior": "delay"}
    assert ask("POST", f"{cache}/rules", rule).status == 201

    def lives() -> list[dict[str, object]]:
        found = ask("GET", "/v1/history?proxy=cache").body["rules"]
        assert isinstance(found, list)
        return found

    wait_until(lives, "the rule")
    (life,) = lives()
    assert (life["rule"], life["behavior"], life["to"]) == ("slow", "delay", None)
    assert ask("PATCH", cache, {"enabled": False}).status == 200
    wait_until(lambda: ask("GET", "/v1/history?proxy=cache").body["off"], "that it is off")
    assert lives() == [life]


def test_what_is_asked_for_must_be_there(ask: Native, cache: str) -> None:
    assert ask("GET", "/v1/history?proxy=none").status == 404
    assert set(ask("GET", "/v1/history?span=7").pointers) == {"span"}
    assert ask("GET", "/v1/history?span=3600").body["step"] == 10
    assert ask("GET", "/v1/history?proxy=cache").body["series"]["p50"] == []
