"""Events as they happen, as server-sent events; and the firings among the last of them.

Both come from the last events that the process keeps, so nothing here costs traffic anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from datetime import datetime
from functools import partial

from ...values.events import Fired
from ...values.options import Option
from ..feed import KINDS, Feed, Wanted, fields_of
from .problems import Refusal, Wrong
from .routes import Answer, Call, Route
from .streams import HEARTBEAT, MEDIA_TYPE, RETRY, Stream, check_room

LONGEST = 64 * 1024
"""Characters that are written at once to a reader, but for the end of the last event."""
LAST_EVENT_ID = "last-event-id"
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


async def told(feed: Feed, wanted: Wanted, after: int | None) -> AsyncGenerator[str, None]:
    """Yield the events after one; None: those to come."""
    last = feed.newest if after is None else after
    clock = asyncio.get_running_loop().time
    text, written = f"retry: {RETRY}\n", 0.0
    while not feed.closed:
        batch = feed.read(last)
        last = batch.before
        if batch.lost != 0:
            text += _lost(batch.lost, last)
        for each in batch.events:
            last = each.number
            if wanted.accepts(each.event):
                text += feed.text(each)
                if len(text) > LONGEST:
                    break
        if not written or clock() - written >= HEARTBEAT:
            text += f":\nid: {last}\n\n"
        if text:
            yield text
            text, written = "", clock()
        await feed.wait(partial(feed.has_after, last), written + HEARTBEAT - clock())


def _lost(count: int | None, last: int) -> str:
    """Return the event that tells a reader how many events it has missed; None: unknown."""
    data = "null" if count is None else count
    return f'id: {last}\nevent: lost\ndata: {{"events": {data}}}\n\n'


async def follow(call: Call) -> Stream:
    """Follow events; in the event loop, so that readers are counted one by one.

    Raises:
        Refusal: there are too many readers, or what is asked for is wrong.
    """
    feed = call.control.feed
    check_room(feed)
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
    return Stream(feed, told(feed, wanted, _after(call)))


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
