"""Paths of requests as they were sent, and bodies, read within limits of size and time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

if TYPE_CHECKING:
    from starlette.types import Scope

BODY_PATIENCE = 10.0
"""Seconds that a body may take to arrive."""
OVERRUN = 1024 * 1024
"""Bytes of a too long body that are read and discarded, so that its sender gets the answer."""


async def read_body(request: Request, limit: int) -> bytes:
    """Return a body of at most ``limit`` bytes; one that is longer or too slow ends its connection.

    Raises:
        HTTPException: it does, with the status to answer.
    """
    body = bytearray()
    size = 0
    try:
        async with asyncio.timeout(BODY_PATIENCE):
            async for chunk in request.stream():
                size += len(chunk)
                if size <= limit:
                    body += chunk
                elif size > limit + OVERRUN:
                    break
    except TimeoutError:
        raise HTTPException(408, headers={"Connection": "close"}) from None
    except ClientDisconnect:
        raise HTTPException(400) from None  # nobody will receive it
    if size > limit:
        why = f"the body is longer than {limit} bytes"
        raise HTTPException(413, why, headers={"Connection": "close"})
    return bytes(body)


def raw_path(scope: Scope) -> str:
    """Return the path as it was sent: an encoded slash is part of a name."""
    raw: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    return raw.partition(b"?")[0].decode("latin-1")
