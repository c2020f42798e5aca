"""What is cut out of a stream, where nothing acts on most of its messages.

The tests of each parser sift all that they parse as well.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from feeding import stream_of
from lines import Lines
from vaurien.parsing.exchanges import Exchanges
from vaurien.protocol import Stream
from vaurien.values.messages import Direction


def acts_on_b(labels: Mapping[str, str]) -> bool:
    return labels["key"] != "b"


def requests(exchanges: Exchanges | None = None) -> Stream:
    return stream_of(Lines().requests, exchanges=exchanges)


def responses(exchanges: Exchanges) -> Stream:
    return stream_of(Lines().responses, Direction.TO_CLIENT, exchanges)


def sifted(stream: Stream, data: bytes) -> tuple[bytes, list[bytes]]:
    """Return what passes of these bytes, and what is cut out of them."""
    cut = [message.data for message in stream.feed(data, 1.0, acts_on_b)]
    return stream.passed, cut


@pytest.mark.parametrize(
    ("data", "passed", "cut"),
    [
        (b"GET a\nGET a\n", b"GET a\nGET a\n", []),
        (b"GET a\nGET b\nGET a\n", b"GET a\n", [b"GET b\n", b"GET a\n"]),
        (b"GET a\nAND b\n", b"GET a\nAND b\n", []),
        (b"GET b\nAND a\n", b"", [b"GET b\n", b"AND a\n"]),
        (b"GET a\nGET", b"GET a\n", []),
    ],
)
def test_what_comes_before_the_first_message_that_is_acted_on_passes(
    data: bytes, passed: bytes, cut: list[bytes]
) -> None:
    assert sifted(requests(), data) == (passed, cut)


def test_a_message_that_has_begun_to_pass_passes_to_its_end() -> None:
    stream = requests()
    assert sifted(stream, b"GET a\nPUT 6\nab") == (b"GET a\nPUT 6\nab", [])
    assert sifted(stream, b"cd") == (b"cd", [])
    assert sifted(stream, b"efGET b\n") == (b"ef", [b"GET b\n"])


def test_a_message_that_is_cut_is_cut_to_its_end() -> None:
    stream = requests()
    (begun,) = stream.feed(b"PUT 6\nab", 1.0)
    assert begun.data == b"PUT 6\nab"
    assert sifted(stream, b"cdefGET a\n") == (b"", [b"cdef", b"GET a\n"])
    assert sifted(stream, b"GET a\n") == (b"GET a\n", [])


def test_the_response_to_what_has_passed_passes_too() -> None:
    exchanges = Exchanges()
    sifted(requests(exchanges), b"GET a\n")
    stream = responses(exchanges)
    assert sifted(stream, b"MORE\n") == (b"MORE\n", [])
    assert sifted(stream, b"!now\na\n") == (b"", [b"!now\n", b"a\n"])
    assert list(exchanges.recalled) == [1]
    assert not exchanges.pending


def test_it_does_not_pass_once_another_plan_is_in_force() -> None:
    exchanges = Exchanges()
    asking = requests(exchanges)
    sifted(asking, b"GET a\n")
    assert exchanges.recall_all() == {1: {"command": "GET", "key": "a"}}
    assert sifted(asking, b"AND a\n") == (b"", [b"AND a\n"])
    assert sifted(responses(exchanges), b"a\n") == (b"", [b"a\n"])
    assert exchanges.recalled == {}


def test_what_has_passed_before_a_parser_fails_is_not_cut() -> None:
    stream = requests()
    with pytest.raises(Exception, match="an empty line"):
        stream.feed(b"GET a\n\nGET a\n", 1.0, acts_on_b)
    assert [message.data for message in stream.surrender()] == [b"\nGET a\n"]
    assert stream.passed == b"GET a\n"


def test_a_message_under_way_passes_when_a_parser_fails() -> None:
    stream = requests()
    with pytest.raises(ValueError, match="'x'"):
        stream.feed(b"GET a\nPUT x\nabc", 1.0, acts_on_b)
    assert stream.surrender() == []
    assert stream.passed == b"GET a\nPUT x\nabc"
