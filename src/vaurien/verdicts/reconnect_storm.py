"""reconnect-storm: one connection after the other, while the backend is in trouble."""

from __future__ import annotations

from collections.abc import Iterator

from ..embedded.exchanges import Connection
from .judging import Case, Finding, Judging

WINDOW = 1.0
MANY = 20
"""Connections within a second that are a storm, if there was trouble."""


class ReconnectStorm(Judging):
    """Many connections were opened within a second, and carried nothing."""

    name = "reconnect-storm"
    may_not_claim = "That one program opened them: proxies do not know programs apart."

    def judge(self, case: Case) -> Iterator[Finding]:
        for name, proxy in case.trace.proxies.items():
            useful = {each.connection for each in proxy.exchanges if each.told_at is not None}
            idle = sorted(
                each.accepted_at for each in proxy.connections if each.number not in useful
            )
            most = max((_within(idle, at) for at in idle), default=0)
            if most >= MANY and _in_trouble(proxy.connections):
                text = f"{most} connections within {WINDOW:g} s carried no answer"
                yield self.finding("WARN", name, text)


def _within(times: list[float], begin: float) -> int:
    return sum(begin <= at < begin + WINDOW for at in times)


def _in_trouble(connections: tuple[Connection, ...]) -> bool:
    return any(each.injected or each.opened_at is None for each in connections)
