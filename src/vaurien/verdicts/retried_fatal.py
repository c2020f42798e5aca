"""retried-fatal: the same again, though the answer will be the same."""

from __future__ import annotations

from collections.abc import Iterator

from .judging import Case, Finding, Judging, Level

AGAIN = 10.0
"""Seconds within which the same request is another attempt."""


class RetriedFatal(Judging):
    """A call was repeated after an error that does not pass."""

    name = "retried-fatal"
    may_not_claim = (
        "That a request which only asks, or fills a cache, is another attempt, and not a program "
        "that looks again: that is a warning."
    )

    def judge(self, case: Case) -> Iterator[Finding]:
        for call in case.calls:
            again = [
                (before, after)
                for before, after in call.retries
                if before.problem == "fatal" and after.began_at - before.began_at <= AGAIN
            ]
            if again:
                text = f"{call.title} was repeated after {again[0][0].error}, times: {len(again)}"
                level: Level = "WARN" if call.safe or call.forgettable else "FAIL"
                yield self.finding(level, call.proxy, text, call.attempts)
