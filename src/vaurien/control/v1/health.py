"""Whether the process lives, and whether it is ready for traffic."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from ..writer import ANSWER_LIMIT
from .problems import Refusal
from .routes import Answer, Call, Route

if TYPE_CHECKING:
    from ...net.proxies import Proxies

OK = Answer({"status": "ok"})
PROBES = ThreadPoolExecutor(2, "readyz")
"""Not those of other requests, which may all be waiting for the proxies."""
HEALTHY = {"type": "object", "properties": {"status": {"const": "ok"}}, "required": ["status"]}


async def livez(call: Call) -> Answer:
    del call
    return OK


async def readyz(call: Call) -> Answer:
    """Answer once the data plane does.

    Raises:
        StalledError, EndingError, Refusal: it does not yet, or not in time; or it is ending.
    """
    loop, late = asyncio.get_running_loop(), f"the proxies did not answer within {ANSWER_LIMIT:g} s"
    try:
        async with asyncio.timeout(ANSWER_LIMIT):
            ending = await loop.run_in_executor(PROBES, call.control.ask, _are_ending)
    except TimeoutError:
        raise Refusal(503, late) from None
    if ending:
        raise Refusal(503, "the proxies are ending")
    return OK


def _are_ending(proxies: Proxies) -> bool:
    return proxies.draining


ROUTES = [
    Route("GET", "/livez", livez, "Tell that the process answers.", answers={200: HEALTHY}),
    Route(
        "GET",
        "/readyz",
        readyz,
        "Tell whether the proxies take traffic, within a second.",
        answers={200: HEALTHY},
        statuses=[503],
    ),
]
