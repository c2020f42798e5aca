"""Exchanges, selected by their labels."""

from __future__ import annotations

import pytest

from vaurien.embedded.exchanges import Exchange, Exchanges, Injected, in_order
from vaurien.errors import UnknownNameError


def made(number: int, *, answer: str = "200", forwarded: bool = True, **labels: str) -> Exchange:
    exchange = Exchange("web", 1, number, labels, float(number))
    exchange.answer_labels = {"status": answer}
    exchange.forwarded_at = exchange.told_at = float(number) if forwarded else None
    return exchange


def test_what_waits_behind_a_lost_request_was_not_sent() -> None:
    lost, behind, replied, other = (made(n, forwarded=n != 1) for n in (1, 2, 3, 4))
    replied.answered_at = 3.0
    other.connection = 2
    first, *rest = in_order([other, behind, replied, lost])
    assert first is lost
    assert [each.reached_backend for each in rest] == [False, True, True]


ALL = Exchanges(
    [
        made(1, method="GET", path="/orders"),
        made(2, method="POST", path="/orders", answer="503"),
        made(3, method="GET", path="/health", forwarded=False),
    ]
)


def numbers(exchanges: Exchanges) -> list[int]:
    return [each.number for each in exchanges]


def test_labels_of_requests_and_of_responses() -> None:
    assert numbers(ALL.of(method="GET")) == [1, 3]
    assert numbers(ALL.of(path="~^/ord", status="503")) == [2]
    assert numbers(ALL.of(path="!~^/ord")) == [3]
    assert ALL.of(nothing="here").count == 0


def test_a_label_that_there_is_not() -> None:
    known = Exchanges(ALL, ["method", "status"])
    assert numbers(known.of(status="503")) == [2]
    with pytest.raises(UnknownNameError, match=r"'methid' .* Did you mean 'method'\?"):
        known.reached_backend()[:1].of(methid="GET")


def test_what_reached_the_backend() -> None:
    assert numbers(ALL.reached_backend()) == [1, 2]
    assert [each.answered for each in ALL] == [True, True, False]


def test_what_is_answered_before_it_is_sent_has_reached_the_backend() -> None:
    early = made(1, forwarded=False)
    early.answered_at = 1.0
    assert early.reached_backend


def test_what_was_injected() -> None:
    ALL[1].injected = (Injected("r", "error", "503", 2.0, 1, 2, {}),)
    assert numbers(ALL.injected()) == [2]


def test_a_sequence() -> None:
    assert numbers(ALL[1:]) == [2, 3]
    assert len(ALL) == ALL.count == 3
    assert ALL[0].key == ("web", 1, 1)
    assert repr(ALL[:0]) == "Exchanges([])"
