"""Events as they happen, as server-sent events; and the firings among the last of them.

Both come from the last events that the process keeps, so nothing here costs traffic anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from starlette.responses import Response

from ...values.events import Fired
from ...values.options import Option
from ..feed import KINDS, READERS, Feed, Wanted, fields_of
from .problems import Refusal, Wrong
from .routes import Answer, Call, Route

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

HEARTBEAT = 15.0
"""Seconds of silence after which a reader is sent a comment."""
RETRY = 1000
"""Milliseconds after which a browser connects again."""
LONGEST = 64 * 1024
"""Characters that are written at once to a reader, but for the end of the last event."""
LAST_EVENT_ID = "last-event-id"
MEDIA_TYPE = "text/event-stream"
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Accel-Buffering": "no",
}
LIMIT = Option("limit", int, 100, "number of entries", minimum=1, maximum=1000)
AFTER = Option("after", int, 0, "id of the event to continue after", minimum=0)
PROXY = Option("proxy", str, "", "name of the proxy")
RULE = Option("rule", str, "", "name of the rule that fired")
TYPE = Option("type", str, "", f"types of events, with commas: {', '.join(KINDS.values())}")
FILTERS = (
    PROXY,
    RULE,
    Option("behavior", str, "", "name of the behavior of the rule"),
    Option("connection", int, 0, "number of the connection", minimum=1),
)
SINCE = Option("since", str, "", "time, such as 2026-05-28T20:26:40Z")


class EventStream(Response):
    """Events after one, until the reader leaves; it counts as a reader from when it is made."""

    def __init__(self, feed: Feed, wanted: Wanted, after: int | None) -> None:
        """``after``: None for those to come."""
        feed.readers += 1
        self.status_code, self.background = 200, None
        self.media_type = MEDIA_TYPE
        self.init_headers(HEADERS)
        self._feed = feed
        self._wanted = wanted
        self._after = feed.newest if after is None else after

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"status": self.status_code, "headers": self.raw_headers}
        try:
            await send({"type": "http.response.start", **start})
            if scope["method"] != "HEAD":
                await self._follow(receive, send)
            await send({"type": "http.response.body", "body": b""})
        finally:
            self._feed.readers -= 1

    async def _follow(self, receive: Receive, send: Send) -> None:
        telling = asyncio.ensure_future(self._tell(send))
        leaving = asyncio.ensure_future(_left(receive))
        try:
            await asyncio.wait([telling, leaving], return_when=asyncio.FIRST_COMPLETED)
            if telling.done():
                telling.result()
        finally:
            telling.cancel()
            leaving.cancel()

    async def _tell(self, send: Send) -> None:
        feed, last, told = self._feed, self._after, 0.0
        clock = asyncio.get_running_loop().time
        text = f"retry: {RETRY}\n"
        while not feed.closed:
            batch = feed.read(last)
            last = batch.before
            if batch.lost != 0:
                text += _lost(batch.lost, last)
            for each in batch.events:
                last = each.number
                if self._wanted.accepts(each.event):
                    text += feed.text(each)
                    if len(text) > LONGEST:
                        break
            if not told or clock() - told >= HEARTBEAT:
                text += f":\nid: {last}\n\n"
            if text:
                await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
                text, told = "", clock()
            await feed.wait(last, told + HEARTBEAT - clock())


async def _left(receive: Receive) -> None:
    """Return when the reader has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _lost(count: int | None, last: int) -> str:
    """Return the event that tells a reader how many events it has missed; None: unknown."""
    data = "null" if count is None else count
    return f'id: {last}\nevent: lost\ndata: {{"events": {data}}}\n\n'


async def follow(call: Call) -> EventStream:
    """Follow events; in the event loop, so that readers are counted one by one.

    Raises:
        Refusal: there are too many readers, or what is asked for is wrong.
    """
    feed = call.control.feed
    if feed.readers >= READERS:
        what = f"{READERS} readers follow events, the maximum"
        raise Refusal(503, what, headers={"Retry-After": "10"})
    kinds = [kind.strip() for kind in str(call.query.get(TYPE.name, "")).split(",")]
    known = (*KINDS.values(), "lost")
    wrong = [kind for kind in kinds if kind and kind not in known]
    if wrong:
        allowed = ", ".join(known)
        detail = f"{wrong[0]!r} is not a type of events: one of {allowed}"
        raise Refusal(422, errors=[Wrong(detail, parameter=TYPE.name, allowed=allowed)])
    wanted = Wanted(
        proxy=str(call.query.get(PROXY.name, "")),
        rule=str(call.query.get(RULE.name, "")),
        kinds=frozenset(filter(None, kinds)) or frozenset(known),
    )
    return EventStream(feed, wanted, _after(call))


def _after(call: Call) -> int | None:
    """Return after which event to continue; the header is newer than what a URL says."""
    text = call.headers.get(LAST_EVENT_ID)
    if text is not None:
        if not (text.isascii() and text.isdigit() and len(text) < 20):
            what = f"{text!r} is not the id of an event"
            raise Refusal(422, errors=[Wrong(what, parameter="Last-Event-ID", given=text)])
        return int(text)
    given = call.query.get(AFTER.name)
    return None if given is None else int(given)


def journal(call: Call) -> Answer:
    """Return the firings among the events that are kept."""
    query, feed = call.query, call.control.feed
    after, since = query.get(AFTER.name), _since(query)
    batch = feed.read(int(after or 0), most=feed.size)
    wanted = {each.name: query[each.name] for each in FILTERS if each.name in query}
    found = [
        each
        for each in batch.events
        if isinstance(each.event, Fired)
        and (since is None or each.at >= since)
        and all(getattr(each.event, name) == value for name, value in wanted.items())
    ]
    limit = int(query.get(LIMIT.name, LIMIT.default))
    newest_first = after is None and since is None
    entries = found[-limit:] if newest_first else found[:limit]
    cut = not newest_first and len(found) > limit
    return Answer(
        {
            "entries": list(map(fields_of, entries)),
            "next": entries[-1].number if cut else batch.last,
            "lost": batch.lost if after is not None else 0,
        }
    )


def _since(query: Mapping[str, object]) -> float | None:
    text = query.get(SINCE.name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(str(text))
        if moment.tzinfo is None:
            raise ValueError
        return moment.timestamp()
    except (ValueError, OverflowError):
        what = f"{text!r} is not a time with a zone, such as 2026-05-28T20:26:40Z"
        raise Refusal(422, errors=[Wrong(what, parameter=SINCE.name, given=str(text))]) from None


ENTRIES = {
    "type": "object",
    "properties": {
        "entries": {
            "type": "array",
            "items": {"type": "object"},
            "description": "Lines of the journal, oldest first, with their ids.",
        },
        "next": {"type": "integer", "description": "The id to continue after."},
        "lost": {
            "type": ["integer", "null"],
            "description": "Events since `after` that are not kept; null: of another process.",
        },
    },
    "required": ["entries", "next", "lost"],
}

ROUTES = [
    Route(
        "GET",
        "/v1/events",
        follow,
        "Follow events, as server-sent events.",
        query=[PROXY, RULE, TYPE, AFTER],
        answers={200: {"type": "string"}},
        statuses=[503],
        media_type=MEDIA_TYPE,
    ),
    Route(
        "GET",
        "/v1/journal",
        journal,
        "Return the last firings of rules: the newest, unless `after` or `since` is given.",
        query=[*FILTERS, SINCE, AFTER, LIMIT],
        answers={200: ENTRIES},
    ),
]
