"""Exchanges: which requests await a response, and replies in order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeding import owing
from vaurien.errors import ProtocolError
from vaurien.parsing.exchanges import UNANSWERED_LIMIT, Exchanges, Pending, ReplyQueue
from vaurien.values.actions import Close


def test_requests_are_numbered_as_they_begin() -> None:
    exchanges = Exchanges()
    assert [exchanges.begin() for _ in range(3)] == [1, 2, 3]
    assert exchanges.begun == 3
    assert not exchanges.pending


def test_so_many_debts_are_a_misunderstanding() -> None:
    exchanges = owing(*range(UNANSWERED_LIMIT))()
    with pytest.raises(ProtocolError, match="100000 requests without a response"):
        exchanges.begin()


def test_answers_whose_turn_does_not_come_are_debts_too() -> None:
    exchanges = owing(1)()
    for _ in range(UNANSWERED_LIMIT - 1):
        exchanges.replies.put(exchanges.begin(), Close())
    with pytest.raises(ProtocolError, match="100000 requests without a response"):
        exchanges.begin()


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
    assert list(exchanges.pending) == [Pending(2), Pending(3)]


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
