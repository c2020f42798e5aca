"""Requests to Redis: inline commands, sizes that it refuses at once, and what is sent once."""

from __future__ import annotations

import pytest

from feeding import parse_in_all_ways
from redis_talk import Talk, command
from vaurien.errors import ProtocolError
from vaurien.protocols.redis.parser import Redis


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
