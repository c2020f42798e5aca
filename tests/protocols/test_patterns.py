"""No pattern of a parser or a fault takes long on any bytes: time is in proportion to them."""

from __future__ import annotations

import importlib
import pkgutil
import re
import time
from collections.abc import Callable, Iterator

import pytest

import vaurien.protocols

SIZE = 4 * 1024
SECONDS = 0.02
"""Processor time for all of them; a pattern that takes quadratic time needs several."""

BEGINNINGS = [
    *("", "GET ", "GET / HTTP/1.1\r\n", "\n", "\ncontent-length:", "\nconnection:", "\nhost:"),
    *("HTTP/1.1 200 ", "HTTP/1.1 200 OK\r\n", "http://", "http://a", "FROM:", "FROM:<", "1"),
    *(
        " ",
        "get ",
        "set k",
        " 0 0 0",
        "250-",
        "*",
        "$1",
        "Q\0\0\0\x08",
        "P\0\0\0\x08",
        "select ",
        "/*",
    ),
]
REPEATED = [
    *(
        "a",
        " ",
        "\t",
        "\r",
        "\n",
        "\r\n",
        "0",
        "1",
        "-",
        "--",
        "*",
        "/",
        "/*",
        "*/",
        "(",
        ")",
        ";",
        ":",
    ),
    *(
        ",",
        "@",
        "'",
        '"',
        "\\",
        "\0",
        "\x80",
        "a ",
        " a",
        "a: b\r\n",
        "\r\n ",
        "a\r\n ",
        "250-x\r\n",
        "O1 ",
    ),
    *(
        " k",
        "--\n",
        "/**/",
        "/*a*/ ",
        "\r\r",
        "\r\n.",
        "'a'",
        "\\'",
        "''",
        "a=b ",
        "\n\n",
        "#\n",
        "?",
        "x\0",
    ),
]
ENDINGS = ["", "!", "\r"]


def patterns() -> Iterator[tuple[str, re.Pattern[bytes] | re.Pattern[str]]]:
    """Yield the compiled patterns of all protocols' modules, each with where it is."""
    package = vaurien.protocols
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        for name, value in vars(importlib.import_module(found.name)).items():
            if isinstance(value, re.Pattern):
                yield f"{found.name.removeprefix(package.__name__ + '.')}.{name}", value


PATTERNS = {id(pattern): (name, pattern) for name, pattern in patterns()}
"""Each once, though several modules may import it."""
SEARCHED = {
    *("FRAMING", "FRAMING_LINE", "HOST", "CONNECTION", "UPGRADE", "EXPECT_CONTINUE", "REASON"),
    *("SECRET", "ASKING", "TAIL", "SQLSTATE", "FATAL", "RELATION", "REPEATED", "ESCAPED"),
}
"""Names of those that are searched for anywhere in a text."""


@pytest.mark.parametrize(
    ("name", "pattern"), PATTERNS.values(), ids=[n for n, _ in PATTERNS.values()]
)
def test_a_pattern_takes_time_in_proportion(
    name: str, pattern: re.Pattern[bytes] | re.Pattern[str]
) -> None:
    find = pattern.search if name.rpartition(".")[2] in SEARCHED else pattern.match
    for beginning in BEGINNINGS:
        for unit in REPEATED:
            for ending in ENDINGS:
                text = beginning + unit * (SIZE // len(unit)) + ending
                data = text.encode("latin-1") if isinstance(pattern.pattern, bytes) else text
                took = min(seconds(find, data), seconds(find, data))
                assert took < SECONDS, (beginning, unit, ending)


def seconds(find: Callable[..., object], data: bytes | str) -> float:
    """Return how much processor time it takes to find something."""
    start = time.process_time()
    find(data)
    return time.process_time() - start
