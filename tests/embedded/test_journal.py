"""Exchanges as lines for a person."""

from __future__ import annotations

from vaurien.embedded.exchanges import Exchange, Injected
from vaurien.embedded.journal import line_of


def exchange() -> Exchange:
    return Exchange("cache", 2, 3, {"command": "SET", "key": "a\x1b[31m" + "x" * 100}, 10.0)


def test_one_that_was_answered() -> None:
    told = exchange()
    told.told_at, told.answer_labels = 10.25, {"error": "OOM"}
    line = line_of(told, begin=9.5)
    assert line.startswith("+0.500 s connection 2, exchange 3: command=SET, key=a\\x1b[31mxxx")
    assert line.endswith("x...: answered in 250.0 ms, error=OOM")


def test_one_that_was_not() -> None:
    lost = exchange()
    assert line_of(lost).endswith(": did not reach the backend")
    lost.forwarded_at = 10.1
    lost.injected = (Injected("lose", "reply-lost", "", 10.2, 2, 3, {}),)
    what = ": injected reply-lost; reached the backend, no answer reached the client"
    assert line_of(lost).endswith(what)


def test_one_of_plain_bytes() -> None:
    assert ": bytes: " in line_of(Exchange("tcp", 1, 1, {}, 0.0))
