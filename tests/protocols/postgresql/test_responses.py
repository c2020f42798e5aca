"""Which request a PostgreSQL server answers, where it ignores some of them."""

from __future__ import annotations

import pytest

from feeding import put_together, stream_of
from postgresql_server import COPY_DONE, SYNC, bind, execute, frame, parse, query, startup
from vaurien.parsing.exchanges import Exchanges
from vaurien.protocols.postgresql.parser import PostgreSQL
from vaurien.protocols.postgresql.statements import PgRequest
from vaurien.values.messages import Direction, Message

READY, FAILED = frame("Z", b"I"), frame("Z", b"E")
DONE = frame("C", b"SELECT 1\0")
ERROR = frame("E", b"SERROR\0VERROR\0C42601\0Msyntax error\0\0")
COPY_IN = frame("G", b"\0\0\x01\0\0")
BAD, GOOD = parse("selekt"), parse("select 1")
COPY = parse("COPY t FROM STDIN") + bind() + execute()
ROWS = frame("d", b"1\n")


class Talk:
    """Both directions of a connection, after its login."""

    def __init__(self) -> None:
        self.protocol = PostgreSQL()
        exchanges = Exchanges()
        self._requests = stream_of(self.protocol.requests, Direction.TO_BACKEND, exchanges)
        self.responses = stream_of(self.protocol.responses, Direction.TO_CLIENT, exchanges)
        self.exchanges = exchanges
        self.ask(startup(user="postgres"))
        self.answer(frame("R", bytes(4)) + READY)

    def ask(self, data: bytes) -> list[Message]:
        messages = self._requests.feed(data, 0.0)
        for message in messages:
            self.exchanges.pass_on(message, 0.0)
        return messages

    def answer(self, data: bytes) -> list[tuple[int, bytes]]:
        """The messages in these bytes: exchange and bytes."""
        wholes = put_together(self.responses.feed(data, 0.0))
        return [(whole.exchange, whole.data) for whole in wholes]


def test_after_an_error_in_a_batch_the_server_ignores_queries_up_to_a_sync() -> None:
    talk = Talk()
    talk.ask(BAD + query("select 1") + query("select 3") + SYNC + query("select 2"))
    answers = talk.answer(ERROR + READY + DONE + READY)
    assert answers == [(2, ERROR), (4, READY), (5, DONE + READY)]


def test_queries_that_come_after_the_error_belong_to_the_batch() -> None:
    talk = Talk()
    talk.ask(BAD)
    talk.responses.feed(ERROR, 0.0)
    talk.ask(query("select 1") + frame("F", bytes(10)) + SYNC + query("select 2"))
    pieces = talk.responses.feed(READY + DONE + READY, 0.0)
    assert [(piece.exchange, piece.data) for piece in pieces] == [(2, READY), (3, DONE + READY)]


def test_queries_that_come_after_the_error_in_an_ended_batch_are_not_answered() -> None:
    talk = Talk()
    talk.ask(BAD + query("select 1"))
    assert talk.answer(ERROR) == [(2, ERROR)]
    (ignored,) = talk.ask(query("select 3"))
    assert not ignored.expects_reply
    talk.ask(GOOD + query("select 4") + SYNC + query("select 2"))
    assert talk.answer(READY + DONE + READY) == [(4, READY), (5, DONE + READY)]


def test_an_error_of_the_query_that_ends_a_batch_is_no_error_of_the_batch() -> None:
    talk = Talk()
    talk.ask(GOOD + query("selekt") + SYNC)
    assert talk.answer(frame("1") + ERROR + READY + READY) == [
        (2, frame("1") + ERROR + READY),
        (3, READY),
    ]


def test_the_state_of_the_transaction_is_known_to_requests() -> None:
    talk = Talk()
    talk.ask(query("selekt"))
    talk.answer(ERROR + FAILED)
    (message,) = talk.ask(query("select 1"))
    assert isinstance(message.about, PgRequest)
    assert message.about.aborted


def test_the_state_of_the_transaction_is_known_to_responses_of_pipelined_requests() -> None:
    talk = Talk()
    first, second = talk.ask(query("selekt") + query("select 1"))
    assert isinstance(first.about, PgRequest)
    assert isinstance(second.about, PgRequest)
    assert not second.about.aborted
    talk.answer(ERROR + FAILED + ERROR + FAILED)
    assert (first.about.aborted, second.about.aborted) == (False, True)


# COPY.


@pytest.mark.parametrize("end", [DONE, ERROR])
def test_a_sync_that_was_ignored_for_a_copy_gets_no_answer(end: bytes) -> None:
    talk = Talk()
    talk.ask(COPY + SYNC + ROWS + COPY_DONE + SYNC)
    answers = talk.answer(frame("1") + frame("2") + COPY_IN + end + READY)
    assert answers[1:] == [(2, COPY_IN), (2, end), (3, READY)]


