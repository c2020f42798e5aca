"""What a PostgreSQL client sends is passed on as soon as its server may answer it."""

from __future__ import annotations

import pytest

from feeding import stream_of
from postgresql_server import SYNC, bind, describe, execute, frame, parse, query, startup
from vaurien.errors import ProtocolError
from vaurien.protocol import Stream
from vaurien.protocols.postgresql.parser import PostgreSQL
from vaurien.values.messages import Message

LOGIN = startup(user="postgres", database="shop")
CLOSE = frame("C", b"Sone\0")


def connected(protocol: PostgreSQL | None = None) -> Stream:
    """A stream of requests, of which the start-up has been parsed."""
    stream = stream_of((protocol or PostgreSQL()).requests)
    stream.feed(LOGIN, 0.0)
    return stream


def fed(stream: Stream, data: bytes) -> list[Message]:
    return stream.feed(data, 0.0)


@pytest.mark.parametrize(
    "message",
    [
        SYNC,
        frame("H"),
        bind("nothing"),
        describe("S", "nothing"),
        describe("P", "nothing"),
        execute("nothing"),
        parse("SELEKT"),
        parse("BEGIN and more"),
        parse("COMMIT"),
    ],
)
def test_what_may_be_answered_at_once_is_passed_on_at_once(message: bytes) -> None:
    assert b"".join(piece.data for piece in fed(connected(), message)) == message


def test_a_begin_waits_for_the_statement_that_labels_the_batch() -> None:
    stream = connected()
    opening = parse("BEGIN ISOLATION LEVEL SERIALIZABLE, READ ONLY") + bind() + execute()
    assert fed(stream, CLOSE + opening) == []
    (piece,) = fed(stream, parse("UPDATE t SET v = 1"))
    assert piece.labels["verb"] == "UPDATE"
    assert piece.data == CLOSE + opening + parse("UPDATE t SET v = 1")


@pytest.mark.parametrize("status", [b"T", b"E"])
def test_a_begin_that_the_server_may_refuse_does_not_wait(status: bytes) -> None:
    protocol = PostgreSQL()
    stream = connected(protocol)
    protocol.session.status = status
    assert [piece.data for piece in fed(stream, parse("BEGIN"))] == [parse("BEGIN")]


def test_a_begin_behind_requests_without_an_answer_does_not_wait() -> None:
    stream = connected()
    fed(stream, SYNC)
    assert [piece.data for piece in fed(stream, parse("BEGIN"))] == [parse("BEGIN")]


def test_a_begin_with_parameters_does_not_wait() -> None:
    stream = connected()
    data = parse("BEGIN") + bind("", "", "1")
    assert b"".join(piece.data for piece in fed(stream, data)) == data


def test_a_head_that_is_not_complete_is_passed_on_in_a_batch() -> None:
    stream = connected()
    fed(stream, parse("SELECT 1"))
    passed = [fed(stream, bytes([byte])) for byte in SYNC]
    assert [piece.data for pieces in passed for piece in pieces] == [bytes([b]) for b in SYNC]


@pytest.mark.parametrize("start", [b"\0\0\0\1", b"\0\1\0\0", b"\x16"])
def test_a_startup_that_no_server_takes_fails_at_its_length(start: bytes) -> None:
    with pytest.raises(ProtocolError):
        stream_of(PostgreSQL().requests).feed(start, 0.0)


@pytest.mark.parametrize("before", [b"", parse("SELECT 1")])
def test_a_type_that_no_server_takes_fails_at_its_first_byte(before: bytes) -> None:
    stream = connected()
    fed(stream, before)
    with pytest.raises(ProtocolError, match="type"):
        fed(stream, b"?")


# A text that goes beyond the length of its message is cut there.


@pytest.mark.parametrize("pieces", [1, 3, 16])
@pytest.mark.parametrize("kind", ["Q", "P"])
def test_a_text_ends_with_its_message(kind: str, pieces: int) -> None:
    body = b"select 1 whe" if kind == "Q" else b"\0select 1 whe"
    data = frame(kind, body) + query("re rest")
    stream = connected()
    step = len(data) // pieces + 1
    found: list[Message] = []
    for start in range(0, len(data), step):
        found += fed(stream, data[start : start + step])
    assert found[0].labels["sql"] == "select 1 whe"


# What may ask the client for more.


@pytest.mark.parametrize(
    ("sql", "once"),
    [
        ("COPY t FROM STDIN", True),
        ("/* x */ copy t from stdin", True),
        ("begin; copy t from stdin; commit", True),
        ("START_REPLICATION SLOT s LOGICAL 0/0", True),
        ("select 'copyright'", False),
        ("insert into t values (1)", False),
        ("select '" + "x" * 9_000 + "'; copy t from stdin", True),
    ],
)
def test_a_query_that_may_ask_for_more_says_so(sql: str, once: bool) -> None:
    (*_, piece) = fed(connected(), query(sql))
    assert piece.final is not once


def test_a_batch_that_may_ask_for_more_says_so() -> None:
    insert = parse("INSERT INTO t VALUES (1)") + bind() + execute()
    copy = parse("COPY t FROM STDIN") + bind() + execute()
    (piece,) = fed(connected(), insert + copy + SYNC)
    assert (piece.labels["verb"], piece.final) == ("INSERT", False)
    (piece,) = fed(connected(), insert + query("COPY t FROM STDIN"))
    assert not piece.final
