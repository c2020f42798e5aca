"""Server-sent events: texts that are sent to a reader as they come, until it leaves.

Law: nothing is queued for a reader.  One that is slow is waited for, and misses what it could have
been told meanwhile; one that does not read at all is cut by the server, see ``http``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING

from starlette.responses import Response

from ..feed import READERS, Feed
from .problems import Refusal

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

HEARTBEAT = 15.0
"""Seconds of silence after which a reader is sent a comment."""
RETRY = 1000
"""Milliseconds after which a browser connects again."""
MEDIA_TYPE = "text/event-stream"
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Accel-Buffering": "no",
}


def check_room(feed: Feed) -> None:
    """Check that there may be another reader; in the event loop, so that they come one by one.

    Raises:
        Refusal: there are too many.
    """
    if feed.readers >= READERS:
        what = f"{READERS} readers follow, the maximum"
        raise Refusal(503, what, headers={"Retry-After": "10"})


class Stream(Response):
    """Texts until the reader leaves; it counts as a reader from when it is made."""

    def __init__(self, feed: Feed, texts: AsyncGenerator[str, None]) -> None:
        feed.readers += 1
        self.status_code, self.background = 200, None
        self.media_type = MEDIA_TYPE
        self.init_headers(HEADERS)
        self._feed = feed
        self._texts = texts

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
        async with aclosing(self._texts) as texts:
            async for text in texts:
                await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def _left(receive: Receive) -> None:
    """Return when the reader has left."""
    while (await receive())["type"] != "http.disconnect":
        pass
