"""What proxies carry, over the native API."""

from __future__ import annotations

from live import Http, Live
from native import Native
from peers import wait_until
from vaurien.control.tracks import IDLE


def test_each_second_is_told(http: Http, ask: Native, cache: str, running: Live) -> None:
    running.ask(proxy="cache")
    history = running.control.live.history
    wait_until(lambda: "cache" in history.latest.proxies, "a sample")
    told = ask("GET", "/v1/history?proxy=cache").body
    assert (told["proxy"], told["step"]) == ("cache", 1)
    assert told["from"] == history.latest.at
    assert told["series"]["accepted"] == [1]
    assert set(told["series"]) == {*IDLE._fields, "connections"} - {"open"}


def test_what_is_asked_for_must_be_there(ask: Native, cache: str) -> None:
    assert ask("GET", "/v1/history?proxy=none").status == 404
    assert set(ask("GET", "/v1/history?span=7").pointers) == {"span"}
    assert ask("GET", "/v1/history?span=3600").body["step"] == 10
