"""Members of an object, found while it arrives."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeding import chunkings
from vaurien.protocols.http.members import MEMBER_LIMIT, Members, members_of

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


def found_in(chunks: list[bytes], *wanted: str) -> dict[str, str]:
    members = Members(wanted)
    for chunk in chunks:
        members.feed(chunk)
    return members.found


@given(st.data(), st.dictionaries(st.sampled_from(["model", "stream", "x"]), VALUES), st.booleans())
def test_they_are_those_that_a_parser_finds(
    data: st.DataObject, value: dict[str, Any], spaced: bool
) -> None:
    written = json.dumps(value, ensure_ascii=data.draw(st.booleans()), indent=spaced or None)
    encoded = written.encode("utf-8", "surrogatepass")
    expected = {
        name: one if isinstance(one, str) else json.dumps(one)
        for name, one in value.items()
        if name != "x" and not isinstance(one, dict | list)
    }
    if not any(0xD800 <= ord(char) < 0xE000 for char in "".join(expected.values())):
        assert found_in(data.draw(chunkings(encoded)), "model", "stream") == expected


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[1, 2]",
        b'["model", "m"]',
        b"hello",
        b'{"a": {"model": "m"}}',
        b'{"a": "\\"model\\": \\"m\\"", "b": ["model", {"model": "m"}]}',
        b'{"model": ["m"]}',
        b'{"model": m}',
        b'{"model": "m"',
        b'{"model": "%b"}' % (b"m" * MEMBER_LIMIT),
        b"\xff" * 100,
        b"}" * 100,
    ],
)
def test_what_is_none(data: bytes) -> None:
    assert members_of(data, "model") == {}


@given(st.binary())
def test_noise(data: bytes) -> None:
    assert members_of(b'{"a": ' + data, "b").keys() <= {"b"}


def test_it_is_over_when_all_are_found() -> None:
    members = Members(["model"])
    members.feed(b'{"model": "m"')
    assert not members.over  # more of the text may follow a mistake
    members.feed(b",")
    assert members.over


def test_half_a_pair_is_replaced() -> None:
    assert members_of(rb'{"model": "\ud800"}', "model") == {"model": "?"}
