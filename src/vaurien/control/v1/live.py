"""What proxies carry, second by second: now, as server-sent events, and lately."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from functools import partial
from typing import TYPE_CHECKING

from ...values.options import Option
from ..history import NO_SAMPLES, OFF
from ..tracks import SPANS, Sample
from .problems import Refusal
from .routes import Answer, Call, Route
from .streams import HEARTBEAT, MEDIA_TYPE, RETRY, Stream, check_room

if TYPE_CHECKING:
    from ..feed import Feed
    from ..live import Live

PROXY = Option("proxy", str, "", "name of the proxy; without it, all of them")
SPAN = Option("span", int, min(SPANS), "seconds", choices=tuple(SPANS))
NAMES = {field: field for field in Sample._fields} | {"open": "connections"}
"""How series are called: what is open is a number of connections."""


async def told(feed: Feed, live: Live, proxy: str) -> AsyncGenerator[str, None]:
    """Yield a text for each second: the first with all, then with what has changed."""
    clock = asyncio.get_running_loop().time
    seen, text, written = NO_SAMPLES, f"retry: {RETRY}\n:\n\n", clock()
    while not feed.closed:
        latest = live.latest
        if latest is not seen:
            text += live.text(latest, seen, proxy)
            seen = latest
        if not text and clock() - written >= HEARTBEAT:
            text = ":\n\n"
        if text:
            yield text
            text, written = "", clock()
        await feed.wait(partial(live.is_new, seen), written + HEARTBEAT - clock())


async def follow(call: Call) -> Stream:
    """Follow samples; in the event loop, so that readers are counted one by one.

    Raises:
        Refusal: there are too many readers.
    """
    feed = call.control.feed
    check_room(feed)
    return Stream(feed, told(feed, call.control.live, str(call.query.get(PROXY.name, ""))))


def history(call: Call) -> Answer:
    """Return the series of a proxy, or the sums.

    Raises:
        Refusal: there is no such proxy.
        StalledError, EndingError: the data plane does not answer.
    """
    proxy = str(call.query.get(PROXY.name, ""))
    span = int(call.query.get(SPAN.name, SPAN.default))
    if proxy and call.control.state.get(proxy) is None:
        raise Refusal(404, f"there is no proxy {proxy!r}")
    kept = call.control.live.history
    found, lives = call.control.ask(lambda _: (kept.read(proxy, span), kept.lives(proxy)))
    series = {NAMES[field]: values for field, values in found.values.items()}
    lives = [life for life in lives if life.ended is None or life.ended >= found.first]
    rules = [
        {"rule": life.rule, "behavior": life.behavior, "from": life.begun, "to": life.ended}
        for life in lives
        if life.rule != OFF
    ]
    off = [{"from": life.begun, "to": life.ended} for life in lives if life.rule == OFF]
    body = {"proxy": proxy, "step": found.step, "from": found.first, "series": series}
    return Answer({**body, "rules": rules, "off": off})


TIMES = {"from": {"type": "integer"}, "to": {"type": ["integer", "null"]}}


SERIES = {
    "type": "object",
    "properties": {
        "proxy": {"type": "string", "description": "Its name; empty: the sums of all."},
        "step": {"type": "integer", "description": "Seconds between two values."},
        "from": {
            "type": "integer",
            "description": "When the step of the first value ended, in seconds since 1970.",
        },
        "series": {
            "type": "object",
            "properties": {
                name: {"type": "array", "items": {"type": ["number", "null"]}}
                for name in NAMES.values()
            },
            "required": list(NAMES.values()),
            "description": "Values, oldest first: connections that are open; what is counted, per"
            " second; times in milliseconds, null where there was none.",
        },
        "rules": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "rule": {"type": "string"},
                    "behavior": {"type": "string"},
                    **TIMES,
                },
                "required": ["rule", "behavior", *TIMES],
            },
            "description": "When rules of the proxy were on, in seconds since 1970; null: still.",
        },
        "off": {
            "type": "array",
            "items": {"type": "object", "properties": TIMES, "required": list(TIMES)},
            "description": "When the proxy was off, in the same way.",
        },
    },
    "required": ["proxy", "step", "from", "series", "rules", "off"],
}
ROUTES = [
    Route(
        "GET",
        "/v1/live",
        follow,
        "Follow what proxies carry, once a second, as server-sent events.",
        query=[PROXY],
        answers={200: {"type": "string"}},
        statuses=[503],
        media_type=MEDIA_TYPE,
    ),
    Route(
        "GET",
        "/v1/history",
        history,
        "Return what a proxy has carried lately, or all of them together.",
        query=[PROXY, SPAN],
        answers={200: SERIES},
        statuses=[404],
    ),
]
