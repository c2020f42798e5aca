"""waited-forever: no limit of time on an answer that does not come."""

from __future__ import annotations

from collections.abc import Iterator

from .judging import Case, Finding, Judging

PATIENCE = 10.0
"""Seconds after which a client that still waits has no limit, or one that is too long."""


class WaitedForever(Judging):
    """A client waited for an answer, and neither gave up nor closed."""

    name = "waited-forever"
    may_not_claim = "That it would never have given up: it waited as long as it was watched."

    def judge(self, case: Case) -> Iterator[Finding]:
        end = case.trace.ended_at
        for call in case.calls:
            for attempt in call.attempts:
                held = attempt.problem in ("ambiguous", "unsent") and attempt.exchange.injected
                until = end if attempt.ended_at is None else attempt.ended_at
                waited = until - attempt.began_at
                if held and waited >= PATIENCE:
                    text = f"{call.title} had no answer, and the client waited for {waited:.0f} s"
                    yield self.finding("FAIL", call.proxy, text, (attempt,))
