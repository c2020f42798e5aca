"""Reading a document: every problem is noted, with the file and key that the user wrote."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from vaurien.config.documents import (
    INVALID,
    KEYS_LIMIT,
    LINE_LIMIT,
    SUGGESTIONS,
    Document,
    DocumentError,
    Origin,
    Problem,
    Problems,
    Table,
    blamed,
)
from vaurien.errors import ListenError, OptionError, UnknownNameError
from vaurien.values.options import Option

SLEEP = Option("sleep", float, 1.0, "seconds", minimum=0)
HTTP_PORT = Option("http_port", int, 8080, "a port")


class Reading:
    """A table on its own."""

    def __init__(self, content: object) -> None:
        self.problems = Problems(Document({}, "f"))
        self.table = Table(content, ("t",), self.problems)

    @property
    def said(self) -> list[str]:
        return [str(problem).removeprefix("f: ") for problem in self.problems.found]

    def error(self, given: object, error: Exception) -> str:
        assert isinstance(error, OptionError | UnknownNameError | ListenError)
        self.problems.add_error(("t", "key"), given, error)
        return self.said[-1]


# Problems.


def test_a_problem_is_one_line() -> None:
    problem = Problem("f\n.toml", "a.b", "'x'", "a number")
    assert str(problem) == r"f\n.toml: a.b = 'x' is not allowed: it takes a number"
    assert str(Problem("f", "a", "", "", "is missing")) == "f: a is missing"
    assert len(str(Problem("f", "a", "x" * 5000, ""))) == LINE_LIMIT + 3


def test_an_error_is_a_line_for_each_problem() -> None:
    problems = [Problem("f", "a", "1", ""), Problem("f", "b", "2\n", "")]
    error = DocumentError(problems)
    assert error.problems == tuple(problems)
    assert str(error) == "f: a = 1 is not allowed\nf: b = 2\\n is not allowed"


def test_a_document_knows_where_things_were_written() -> None:
    document = Document({}, "f", {("a",): Origin("g", ("x", 0)), ("a", "b"): Origin("h", ("y",))})
    assert document.place(("a", "c", 1)) == ("g", "x[0].c[1]")
    assert document.place(("a", "b")) == ("h", "y")
    assert document.place(("b",)) == ("f", "b")
    problems = Problems(document)
    assert problems.place(("a", "b", "c")) == "h: y.c"


def test_what_was_found_before_is_kept() -> None:
    problems = Problems(Document({}, "f", problems=(Problem("f", "a", "", ""),)))
    with pytest.raises(DocumentError) as caught:
        problems.check()
    assert len(caught.value.problems) == 1
    Problems(Document({}, "f")).check()


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
    problems = Problems(Document({}, "f"))
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


# What others say.


def test_errors_become_problems() -> None:
    reading = Reading({})
    assert reading.error("x", OptionError(key="key", given="x", allowed="a number")) == (
        "t.key = 'x' is not allowed: it takes a number"
    )
    assert reading.error("x", OptionError("is not an address", given="x", allowed="HOST:PORT")) == (
        "t.key = 'x' is not an address: it takes HOST:PORT"
    )
    assert reading.error(1, OptionError("is unknown", key="key")) == "t.key = 1 is unknown"
    assert reading.error(1, OptionError(key="off", given=0)) == (
        "t.key = 1 is refused: off=0 is not allowed"
    )
    assert reading.error({"a": 1}, OptionError("it cannot be")) == "t.key is refused: it cannot be"
    assert reading.error(1, ListenError(98, "no\nway")) == r"t.key = 1 is refused: no\nway"
    assert reading.error("dely", UnknownNameError("behavior", "dely", ["hang", "delay"])) == (
        "t.key = 'dely' is an unknown behavior (did you mean 'delay'?): it takes one of delay, hang"
    )
    assert reading.error("x", UnknownNameError("recipe", "x", [])) == (
        "t.key = 'x' is an unknown recipe"
    )


def test_the_key_to_blame_is_that_of_the_error() -> None:
    keys = ["sleep", "match.path", "match"]
    assert blamed(OptionError(key="sleep", given="x"), keys) == "sleep"
    assert blamed(OptionError("is unknown", key="sleep"), keys) == "sleep"
    assert (
        blamed(OptionError("is not a regular expression", key="path", given="~("), keys)
        == "match.path"
    )
    assert blamed(OptionError(key="sleepy", given=1), keys) is None
    assert blamed(OptionError("sleep=1 is not allowed"), keys) is None  # no text is searched


def test_what_is_wrong_is_found_by_leaving_it_out() -> None:
    reading = Reading({"sleep": "x", "http_port": "y", "good": 1})
    given = reading.table.plain()

    def make(values: Mapping[str, object]) -> list[str]:
        for option in (SLEEP, HTTP_PORT):
            if option.name in values:
                option.parse(values[option.name])
        return list(values)

    assert reading.problems.made(("t",), given, make) == ["good"]
    assert reading.said == [
        "t.sleep = 'x' is not allowed: it takes a number of at least 0",
        "t.http_port = 'y' is not allowed: it takes a whole number",
    ]


def test_what_blames_no_key_is_noted_unless_it_may_follow() -> None:
    reading = Reading({"a": 1, "b": 2})
    given = reading.table.plain()

    def refuse(values: Mapping[str, object]) -> None:
        if "a" in values:
            raise OptionError("is bad", key="a", given=1)
        raise OptionError("something is missing")

    assert reading.problems.made(("t",), given, refuse) is None
    assert reading.said == ["t.a = 1 is bad"]
    assert reading.problems.made(("t",), {"b": given["b"]}, refuse) is None
    assert reading.said[1:] == ["t is refused: something is missing"]


def test_too_many_keys_are_not_tried() -> None:
    reading = Reading({f"k{number}": 1 for number in range(KEYS_LIMIT + 1)})
    assert reading.problems.made(("t",), reading.table.plain(), dict) is None
    assert reading.said == [f"t has {KEYS_LIMIT + 1} keys: it takes {KEYS_LIMIT} at most"]
