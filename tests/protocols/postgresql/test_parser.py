"""The parsers of postgresql: where messages begin and end, and what they are labelled with."""

from __future__ import annotations

import struct
from collections.abc import Callable
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeding import (
    Whole,
    chunkings,
    cut,
    feed,
    feed_any,
    parse_in_all_ways,
    put_together,
    stream_of,
)
from postgresql_server import (
    CANCEL_REQUEST,
    COPY_DONE,
    FLUSH,
    GSSENC_REQUEST,
    SSL_REQUEST,
    SYNC,
    TERMINATE,
    VERSION_3_2,
    bind,
    describe,
    execute,
    frame,
    parse,
    query,
    startup,
)
from vaurien.errors import ProtocolError
from vaurien.parsing.exchanges import Exchanges, Pending
from vaurien.protocol import Stream
from vaurien.protocols.postgresql.parser import PostgreSQL
from vaurien.protocols.postgresql.statements import PgRequest
from vaurien.values.actions import Forward, Reply
from vaurien.values.messages import NO_LABELS, Direction, Message

TO_CLIENT = Direction.TO_CLIENT
LOGIN = startup(user="postgres", database="shop")
READY = frame("Z", b"I")
COMPLETE = frame("C", b"SELECT 1\0")
ROW = frame("D", b"\0\x01\0\0\0\x011")
HEADING = frame("T", b"\0\x01id\0" + bytes(18))
RESULT = HEADING + ROW + COMPLETE + READY
COPY_IN = frame("G", b"\0\0\x01\0\0")
SYNTAX_ERROR = frame("E", b"SERROR\0VERROR\0C42601\0Msyntax error\0\0")
LAST_WORD = frame("E", b"SFATAL\0VFATAL\0C57P01\0Mterminating connection\0\0")
POOLER_ERROR = frame("E", b"SFATAL\0C08P01\0Mquery_wait_timeout\0\0")
NOTICE = frame("N", b"SNOTICE\0VNOTICE\0C00000\0Mhello\0\0")
NOTIFICATION = frame("A", b"\0\0\x10\0news\0payload\0")
STATUS = frame("S", b"TimeZone\0UTC\0")
KEY = frame("K", b"\0\0\x10\0\0\0\x20\0")


def authentication(code: int, more: bytes = b"") -> bytes:
    return frame("R", struct.pack(">I", code) + more)


def owing_each(*exchanges: int, phase: str = "query") -> Callable[[], Exchanges]:
    """Makes exchanges that are owed a response, each to a request of its own."""

    def make() -> Exchanges:
        made = Exchanges()
        for exchange in exchanges:
            about = PgRequest({"phase": phase}, over=True)
            made.pending.append(Pending(exchange, made.tally.latency_of(""), about))
        return made

    return make


def requests_in(data: bytes, chunks: list[bytes] | None = None) -> list[Whole]:
    """What a client says after its start-up."""
    start, *rest = parse_in_all_ways(PostgreSQL().requests, LOGIN + data, chunks=chunks or [])
    assert start.data == LOGIN
    return rest


def responses_in(
    data: bytes, phase: str = "query", pending: int = 1, chunks: list[bytes] | None = None
) -> list[Whole]:
    """The messages of a backend with this many pending requests of this phase."""
    exchanges = owing_each(*range(1, pending + 1), phase=phase)
    return parse_in_all_ways(
        PostgreSQL().responses, data, TO_CLIENT, exchanges, chunks=chunks or []
    )


def pieces_of(data: bytes) -> list[Message]:
    """The messages of a client after its start-up, each whole."""
    return feed(stream_of(PostgreSQL().requests), [LOGIN, data])[1:]


def sizes(wholes: list[Whole]) -> list[int]:
    return [len(whole.data) for whole in wholes]


def statement(verb: str, sql: str, mode: str = "simple") -> dict[str, str]:
    return {"phase": "query", "verb": verb, "sql": sql, "mode": mode}


