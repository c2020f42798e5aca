"""What a connection remembers: transactions, slots of keys, subscriptions."""

from __future__ import annotations

import pytest

from acting import request
from vaurien.protocols.redis.commands import command_of
from vaurien.protocols.redis.session import (
    PLAIN,
    RedisRequest,
    Subscriptions,
    Transaction,
    request_of,
    slot_of,
)


def test_a_message_has_its_request() -> None:
    known = RedisRequest("EXEC")
    assert request_of(request(b"x")._replace(about=known)) is known
    assert request_of(request(b"x")) is PLAIN[2]


def test_a_request_is_aborted_with_its_transaction() -> None:
    transaction = Transaction()
    queued = RedisRequest(transaction=transaction)
    assert not queued.is_aborted
    transaction.aborted = True
    assert queued.is_aborted
    assert not RedisRequest().is_aborted


def test_a_transaction_does_what_its_commands_do() -> None:
    transaction = Transaction()
    seen = []
    for name in (b"ECHO", b"PING", b"GET", b"DEL", b"SET", b"GET"):
        transaction.queue(command_of(name), [], 0)
        seen.append((transaction.access, transaction.grows))
    assert seen == [
        ("control", "no"),
        ("other", "no"),
        ("read", "no"),
        ("write", "no"),
        ("write", "yes"),
        ("write", "yes"),
    ]


@pytest.mark.parametrize(
    ("key", "slot"),
    [(b"a", 15495), (b"b", 3300), (b"foo", 12182), (b"{b}x", 3300), (b"x{b}{a}", 3300)],
)
def test_slots_are_those_of_redis(key: bytes, slot: int) -> None:
    assert slot_of(key) == slot


def test_empty_braces_do_not_count() -> None:
    assert len({slot_of(key) for key in (b"{}a", b"{}b", b"a{", b"}a{")}) == 4


def test_subscriptions_are_counted_by_their_kind() -> None:
    known = Subscriptions()
    assert not known
    assert [known.confirm("SUBSCRIBE", total) for total in (1, 2)] == [1, 2]
    assert known.confirm("PSUBSCRIBE", 3) == 1
    assert known.confirm("SSUBSCRIBE", 1) == 1
    assert [known.confirm("UNSUBSCRIBE", total) for total in (2, 1)] == [1, 0]
    assert known.confirm("PUNSUBSCRIBE", 0) == 0
    assert known
    assert known.confirm("SUNSUBSCRIBE", 0) == 0
    assert not known


def test_the_last_confirmation() -> None:
    known = Subscriptions()
    assert [known.is_last(3, 9) for _ in range(4)] == [False, False, True, False]
    known = Subscriptions()
    assert [known.is_last(0, left) for left in (2, 1, 0)] == [False, False, True]
