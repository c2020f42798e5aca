"""Texts of others, as they are shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaurien.texts import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, with umlauts: äöü", "plain text, with umlauts: äöü"),
        ("two\nlines\r", "two\\nlines\\r"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("half a pair: \ud800", "half a pair: \\ud800"),
        ("from right to left: \u202e", "from right to left: \\u202e"),
    ],
)
def test_what_is_no_mere_text_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text())
def test_nothing_of_it_does_anything_to_a_terminal(text: str) -> None:
    assert printable(text).isprintable()
