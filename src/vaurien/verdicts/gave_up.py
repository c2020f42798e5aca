"""gave-up: no further attempt, though the error was worth one."""

from __future__ import annotations

from collections.abc import Iterator

from .judging import Case, Finding, Judging


class GaveUp(Judging):
    """The last attempt at a call met an error that passes, or was lost."""

    name = "gave-up"
    may_not_claim = "That the program did not do without: it may have served something else."

    def judge(self, case: Case) -> Iterator[Finding]:
        for call in case.calls:
            last = call.attempts[-1]
            worth = last.problem == "transient" or (last.problem == "unsent" and last.ended_at)
            if worth or (last.problem == "ambiguous" and call.repeatable and last.ended_at):
                times = len(call.attempts)
                what = last.error or "a lost connection"
                text = f"{call.title} was given up after {what}, attempts: {times}"
                yield self.finding("WARN", call.proxy, text, call.attempts)
