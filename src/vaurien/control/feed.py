"""Events for readers of the API: selected, written once for all of them, told to those that wait.

Law: the data plane knows no reader, it only appends to ``Recent``.  While somebody waits, the
control thread looks for news ``LOOKS`` times a second, and takes a bounded number of events each
time.  Nothing is queued for a reader: one that is too slow finds events gone, and learns how many.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ..net.recent import Numbered, Recent, numbered
from ..values.events import Changed, Cut, Event, Fired, GaveUp, PluginFailed, Trouble
from .journal import described, timestamp

if TYPE_CHECKING:
    import asyncio

LOOKS = 20
"""How many times a second it looks for news."""
BATCH = 256
"""Events that a reader is told at a time, at most."""
READERS = 64
"""Readers at a time, at most: of events and of samples."""
TEXTS = 1024
"""Events whose text is remembered, for the other readers."""
KINDS: dict[type[Event], str] = {
    Fired: "fired",
    Trouble: "trouble",
    GaveUp: "gave_up",
    Cut: "cut",
    PluginFailed: "plugin_failed",
    Changed: "changed",
}
"""How the API calls events."""


@dataclass(frozen=True)
class Wanted:
    """Which events a reader wants; what is empty selects nothing."""

    proxy: str = ""
    rule: str = ""
    kinds: frozenset[str] = frozenset(KINDS.values())

    def accepts(self, event: Event) -> bool:
        if KINDS[type(event)] not in self.kinds:
            return False
        if self.rule and not (isinstance(event, Fired) and event.rule == self.rule):
            return False
        if self.proxy and isinstance(event, Changed):
            return self.proxy in (*event.added, *event.changed, *event.removed)
        return self.proxy in ("", event.proxy)


class Batch(NamedTuple):
    """Some of the events that came after one."""

    lost: int | None
    """Events in between that are not kept any more; None: unknown, as the one is of another
    process, and these are all that there are."""
    events: list[Numbered]
    last: int
    """The number to continue after."""

    @property
    def before(self) -> int:
        """The number before the first of them."""
        return self.events[0].number - 1 if self.events else self.last


class Waiter(NamedTuple):
    """A reader that waits: for news, and until when, in seconds of the loop."""

    news: Callable[[], bool]
    until: float
    told: asyncio.Future[None]


class Feed:
    """The events of a process, for one thread that runs an event loop."""

    def __init__(self, recent: Recent) -> None:
        self._recent = recent
        self._waiters: list[Waiter] = []
        self._texts: dict[int, str] = {}
        self.readers = 0
        """Those that follow at the moment."""
        self.closed = False
        """No reader should go on."""

    @property
    def size(self) -> int:
        """How many events are kept at most."""
        return self._recent.maxlen or 0

    @property
    def newest(self) -> int:
        """The number of the newest event."""
        return self._recent.newest

    def has_after(self, number: int) -> bool:
        """Return whether there are newer events."""
        return self.newest > number

    def read(self, after: int, most: int = BATCH) -> Batch:
        """Return the first events after one, in any thread; 0: all that are kept."""
        beginning = self._recent.first - 1
        is_known = after == 0 or beginning <= after <= self.newest
        after = max(after, beginning) if is_known else beginning
        kept = self._recent.after(after)
        lost = kept[0][0] - after - 1 if kept else 0
        events = list(map(numbered, kept[:most]))
        return Batch(lost if is_known else None, events, events[-1].number if events else after)

    async def wait(self, news: Callable[[], bool], seconds: float) -> None:
        """Return when there is news, or after this time."""
        import asyncio

        loop = asyncio.get_running_loop()
        waiter = Waiter(news, loop.time() + seconds, loop.create_future())
        if not self._waiters:
            loop.call_later(1 / LOOKS, self._look, loop)
        self._waiters.append(waiter)
        await waiter.told

    def close(self) -> None:
        """Have all readers end, soon."""
        self.closed = True

    def text(self, each: Numbered) -> str:
        """Return an event as a server-sent event; its data is JSON, in ASCII."""
        text = self._texts.get(each.number)
        if text is None:
            if len(self._texts) >= TEXTS:
                self._texts.clear()
            kind, data = KINDS[type(each.event)], json.dumps(fields_of(each))
            text = f"id: {each.number}\nevent: {kind}\ndata: {data}\n\n"
            self._texts[each.number] = text
        return text

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Tell those that wait for what there is by now."""
        now = loop.time()
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if waiter.told.done():
                continue  # cancelled, as its reader has gone
            if now >= waiter.until or self.closed or waiter.news():
                waiter.told.set_result(None)
            else:
                self._waiters.append(waiter)
        if self._waiters:
            loop.call_later(1 / LOOKS, self._look, loop)


def fields_of(each: Numbered) -> dict[str, object]:
    """Return an event as JSON has it."""
    return {"id": each.number, **told(each.event, each.at)}


def told(event: Event, at: float) -> dict[str, object]:
    """Return what is told of an event, in the API and in the log; of what happened when."""
    if isinstance(event, Fired):
        return described(event, at)
    fields: dict[str, object] = {"time": timestamp(at)}
    if isinstance(event, Changed):
        proxies = {"added": event.added, "changed": event.changed, "removed": event.removed}
        return {**fields, "generation": event.generation, **proxies}
    fields["proxy"] = event.proxy
    if not isinstance(event, (Trouble, PluginFailed)):
        return {**fields, "what": event.text()}
    for name in ("connection", "exchange"):
        if number := getattr(event, name):
            fields[name] = number
    more = "traceback" if isinstance(event, PluginFailed) else "detail"
    return {**fields, "what": event.what, more: getattr(event, more)}
