"""no-backoff: attempts at once, at a constant pace, or in step with other clients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .evidence import Call
from .judging import Case, Finding, Judging

GAPS = 3
"""Gaps between attempts that it takes to see a pace."""
AT_ONCE = 0.02
"""Seconds between a failure and the next attempt that are no pause."""
STEADY = 0.1
"""Part of the average by which gaps of a constant pace may differ."""
CROWD = 5
"""Calls that it takes to see them in step."""
WINDOW = 0.02
"""Seconds within which attempts are made together."""


class NoBackoff(Judging):
    """Attempts followed each other without a pause, or without a growing one."""

    name = "no-backoff"
    may_not_claim = "Anything from fewer than three gaps, or about what several programs share."

    def judge(self, case: Case) -> Iterator[Finding]:
        retried = [call for call in case.calls if len(call.gaps) >= GAPS]
        for call in retried:
            pace = pace_of(call.gaps)
            if pace:
                text = f"{call.title} was repeated {pace}"
                yield self.finding("WARN", call.proxy, text, call.attempts)
        for proxy in case.trace.proxies:
            yield from self._in_step([call for call in case.calls if call.proxy == proxy])

    def _in_step(self, calls: Sequence[Call]) -> Iterator[Finding]:
        """Look for many second attempts at the same moments."""
        seconds = [(call.gaps[0], call) for call in calls if call.gaps and call.gaps[0] > AT_ONCE]
        if len(seconds) < CROWD:
            return
        gaps = sorted(gap for gap, _ in seconds)
        together = max(sum(gap <= other < gap + WINDOW for other in gaps) for gap in gaps)
        if together >= max(CROWD, len(gaps) // 2):
            text = f"{together} of {len(gaps)} calls were repeated after the same pause: no jitter"
            attempts = [call.attempts[1] for _, call in seconds[:CROWD]]
            yield self.finding("WARN", seconds[0][1].proxy, text, attempts)


def pace_of(gaps: Sequence[float]) -> str:
    """Return what is wrong with these gaps, in words; ``""`` if nothing is."""
    average = sum(gaps) / len(gaps)
    if max(gaps) < AT_ONCE:
        return f"{len(gaps)} times at once"
    if max(gaps) - min(gaps) < STEADY * average:
        return f"{len(gaps)} times at a constant pace, each {average:.2f} s"
    return ""
