"""The words of a rule: a backslash is what the user wrote, quotes group blanks."""

from __future__ import annotations

import pytest

from vaurien.errors import OptionError
from vaurien.rules.words import split_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" \t\r\n", []),
        ("delay  sleep=2\n", ["delay", "sleep=2"]),
        ("a\xa0b", ["a\xa0b"]),
        (r"path=~^/api/\d+$", [r"path=~^/api/\d+$"]),
        (r'"path=~^/a b/\d+$"', [r"path=~^/a b/\d+$"]),
        (r"'path=~^/a b/\d+$'", [r"path=~^/a b/\d+$"]),
        (r'path=~"^/a b/\d+$"', [r"path=~^/a b/\d+$"]),
        (r"path=~^/api/\\d", [r"path=~^/api/\\d"]),
        (r'"path=~^/api/\\d"', [r"path=~^/api/\\d"]),
        (r"key=C:\Users\me\new", [r"key=C:\Users\me\new"]),
        (r'key="C:\Program Files\x"', [r"key=C:\Program Files\x"]),
        ("key='C:\\Program Files\\'", ["key=C:\\Program Files\\"]),
        ("key=C:\\ x=1", ["key=C:\\", "x=1"]),
        (r"key=\"a\"", ['key="a"']),
        (r'key="say \"a b\""', ['key=say "a b"']),
        (r"key='say \"a b\"'", [r"key=say \"a b\""]),
        (r"key=it\'s", ["key=it's"]),
        ("key=\"it's\" b='\"'", ["key=it's", 'b="']),
        ("key='a'\"b\"c", ["key=abc"]),
        ("key='' '' \"\"", ["key=", "", ""]),
        ("a#b #c", ["a#b", "#c"]),
    ],
)
def test_words_are_as_written(text: str, words: list[str]) -> None:
    assert split_words(text) == words


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("delay key='", "no closing '"),
        ('delay key="a b', 'no closing "'),
        ('key="C:\\new dir\\"', r'no closing " (\" is not a closing one)'),
    ],
)
def test_a_quotation_mark_must_be_closed(text: str, why: str) -> None:
    with pytest.raises(OptionError) as caught:
        split_words(text)
    assert str(caught.value).endswith(f"is not a rule: {why}")
