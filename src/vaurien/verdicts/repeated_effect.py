"""repeated-effect: the same thing done twice, because the first answer was lost."""

from __future__ import annotations

from collections.abc import Iterator

from ..embedded.meaning import carried_out
from .judging import Case, Finding, Judging


class RepeatedEffect(Judging):
    """A request that is not idempotent was sent again, and the backend has carried out both."""

    name = "repeated-effect"
    may_not_claim = (
        "That the backend does not know the second for the first by something in the request, or "
        "that the second was not wanted for its own sake."
    )

    def judge(self, case: Case) -> Iterator[Finding]:
        done = {each.key for proxy in case.trace.proxies.values() for each in carried_out(proxy)}
        for call in case.calls:
            if call.repeatable:
                continue
            effective = [
                attempt
                for attempt in call.attempts
                if any(each.key in done for each in attempt.changes)
            ]
            if len(effective) > 1 and effective[0].problem == "ambiguous":
                text = f"{call.title} was carried out by the backend {len(effective)} times"
                yield self.finding("FAIL", call.proxy, text, effective)
