"""What readers of samples are told."""

from __future__ import annotations

import json
from types import MappingProxyType

from vaurien.control.history import Samples
from vaurien.control.live import Live
from vaurien.control.tracks import IDLE


class Kept:
    latest = Samples(0, 0, MappingProxyType({}), IDLE)


def test_a_reader_is_told_what_differs_from_what_it_has_seen() -> None:
    busy = IDLE._replace(exchanges=5)
    first = Samples(1, 100, {"a": IDLE, "b": busy}, busy)
    second = Samples(2, 101, {"a": IDLE, "b": IDLE}, IDLE)
    live = Live(Kept())  # type: ignore[arg-type]  # only what is asked here
    assert set(data(live.text(first))["proxies"]) == {"a", "b"}
    told = data(live.text(second, first))
    assert told == {"at": 101, "proxies": {"b": IDLE._asdict()}, "totals": IDLE._asdict()}
    assert set(data(live.text(second, proxy="a"))["proxies"]) == {"a"}


def data(text: str) -> dict[str, dict[str, object]]:
    assert text.startswith("event: sample\ndata: ")
    assert text.endswith("\n\n")
    found = json.loads(text.partition("data: ")[2])
    assert isinstance(found, dict)
    return found
