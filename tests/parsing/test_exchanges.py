"""Exchanges: which are owed a response, and answers in their turn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeding import owing
from vaurien.errors import ProtocolError
from vaurien.parsing.exchanges import OWED_LIMIT, Exchanges, Pending
from vaurien.values.actions import Close


def test_requests_are_numbered_as_they_begin() -> None:
    exchanges = Exchanges()
    assert [exchanges.begin() for _ in range(3)] == [1, 2, 3]
    assert exchanges.begun == 3
    assert not exchanges.pending


def test_so_many_debts_are_a_misunderstanding() -> None:
    exchanges = owing(*range(OWED_LIMIT))()
    with pytest.raises(ProtocolError, match="100000 requests without a response"):
        exchanges.begin()


def test_answers_whose_turn_does_not_come_are_debts_too() -> None:
    exchanges = owing(1)()
    for _ in range(OWED_LIMIT - 1):
        exchanges.reply(exchanges.begin(), Close())
    with pytest.raises(ProtocolError, match="100000 requests without a response"):
        exchanges.begin()


def test_it_is_known_how_much_waits_for_its_turn() -> None:
    exchanges = owing(1, 3)()
    for exchange, answer in ((2, b"four"), (2, Close()), (4, b"sevens")):
        exchanges.reply(exchange, answer)
    assert exchanges.waiting == 10
    exchanges.pending.popleft()
    assert list(exchanges.due()) == [b"four", Close()]
    assert exchanges.waiting == 6
    exchanges.lose_step()
    assert list(exchanges.due()) == [b"sevens"]
    assert exchanges.waiting == 0


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
    exchanges.reply(exchanges.begin(), b"two")
    exchanges.lose_step()
    exchanges.expect_response(exchanges.begin())
    assert not exchanges.pending
    assert list(exchanges.due()) == [b"two"]


def test_an_answer_is_due_when_nothing_earlier_is_owed() -> None:
    exchanges = owing(1, 3)()
    exchanges.reply(2, b"two")
    exchanges.reply(4, b"four")
    assert list(exchanges.due()) == []
    exchanges.pending.popleft()
    assert list(exchanges.due()) == [b"two"]
    exchanges.pending.popleft()
    assert list(exchanges.due()) == [b"four"]
    assert list(exchanges.due()) == []


def test_an_answer_to_a_request_that_was_passed_on_too_comes_before_the_response() -> None:
    exchanges = owing(1, 2)()
    exchanges.reply(2, Close())
    assert list(exchanges.due(1)) == []
    assert list(exchanges.due(2)) == [Close()]


@given(st.lists(st.sampled_from(["pass", "reply", "respond"]), max_size=60))
def test_a_client_hears_answers_in_the_order_of_its_requests(script: list[str]) -> None:
    exchanges = Exchanges()
    heard: list[bytes] = []

    def respond() -> None:
        heard.extend(map(said, exchanges.due(exchanges.pending[0].exchange)))
        heard.append(b"%d" % exchanges.pending.popleft().exchange)
        heard.extend(map(said, exchanges.due()))

    for step in script:
        if step == "pass":
            exchanges.expect_response(exchanges.begin())
        elif step == "reply":
            number = exchanges.begin()
            exchanges.reply(number, b"%d" % number)
            heard.extend(map(said, exchanges.due()))
        elif exchanges.pending:
            respond()
    while exchanges.pending:
        respond()
    assert heard == [b"%d" % number for number in range(1, exchanges.begun + 1)]


def said(answer: bytes | Close) -> bytes:
    assert isinstance(answer, bytes)
    return answer
