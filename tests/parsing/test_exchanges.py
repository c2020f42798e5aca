"""Exchanges: which requests await a response, and replies in order."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeding import owing
from vaurien.errors import ProtocolError
from vaurien.parsing.exchanges import (
    DECIDED_SIZE,
    PENDING_SIZE,
    REMEMBERED_LIMIT,
    Exchanges,
    Pending,
    ReplyQueue,
)
from vaurien.values.actions import Close
from vaurien.values.messages import Direction, Message


def test_requests_are_numbered_as_they_begin() -> None:
    exchanges = Exchanges()
    assert [exchanges.begin() for _ in range(3)] == [1, 2, 3]
    assert exchanges.begun == 3
    assert not exchanges.pending


def ask_until_refused(exchanges: Exchanges, pass_on: Callable[[int], None]) -> None:
    for _ in range(REMEMBERED_LIMIT // PENDING_SIZE + 2):
        pass_on(exchanges.begin())


TOO_MANY = r"requests without a response, which take 8 MiB"


def test_requests_that_nobody_answers_take_so_much_memory_and_no_more() -> None:
    exchanges = Exchanges()
    with pytest.raises(ProtocolError, match=TOO_MANY):
        ask_until_refused(exchanges, exchanges.expect_response)
    assert 30_000 < len(exchanges.pending) <= REMEMBERED_LIMIT / PENDING_SIZE + 1


def test_those_that_were_decided_on_take_more() -> None:
    exchanges = Exchanges()
    noop = Message(b"NOOP\r\n", Direction.TO_BACKEND, 0.0)
    with pytest.raises(ProtocolError, match=TOO_MANY):
        ask_until_refused(
            exchanges, lambda number: exchanges.pass_on(noop._replace(exchange=number), 0.0)
        )
    assert 10_000 < len(exchanges.pending) <= REMEMBERED_LIMIT / DECIDED_SIZE + 1


def test_long_requests_count_with_what_is_noted_of_them() -> None:
    exchanges = Exchanges()
    labels = {"path": "/" * 2000, "query": "x" * 2000}
    message = Message(b"GET" * 2000, Direction.TO_BACKEND, 0.0, labels, exchange=1)
    exchanges.begin()
    exchanges.pass_on(message, 0.0)
    assert 4000 < exchanges.remembered < 6000
    exchanges.answered(0.0)
    assert exchanges.remembered == 0


def test_answers_whose_turn_does_not_come_are_debts_too() -> None:
    exchanges = owing(1)()
    with pytest.raises(ProtocolError, match=TOO_MANY):
        ask_until_refused(exchanges, lambda number: exchanges.replies.put(number, Close()))


def test_nothing_is_remembered_where_responses_cannot_be_told_apart() -> None:
    exchanges = Exchanges()
    exchanges.expect_response(exchanges.begin())
    exchanges.lose_step()
    exchanges.expect_response(exchanges.begin())
    assert exchanges.remembered == 0


def test_it_is_known_how_much_waits_for_its_turn() -> None:
    exchanges = owing(1, 3)()
    for exchange, answer in ((2, b"four"), (2, Close()), (4, b"sevens")):
        exchanges.replies.put(exchange, answer)
    assert exchanges.replies.size == 10
    exchanges.pending.popleft()
    assert exchanges.due_replies() == [b"four", Close()]
    assert exchanges.replies.size == 6
    exchanges.lose_step()
    assert exchanges.due_replies() == [b"sevens"]
    assert exchanges.replies.size == 0


def test_only_requests_that_a_parser_has_begun_are_owed_a_response() -> None:
    exchanges = Exchanges()
    for _ in range(3):
        exchanges.begin()
    for exchange in (0, 2, 3, 4):
        exchanges.expect_response(exchange)
    assert [pending.exchange for pending in exchanges.pending] == [2, 3]


def test_nobody_waits_for_responses_that_cannot_be_told_apart() -> None:
    exchanges = Exchanges()
    exchanges.expect_response(exchanges.begin())
    exchanges.replies.put(exchanges.begin(), b"two")
    exchanges.lose_step()
    exchanges.expect_response(exchanges.begin())
    assert not exchanges.pending
    assert exchanges.due_replies() == [b"two"]


def test_an_answer_is_due_when_nothing_earlier_is_owed() -> None:
    exchanges = owing(1, 3)()
    exchanges.replies.put(2, b"two")
    exchanges.replies.put(4, b"four")
    assert exchanges.due_replies() == []
    exchanges.pending.popleft()
    assert exchanges.due_replies() == [b"two"]
    exchanges.pending.popleft()
    assert exchanges.due_replies() == [b"four"]
    assert exchanges.due_replies() == []


def test_an_answer_to_a_request_that_was_passed_on_too_comes_before_the_response() -> None:
    exchanges = owing(1, 2)()
    exchanges.replies.put(2, Close())
    assert exchanges.due_replies(1) == []
    assert exchanges.due_replies(2) == [Close()]


def test_a_queue_of_replies_gives_those_up_to_an_exchange_and_knows_its_size() -> None:
    queue = ReplyQueue()
    assert not queue
    for exchange, reply in ((1, b"one"), (1, Close()), (3, b"three")):
        queue.put(exchange, reply)
    assert (len(queue), queue.size) == (3, 8)
    assert queue.take(0) == []
    assert queue.take(2) == [b"one", Close()]
    assert (len(queue), queue.size) == (1, 5)
    assert queue.take(None) == [b"three"]
    assert (len(queue), queue.size) == (0, 0)


@given(st.lists(st.sampled_from(["pass", "reply", "respond"]), max_size=60))
def test_a_client_hears_answers_in_the_order_of_its_requests(script: list[str]) -> None:
    exchanges = Exchanges()
    heard: list[bytes] = []

    def respond() -> None:
        heard.extend(map(said, exchanges.due_replies(exchanges.pending[0].exchange)))
        heard.append(b"%d" % exchanges.pending.popleft().exchange)
        heard.extend(map(said, exchanges.due_replies()))

    for step in script:
        if step == "pass":
            exchanges.expect_response(exchanges.begin())
        elif step == "reply":
            number = exchanges.begin()
            exchanges.replies.put(number, b"%d" % number)
            heard.extend(map(said, exchanges.due_replies()))
        elif exchanges.pending:
            respond()
    while exchanges.pending:
        respond()
    assert heard == [b"%d" % number for number in range(1, exchanges.begun + 1)]


def said(answer: bytes | Close) -> bytes:
    assert isinstance(answer, bytes)
    return answer


def test_requests_that_begin_together_are_each_counted_and_expected() -> None:
    exchanges = Exchanges(tallied="command")
    exchanges.begin({"command": "GET"})
    exchanges.begin_all(["SET", "GET", "SET"], "noted", 2.0)
    assert exchanges.tally.exchanges == {"GET": 2, "SET": 2}
    get, set_ = map(exchanges.tally.latency_of, ("GET", "SET"))
    assert list(exchanges.pending) == [
        Pending(number, latency, "noted", 2.0)
        for number, latency in ((2, set_), (3, get), (4, set_))
    ]
    assert (exchanges.begun, exchanges.remembered) == (4, 3 * PENDING_SIZE)
    exchanges.answer_all(2, 2.5)
    assert [pending.exchange for pending in exchanges.pending] == [4]
    assert exchanges.remembered == PENDING_SIZE
    assert (get.count, set_.count, exchanges.tally.latency.count) == (1, 1, 2)


def test_those_that_begin_together_take_no_more_memory_than_others() -> None:
    exchanges = Exchanges()
    for _ in range(REMEMBERED_LIMIT // PENDING_SIZE // 32 + 1):
        exchanges.begin_all([""] * 32, None, 0.0)
    with pytest.raises(ProtocolError, match=TOO_MANY):
        exchanges.begin_all([""] * 32, None, 0.0)


def test_out_of_step_none_of_them_is_expected() -> None:
    exchanges = Exchanges()
    exchanges.lose_step()
    exchanges.begin_all(["GET", "GET"], None, 0.0)
    assert (exchanges.begun, list(exchanges.pending), exchanges.remembered) == (2, [], 0)
