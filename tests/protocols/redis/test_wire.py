"""The patterns of short messages: what they take is whole, and nothing more."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redis_talk import command
from vaurien.errors import ProtocolError
from vaurien.protocols.redis.wire import (
    ARGUMENTS,
    REQUEST,
    RESPONSE,
    RESPONSES,
    RUN,
    encoded,
    size_of,
    sized,
    text_of,
)


@pytest.mark.parametrize("limit", [0, 1, 9, 10, 99, 100, 255])
def test_every_size_up_to_a_limit(limit: int) -> None:
    found = re.compile(sized(limit).encode(), re.DOTALL)
    for size in range(limit + 3):
        data = b"%d\r\n" % size + b"\n" * size
        assert bool(found.fullmatch(data)) is (size <= limit)
        assert not found.fullmatch(data[:-1])
        assert not found.fullmatch(data + b"\n")
    assert not found.fullmatch(b"00\r\n")


short = st.binary(max_size=90)


@given(st.binary(min_size=1, max_size=24), st.lists(short, max_size=6), st.binary())
def test_a_request_begins(name: bytes, arguments: list[bytes], rest: bytes) -> None:
    data = command(name, *arguments)
    found = REQUEST.match(data + rest)
    assert found is not None
    if len(arguments) < 3:
        assert found.end() == len(data)
        assert found[4] is None
    else:
        assert found[4] == b"%d" % (len(arguments) + 1)
        assert (data + rest)[: found.end()] == data[: found.end()]
    assert found[5] == b"%d\r\n%b" % (len(name), name)
    for taken, argument in zip(found.group(6, 7), arguments, strict=False):
        assert taken in (None, b"%d\r\n%b" % (len(argument), argument))


@given(st.binary(min_size=1, max_size=24), st.lists(short, max_size=2))
def test_no_part_of_a_request_is_taken_for_it(name: bytes, arguments: list[bytes]) -> None:
    data = command(name, *arguments)
    taken = [REQUEST.match(data[:end]) for end in range(len(data))]
    assert not [found for found in taken if found is not None and found[4] is None]


responses = st.one_of(
    st.sampled_from([b"+OK\r\n", b":12\r\n", b"$-1\r\n", b"_\r\n", b"#t\r\n", b",1.5\r\n"]),
    st.binary(max_size=99).map(lambda value: b"$%d\r\n%b\r\n" % (len(value), value)),
)


@given(responses, st.binary())
def test_a_response(response: bytes, rest: bytes) -> None:
    found = RESPONSE.match(response + rest)
    assert found is not None
    assert found[0] == response
    assert not RESPONSE.match(response[:-1])


@given(st.lists(responses, min_size=RUN, max_size=RUN), responses)
def test_a_run_of_values(values: list[bytes], another: bytes) -> None:
    found = RESPONSES.match(b"".join(values) + another)
    assert found is not None
    assert found[0] == b"".join(values)
    assert not RESPONSES.match(b"".join(values)[:-1])


@given(st.lists(short, min_size=RUN, max_size=RUN), short)
def test_a_run_of_arguments(values: list[bytes], another: bytes) -> None:
    header = len(b"*8\r\n")
    data = command(*values, another)[header:]
    found = ARGUMENTS.match(data)
    assert found is not None
    assert found[0] == command(*values)[header:]


def test_an_error_tells_its_code() -> None:
    codes = {b"-ERR no\r\n": b"ERR", b"-OOM\r\n": b"OOM", b"-\r\n": b"", b"- x\r\n": b""}
    assert {data: RESPONSE.match(data)[1] for data in codes} == codes  # type: ignore[index]


NO_SIZES = {
    "": [b"$\r\n", b"$1\n", b"$1_0\r\n", b"$ 1\r\n", b"$?\r\n", b"$%d\r\n" % 10**19],
    "$": [b"*1\r\n", b"$-1\r\n"],
}


@pytest.mark.parametrize(("kind", "line"), [(k, line) for k in NO_SIZES for line in NO_SIZES[k]])
def test_what_is_no_size(kind: str, line: bytes) -> None:
    with pytest.raises(ProtocolError, match="is not a size"):
        size_of(line, kind.encode())


def test_sizes() -> None:
    assert size_of(b"*12\r\n") == size_of(b"$12\r\n", b"$") == 12
    assert size_of(b"*-1\r\n") == -1


def test_a_request_is_encoded() -> None:
    assert encoded(b"GET", b"\r\n") == b"*2\r\n$3\r\nGET\r\n$2\r\n\r\n\r\n"


def test_words_are_for_people() -> None:
    assert text_of("héllo".encode() + b"\xff") == "héllo\\xff"
