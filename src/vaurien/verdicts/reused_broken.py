"""reused-broken: a request on a connection that the backend had closed."""

from __future__ import annotations

from collections.abc import Iterator

from ..embedded.meaning import meets_any
from .judging import Case, Finding, Judging

NOTICED = 0.1
"""Seconds after which a client has had the time to see the end of its connection."""


class ReusedBroken(Judging):
    """A connection was used after its end could be seen: a pool does not look before it lends."""

    name = "reused-broken"
    may_not_claim = (
        "That this was seen by a user: a client may have repeated the request elsewhere."
    )

    def judge(self, case: Case) -> Iterator[Finding]:
        for call in case.calls:
            if meets_any(call.attempts[0].exchange.labels, call.semantics.probe):
                continue  # it looks
            for attempt in call.attempts:
                connection = attempt.connection
                ended = None if connection is None else connection.backend_ended_at
                if ended is not None and attempt.began_at > ended + NOTICED:
                    text = f"{call.title} was sent on a connection that had ended"
                    yield self.finding("WARN", call.proxy, text, (attempt,))
