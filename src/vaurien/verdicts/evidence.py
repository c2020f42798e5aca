"""Calls, and the attempts at each: exchanges that asked for the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from ..embedded.exchanges import Connection, Exchange
from ..embedded.meaning import identity_of, kind_of, meets_any, title_of
from ..embedded.trace import ProxyTrace, Trace
from ..semantics import Semantics

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

    @property
    def began_at(self) -> float:
        return self.exchange.asked_at

    @cached_property
    def ended_at(self) -> float | None:
        """When the client had the answer, or the end of its connection; None: it waits still."""
        known = self.exchange.told_at or self.exchange.replied_at
        if known is not None or self.connection is None:
            return known
        return self.connection.closed_at or self.connection.client_ended_at

    @property
    def failed(self) -> bool:
        return self.problem != ""

    def __str__(self) -> str:
        each = self.exchange
        what = self.error or {"": "answered", "ambiguous": "no answer", "unsent": "lost"}.get(
            self.problem, self.problem
        )
        return (
            f"connection {each.connection}, exchange {each.number}, {self.began_at:.3f} s: {what}"
        )


@dataclass(frozen=True)
class Call:
    """All attempts at one thing, in their order."""

    proxy: str
    title: str
    semantics: Semantics
    attempts: Sequence[Attempt]

    @property
    def safe(self) -> bool:
        """It changes nothing."""
        meaning, labels = self.semantics, self.attempts[0].exchange.labels
        return meets_any(labels, (*meaning.safe, *meaning.opening))

    @property
    def repeatable(self) -> bool:
        """It may be carried out twice."""
        first = self.attempts[0].exchange
        return (
            self.safe
            or meets_any(first.labels, self.semantics.idempotent)
            or bool(identity_of(first, self.semantics))
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

    An attempt belongs to the call before it that asked for the same, unless that has succeeded.
    """
    calls: list[Call] = []
    for name, proxy in trace.proxies.items():
        connections = {each.number: each for each in proxy.connections}
        open_calls: dict[str, list[Attempt]] = {}
        for exchange in sorted(proxy.exchanges, key=lambda each: each.asked_at):
            attempt = attempt_of(exchange, connections.get(exchange.connection), proxy)
            key = identity_of(exchange, proxy.protocol.semantics) or exchange.digest
            attempts = open_calls.get(key)
            if attempts is None:
                attempts = open_calls[key] = []
                title = title_of(exchange.labels, proxy.protocol)
                calls.append(Call(name, title, proxy.protocol.semantics, attempts))
            attempts.append(attempt)
            if not attempt.failed:
                del open_calls[key]
    return sorted(calls, key=lambda call: call.attempts[0].began_at)


def attempt_of(exchange: Exchange, connection: Connection | None, proxy: ProxyTrace) -> Attempt:
    """Return an exchange as an attempt, with what was wrong with it."""
    error = _error_of(exchange, proxy)
    if error:
        return Attempt(exchange, connection, kind_of(error, proxy.protocol), error)
    if cut := cut_short(exchange, proxy.protocol.semantics):
        return Attempt(exchange, connection, "ambiguous", cut)
    if exchange.told_at is not None:
        return Attempt(exchange, connection, "", "")
    return Attempt(exchange, connection, "ambiguous" if exchange.reached_backend else "unsent", "")


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
