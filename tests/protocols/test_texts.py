"""Placeholders: what is replaced, and what is not."""

from __future__ import annotations

from vaurien.protocols.texts import fill


def test_words_replace_their_placeholders() -> None:
    assert fill("{user}@{host}, {user}", {"user": "ann", "host": 1}) == "ann@1, ann"


def test_what_has_no_word_stays() -> None:
    assert fill("{other} {} {a b} {", {"a": "x"}) == "{other} {} {a b} {"


def test_a_word_is_not_filled_in_itself() -> None:
    assert fill("{a}{b}", {"a": "{b}", "b": "{a}"}) == "{b}{a}"
