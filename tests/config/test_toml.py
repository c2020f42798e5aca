"""What is written is what tomllib reads."""

from __future__ import annotations

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from vaurien.config.toml import toml_lines, value_text

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = st.one_of(
    TEXTS,
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.lists(st.integers(0, 9), min_size=1, max_size=3),
)
TABLES = st.recursive(
    st.dictionaries(TEXTS, VALUES, max_size=4),
    lambda inner: st.dictionaries(
        TEXTS, st.one_of(VALUES, inner, st.lists(inner, min_size=1, max_size=3)), max_size=4
    ),
    max_leaves=8,
)


@given(TABLES)
def test_what_is_written_is_read_again(table: dict[str, object]) -> None:
    assert tomllib.loads("\n".join(toml_lines(table))) == table


def test_it_looks_as_one_would_write_it() -> None:
    table = {
        "proxies": {"my.cache": {"listen": "h:1", "rules": [{"sleep": 2.5}, {"tls": True}]}},
        "seed": 7,
    }
    assert "\n".join(toml_lines(table)) == (
        "seed = 7\n"
        "\n"
        '[proxies."my.cache"]\n'
        'listen = "h:1"\n'
        "\n"
        '[[proxies."my.cache".rules]]\n'
        "sleep = 2.5\n"
        "\n"
        '[[proxies."my.cache".rules]]\n'
        "tls = true"
    )


def test_texts_are_escaped() -> None:
    assert value_text('a"b\\c\n\x7f\x1b[é') == '"a\\"b\\\\c\\n\\u007f\\u001b[é"'
