"""Requests to Redis: inline commands, sizes that it refuses at once, and what is sent once."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeding import chunkings, parse_in_all_ways, stream_of
from redis_talk import Talk, command
from vaurien.errors import ProtocolError
from vaurien.parsing.exchanges import Exchanges
from vaurien.protocols.redis.parser import Redis
from vaurien.protocols.redis.session import request_of
from vaurien.values.messages import Direction


@pytest.mark.parametrize(
    ("line", "key"),
    [
        (b'GET "my key"\r\n', "my key"),
        (b"GET 'my key'\r\n", "my key"),
        (b'GET "\\x61b\\n"\r\n', "ab\n"),
        (b"GET 'it\\'s'\r\n", "it's"),
        (b'GET pre"fix"\r\n', "prefix"),
    ],
)
def test_the_words_of_an_inline_command_may_be_in_quotes(line: bytes, key: str) -> None:
    (whole,) = parse_in_all_ways(Redis().requests, line)
    assert whole.labels["key"] == key


@pytest.mark.parametrize("line", [b'GET "k\r\n', b'GET "k"x\r\n', b"PI'\r\n"])
def test_quotes_that_redis_refuses_are_passed_on_at_once(line: bytes) -> None:
    with pytest.raises(ProtocolError, match="quotes"):
        Talk().ask(line)


@pytest.mark.parametrize("line", [b"*3000000000\r\n", b"*2147483648\r\n", b"*x\r\n", b"*-\r\n"])
def test_a_number_of_words_that_redis_refuses_is_passed_on_at_once(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        Talk().ask(line)


@pytest.mark.parametrize("begun", [b"*1\rx", b"*2\r\n$3\r$", b"*2\r\n$3\r\nGET\r\n$1\rx"])
def test_a_size_that_redis_refuses_before_its_line_ends_is_passed_on_at_once(begun: bytes) -> None:
    with pytest.raises(ProtocolError, match="is not a size"):
        Talk().ask(begun)


def test_an_empty_word_is_a_command() -> None:
    (whole,) = parse_in_all_ways(Redis().requests, b'""\r\n')
    assert whole.expects_reply


def test_a_request_that_would_not_be_answered_alike_is_sent_once() -> None:
    words = ("CLIENT REPLY SKIP", "INCR x", "INCR x", "MONITOR", "SUBSCRIBE a")
    pieces = Talk().ask(*map(command, words))
    assert [piece.final for piece in pieces] == [True, False, True, False, True]


def test_exec_has_the_first_key_of_its_transaction() -> None:
    pieces = Talk().ask(
        *map(command, ("MULTI", "PING", "GET a", "SET b 1", "EXEC", "MULTI", "EXEC"))
    )
    assert [piece.labels.get("key") for piece in pieces[4::2]] == ["a", None]


HEAD = b"*11\r\n"
ARGUMENTS = b"$4\r\nMSET\r\n" + b"$1\r\nx\r\n" * 10


def test_a_head_that_a_server_may_refuse_before_its_password_is_not_kept_long() -> None:
    talk = Talk()
    assert talk.ask(HEAD) == []
    assert [piece.data for piece in talk.hurry()] == [HEAD]
    (rest,) = talk.ask(ARGUMENTS)
    assert rest.ends
    assert dict(rest.labels) == {}
    assert [piece.labels["command"] for piece in talk.ask(HEAD + ARGUMENTS)] == ["MSET"]


@pytest.mark.parametrize("cut", range(1, 31))
def test_a_head_may_be_cut_anywhere(cut: int) -> None:
    talk = Talk()
    whole = HEAD + ARGUMENTS
    talk.ask(whole[:cut])
    (message,) = talk.ask(whole[cut:])[-1:]
    if cut < len(whole) - len(b"$1\r\nx\r\n" * 9):
        assert message.labels["key"] == "x"
    assert message.ends


@pytest.mark.parametrize("answer", [b"+PONG\r\n", b"%1\r\n+proto\r\n:3\r\n"])
def test_a_server_that_has_answered_wants_no_password(answer: bytes) -> None:
    talk = Talk()
    talk.ask(command("PING"))
    talk.answer(answer)
    talk.ask(HEAD)
    assert not talk.to_backend.waits_briefly
    assert [piece.labels["command"] for piece in talk.ask(ARGUMENTS)] == ["MSET"]
    talk.ask(command("RESET"))
    talk.answer(b"+OK\r\n+RESET\r\n")
    talk.ask(HEAD)
    assert talk.to_backend.waits_briefly


def test_a_server_that_has_refused_may_want_a_password() -> None:
    talk = Talk()
    talk.ask(command("PING"))
    talk.answer(b"-NOAUTH Authentication required.\r\n")
    talk.ask(HEAD)
    assert [piece.data for piece in talk.hurry()] == [HEAD]


def test_what_changes_the_connection_is_given_up_if_it_came_late() -> None:
    talk = Talk()
    talk.ask(HEAD)
    talk.hurry()
    with pytest.raises(ProtocolError, match="SUBSCRIBE"):
        talk.ask(b"$9\r\nSUBSCRIBE\r\n")


# Transactions.


def test_what_a_transaction_refuses_without_an_end_is_not_queued() -> None:
    talk = Talk()
    *_, last = talk.ask(*map(command, ("MULTI", "MULTI", "WATCH k", "GET k", "EXEC")))
    transaction = request_of(last).transaction
    assert transaction is not None
    assert transaction.commands == 1


def test_commands_after_a_refused_transaction_are_in_none() -> None:
    talk = Talk()
    talk.ask(command("MULTI"))
    talk.answer(b"-NOPERM this user has no permissions to run the 'multi' command\r\n")
    (get, skip, put) = talk.ask(*map(command, ("GET k", "CLIENT REPLY SKIP", "SET k v")))
    assert not request_of(get).in_transaction
    assert [each.expects_reply for each in (get, skip, put)] == [True, False, False]


def test_a_reset_that_is_refused_changes_nothing() -> None:
    talk = Talk()
    (*_, get) = talk.ask(*map(command, ("CLIENT REPLY OFF", "RESET now", "GET k")))
    assert not get.expects_reply


# Requests that came together, and were passed on already, are taken together.

ANSWERED = {
    command("SET", "k", "v"): b"+OK\r\n",
    command("GET", "k"): b"$1\r\nv\r\n",
    command("get", b"\xff"): b"$-1\r\n",
    command("PING"): b"+PONG\r\n",
    command("SET", "k", "v" * 300): b"-OOM out of memory\r\n",
    command("MSET", "a", "1", "b", "2"): b"+OK\r\n",
    command("LPOP", "k", "2"): b"*2\r\n$1\r\na\r\n$1\r\nb\r\n",
    command("CONFIG", "GET", "x"): b"*0\r\n",
    command("HELLO", "3"): b"%1\r\n$1\r\na\r\n_\r\n",
    b"INCR k\r\n": b":1\r\n",
}


@given(st.data(), st.lists(st.sampled_from(list(ANSWERED)), max_size=40), st.integers(0, 9))
def test_what_is_pipelined_is_counted_one_by_one(
    data: st.DataObject, said: list[bytes], turn: int
) -> None:
    protocol, exchanges = Redis(), Exchanges(tallied="command")
    for direction, parse, sent in (
        (Direction.TO_BACKEND, protocol.requests, said),
        (Direction.TO_CLIENT, protocol.responses, [ANSWERED[request] for request in said]),
    ):
        stream = stream_of(parse, direction, exchanges)
        stream.turn = turn
        for chunk in data.draw(chunkings(b"".join(sent))):
            stream.watch(chunk, 1.0)
            while stream.lags:
                stream.watch(stream.take_aside(), 1.0)
        awaiting = [request.exchange for request in exchanges.pending]
        assert awaiting == (
            list(range(1, len(said) + 1)) if direction is Direction.TO_BACKEND else []
        )
    assert exchanges.tally.exchanges == Counter(map(name_of, said))
    assert exchanges.tally.latency.count == exchanges.begun == len(said)
    refused = sum(ANSWERED[request].startswith(b"-") for request in said)
    assert exchanges.tally.errors == ({"OOM": refused} if refused else {})


def name_of(request: bytes) -> str:
    words = request.split()
    return (words[2] if request.startswith(b"*") else words[0]).decode().upper()
