"""Whether the process lives, and whether it is ready for traffic."""

from __future__ import annotations

from .problems import Refusal
from .routes import Answer, Call, Route

OK = Answer({"status": "ok"})
HEALTHY = {"type": "object", "properties": {"status": {"const": "ok"}}, "required": ["status"]}


def livez(call: Call) -> Answer:
    del call
    return OK


def readyz(call: Call) -> Answer:
    """Answer once the data plane does.

    Raises:
        StalledError: it does not yet, or not in time.
        EndingError: it has ended.
        Refusal: it is ending.
    """
    if call.control.ask(lambda proxies: proxies.draining):
        raise Refusal(503, "the proxies are ending")
    return OK


ROUTES = [
    Route("GET", "/livez", livez, "Whether the process answers.", answers={200: HEALTHY}),
    Route(
        "GET",
        "/readyz",
        readyz,
        "Whether the proxies take traffic; answered within a second.",
        answers={200: HEALTHY},
        statuses=[503],
    ),
]
