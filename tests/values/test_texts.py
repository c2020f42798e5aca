"""Texts of others, as they are shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaurien.values.texts import digest, printable, seconds_of


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ünïcode 中", "plain ünïcode 中"),
        ("\x1b[2Jx\x00\x7f", "\\x1b[2Jx\\x00\\x7f"),
        ("a\nb\rc\td", "a\\nb\\rc\\td"),
        ("\u202egnp\u2028\u0085", "\\u202egnp\\u2028\\x85"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_is_no_mere_text_is_escaped_once(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert printable(shown) == shown


@given(st.text())
def test_nothing_of_it_does_anything_to_a_terminal(text: str) -> None:
    assert printable(text).isprintable()


def test_a_digest_tells_texts_apart() -> None:
    digests = {digest(text) for text in ("a:b", "a b", "a_b", "\ud800")}
    assert len(digests) == 4
    assert all(len(each) == 8 for each in digests)


def test_times() -> None:
    assert [seconds_of(text) for text in ("90", "1.5s", " 10m", "1h")] == [90, 1.5, 600, 3600]


@pytest.mark.parametrize("text", ["", "0", "m", "10 minutes", "-1s", "nan"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time such as 90s, 10m or 1h"):
        seconds_of(text)
