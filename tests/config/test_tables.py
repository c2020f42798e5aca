"""Reading tables: every problem is noted, with the file and key that the user wrote."""

from __future__ import annotations

import pytest

from documents_reading import HTTP_PORT, SLEEP, Reading
from vaurien.config.document import INVALID, Document, FileKey
from vaurien.config.problems import SUGGESTIONS, Problems
from vaurien.config.tables import Table
from vaurien.values.options import Option

# Values.


def test_values_are_taken_by_their_options() -> None:
    reading = Reading({"sleep": "2", "http-port": 80})
    assert reading.table.take(SLEEP) == 2.0
    assert reading.table.take(HTTP_PORT) == 80
    assert reading.table.take(SLEEP) is None
    reading.table.end()
    assert reading.said == []


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("x", "t.sleep = 'x' is not allowed: it takes a number of at least 0"),
        (-1, "t.sleep = -1 is not allowed: it takes a number of at least 0"),
        ([1], "t.sleep = [1] is a list: it takes a number of at least 0"),
        ({}, "t.sleep = {} is a table: it takes a number of at least 0"),
        ("\0", r"t.sleep = '\x00' holds a NUL: it takes a number of at least 0"),
        (None, "t.sleep = null is not allowed: it takes a number of at least 0"),
        (float("nan"), "t.sleep = nan is not allowed: it takes a number of at least 0"),
        (2**70, "t.sleep = a number of 71 bits is too large: it takes a number of at least 0"),
    ],
)
def test_values_that_are_not_allowed_are_noted(given: object, expected: str) -> None:
    reading = Reading({"sleep": given})
    assert reading.table.take(SLEEP) is None
    assert reading.said == [expected]


def test_what_is_broken_is_noted_already() -> None:
    reading = Reading({"sleep": INVALID, "a": INVALID, "b": INVALID, "c": INVALID, "d": INVALID})
    table = reading.table
    assert table.take(SLEEP) is None
    assert list(table.tables("a")) == []
    assert list(table.items("b")) == []
    table.table("c").end()
    assert table.plain() == {}
    Reading({"e": INVALID}).table.end()
    assert reading.said == []


# Tables and lists.


def test_what_is_no_table_is_noted_and_empty() -> None:
    reading = Reading([1])
    reading.table.need("name", "a name")
    reading.table.end()
    assert reading.said == ["t = [1] is not allowed: it takes a table"]


def test_tables_within_are_taken() -> None:
    reading = Reading({"inner": {"sleep": "x"}, "many": {"a-b": {"sleep": "y"}, "c": 1}})
    reading.table.table("inner").take(SLEEP)
    names = []
    for name, table in reading.table.tables("many"):
        names.append(name)
        table.take(SLEEP)
    reading.table.table("missing").end()
    reading.table.end()
    assert names == ["a-b", "c"]
    assert [line.partition(" is")[0] for line in reading.said] == [
        "t.inner.sleep = 'x'",
        "t.many.a-b.sleep = 'y'",
        "t.many.c = 1",
    ]


def test_tables_of_tables_and_lists_are_told_from_others() -> None:
    reading = Reading({"a": [], "b": {}, "c": [7, 8], "d": 9})
    assert list(reading.table.tables("a")) == []
    assert list(reading.table.items("b")) == []
    assert list(reading.table.one_or_more("c")) == [(("t", "c", 0), 7), (("t", "c", 1), 8)]
    assert list(reading.table.one_or_more("d")) == [(("t", "d"), 9)]
    assert list(reading.table.one_or_more("e")) == []
    assert reading.said == [
        "t.a = [] is not allowed: it takes a table of tables",
        "t.b = {} is not allowed: it takes a list",
    ]


def test_the_rest_is_taken_as_plain_values() -> None:
    reading = Reading({"a": 1, "b-c": "x", "d": [], "e": {}})
    assert reading.table.plain() == {"a": (("t", "a"), 1), "b_c": (("t", "b-c"), "x")}
    assert reading.said == [
        "t.d = [] is a list: it takes a text, a number, true or false",
        "t.e = {} is a table: it takes a text, a number, true or false",
    ]


def test_texts_have_defaults() -> None:
    reading = Reading({"a-b": "x", "c": []})
    assert reading.table.text("a_b") == (("t", "a-b"), "x")
    assert reading.table.text("c", "default") == (("t", "c"), "default")
    assert reading.table.text("d", "default") == (("t", "d"), "default")


# Keys.


def test_keys_that_nobody_took_are_unknown() -> None:
    reading = Reading({"slep": 1, "http_prt": 2, "x" * 100: 3})
    reading.table.take(SLEEP)
    reading.table.take(HTTP_PORT)
    reading.table.need("name", "a name")
    reading.table.end()
    assert reading.said[:3] == [
        "t.name is missing: it takes a name",
        "t.slep = 1 is an unknown key (did you mean 'sleep'?): it takes one of sleep, http-port",
        "t.http_prt = 2 is an unknown key (did you mean 'http-port'?): "
        "it takes one of sleep, http-port",
    ]
    assert "did you mean" not in reading.said[3]


def test_messages_join_words_as_they_are_told() -> None:
    problems = Problems(Document({}, FileKey("f")))
    table = Table({"x": {"y": 1}}, (), problems, joint="_")
    inner = table.table("x")
    inner.take(HTTP_PORT)
    inner.end()
    assert problems.found[0].allowed == "one of http_port"


def test_a_key_is_given_once() -> None:
    reading = Reading({"http-port": 1, "http_port": 2})
    assert reading.said == ["t.http_port = 2 is given twice, with - and _"]


def test_suggestions_are_made_for_so_many_keys() -> None:
    reading = Reading({f"sleep{number}": 1 for number in range(SUGGESTIONS + 5)})
    reading.table.take(SLEEP)
    reading.table.end()
    assert len(reading.said) == SUGGESTIONS + 5
    assert sum("did you mean" in line for line in reading.said) == SUGGESTIONS


def test_all_options_of_a_kind_are_taken() -> None:
    reading = Reading({"http-port": "80", "sleep": "x", "other": 1})
    options = {"http_port": HTTP_PORT, "sleep": SLEEP, "missing": Option("missing", int, 0, "")}
    assert reading.table.take_all(options) == {"http_port": 80}
    reading.table.end()
    assert [line.partition(" is")[0] for line in reading.said] == ["t.sleep = 'x'", "t.other = 1"]
    assert reading.said[1].endswith("one of http-port, sleep, missing")
