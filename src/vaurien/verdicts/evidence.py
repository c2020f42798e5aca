"""Calls, and the attempts at each: exchanges that asked for the same."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from ..embedded.exchanges import Connection, Exchange, Key
from ..embedded.meaning import (
    changes_of,
    identity_of,
    is_complete,
    is_forgettable,
    kind_of,
    meets_any,
    openings,
    title_of,
)
from ..embedded.trace import ProxyTrace, Trace
from ..protocol import Protocol
from ..semantics import Semantics

AT_ONCE = 0.02
"""Seconds within which the order of what happened on two connections is not known."""
Problem = Literal["", "transient", "fatal", "other", "ambiguous", "unsent"]
"""What was wrong with an attempt: nothing; an error worth another attempt, one that will be the
same next time, or another one; no answer, after the backend got the request; or before that."""


@dataclass(frozen=True)
class Attempt:
    """An exchange, as one attempt at a call."""

    exchange: Exchange
    connection: Connection | None
    problem: Problem
    error: str
    """The name or code of the error; ``""`` if there was none."""
    changes: Sequence[Exchange] = ()
    """What it was to change: itself, or the transaction that it commits, or nothing."""
    since: float = 0.0
    """When the first exchange of all began."""

    @property
    def began_at(self) -> float:
        return self.exchange.asked_at

    @cached_property
    def ended_at(self) -> float | None:
        """When the client had the answer, or the end of its connection; None: it waits still."""
        known = self.exchange.told_at or self.exchange.replied_at
        if known is not None and (self.error or not self.failed):
            return known
        return None if self.connection is None else self.connection.left_at

    @property
    def failed(self) -> bool:
        return self.problem != ""

    def follows(self, before: Attempt) -> bool:
        """Whether it may have been made because of what came of another one.

        It was not if it was on its way already.
        """
        same = self.exchange.connection == before.exchange.connection
        slack = 0.0 if same else AT_ONCE
        return before.ended_at is not None and self.began_at >= before.ended_at - slack

    def __str__(self) -> str:
        each = self.exchange
        what = self.error or {"": "answered", "ambiguous": "no answer", "unsent": "lost"}.get(
            self.problem, self.problem
        )
        at = f"+{self.began_at - self.since:.3f} s"
        return f"{at} connection {each.connection}, exchange {each.number}: {what}"


@dataclass(frozen=True)
class Call:
    """All attempts at one thing, in their order."""

    proxy: str
    title: str
    semantics: Semantics
    attempts: Sequence[Attempt]

    @property
    def safe(self) -> bool:
        """It only asks."""
        meaning, first = self.semantics, self.attempts[0]
        asks = meets_any(first.exchange.labels, (*meaning.safe, *meaning.opening))
        return asks and not first.changes

    @property
    def forgettable(self) -> bool:
        """What it writes may be lost."""
        return is_forgettable(self.attempts[0].exchange, self.semantics)

    @property
    def repeatable(self) -> bool:
        """It may be carried out twice; so may what only counts when it is committed."""
        return all(
            meets_any(each.labels, self.semantics.idempotent) or identity_of(each, self.semantics)
            for each in self.attempts[0].changes
        )

    @property
    def retries(self) -> Iterator[tuple[Attempt, Attempt]]:
        """Yield each failed attempt that another one follows, with that one."""
        for before, after in zip(self.attempts, self.attempts[1:], strict=False):
            if before.failed:
                yield before, after

    @property
    def gaps(self) -> list[float]:
        """The seconds between a failure and the next attempt."""
        return [
            max(0.0, after.began_at - (before.ended_at or before.began_at))
            for before, after in self.retries
        ]


def calls_of(trace: Trace) -> list[Call]:
    """Return the calls of a trace, in the order of their first attempts.

    An attempt belongs to a call before it that asked for the same and has failed by then.
    """
    calls: list[Call] = []
    since = next((each.asked_at for each in trace.exchanges()), 0.0)
    for name, proxy in trace.proxies.items():
        failed: dict[str, list[list[Attempt]]] = {}
        for attempt in attempts_of(proxy, since):
            asked, begun = _asked_of(attempt, proxy.protocol.semantics)
            alike = failed.setdefault(asked, [])
            candidates = [*alike, *failed.get(begun, ())]
            call = next((each for each in candidates if attempt.follows(each[-1])), None)
            if call is None:
                call = []
                alike.append(call)
                title = title_of(attempt.exchange.labels, proxy.protocol)
                others = [each for each in attempt.changes if each is not attempt.exchange]
                if others:
                    title += f" of {title_of(others[0].labels, proxy.protocol)}"
                calls.append(Call(name, title, proxy.protocol.semantics, call))
            elif call not in alike:
                failed[begun].remove(call)
                alike.append(call)
            call.append(attempt)
            if not attempt.failed:
                alike.remove(call)
    return sorted(calls, key=lambda call: call.attempts[0].began_at)


def attempts_of(proxy: ProxyTrace, since: float) -> Iterator[Attempt]:
    """Yield all exchanges as attempts, in the order in which they began; ``since``: see there."""
    connections = {each.number: each for each in proxy.connections}
    changes = changes_of(proxy)
    lived_with = _lived_with(proxy)
    for exchange in sorted(proxy.exchanges, key=lambda each: each.asked_at):
        connection = connections.get(exchange.connection)
        error = "" if exchange.key in lived_with else _error_of(exchange, proxy)
        cut = "" if error else cut_short(exchange, proxy.protocol.semantics)
        problem = "ambiguous" if cut else _problem_of(exchange, connection, error, proxy.protocol)
        made = changes.get(exchange.key, ())
        yield Attempt(exchange, connection, problem, error or cut, made, since)


def _asked_of(attempt: Attempt, semantics: Semantics) -> tuple[str, str]:
    """Return what is the same for all attempts at a call, and for those that were only begun."""
    exchange = attempt.exchange
    begun = f"begun {sorted(exchange.labels.items())}"
    if not exchange.digest or (attempt.changes and not is_complete(exchange, semantics)):
        return begun, begun
    identity = identity_of(exchange, semantics)
    digests = [exchange.digest, *(each.digest for each in attempt.changes)]
    return identity or " ".join(digests), begun


def _lived_with(proxy: ProxyTrace) -> set[Key]:
    """Return the keys of what opened a connection that was then used, whatever the answer was.

    Not every server knows all that clients offer it.
    """
    opening = {each.key: each for each in openings(proxy)}
    used: dict[int, float] = {}
    for each in proxy.exchanges:
        if each.key not in opening:
            used[each.connection] = max(each.asked_at, used.get(each.connection, 0.0))
    return {
        key
        for key, each in opening.items()
        if (each.told_at or each.replied_at or math.inf) <= used.get(each.connection, 0.0)
    }


def _problem_of(
    exchange: Exchange, connection: Connection | None, error: str, protocol: type[Protocol]
) -> Problem:
    """Return what was wrong with an attempt."""
    if error:
        return kind_of(error, protocol)
    told = exchange.told_at is not None and not _came_late(exchange, connection)
    if told or exchange.replied_at is not None or not exchange.expects_answer:
        return ""
    return "ambiguous" if exchange.reached_backend else "unsent"


def _came_late(exchange: Exchange, connection: Connection | None) -> bool:
    """Whether the client had left when the answer passed, which a rule had held until then.

    A client that only sends no more waits for its answer; it would have had that.
    """
    left = None if connection is None else connection.left_at
    told, answered = exchange.told_at, exchange.answer_ended_at
    if left is None or told is None or told <= left:
        return False
    sent_late = exchange.forwarded_at is not None and exchange.forwarded_at > left
    return sent_late or (answered is not None and answered < left)


def _error_of(exchange: Exchange, proxy: ProxyTrace) -> str:
    """Return the error that answered: one of the backend, or one that was injected."""
    meaning = proxy.protocol.semantics
    if exchange.replied_at is not None or exchange.altered:
        played = [fired.detail for fired in exchange.injected if fired.behavior == "error"]
        return played[-1] if played else "error"
    if exchange.told_at is not None and meets_any(exchange.answer_labels, meaning.failed):
        return exchange.answer_labels.get(meaning.error, "error")
    return ""


def cut_short(exchange: Exchange, semantics: Semantics) -> str:
    """Return the fault that let an answer look whole of which the rest is missing, or ""."""
    names = [fired.detail for fired in exchange.injected if exchange.told_bytes]
    return next((name for name in names if _is_found(semantics.unfinished, name)), "")


def _is_found(pattern: str, text: str) -> bool:
    return bool(pattern) and re.search(pattern, text) is not None


def seconds_to_wait(exchange: Exchange, semantics: Semantics) -> float | None:
    """Return how long the answer asks the client to wait; None if it does not."""
    head = exchange.told.decode("latin-1")
    for pattern, unit in semantics.wait:
        if found := re.search(pattern, head):
            return float(found[1]) * unit
    return None
