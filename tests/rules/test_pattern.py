from __future__ import annotations

import random
import re
import subprocess
import sys
import time

import pytest

from vaurien.errors import OptionError
from vaurien.rules.pattern import PATTERN_LIMIT, TEXT_LIMIT, compile_pattern

PLAIN = ["GET", "^GET", "GET$", "^GET$", "^(GET|HEAD)$", "(a|GET)", "^(?:G|H)", "(T|D)$", r"\.", ""]
OTHER = [
    "^G.T$",
    "(?i)^get",
    "[a-g]",
    r"\d",
    "^$",
    "a|b",
    "^a|GET$",
    r"^/api/v\d+/",
    "É",
    "G.*",
    r"\bGET\b",
]
TEXTS = [
    "GET",
    "HEAD",
    "get",
    "A GET",
    "GETS",
    "",
    "a.b",
    "/api/v12/x",
    "É",
    "caf\N{LATIN SMALL LETTER E WITH ACUTE}",
]


@pytest.mark.parametrize("pattern", PLAIN + OTHER)
@pytest.mark.parametrize("text", TEXTS)
def test_a_pattern_finds_what_a_regular_expression_finds(pattern: str, text: str) -> None:
    assert compile_pattern(pattern)(text) is bool(re.search(pattern, text))


def test_the_end_is_the_very_end() -> None:
    assert not compile_pattern("GET$")("GET\n")
    assert not compile_pattern("G.T$")("GET\n")


def test_a_text_that_is_no_unicode_is_searched_as_well() -> None:
    assert compile_pattern("^a.*b$")("a\udcffb")


HOSTILE = [
    (r".*/a.*/b.*/c$", "/a/b" * 490),
    (r"(a+)+$", "a" * 2000 + "!"),
    (r"(x+x+)+y", "x" * 2000),
    (r"(a|aa)+$", "a" * 2000 + "!"),
    (r"(?:(?:xx?)?){50}y", "x" * TEXT_LIMIT),
    (r"(?:.?){25}y\b", "\N{GRINNING FACE}" * 2000),
    (r".*x.{25}y", "".join(random.Random(1).choices("xza", k=TEXT_LIMIT))),
    (r"(a|b|ab)*c$", "ab" * 10_000),
    (r"^(\w+\s?)*$", "aaaa " * 400 + "!"),
    (r"x{0,100}y", "x" * 1_000_000),
]


@pytest.mark.parametrize(("pattern", "text"), HOSTILE, ids=[pattern for pattern, _ in HOSTILE])
def test_no_pattern_takes_long_on_any_text(pattern: str, text: str) -> None:
    finds = compile_pattern(pattern)
    took = []
    for _ in range(5):
        start = time.process_time()
        finds(text)
        took.append(time.process_time() - start)
    assert min(took) < 0.01
    assert took[0] < 0.1


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [
        ("(", "is not a regular expression: missing )"),
        ("^(?!GET$)", "(look-around is not supported; !~PATTERN matches what PATTERN does not"),
        ("(?<=a)b", "(look-around is not supported;"),
        (r"(.)\1", "(back references are not supported)"),
        (r"a\Z", r"(the very end is $ or \z)"),
        ("(?P<x>a)(?P=x)", "(back references are not supported)"),
        ("(?:x?){500}", "may take too long"),
        ("((x{0,30}){0,30})y", "may take too long"),
        ("(?:x{0,1000}){1000}", "is not a regular expression"),
        ("a" * (PATTERN_LIMIT + 1), f"is a pattern of more than {PATTERN_LIMIT} characters"),
    ],
)
def test_a_pattern_that_is_rejected(pattern: str, complaint: str) -> None:
    with pytest.raises(OptionError, match=re.escape(complaint)):
        compile_pattern(pattern)


def test_re2_is_imported_only_where_a_pattern_needs_it() -> None:
    code = (
        "import sys; from vaurien.rules.pattern import compile_pattern;"
        "compile_pattern('^(GET|HEAD)$'); assert 're2' not in sys.modules;"
        "compile_pattern('^G.T$'); assert 're2' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
