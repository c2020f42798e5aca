"""Calls for verdicts: attempts at one request, told in words."""

from __future__ import annotations

from vaurien.embedded.exchanges import Connection, Exchange, Exchanges, Injected
from vaurien.embedded.trace import ProxyTrace, Trace
from vaurien.protocol import Protocol
from vaurien.protocols.redis import Redis
from vaurien.verdicts.judging import Case, Finding, Judging

INCR = {"command": "INCRBY", "access": "write", "key": "paid"}
SET = {"command": "SET", "access": "write", "key": "done"}
GET = {"command": "GET", "access": "read", "key": "cart"}


def attempt(
    at: float,
    how: str = "ok",
    labels: dict[str, str] = INCR,
    *,
    connection: int = 1,
    took: float = 0.01,
    told: bytes = b"",
    head: bytes = b"",
    digest: str = "",
) -> Exchange:
    """An attempt: ``ok``, ``ambiguous``, ``unsent``, ``partial``, or an error that was injected."""
    number = int(at * 1000) + 1
    made = Exchange("db", connection, number, labels, at, head)
    made.digest = digest or str(sorted(labels.items()))
    made.told = told
    if how in ("ok", "ambiguous", "partial"):
        made.forwarded_at = made.answered_at = made.answer_ended_at = at
    if how == "ok":
        made.told_at = at + took
    elif how == "partial":
        made.told_bytes = 3
    elif how not in ("ambiguous", "unsent"):
        made.replied_at = at + took
    if how != "ok":
        behavior = {"ambiguous": "reply-lost", "unsent": "request-lost", "partial": "partial-reply"}
        known = behavior.get(how, "error")
        detail = how if known == "error" else ""
        made.injected = (Injected("rule", known, detail, at, connection, number, labels),)
    return made


def trace(
    *attempts: Exchange,
    protocol: type[Protocol] = Redis,
    connections: tuple[Connection, ...] | None = None,
    ended_at: float = 1000.0,
) -> Trace:
    """A trace; the connections of lost attempts are closed after 10 ms."""
    numbers = dict.fromkeys(each.connection for each in attempts)
    known = connections or tuple(_connection(number, attempts) for number in numbers)
    return Trace({"db": ProxyTrace(protocol, Exchanges(attempts), known)}, ended_at)


def _connection(number: int, attempts: tuple[Exchange, ...]) -> Connection:
    own = [each for each in attempts if each.connection == number]
    made = Connection("db", number, own[0].asked_at, own[0].asked_at)
    if own[-1].told_at is None and own[-1].replied_at is None:
        made.closed_at = own[-1].asked_at + 0.01
    return made


def judged(rule: Judging, *attempts: Exchange, protocol: type[Protocol] = Redis) -> list[Finding]:
    """What a rule finds in these attempts."""
    return list(rule.judge(Case(trace(*attempts, protocol=protocol))))


def levels(rule: Judging, *attempts: Exchange, protocol: type[Protocol] = Redis) -> list[str]:
    """The levels of what a rule finds."""
    return [finding.level for finding in judged(rule, *attempts, protocol=protocol)]
