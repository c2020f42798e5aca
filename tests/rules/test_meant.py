"""What was probably meant by a value that no exchange has: always one that some has."""

from __future__ import annotations

import pytest

from vaurien.errors import NAME_LIMIT
from vaurien.rules.kinds import Texts, texts
from vaurien.rules.meant import allowed_texts, meant
from vaurien.rules.plan import Match

VERBS = texts("GET SET DELETE", r"[^a-z\s,]+", r"[a-z\s,]", "a verb in upper case")
ANSWERS = texts("yes no")
TOLD = Texts(meant=lambda text: f"{text} and more")


def codes(name: str) -> tuple[str, ...]:
    return ("EDEADLK", "35") if name == "deadlock" else ()


@pytest.mark.parametrize(
    ("value", "suggestion"),
    [
        ("get", "GET"),
        ("gte", "GET"),
        ("delet", "DELETE"),
        ("frob", "FROB"),
        ("GET key", "GET"),
        ("get key", "GET"),
        ("GET SET", "'~^(GET|SET)$'"),
        ("get, frob", "'~^(GET|FROB)$'"),
        ("", ""),
        ("a, ", ""),
        ("x" * (NAME_LIMIT + 1), ""),
    ],
)
def test_a_value(value: str, suggestion: str) -> None:
    assert meant(Match("verb", value), [VERBS], codes) == suggestion


def test_a_pattern_keeps_its_sign() -> None:
    assert meant(Match("verb", "^get", regex=True), [VERBS], codes) == "~^GET"
    assert meant(Match("verb", "g.t", regex=True), [VERBS], codes) == ""


def test_a_switch() -> None:
    assert meant(Match("quiet", "True"), [ANSWERS], codes) == "yes"
    assert meant(Match("quiet", "0"), [ANSWERS], codes) == "no"


def test_the_name_of_a_fault() -> None:
    assert meant(Match("error", "deadlock"), [texts((), r"\d+")], codes) == "35"


def test_what_only_the_protocol_knows() -> None:
    assert meant(Match("path", "a"), [VERBS, TOLD], codes) == "a and more"


def test_what_is_allowed() -> None:
    assert allowed_texts("x", [VERBS, VERBS]) == "a verb in upper case"
    assert allowed_texts("x", [ANSWERS]) == "one of no, yes"
    assert allowed_texts("x", [texts((), "a+")]) == ""
    assert allowed_texts("x", []) == ""
