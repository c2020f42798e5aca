"""Problems: lines that name the place, the value and what is allowed."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from documents_reading import HTTP_PORT, SLEEP, Reading
from vaurien.config.document import (
    LINE_LIMIT,
    Document,
    DocumentError,
    FileKey,
    FilePart,
    Flag,
    Problem,
)
from vaurien.config.problems import KEYS_LIMIT, Problems, blamed, nearest
from vaurien.errors import ListenError, OptionError, UnknownNameError

# Problems.


def test_a_problem_is_one_line() -> None:
    problem = Problem(FileKey("f\n.toml", ("a", "b")), "'x'", "a number")
    assert str(problem) == r"f\n.toml: a.b = 'x' is not allowed: it takes a number"
    assert str(Problem(FileKey("f", ("a",)), "", "", "is missing")) == "f: a is missing"
    assert len(str(Problem(FileKey("f", ("a",)), "x" * 5000, ""))) == LINE_LIMIT + 3


def test_a_problem_names_the_place_as_the_user_wrote_it() -> None:
    assert str(Problem(Flag("--timeout"), "'x'")) == "--timeout='x' is not allowed"
    origin = FilePart("v.ini", "[vaurien] timeout")
    assert str(Problem(origin, "'x'")) == "v.ini: [vaurien] timeout='x' is not allowed"


def test_an_error_is_a_line_for_each_problem() -> None:
    problems = [Problem(FileKey("f", ("a",)), "1", ""), Problem(FileKey("f", ("b",)), "2\n", "")]
    error = DocumentError(problems)
    assert error.problems == tuple(problems)
    assert str(error) == "f: a = 1 is not allowed\nf: b = 2\\n is not allowed"


def test_what_was_found_before_is_kept() -> None:
    problems = Problems(
        Document({}, FileKey("f"), problems=(Problem(FileKey("f", ("a",)), "", ""),))
    )
    with pytest.raises(DocumentError) as caught:
        problems.check()
    assert len(caught.value.problems) == 1
    Problems(Document({}, FileKey("f"))).check()


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


def test_swapped_letters_are_likelier_than_others() -> None:
    assert nearest("slto", ["stop", "slot", "start"]) == "slot"
    assert nearest("stp", ["stop", "slot"]) == "stop"
    assert nearest("x", ["stop"]) == ""
