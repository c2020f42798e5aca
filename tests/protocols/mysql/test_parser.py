"""mysql: which messages its parsers find, and what these are labelled with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeding import (
    Whole,
    chunkings,
    feed,
    feed_any,
    owing,
    parse_in_all_ways,
    put_together,
    stream_of,
)
from vaurien.errors import ProtocolError
from vaurien.parsing.exchanges import Exchanges
from vaurien.protocol import Parser, Stream
from vaurien.protocols.mysql.commands import MySqlRequest, ResponseKind
from vaurien.protocols.mysql.parser import MySQL
from vaurien.protocols.mysql.wire import LONGEST, error_packet, packet
from vaurien.values.actions import Forward
from vaurien.values.messages import Direction, Message

OLD = 0x000F_A205
"""Capabilities of a client that takes neither TLS nor compression, and no new EOFs."""
NEW = OLD | 1 << 24
ATTRIBUTES = NEW | 1 << 27
METADATA = NEW | 1 << 25
COMPRESS = NEW | 1 << 5
SSL = OLD | 1 << 11
SSL_REQUEST = SSL.to_bytes(4, "little") + bytes(28)

GREETING = packet(
    0,
    b"\n5.5.5-10.11.19-MariaDB-0+deb12u1\0\x04\0\0\0_m+((-Ls\0\xfe\xff\x08\x02\0\xff\xff\x15"
    b"\0\0\0\0\0\0\x1d\0\0\0#OFQC>J8z~.d\0mysql_native_password\0",
)
OK = b"\0\0\0\2\0\0\0"
EOF = b"\xfe\0\0\2\0"
COLUMN = b"\x03def\0\0\0\x011\0\x0c?\0\x01\0\0\0\x03\x81\0\0\0\0"
PING = packet(0, b"\x0e")


def login(flags: int = OLD, rest: bytes = b"me\0\0shop\0mysql_native_password\0") -> bytes:
    head = (flags | 1 << 3).to_bytes(4, "little") + bytes([0, 0, 0, 1, 45]) + bytes(23)
    return packet(1, head + rest)


def packets(*payloads: bytes, first: int = 1) -> bytes:
    return b"".join(packet(first + place, data) for place, data in enumerate(payloads))


def logged_in(flags: int) -> MySQL:
    """A connection that has come so far with these capabilities."""
    protocol = MySQL()
    feed(stream_of(protocol.responses, Direction.TO_CLIENT), [GREETING])
    feed(stream_of(protocol.requests), [login(flags)])
    return protocol


def requests(data: bytes, flags: int = OLD) -> list[Whole]:
    """The messages in what a client says after its login, however it arrives."""

    def parse(stream: Stream) -> Parser:
        protocol = MySQL()
        feed(stream_of(protocol.responses, Direction.TO_CLIENT), [GREETING])
        return protocol.requests(stream)

    return parse_in_all_ways(parse, login(flags) + data)[1:]


def responses(
    data: bytes, form: ResponseKind = ResponseKind.RESULTS, flags: int = OLD, *, count: int = 1
) -> list[Whole]:
    """The messages in what a server sends, in response to this many requests of a kind."""
    pending = owing(*range(1, count + 1), about=MySqlRequest(form))
    made = parse_in_all_ways(after(flags), GREETING + data, Direction.TO_CLIENT, pending)
    assert made[0] == Whole(GREETING, {"phase": "greeting"}, 0)
    return made[1:]


def after(flags: int) -> Callable[[Stream], Parser]:
    return lambda stream: logged_in(flags).responses(stream)


def labels(message: Whole) -> tuple[str | None, ...]:
    return tuple(message.labels.get(name) for name in ("command", "verb", "sql"))


# What the client says.


def test_a_login_says_who_and_where() -> None:
    for flags, rest in (
        (OLD, b"me\0\x03abcshop\0plugin\0"),
        (OLD | 1 << 21, b"me\0\x03abcshop\0plugin\0"),
        (OLD & ~(1 << 15), b"me\0secret\0shop\0"),
    ):
        (message,) = parse_in_all_ways(MySQL().requests, login(flags, rest))
        assert message.labels == {
            "phase": "login",
            "command": "LOGIN",
            "verb": "LOGIN",
            "user": "me",
            "database": "shop",
        }
        assert (message.exchange, message.expects_reply) == (1, True)


@pytest.mark.parametrize(
    ("flags", "rest", "password"),
    [
        (OLD, b"me\0\x03abcshop\0plugin\0", True),
        (OLD, b"me\0\0shop\0plugin\0", False),
        (OLD, b"me\0\1\0shop\0plugin\0", False),
        (OLD & ~(1 << 15), b"me\0secret\0shop\0", True),
        (OLD & ~(1 << 15), b"me\0\0shop\0", False),
        (OLD, b"me", False),
    ],
)
def test_a_login_comes_with_a_password_or_without(flags: int, rest: bytes, password: bool) -> None:
    protocol = MySQL()
    (message,) = feed(stream_of(protocol.requests), [login(flags, rest)])
    assert isinstance(message.about, MySqlRequest)
    assert message.about.password is password
    assert protocol.user == "me"


def test_names_are_cut() -> None:
    rest = b"u" * 1000 + b"\0\0" + b"d" * 1000 + b"\0"
    (message,) = feed(stream_of(MySQL().requests), [login(OLD, rest)])
    assert (message.labels["user"], message.labels["database"]) == ("u" * 500, "d" * 500)


def test_what_follows_of_a_login_belongs_to_it() -> None:
    secrets = packet(3, b"scrambled") + packet(5, b"\x02") + packet(7, b"x" * 256)
    *auth, ping = requests(secrets + PING)
    assert [(message.exchange, message.expects_reply) for message in auth] == [(1, False)] * 3
    assert {message.labels["phase"] for message in auth} == {"login"}
    assert (ping.exchange, labels(ping)) == (2, ("PING", "PING", None))


def test_every_command_has_a_name() -> None:
    said = packet(0, b"\x02shop") + packet(0, b"\x04t\0") + packet(0, b"\x42") + packet(0, b"\x01")
    assert [(message.labels["verb"], message.expects_reply) for message in requests(said)] == [
        ("INIT_DB", True),
        ("FIELD_LIST", True),
        ("0x42", True),
        ("QUIT", False),
    ]


def test_queries_show_their_verb_and_text() -> None:
    said = packet(0, b"\x03SELECT 1") + packet(0, b"\x03 /* a */ (update t") + packet(0, b"\x03??")
    assert [labels(message) for message in requests(said)] == [
        ("QUERY", "SELECT", "SELECT 1"),
        ("QUERY", "UPDATE", " /* a */ (update t"),
        ("QUERY", "QUERY", "??"),
    ]


def test_queries_may_be_preceded_by_attributes() -> None:
    (query,) = requests(packet(0, b"\x03\0\x01SELECT 1"), ATTRIBUTES)
    assert labels(query) == ("QUERY", "SELECT", "SELECT 1")


def test_long_statements_are_one_message_and_their_label_is_cut() -> None:
    text = b"SELECT '" + b"x" * 20_000
    (query, ping) = requests(packet(0, b"\x03" + text) + PING)
    assert query.labels["sql"] == text[:2000].decode()
    assert ping.exchange == 3


def test_a_request_of_several_packets_is_one_message() -> None:
    long = b"\xff\xff\xff\0\x03SELECT '" + b"x" * (LONGEST - 9) + packet(1, b"xxx'")
    for chunks in ([long + PING], [long[:100], long[100:-3], long[-3:], PING]):
        stream = stream_of(logged_in(OLD).requests)
        pieces = put_together(feed(stream, [login(), *chunks]))
        assert [len(message.data) for message in pieces[1:]] == [len(long), len(PING)]
        assert [message.exchange for message in pieces] == [1, 2, 3]


def test_a_local_file_belongs_to_the_statement_that_asks_for_it() -> None:
    contents = b"".join(packet(sequence, b"line\n") for sequence in range(2, 300))
    *pieces, end, ping = requests(
        packet(0, b"\x03LOAD DATA LOCAL") + contents + packet(300, b"") + PING
    )
    assert {message.exchange for message in pieces} == {2}
    assert len(pieces) == 1 + 298
    assert not any(message.expects_reply for message in pieces[1:])
    assert (end.data, end.exchange) == (packet(300, b""), 2)
    assert (ping.exchange, ping.expects_reply) == (3, True)


def test_statements_are_known_where_they_are_executed() -> None:
    protocol = logged_in(OLD)
    exchanges = Exchanges()
    up = stream_of(protocol.requests, exchanges=exchanges)
    down = stream_of(protocol.responses, Direction.TO_CLIENT, exchanges)
    conversation(
        up, down, [b"", login(), packet(0, b"\x16UPDATE t SET v = ?")], [GREETING, packet(2, OK)]
    )
    prepared = packets(b"\0\x07\0\0\0\0\0\x01\0\0\0\0", COLUMN, EOF)
    assert all(message.ends for message in down.feed(prepared, 0.0))
    execute = packet(0, b"\x17\x07\0\0\0\0\x01\0\0\0")
    assert up.feed(execute, 0.0)[0].labels == {
        "phase": "command",
        "command": "STMT_EXECUTE",
        "verb": "UPDATE",
        "sql": "UPDATE t SET v = ?",
    }
    newest = packet(0, b"\x17\xff\xff\xff\xff\0\x01\0\0\0")
    assert up.feed(newest, 0.0)[0].labels["verb"] == "UPDATE"
    (closed,) = up.feed(packet(0, b"\x19\x07\0\0\0"), 0.0)
    assert not closed.expects_reply
    assert up.feed(execute, 0.0)[0].labels["verb"] == "STMT_EXECUTE"


def conversation(
    up: Stream, down: Stream, said: Iterable[bytes], answered: Iterable[bytes]
) -> None:
    """Both speak in turn; requests that are passed on expect a response."""
    replies = iter(answered)
    for data in said:
        for message in up.feed(data, 0.0) if data else []:
            up._exchanges.expect_response(message.exchange, message.about)
        down.feed(next(replies, b""), 0.0)


def test_another_user_has_no_statements_of_the_one_before() -> None:
    protocol = logged_in(OLD)
    exchanges = Exchanges()
    up = stream_of(protocol.requests, exchanges=exchanges)
    down = stream_of(protocol.responses, Direction.TO_CLIENT, exchanges)
    change = packet(0, b"\x11you\0\x01xshop\0\x2d\0")
    conversation(up, down, [b"", login()], [GREETING, packet(2, OK)])
    protocol._remember(7, "SELECT 1")
    conversation(up, down, [change], [packet(1, b"\xff\x15\x04#28000no")])
    assert (protocol.user, protocol._statements) == ("me", {7: "SELECT 1"})
    conversation(up, down, [change], [packet(1, OK)])
    assert (protocol.user, protocol._statements) == ("you", {})
    (message,) = up.feed(change, 0.0)
    assert message.labels == {
        "phase": "command",
        "command": "CHANGE_USER",
        "verb": "CHANGE_USER",
        "user": "you",
        "database": "shop",
    }


def test_what_belongs_to_a_message_is_passed_on_at_once() -> None:
    protocol = logged_in(OLD)
    up = stream_of(protocol.requests)
    up.feed(login(), 0.0)
    for byte in packet(0, b"\x03LOAD DATA LOCAL INFILE 'x' INTO TABLE t"):
        up.feed(bytes([byte]), 0.0)
    passed = [up.feed(bytes([byte]), 0.0) for byte in packet(2, b"a,b")]
    assert [bool(pieces) for pieces in passed] == [False] * 3 + [True] * 4


@pytest.mark.parametrize(
    ("sql", "final"),
    [
        (b"SELECT 1", True),
        (b"SELECT 1; LOAD DATA LOCAL INFILE 'x' INTO TABLE t", False),
        (b"SELECT '" + b"x" * 9_000 + b"'", False),
    ],
)
def test_a_query_that_may_ask_for_a_file_says_so(sql: bytes, *, final: bool) -> None:
    up = stream_of(logged_in(OLD).requests)
    up.feed(login(), 0.0)
    (message,) = up.feed(packet(0, b"\x03" + sql), 0.0)
    assert message.final is final


def test_only_so_many_statements_are_remembered() -> None:
    protocol = logged_in(OLD)
    for number in range(1500):
        protocol._remember(number, "SELECT")
    assert list(protocol._statements) == list(range(500, 1500))


@pytest.mark.parametrize("code", [b"\x12", b"\x13", b"\x1e", b"\x20", b"\x21"])
def test_a_binary_log_is_opaque(code: bytes) -> None:
    exchanges = Exchanges()
    stream = stream_of(MySQL().requests, exchanges=exchanges)
    stream.feed(login(), 0.0)
    assert not exchanges.opaque
    (dump,) = stream.feed(packet(0, code + bytes(20)), 0.0)
    assert stream.opaque
    assert dump.expects_reply


def test_tls_is_opaque() -> None:
    exchanges = Exchanges()
    stream = stream_of(MySQL(tls="pass").requests, exchanges=exchanges)
    asked = packet(1, SSL_REQUEST)
    (message,) = stream.feed(asked, 0.0)
    assert (message.labels["command"], message.expects_reply) == ("SSL", False)
    assert stream.opaque


def test_the_login_may_follow_inside_of_tls() -> None:
    exchanges = Exchanges()
    protocol = MySQL(tls="both")
    stream = stream_of(protocol.requests, exchanges=exchanges)
    asked = packet(1, SSL_REQUEST)
    (message,) = stream.feed(asked + b"\x16\x03\x01", 0.0)
    assert (message.labels["command"], message.data) == ("SSL", asked)
    assert exchanges.encrypts
    assert protocol.adjusting  # or what follows could pass in the clear
    assert stream.give_back() == b"\x16\x03\x01"
    exchanges.encrypts, exchanges.encrypted = False, True
    (login,) = stream.feed(packet(2, SSL_REQUEST + b"ann\0\0"), 0.0)
    assert (login.labels["command"], login.labels["user"]) == ("LOGIN", "ann")
    assert not protocol.adjusting


def test_a_statement_that_cannot_be_prepared_is_not_the_newest() -> None:
    protocol = logged_in(OLD)
    exchanges = Exchanges()
    up = stream_of(protocol.requests, exchanges=exchanges)
    down = stream_of(protocol.responses, Direction.TO_CLIENT, exchanges)
    said = [b"", login(), packet(0, b"\x16UPDATE t SET v = ?")]
    conversation(up, down, said, [GREETING, packet(2, OK), error_packet(1, 1146, "42S02", "no")])
    (execute,) = up.feed(packet(0, b"\x17\xff\xff\xff\xff\0\x01\0\0\0"), 0.0)
    assert execute.labels["verb"] == "STMT_EXECUTE"


def test_a_large_packet_may_come_without_its_beginning() -> None:
    for name, answered in ((b"\x03", True), (b"\x18", False)):
        stream = stream_of(logged_in(OLD).requests)
        stream.feed(login(), 0.0)
        large = packet(0, name + bytes(5_000))
        assert stream.feed(large[:4], 0.0) == []
        stream.overdue = True
        (piece,) = stream.feed(b"", 0.0)
        assert (piece.data, dict(piece.labels)) == (large[:4], {"phase": "command"})
        if answered:
            assert stream.feed(large[4:], 0.0)[-1].ends
        else:
            with pytest.raises(ProtocolError, match="came long after its header"):
                stream.feed(large[4:], 0.0)


@pytest.mark.parametrize("said", [b"\x40\0\0\2", b"\x1f\0\0\1"])
def test_a_header_that_is_no_login_is_passed_on_at_once(said: bytes) -> None:
    with pytest.raises(ProtocolError):
        stream_of(MySQL().requests).feed(said, 0.0)


@pytest.mark.parametrize("said", [login(0x0D), packet(1, b"short"), login() + packet(0, b"")])
def test_what_is_no_mysql_is_an_error(said: bytes) -> None:
    stream = stream_of(MySQL().requests)
    with pytest.raises(ProtocolError):
        stream.feed(said, 0.0)


# What the server says.

RESULT_SETS = {
    "old": (OLD, packets(b"\x01", COLUMN, EOF, b"\x011", b"\xfb", EOF)),
    "new": (NEW, packets(b"\x01", COLUMN, b"\x011", b"\xfb", b"\xfe\0\0\2\0\0\0")),
    "empty": (OLD, packets(b"\x01", COLUMN, EOF, EOF)),
    "without metadata": (NEW, packets(b"\x01\0", b"\x011", b"\xfe\0\0\2\0\0\0")),
    "failing in its rows": (
        OLD,
        packets(b"\x01", COLUMN, EOF) + error_packet(4, 1317, "70100", ""),
    ),
    "opening a cursor": (OLD, packets(b"\x01", COLUMN, b"\xfe\0\0\x42\0")),
    "with progress": (OLD, packets(b"\xff\xff\xff\x01\x01\x01\0\0\0\0", OK)),
    "telling of the session": (NEW, packets(b"\0\0\0\x02\x40\0\0\x02hi\x05\x01\x03abc")),
}


@pytest.mark.parametrize("kind", RESULT_SETS)
def test_a_result_is_one_message(kind: str) -> None:
    flags, data = RESULT_SETS[kind]
    one, other = responses(data + data, flags=flags, count=2)
    assert (one.data, one.exchange, one.complete) == (data, 1, True)
    assert (other.data, other.exchange, other.complete) == (data, 2, True)


def test_all_results_of_a_procedure_are_one_message() -> None:
    more = b"\xfe\0\0\x0a\0"
    data = packets(b"\x01", COLUMN, EOF, b"\x011", more, b"\0\xfc\x10\x01\0\x0a\0\0\0", OK)
    (message,) = responses(data)
    assert message.data == data
    failed = packets(b"\0\0\0\x0a\0\0\0") + error_packet(2, 1064, "42000", "no")
    (message,) = responses(failed)
    assert message.data == failed


def test_a_request_for_a_file_is_followed_by_another_response() -> None:
    ask, done = packet(1, b"\xfb/etc/hosts"), packet(4, OK)
    first, second = responses(ask + done)
    assert [(first.data, first.exchange), (second.data, second.exchange)] == [(ask, 1), (done, 1)]


def test_each_step_of_a_login_is_a_response() -> None:
    switch = packet(2, b"\xfemysql_native_password\0" + b"x" * 20 + b"\0")
    more = packet(4, b"\x01\x03")
    *steps, last = responses(switch + more + packet(5, OK), ResponseKind.LOGIN)
    assert [step.data for step in steps] == [switch, more]
    assert (last.data, {message.exchange for message in (*steps, last)}) == (packet(5, OK), {1})
    (refused,) = responses(error_packet(2, 1045, "28000", "no"), ResponseKind.LOGIN)
    assert refused.labels == {"error": "1045"}


@pytest.mark.parametrize(
    ("flags", "data"),
    [
        (OLD, packets(b"\0\x01\0\0\0\x01\0\x02\0\0\0\0", COLUMN, COLUMN, EOF, COLUMN, EOF)),
        (NEW, packets(b"\0\x01\0\0\0\x01\0\x02\0\0\0\0", COLUMN, COLUMN, COLUMN)),
        (NEW, packets(b"\0\x01\0\0\0\0\0\0\0\0\0\0")),
        (METADATA, packets(b"\0\x01\0\0\0\x01\0\x02\0\0\0\0\0")),
    ],
)
def test_a_prepared_statement_comes_with_columns(flags: int, data: bytes) -> None:
    (message, other) = responses(
        data + error_packet(1, 1064, "", ""), ResponseKind.PREPARED, flags, count=2
    )
    assert message.data == data
    assert other.labels == {"error": "1064"}


def test_rows_that_are_fetched_end_with_an_eof() -> None:
    data = packets(b"\0\0\x01", b"\0\0\x02", b"\xfe\0\0\x42\0")
    assert [message.data for message in responses(data, ResponseKind.ROWS)] == [data]


def test_other_answers_are_one_packet() -> None:
    text = packet(1, b"Uptime: 5  Threads: 1" * 50)
    said = responses(text + packet(1, OK) + packet(1, EOF), ResponseKind.SINGLE, count=3)
    assert [message.data for message in said] == [text, packet(1, OK), packet(1, EOF)]


def test_what_is_said_unasked_is_a_message_of_its_own() -> None:
    farewell = error_packet(0, 4031, "HY000", "too long")
    (message,) = responses(farewell, count=0)
    assert (message.exchange, message.labels) == (0, {"error": "4031"})
    assert [message.data for message in responses(2 * farewell, count=0)] == 2 * [farewell]


def test_errors_are_counted() -> None:
    exchanges = owing(1, 2, about=MySqlRequest(ResponseKind.RESULTS))()
    stream = stream_of(after(OLD), Direction.TO_CLIENT, exchanges)
    stream.feed(GREETING + error_packet(1, 1213, "40001", "") * 2, 0.0)
    assert exchanges.tally.errors == {"1213": 2}


def test_a_refusal_in_place_of_the_greeting() -> None:
    refusal = error_packet(0, 1040, "", "Too many connections")
    (message,) = parse_in_all_ways(MySQL().responses, refusal, Direction.TO_CLIENT)
    assert message.labels == {"phase": "greeting", "error": "1040"}


def test_another_greeting_is_an_error() -> None:
    stream = stream_of(MySQL().responses, Direction.TO_CLIENT)
    with pytest.raises(ProtocolError):
        stream.feed(packet(0, b"\x09old"), 0.0)


def test_compression_is_opaque() -> None:
    exchanges = owing(1, about=MySqlRequest(ResponseKind.LOGIN))()
    stream = stream_of(after(COMPRESS), Direction.TO_CLIENT, exchanges)
    stream.feed(GREETING, 0.0)
    assert not stream.opaque
    stream.feed(packet(2, OK), 0.0)
    assert stream.opaque


def test_long_rows_need_little_memory() -> None:
    """A row of 64 MiB, followed by another, whose continuation looks like an end."""
    exchanges = owing(1, about=MySqlRequest(ResponseKind.RESULTS))()
    stream = stream_of(after(OLD), Direction.TO_CLIENT, exchanges)
    stream.feed(GREETING + packets(b"\x01", COLUMN, EOF), 0.0)
    chunk = b"\xfe" * 65536
    for sequence in range(4, 8):
        stream.feed(b"\xff\xff\xff" + bytes([sequence]), 0.0)
        for _ in range(LONGEST // len(chunk)):
            stream.feed(chunk, 0.0)
            assert stream.kept_back <= 8192
        stream.feed(chunk[: LONGEST % len(chunk)], 0.0)
    stream.feed(packets(b"\xfe\0\0\2\0", b"\x011", first=8), 0.0)
    assert stream.in_message
    stream.feed(packet(10, EOF), 0.0)
    assert not stream.in_message
    assert not exchanges.pending


# What it is told apart from.


def test_what_is_refused_is_hidden_from_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    for options, hidden in (
        ({}, SSL & ~OLD | 1 << 5 | 1 << 26),
        ({"tls": "pass"}, 1 << 5 | 1 << 26),
        ({"compression": "pass"}, 1 << 11),
    ):
        protocol = MySQL(**options)
        monkeypatch.setattr(protocol, "tell", told.append)
        assert protocol.adjusting
        (greeting,) = put_together_one(protocol)
        adjusted = protocol.adjust(greeting)
        assert isinstance(adjusted, Forward)
        assert not protocol.adjusting
        assert flags_in(GREETING) & ~flags_in(adjusted.message.data) == hidden
        different = [a != b for a, b in zip(GREETING, adjusted.message.data, strict=True)]
        assert sum(different) <= 3
        assert protocol.adjust(greeting._replace(labels={})).message.data == GREETING
    assert len(told) == 4
    assert not MySQL(tls="pass", compression="pass").adjusting


def put_together_one(protocol: MySQL) -> list[Message]:
    return stream_of(protocol.responses, Direction.TO_CLIENT).feed(GREETING, 0.0)


def flags_in(greeting: bytes) -> int:
    place = greeting.index(b"\0", 5) + 14
    return int.from_bytes(greeting[place : place + 2] + greeting[place + 5 : place + 7], "little")


def test_a_refusal_is_not_adjusted() -> None:
    protocol = MySQL()
    refusal = error_packet(0, 1040, "", "Too many connections")
    (message,) = stream_of(protocol.responses, Direction.TO_CLIENT).feed(refusal, 0.0)
    assert protocol.adjust(message).message.data == refusal


# Anything at all.

SAID = login(ATTRIBUTES) + b"".join(
    (
        packet(3, b"secret"),
        packet(0, b"\x03\0\x01SELECT 1"),
        packet(0, b"\x03\x01\x01\0\x01\xfd\0\x01a\x01bINSERT"),
        packet(0, b"\x16SELECT ?"),
        packet(0, b"\x17\x01\0\0\0\0\x01\0\0\0"),
        packet(0, b"\x19\x01\0\0\0"),
        packet(2, b"file") + packet(3, b""),
        PING,
    )
)
ANSWERED = GREETING + b"".join(data for _, data in RESULT_SETS.values())


@settings(deadline=None)
@given(st.data())
def test_any_way_of_arriving_is_the_same(data: st.DataObject) -> None:
    parse_in_all_ways(MySQL().requests, SAID, chunks=data.draw(chunkings(SAID)))
    for flags in (OLD, NEW):
        parse_in_all_ways(
            after(flags),
            ANSWERED,
            Direction.TO_CLIENT,
            owing(*range(1, 50), about=MySqlRequest(data.draw(st.sampled_from(ResponseKind)))),
            chunks=data.draw(chunkings(ANSWERED)),
        )


def mutations(data: bytes) -> st.SearchStrategy[bytes]:
    """The bytes, some of them replaced, left out or doubled."""
    places = st.lists(st.integers(0, len(data)), min_size=2, max_size=6).map(sorted)

    def mutate(cuts: list[int], noise: list[bytes]) -> bytes:
        parts = [data[start:end] for start, end in pairwise([0, *cuts, len(data)])]
        return b"".join(
            noise[index % len(noise)] if index % 2 else part for index, part in enumerate(parts)
        )

    return st.builds(mutate, places, st.lists(st.binary(max_size=12), min_size=1, max_size=3))


@settings(deadline=None)
@given(st.data())
def test_nothing_is_lost_of_what_is_no_mysql(data: st.DataObject) -> None:
    """Whatever comes: no byte is changed, and a parser gives up in one way only."""
    form = data.draw(st.sampled_from(ResponseKind))
    for parse, direction, sample in (
        (MySQL().requests, Direction.TO_BACKEND, SAID),
        (after(data.draw(st.sampled_from([OLD, NEW, METADATA]))), Direction.TO_CLIENT, ANSWERED),
    ):
        said = data.draw(st.binary(max_size=200) | mutations(sample))
        for chunks in ([said], data.draw(chunkings(said))):
            exchanges = owing(*range(1, 20), about=MySqlRequest(form))()
            stream = stream_of(parse, direction, exchanges)
            try:
                pieces = [piece for chunk in chunks for piece in stream.feed(chunk, 0.0)]
            except ProtocolError:
                pieces = feed_any(stream_of(parse, direction, Exchanges()), chunks)
            else:
                pieces += stream.surrender()
            assert b"".join(piece.data for piece in pieces) == said
