"""The verdict on a client: what all rules have found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..embedded.trace import Trace
from .gave_up import GaveUp
from .ignored_wait import IgnoredWait
from .judging import Case, Finding, Judging
from .no_backoff import NoBackoff
from .reconnect_storm import ReconnectStorm
from .repeated_effect import RepeatedEffect
from .retried_fatal import RetriedFatal
from .reused_broken import ReusedBroken
from .truncated_accepted import TruncatedAccepted
from .waited_forever import WaitedForever

RULES: tuple[Judging, ...] = (
    RepeatedEffect(),
    RetriedFatal(),
    IgnoredWait(),
    WaitedForever(),
    TruncatedAccepted(),
    NoBackoff(),
    ReconnectStorm(),
    ReusedBroken(),
    GaveUp(),
)


@dataclass(frozen=True)
class Verdict:
    """What was found, the worst first."""

    findings: Sequence[Finding]

    @property
    def failed(self) -> bool:
        return any(finding.level == "FAIL" for finding in self.findings)

    @property
    def text(self) -> str:
        """All findings, or that there are none, in lines."""
        lines = [line for finding in self.findings for line in finding.lines()]
        return "\n".join(lines) or "OK: nothing was found"

    def __str__(self) -> str:
        return self.text


def judge(trace: Trace) -> Verdict:
    """Return what all rules find in a trace."""
    case = Case(trace)
    found = [finding for rule in RULES for finding in rule.judge(case)]
    return Verdict(sorted(found, key=lambda finding: finding.level))