def test_both_syncs_around_the_data_of_a_refused_copy_are_answered() -> None:
    talk = Talk()
    talk.ask(COPY + SYNC + ROWS + COPY_DONE + SYNC + query("select 1"))
    answers = talk.answer(ERROR + READY + READY + DONE + READY)
    assert answers == [(2, ERROR + READY), (3, READY), (4, DONE + READY)]


def test_syncs_amid_the_data_of_a_refused_copy_are_answered() -> None:
    talk = Talk()
    talk.ask(query("COPY t FROM STDIN") + ROWS + SYNC + ROWS + COPY_DONE + SYNC)
    answers = talk.answer(ERROR + READY + READY + READY)
    assert answers == [(2, ERROR + READY), (2, READY), (3, READY)]


def test_a_copy_with_its_data_in_the_batch_ends_with_its_sync() -> None:
    talk = Talk()
    talk.ask(COPY + ROWS + COPY_DONE + SYNC + query("select 1"))
    answers = talk.answer(frame("1") + frame("2") + COPY_IN + DONE + READY + DONE + READY)
    assert answers[1:] == [(2, COPY_IN), (2, DONE + READY), (3, DONE + READY)]


def test_data_after_a_failed_copy_needs_a_sync_of_its_own() -> None:
    talk = Talk()
    talk.ask(query("COPY nosuch FROM STDIN"))
    talk.answer(ERROR + READY)
    pieces = talk.ask(ROWS + SYNC)
    assert [piece.continues for piece in pieces] == [True, False]
    assert talk.answer(READY) == [(3, READY)]


def test_the_last_bytes_of_a_response_are_not_cut() -> None:
    talk = Talk()
    talk.ask(query("select 1"))
    (piece,) = talk.responses.feed(DONE + READY[:5], 0.0)
    (last,) = talk.responses.feed(READY[5:], 0.0)
    assert (piece.data, last.data) == (DONE, READY)


ONE, PARSED = parse("select 1", "one"), frame("1")
CLOSE_ONE = frame("C", b"Sone\0")


@pytest.mark.parametrize(
    ("batch", "answer"),
    [
        (parse("delete from t", "one") + SYNC, ERROR + READY),
        (GOOD + parse("delete from t", "one") + SYNC, PARSED + ERROR + READY),
        (BAD + parse("delete from t", "one") + SYNC, ERROR + READY),
        (BAD + CLOSE_ONE + SYNC, ERROR + READY),
        (BAD + query("select 1") + CLOSE_ONE + SYNC, ERROR + READY),
    ],
    ids=["refused", "second", "ignored", "not-closed", "ignored-batch"],
)
def test_a_statement_keeps_its_labels_if_another_of_its_name_is_refused(
    batch: bytes, answer: bytes
) -> None:
    talk = Talk()
    talk.ask(ONE + SYNC)
    talk.answer(PARSED + READY)
    talk.ask(batch)
    talk.answer(answer)
    assert talk.ask(bind("one") + SYNC)[0].labels["verb"] == "SELECT"


def test_what_comes_in_a_batch_after_its_error_changes_no_labels() -> None:
    talk = Talk()
    talk.ask(ONE + SYNC)
    talk.answer(PARSED + READY)
    talk.ask(BAD)
    talk.responses.feed(ERROR, 0.0)
    talk.ask(CLOSE_ONE + SYNC)
    talk.responses.feed(READY, 0.0)
    assert talk.ask(bind("one") + SYNC)[0].labels["verb"] == "SELECT"


@pytest.mark.parametrize("again", ["delete from t", "select 2"])
def test_a_refused_statement_has_no_labels(again: str) -> None:
    talk = Talk()
    talk.ask(parse("selekt", "one") + SYNC)
    talk.answer(ERROR + READY)
    assert talk.ask(bind("one") + SYNC)[0].labels["verb"] == "BIND"
    talk.answer(ERROR + READY)
    talk.ask(parse(again, "one") + SYNC)
    talk.answer(PARSED + READY)
    assert talk.ask(bind("one") + SYNC)[0].labels["sql"] == again


def test_a_statement_that_came_meanwhile_keeps_its_labels() -> None:
    talk = Talk()
    talk.ask(parse("selekt", "one") + SYNC + ONE + SYNC)
    talk.answer(ERROR + READY + PARSED + READY)
    assert talk.ask(bind("one") + SYNC)[0].labels["verb"] == "SELECT"


def test_a_batch_of_any_length_is_remembered_in_part() -> None:
    talk = Talk()
    request = talk.ask(CLOSE_ONE * 5000 + SYNC)[-1].about
    assert isinstance(request, PgRequest)
    assert (request.steps, len(request.changes)) == (5000, 1000)
