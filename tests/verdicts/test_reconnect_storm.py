"""reconnect-storm."""

from __future__ import annotations

from dataclasses import replace

from judged import attempt, trace
from vaurien.embedded.exchanges import Connection
from vaurien.embedded.trace import Trace
from vaurien.verdicts.judging import Case
from vaurien.verdicts.reconnect_storm import MANY, ReconnectStorm


def storm(gap: float, *, refused: bool = True, useful: bool = False) -> list[str]:
    numbers = range(1, 2 * MANY)
    connections = tuple(
        Connection("db", number, gap * number, None if refused else gap * number)
        for number in numbers
    )
    attempts = [attempt(gap * each, connection=each) for each in numbers] if useful else []
    made: Trace = trace(*attempts, connections=connections)
    proxies = {"db": replace(made.proxies["db"], connections=connections)}
    return [each.level for each in ReconnectStorm().judge(Case(replace(made, proxies=proxies)))]


def test_many_at_once() -> None:
    assert storm(0.01) == ["WARN"]


def test_one_after_the_other() -> None:
    assert storm(0.5) == []


def test_connections_that_carry_something_or_without_trouble() -> None:
    assert storm(0.01, useful=True) == []
    assert storm(0.01, refused=False) == []
