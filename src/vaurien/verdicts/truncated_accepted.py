"""truncated-accepted: a part of an answer taken for the whole."""

from __future__ import annotations

from collections.abc import Iterator

from .evidence import cut_short
from .judging import Case, Finding, Judging


class TruncatedAccepted(Judging):
    """An answer broke off, and the client went on on the same connection, or asked for no other."""

    name = "truncated-accepted"
    may_not_claim = (
        "That a program which did not ask again used the part: it may have told its user of an "
        "error.  That is a warning."
    )

    def judge(self, case: Case) -> Iterator[Finding]:
        for call in case.calls:
            for number, attempt in enumerate(call.attempts):
                each = attempt.exchange
                begun = each.told_bytes and each.told_at is None and each.replied_at is None
                looks_whole = not begun and cut_short(each, call.semantics) != ""
                if not (looks_whole or (begun and each.injected)):
                    continue
                cut_at = each.answer_ended_at or each.answered_at or each.asked_at
                later = [
                    other
                    for other in case.trace.proxies[call.proxy].exchanges
                    if other.connection == each.connection and other.asked_at > cut_at
                ]
                if later and not looks_whole:
                    text = f"{call.title} was answered in part, and its connection used again"
                    yield self.finding("FAIL", call.proxy, text, (attempt,))
                elif number == len(call.attempts) - 1 and (call.safe or looks_whole):
                    text = f"{call.title} was answered in part, and not asked again"
                    yield self.finding("WARN", call.proxy, text, (attempt,))
