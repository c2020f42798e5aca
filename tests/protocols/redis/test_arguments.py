"""The arguments of requests, as Redis quotes them in its errors."""

from __future__ import annotations

import pytest

from acting import request, response
from redis_talk import command
from vaurien.protocols.redis.arguments import arguments_of, group_of, quoted


@pytest.mark.parametrize(
    ("data", "arguments"),
    [
        (command("foo"), []),
        (command("foo a b"), [b"a", b"b"]),
        (command("foo", "", "a\r\n$1\r\n"), [b"", b"a\r\n$1\r\n"]),
        (command("foo a b")[:-3], [b"a", b""]),
        (b"foo  a b\r\n", [b"a", b"b"]),
        (b'foo "a b" c\r\n', [b"a b", b"c"]),
        (b'foo "a b', [b'"a', b"b"]),
        (b"\r\n", []),
    ],
)
def test_arguments_are_those_at_hand(data: bytes, arguments: list[bytes]) -> None:
    assert arguments_of(request(data)) == arguments


def test_arguments_are_only_in_the_beginning_of_a_request() -> None:
    assert arguments_of(request(command("foo a"), begins=False)) == []
    assert arguments_of(response(b"*2\r\n$1\r\na\r\n$1\r\nb\r\n")) == []


def test_arguments_are_quoted_up_to_the_limit_of_redis() -> None:
    assert quoted([]) == ""
    assert quoted([b"a", b"\xff"]) == "'a' '\\xff' "
    assert quoted([b"x" * 100, b"y" * 100, b"z"]) == f"'{'x' * 100}' '{'y' * 25}' "


def test_a_group_follows_its_word() -> None:
    assert group_of(b"group g c STREAMS s >".split()) == "g"
    assert group_of([]) == group_of([b"GROUP"]) == "group"
