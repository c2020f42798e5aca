"""ignored-wait: another attempt before the time that the server asked for."""

from __future__ import annotations

from collections.abc import Iterator

from .evidence import seconds_to_wait
from .judging import Case, Finding, Judging

TOLERANCE = 0.05
"""Seconds by which clocks may differ."""


class IgnoredWait(Judging):
    """A call was repeated sooner than the answer said, such as in ``Retry-After``."""

    name = "ignored-wait"
    may_not_claim = "That calls which asked for something else were to wait, too."

    def judge(self, case: Case) -> Iterator[Finding]:
        for call in case.calls:
            for before, after in call.retries:
                asked = seconds_to_wait(before.exchange, call.semantics)
                waited = after.began_at - (before.ended_at or before.began_at)
                if asked and waited < asked - TOLERANCE:
                    text = f"{call.title} was repeated after {waited:.2f} s, not {asked:g} s"
                    yield self.finding("FAIL", call.proxy, text, (before, after))