# Start-up.


def test_a_startup_has_user_and_database() -> None:
    (whole,) = parse_in_all_ways(PostgreSQL().requests, LOGIN)
    assert whole.labels == {
        "phase": "startup",
        "verb": "STARTUP",
        "user": "postgres",
        "database": "shop",
    }


@pytest.mark.parametrize("version", [196_608, VERSION_3_2])
def test_the_database_is_named_like_the_user_by_default(version: int) -> None:
    (whole,) = parse_in_all_ways(PostgreSQL().requests, startup(version, user="jack"))
    assert whole.labels["database"] == "jack"


def test_encryption_is_asked_for_before_the_startup() -> None:
    wholes = parse_in_all_ways(PostgreSQL().requests, GSSENC_REQUEST + SSL_REQUEST + LOGIN)
    assert [whole.labels["verb"] for whole in wholes] == ["GSSENCREQUEST", "SSLREQUEST", "STARTUP"]
    assert [whole.exchange for whole in wholes] == [1, 2, 3]


@pytest.mark.parametrize("more", [b"", bytes(28)], ids=["3.0", "3.2"])
def test_nobody_answers_a_cancel_request(more: bytes) -> None:
    data = struct.pack(">I", 16 + len(more)) + CANCEL_REQUEST[4:] + more
    (whole,) = parse_in_all_ways(PostgreSQL().requests, data)
    assert whole.labels == {"phase": "cancel", "verb": "CANCEL"}
    assert not whole.expects_reply


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(struct.pack(">II", 100, 131_072), id="version 2"),
        pytest.param(struct.pack(">II", 100_000, 196_608), id="too long"),
        pytest.param(struct.pack(">II", 4, 196_608), id="too short"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="http"),
        pytest.param(LOGIN + frame("?"), id="type"),
        pytest.param(LOGIN + b"X\0\0\0\x03", id="length"),
        pytest.param(LOGIN + b"d\xff\xff\xff\xff", id="too large"),
        pytest.param(LOGIN + parse("SELECT") + frame("?"), id="type in a batch"),
        pytest.param(LOGIN + parse("SELECT") + b"D\0\0\0\x01", id="length in a batch"),
        pytest.param(LOGIN + b"Q\0\0\0\x06SELECT 1\0", id="shorter than its text"),
    ],
)
def test_what_no_client_says_ends_the_parser(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        feed(stream_of(PostgreSQL().requests), [data])


def test_messages_of_the_login_continue_it() -> None:
    pieces = pieces_of(frame("p", b"secret\0") + query("SELECT 1"))
    assert [(piece.continues, piece.exchange) for piece in pieces] == [(True, 1), (False, 2)]


# TLS.

CLIENT_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"


def test_direct_tls_is_opaque_where_tls_may_pass() -> None:
    stream = stream_of(PostgreSQL(tls="pass").requests)
    (piece,) = stream.feed(CLIENT_HELLO, 0.0)
    assert piece.labels == {"phase": "encryption", "verb": "TLS"}
    assert stream.opaque


def test_direct_tls_is_too_much_where_it_may_not() -> None:
    with pytest.raises(ProtocolError, match="tls=pass"):
        stream_of(PostgreSQL().requests).feed(CLIENT_HELLO, 0.0)


def test_encryption_is_refused_until_the_startup() -> None:
    told: list[str] = []
    protocol = PostgreSQL()
    protocol.tell = told.append  # type: ignore[method-assign, assignment]  # as connections do
    messages = feed(stream_of(protocol.requests), [SSL_REQUEST + GSSENC_REQUEST + LOGIN])
    answers = [protocol.adjust(message) for message in messages]
    assert answers == [Reply(b"N"), Reply(b"N"), Forward(messages[2])]
    assert not protocol.adjusting
    assert len(told) == 2


def test_nothing_is_refused_where_tls_may_pass() -> None:
    assert not PostgreSQL(tls="pass").adjusting


@pytest.mark.parametrize("answer", [b"S", b"G"])
def test_encryption_makes_a_connection_opaque(answer: bytes) -> None:
    exchanges = owing_each(1, phase="encryption")()
    stream = stream_of(PostgreSQL().responses, TO_CLIENT, exchanges)
    (piece,) = stream.feed(answer, 0.0)
    assert piece.data == answer
    assert exchanges.opaque


def test_encryption_may_be_read() -> None:
    protocol = PostgreSQL(tls="both")
    exchanges = owing_each(1, phase="encryption")()
    stream = stream_of(protocol.responses, TO_CLIENT, exchanges)
    (piece,) = stream.feed(b"S", 0.0)
    assert (piece.data, exchanges.encrypts, exchanges.opaque) == (b"S", True, False)
    (asked, started) = feed(stream_of(protocol.requests), [SSL_REQUEST + LOGIN])
    assert protocol.adjust(asked) == Forward(asked)
    assert protocol.adjusting  # until it is known what the client does
    assert protocol.adjust(started) == Forward(started)
    assert not protocol.adjusting


def test_direct_tls_may_be_read() -> None:
    exchanges = Exchanges()
    stream = stream_of(PostgreSQL(tls="both").requests, exchanges=exchanges)
    assert stream.feed(CLIENT_HELLO, 0.0) == []
    assert exchanges.encrypts
    assert stream.give_back() == CLIENT_HELLO
    exchanges.encrypts, exchanges.encrypted = False, True
    (piece,) = stream.feed(LOGIN, 0.0)
    assert piece.labels["verb"] == "STARTUP"


def test_no_encryption_is_an_answer_like_others() -> None:
    assert sizes(responses_in(b"NN", "encryption", 2)) == [1, 1]


def test_a_server_that_can_not_fork_says_so_in_plain_words() -> None:
    words = b"Ecould not fork new process\n\0"
    (whole,) = responses_in(words, "encryption")
    assert (whole.data, whole.exchange) == (words, 1)


def test_garbage_in_answer_to_a_request_for_encryption_ends_the_parser() -> None:
    with pytest.raises(ProtocolError):
        responses_in(b"HTTP/1.1 400", "encryption")


# Statements.

VERBS = {
    "select 1": "SELECT",
    "  \n\tInsert INTO t VALUES (1)": "INSERT",
    "-- a comment\nUPDATE t SET v = 1": "UPDATE",
    "/* one */ /* two\n */ DELETE FROM t": "DELETE",
    "((SELECT 1) UNION (SELECT 2))": "SELECT",
    ";; COMMIT;": "COMMIT",
    "WITH x AS (SELECT 1) SELECT * FROM x": "WITH",
    "": "EMPTY",
    "  ": "OTHER",
    "-- nothing but a comment": "OTHER",
    "42": "OTHER",
    "SÉLECT": "S",
}


@pytest.mark.parametrize("sql", VERBS)
def test_a_query_is_labelled_with_its_verb_and_text(sql: str) -> None:
    (whole,) = requests_in(query(sql))
    assert whole.labels == statement(VERBS[sql], sql)
    (whole,) = requests_in(parse(sql) + bind() + execute() + SYNC)
    assert whole.labels == statement(VERBS[sql], sql, "extended")


@pytest.mark.parametrize("make", [query, parse])
@pytest.mark.parametrize("letter", ["x", "\N{SNOWMAN}", "\N{PILE OF POO}"])
def test_the_text_is_cut(make: Callable[[str], bytes], letter: str) -> None:
    sql = "SELECT '" + letter * 30_000 + "'"
    data = make(sql) + (SYNC if make is parse else b"")
    (whole,) = requests_in(data)
    assert whole.labels["sql"] == sql[:2000]


def test_text_that_never_ends_a_comment_costs_little() -> None:
    (whole,) = requests_in(query("/*" * 4_000))
    assert whole.labels["verb"] == "OTHER"


def test_a_text_may_be_shorter_than_its_message() -> None:
    (first, second) = requests_in(frame("Q", b"SELECT 1\0and more\0") + query("SELECT 2"))
    assert first.labels["sql"] == "SELECT 1"
    assert second.labels["sql"] == "SELECT 2"


def test_requests_are_told_apart() -> None:
    batch = parse("SELECT $1", "one") + bind("one", "", "x") + describe() + execute() + SYNC
    call = frame("F", bytes(12))
    data = query("SELECT 1") + batch + SYNC + call + query("SELECT 2") + TERMINATE
    wholes = requests_in(data)
    verbs = ["SELECT", "SELECT", "SYNC", "FUNCTION", "SELECT", "TERMINATE"]
    assert [whole.labels["verb"] for whole in wholes] == verbs
    assert [whole.exchange for whole in wholes] == [2, 3, 4, 5, 6, 7]
    assert [whole.expects_reply for whole in wholes] == [True] * 5 + [False]


def test_a_batch_is_one_request_up_to_its_sync() -> None:
    batch = b"".join(parse(f"INSERT {n}") + bind() + describe() + execute() for n in range(9))
    closing = frame("C", b"Sone\0") + FLUSH + SYNC
    (whole,) = requests_in(batch + closing)
    assert whole.labels == statement("INSERT", "INSERT 0", "extended")


def test_a_batch_ends_with_a_query_too() -> None:
    wholes = requests_in(parse("SELECT 1") + FLUSH + query("SELECT 2") + query("SELECT 3"))
    assert [whole.labels["sql"] for whole in wholes] == ["SELECT 1", "SELECT 3"]


def test_pieces_of_a_batch_flow_before_its_sync() -> None:
    stream = stream_of(PostgreSQL().requests)
    stream.feed(LOGIN, 0.0)
    for message in (parse("SELECT 1"), bind(), execute(), FLUSH):
        (piece,) = stream.feed(message, 0.0)
        assert piece.data == message
        assert not piece.ends
    (piece,) = stream.feed(SYNC, 0.0)
    assert piece.ends


# Statements that were prepared before.


def test_a_batch_is_labelled_with_the_statement_that_it_names() -> None:
    prepared = parse("INSERT INTO t VALUES ($1)", "add") + describe("S", "add") + SYNC
    used = [
        bind("add", "", "1") + execute() + SYNC,
        describe("S", "add") + SYNC,
        bind("add", "cursor") + execute("cursor", 10) + SYNC,
        execute("cursor", 10) + SYNC,
        describe("P", "cursor") + SYNC,
    ]
    wholes = requests_in(prepared + b"".join(used))
    expected = statement("INSERT", "INSERT INTO t VALUES ($1)", "extended")
    assert [whole.labels for whole in wholes] == [expected] * 6


def test_statements_that_nobody_has_seen_have_no_text() -> None:
    data = bind("unknown") + SYNC + execute("unknown") + SYNC + frame("C", b"Sone\0") + SYNC
    wholes = requests_in(data + describe("S", "unknown") + SYNC + FLUSH + SYNC)
    verbs = [whole.labels["verb"] for whole in wholes]
    assert verbs == ["BIND", "EXECUTE", "CLOSE", "DESCRIBE", "FLUSH"]
    assert all("sql" not in whole.labels for whole in wholes)


def test_a_thousand_statements_are_remembered() -> None:
    data = b"".join(parse(f"SELECT {n}", f"s{n}") for n in range(1_001)) + SYNC
    pieces = pieces_of(data + bind("s0") + SYNC + bind("s1") + SYNC + bind("s1000") + SYNC)
    assert [piece.labels.get("sql") for piece in pieces[1:]] == [None, "SELECT 1", "SELECT 1000"]


# COPY.


def test_the_data_of_a_copy_continues_its_request() -> None:
    rows = frame("d", b"1\t2\n") * 3
    pieces = pieces_of(query("COPY t FROM STDIN") + rows + COPY_DONE + query("SELECT 1"))
    assert [piece.continues for piece in pieces] == [False, True, False]
    assert [piece.exchange for piece in pieces] == [2, 2, 3]
    assert pieces[1].data == rows + COPY_DONE


@pytest.mark.parametrize("end", [COPY_DONE, frame("f", b"no more\0")])
@pytest.mark.parametrize("rows", [0, 2])
def test_the_sync_after_the_data_of_a_copy_is_a_request(end: bytes, rows: int) -> None:
    batch = parse("COPY t FROM STDIN") + bind() + execute() + SYNC
    copied = frame("d", b"1\n") * rows + end
    wholes = requests_in(batch + copied + SYNC + query("SELECT 1"))
    assert sizes(wholes) == [len(batch), len(copied), len(SYNC), len(query("SELECT 1"))]
    assert [whole.exchange for whole in wholes] == [2, 2, 3, 4]


def test_a_copy_may_be_asked_for_by_a_query_that_ends_a_batch() -> None:
    batch = parse("SELECT 1") + FLUSH + query("COPY t FROM STDIN")
    copied = frame("d", b"1\n") + COPY_DONE
    wholes = requests_in(batch + copied + batch + copied)
    assert sizes(wholes) == [len(batch), len(copied)] * 2
    assert [whole.exchange for whole in wholes] == [2, 2, 3, 3]


def test_a_sync_amid_the_data_is_ignored() -> None:
    batch = parse("COPY t FROM STDIN") + bind() + execute() + SYNC
    copied = frame("d", b"1\n") + SYNC + FLUSH + frame("d", b"2\n") + COPY_DONE
    assert sizes(requests_in(batch + copied + SYNC)) == [len(batch), len(copied), len(SYNC)]


def test_a_client_may_give_up_on_a_copy() -> None:
    rows = frame("d", b"1\n") * 2
    pieces = pieces_of(query("COPY t FROM STDIN") + rows + query("ROLLBACK"))
    assert put_together(pieces)[-1].labels["verb"] == "ROLLBACK"


def test_a_copy_is_asked_for_in_a_response_of_its_own() -> None:
    prelude = frame("1") + frame("2") + NOTICE
    exchanges = owing_each(1, phase="query")
    data = prelude + COPY_IN + frame("C", b"COPY 3\0") + READY
    wholes = parse_in_all_ways(PostgreSQL().responses, data, TO_CLIENT, exchanges)
    assert sizes(wholes) == [len(prelude), len(COPY_IN), len(data) - len(prelude + COPY_IN)]
    assert [whole.exchange for whole in wholes] == [1, 1, 1]
    pieces = feed(stream_of(PostgreSQL().responses, TO_CLIENT, exchanges()), [data])
    assert [piece.final for piece in pieces if piece.ends] == [False, False, True]


def test_replication_makes_a_connection_opaque() -> None:
    exchanges = owing_each(1, phase="query")()
    stream = stream_of(PostgreSQL().responses, TO_CLIENT, exchanges)
    (piece,) = stream.feed(frame("W", b"\0\0\0"), 0.0)
    assert not piece.final
    assert exchanges.opaque


# Responses.


def test_responses_end_when_the_backend_is_ready() -> None:
    copied = frame("H", b"\0\0\0") + frame("d", b"1\n") * 3 + COPY_DONE + COMPLETE + READY
    batch = frame("1") + frame("2") + frame("n") + frame("s") + frame("3") + READY
    answers = [RESULT, SYNTAX_ERROR + READY, batch, copied, NOTICE + COMPLETE + READY, READY]
    wholes = responses_in(b"".join(answers), pending=len(answers))
    assert sizes(wholes) == [len(answer) for answer in answers]
    assert [whole.exchange for whole in wholes] == [1, 2, 3, 4, 5, 6]


def test_a_login_goes_back_and_forth() -> None:
    welcome = authentication(0) + STATUS * 2 + KEY + READY
    scram = [authentication(10, b"SCRAM-SHA-256\0\0"), authentication(11, b"r=abc")]
    end = authentication(12, b"v=abc") + welcome
    exchanges = owing_each(1, phase="startup")
    data = b"".join(scram) + end
    wholes = parse_in_all_ways(PostgreSQL().responses, data, TO_CLIENT, exchanges)
    assert [whole.data for whole in wholes] == [*scram, end]
    pieces = feed(stream_of(PostgreSQL().responses, TO_CLIENT, exchanges()), [data])
    assert [piece.final for piece in pieces] == [False, False, True]


@pytest.mark.parametrize("code", [3, 5, 7, 9])
def test_a_login_may_ask_for_a_password(code: int) -> None:
    negotiation = frame("v", bytes(8))
    data = negotiation + authentication(code, b"salt") + authentication(0) + READY
    assert len(responses_in(data, "startup")) == 3


@pytest.mark.parametrize("error", [LAST_WORD, POOLER_ERROR])
def test_a_last_word_ends_a_response(error: bytes) -> None:
    (first, second) = responses_in(error + NOTICE, "startup")
    assert (first.exchange, second.exchange) == (1, 0)
    assert (first.data, second.data) == (error, NOTICE)


def test_an_error_is_labelled_where_a_response_begins_with_it() -> None:
    first, second = responses_in(SYNTAX_ERROR + READY + ROW + SYNTAX_ERROR + READY, pending=2)
    assert first.labels == {"error": "42601"}
    assert second.labels == NO_LABELS


def test_errors_are_counted() -> None:
    exchanges = owing_each(1, 2)()
    stream = stream_of(PostgreSQL().responses, TO_CLIENT, exchanges)
    feed(stream, [SYNTAX_ERROR + READY + ROW + SYNTAX_ERROR + READY + LAST_WORD])
    assert exchanges.tally.errors == {"42601": 2, "57P01": 1}


def test_a_long_error_is_not_kept() -> None:
    error = frame("E", b"SERROR\0C42601\0M" + b"x" * 100_000 + b"\0\0")
    first, _ = responses_in(error + READY + RESULT, pending=2)
    assert first.labels == {"error": "42601"}


@pytest.mark.parametrize("message", [NOTICE, NOTIFICATION, STATUS, LAST_WORD, READY, KEY])
def test_what_is_said_while_nothing_is_owed_answers_nothing(message: bytes) -> None:
    wholes = responses_in(message * 2, pending=0)
    assert [(whole.data, whole.exchange) for whole in wholes] == [(message, 0)] * 2


@pytest.mark.parametrize("message", [NOTIFICATION, STATUS])
def test_some_messages_never_begin_an_answer(message: bytes) -> None:
    wholes = responses_in(message + RESULT + message)
    assert [whole.exchange for whole in wholes] == [0, 1, 0]


@pytest.mark.parametrize("message", [NOTICE, NOTIFICATION, STATUS])
def test_inside_an_answer_they_are_part_of_it(message: bytes) -> None:
    (whole,) = responses_in(HEADING + message + ROW + message + COMPLETE + READY)
    assert whole.exchange == 1


@pytest.mark.parametrize("data", [b"HTTP/1.1 400 Bad Request\r\n", frame("?"), b"D\0\0\0\x02"])
@pytest.mark.parametrize("pending", [0, 1])
def test_what_no_backend_says_ends_the_parser(data: bytes, pending: int) -> None:
    with pytest.raises(ProtocolError):
        responses_in(data, pending=pending)


def test_pieces_of_a_response_flow_as_they_come() -> None:
    exchanges = owing_each(1, phase="query")()
    stream = stream_of(PostgreSQL().responses, TO_CLIENT, exchanges)
    for message in (frame("1"), frame("2"), HEADING, ROW, ROW):
        (piece,) = stream.feed(message, 0.0)
        assert piece.data == message


# Sizes.


@pytest.mark.parametrize("length", [10, 1_000, 300_000])
def test_long_messages_are_not_kept(length: int) -> None:
    row = frame("D", bytes(length))
    stream = stream_of(PostgreSQL().responses, TO_CLIENT, owing_each(1, phase="query")())
    for chunk in cut(HEADING + row * 5, range(0, 5 * length, 1_000)):
        stream.feed(chunk, 0.0)
        assert stream.kept_back < 5


def test_long_requests_are_not_kept() -> None:
    stream = stream_of(PostgreSQL().requests)
    stream.feed(LOGIN, 0.0)
    data = query("SELECT '" + "x" * 300_000) + parse("SELECT '" + "x" * 300_000) + SYNC
    for start, end in pairwise(range(0, len(data) + 1_000, 1_000)):
        stream.feed(data[start:end], 0.0)
        assert stream.kept_back < 10_000


# Anything at all.

CONVERSATION = (
    query("BEGIN")
    + parse("INSERT INTO t VALUES ($1)", "add")
    + bind("add", "", "42")
    + execute()
    + SYNC
    + query("COPY t FROM STDIN")
    + frame("d", b"1\n")
    + COPY_DONE
    + bind("add", "", "43")
    + execute()
    + SYNC
    + query("COMMIT")
    + TERMINATE
)
ANSWERS = (
    (COMPLETE + READY)
    + (frame("1") + frame("2") + COMPLETE + READY)
    + COPY_IN
    + (COMPLETE + READY)
    + (frame("2") + SYNTAX_ERROR + READY)
    + (frame("C", b"ROLLBACK\0") + READY)
)


@given(chunkings(LOGIN + CONVERSATION))
def test_requests_come_out_the_same_however_they_arrive(chunks: list[bytes]) -> None:
    verbs = ["BEGIN", "INSERT", "COPY", None, "INSERT", "COMMIT", "TERMINATE"]
    assert [whole.labels.get("verb") for whole in requests_in(CONVERSATION, chunks)] == verbs


@given(chunkings(ANSWERS))
def test_responses_come_out_the_same_however_they_arrive(chunks: list[bytes]) -> None:
    exchanges = [whole.exchange for whole in responses_in(ANSWERS, pending=5, chunks=chunks)]
    assert exchanges == [1, 2, 3, 3, 4, 5]


def watched(stream: Stream, chunks: list[bytes]) -> None:
    """Feed a stream as a quiet link does."""
    for chunk in chunks:
        try:
            stream.watch(chunk, 0.0)
        except ProtocolError:
            return


@settings(max_examples=300)
@given(st.randoms(use_true_random=False), st.binary(max_size=50), st.integers(0, 2**32))
def test_nothing_breaks_the_parsers(random: Random, noise: bytes, seed: int) -> None:
    for data, direction in (
        (SSL_REQUEST + LOGIN + CONVERSATION, Direction.TO_BACKEND),
        (ANSWERS, TO_CLIENT),
        (authentication(0) + STATUS + ANSWERS, TO_CLIENT),
    ):
        spoilt = bytearray(data)
        for _ in range(random.randrange(4)):
            spoilt[random.randrange(len(spoilt))] = random.randrange(256)
        place = random.randrange(len(spoilt))
        spoilt[place:place] = noise
        chunks = cut(bytes(spoilt), random.sample(range(len(spoilt)), 5))
        protocol = PostgreSQL()
        parser = protocol.requests if direction is Direction.TO_BACKEND else protocol.responses
        make = owing_each(1, 2, 3, 4, 5)
        pieces = feed_any(stream_of(parser, direction, make()), chunks)
        assert b"".join(piece.data for piece in pieces) == spoilt
        watched(stream_of(parser, direction, make()), chunks)
