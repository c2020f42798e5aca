"""The texts that labels can have, and whether a match may be met by one of them."""

from __future__ import annotations

import pytest

from vaurien.rules.kinds import ANY, SOME, texts
from vaurien.rules.plan import Match

VERBS = texts("GET SET", "[A-Z]+", "[^A-Z]")
FORMS = texts(["text", "meta"])


@pytest.mark.parametrize("text", ["GET", "FROB"])
def test_a_text_may_be_known_or_like_the_unknown(text: str) -> None:
    assert VERBS.has(text)
    assert not FORMS.has(text)
    assert ANY.has(text)
    assert ANY.has("")
    assert not SOME.has("")


@pytest.mark.parametrize(
    ("pattern", "met"),
    [
        ("GET", True),
        ("^(FROB|b)$", True),
        ("^(a|b)$", False),
        ("a", False),
        ("^a b", False),
        (r"\?", False),
        ("(?i)get", True),
        (".*a.*", True),
        ("^$", True),
    ],
)
def test_a_pattern_is_excluded_only_if_no_text_can_meet_it(pattern: str, met: bool) -> None:
    assert VERBS.allows(Match("verb", pattern, regex=True)) is met


def test_a_pattern_that_must_not_be_found() -> None:
    assert VERBS.allows(Match("verb", "a", regex=True, negated=True))
    assert FORMS.allows(Match("form", "meta", regex=True, negated=True))
    assert not FORMS.allows(Match("form", "[a-z]", regex=True, negated=True))
