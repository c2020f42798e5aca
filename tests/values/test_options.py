"""Options: what they accept, what they say of what they do not, and how classes declare them."""

from __future__ import annotations

import math
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaurien.errors import OptionError, PluginError
from vaurien.values.options import Configurable, Configured, Option, Value, option, options_of


class Example(Configurable):
    name: ClassVar[str] = "example"
    sleep: float = option(1.0, "seconds to wait", minimum=0)
    count: int = option(3, "how many", minimum=1, maximum=10)
    loud: bool = option(False, "say so")
    word: str = option("two", "which", choices=("one", "two"))


class Longer(Example):
    name: ClassVar[str] = "longer"
    extra: str = option("", "one more")


SLEEP, COUNT, LOUD, WORD = options_of(Example).values()
TEXT = Option("text", str, "", "any text")


# Values.


@pytest.mark.parametrize(
    ("declared", "given", "meant"),
    [
        (SLEEP, "0.5", 0.5),
        (SLEEP, " 2 ", 2.0),
        (SLEEP, 2, 2.0),
        (SLEEP, 0, 0.0),
        (COUNT, "4", 4),
        (COUNT, 4, 4),
        (COUNT, 4.0, 4),
        (LOUD, True, True),
        (LOUD, "true", True),
        (LOUD, "YES", True),
        (LOUD, "y", True),
        (LOUD, " on ", True),
        (LOUD, "1", True),
        (LOUD, 1, True),
        (LOUD, False, False),
        (LOUD, "false", False),
        (LOUD, "No", False),
        (LOUD, "n", False),
        (LOUD, "off", False),
        (LOUD, 0, False),
        (WORD, "one", "one"),
        (TEXT, " as it is ", " as it is "),
        (TEXT, "", ""),
    ],
)
def test_a_value_of_the_options_type(declared: Option, given: object, meant: Value) -> None:
    value = declared.parse(given)
    assert value == meant
    assert type(value) is declared.type


NOT_A_NUMBER: list[object] = [
    "",
    "abc",
    "nan",
    "inf",
    "-inf",
    math.nan,
    math.inf,
    None,
    True,
    [],
    "1,5",
]


NOT_ALLOWED: list[tuple[Option, list[object]]] = [
    (SLEEP, [*NOT_A_NUMBER, "-0.1", -1, 10**400]),
    (COUNT, [*NOT_A_NUMBER, "1.5", 1.5, "4.0", 0, "11", "9" * 5000]),
    (LOUD, ["", "maybe", None, 2, 1.5, []]),
    (WORD, ["three", "", "One", None, 1]),
    (TEXT, [None, [1], b"bytes", True]),
]


@pytest.mark.parametrize(
    ("declared", "given"), [(declared, given) for declared, many in NOT_ALLOWED for given in many]
)
def test_a_value_that_is_not_allowed(declared: Option, given: object) -> None:
    with pytest.raises(OptionError) as caught:
        declared.parse(given)
    assert str(caught.value) == (
        f"{declared.name}={given!r} is not allowed: it takes {declared.allowed}"
    )


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        (SLEEP, "a number of at least 0"),
        (COUNT, "a whole number from 1 to 10"),
        (LOUD, "true or false"),
        (WORD, "one of one, two"),
        (TEXT, "a text"),
        (Option("size", int, 1, "", maximum=5), "a whole number of at most 5"),
        (Option("size", int, 1, "", maximum=2**31 - 1), "a whole number of at most 2147483647"),
        (Option("size", int, 1, "", minimum=10**6), "a whole number of at least 1000000"),
        (
            Option("rate", float, 1.0, "", minimum=0.0001, maximum=1e6),
            "a number from 0.0001 to 1000000",
        ),
    ],
)
def test_what_is_allowed_in_words(declared: Option, words: str) -> None:
    assert declared.allowed == words


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=3,
)


@given(st.sampled_from([SLEEP, COUNT, LOUD, WORD, TEXT]), json_values)
def test_anything_is_a_value_or_an_error(declared: Option, given: object) -> None:
    try:
        value = declared.parse(given)
    except OptionError:
        return
    assert type(value) is declared.type
    assert declared.parse(value) == value
    assert declared.parse(str(value)) == value


# Classes.


def test_options_are_listed_as_declared() -> None:
    assert options_of(Example) == {
        "sleep": Option("sleep", float, 1.0, "seconds to wait", minimum=0),
        "count": Option("count", int, 3, "how many", minimum=1, maximum=10),
        "loud": Option("loud", bool, False, "say so"),
        "word": Option("word", str, "two", "which", choices=("one", "two")),
    }
    assert list(options_of(Example)) == ["sleep", "count", "loud", "word"]


def test_a_subclass_adds_options() -> None:
    assert list(options_of(Longer)) == ["sleep", "count", "loud", "word", "extra"]
    assert "extra" not in options_of(Example)


def test_fields_that_are_no_options_are_left_alone() -> None:
    class Counting(Configurable):
        seen: int = 0
        size: int = option(1, "how large")

    assert list(options_of(Counting)) == ["size"]
    assert Counting(seen=5).settings() == {"size": 1}


def test_an_option_of_a_type_that_options_cannot_have() -> None:
    class Odd(Configurable):
        name = "odd"
        size: int | None = option(1, "how large")

    with pytest.raises(PluginError, match="option 'size' of 'odd' is declared as int"):
        options_of(Odd)


def test_an_instance_has_the_defaults_or_what_is_given() -> None:
    assert Example().settings() == {"sleep": 1.0, "count": 3, "loud": False, "word": "two"}
    given = Example(sleep=2, loud=True)
    assert given.settings() == {"sleep": 2.0, "count": 3, "loud": True, "word": "two"}
    assert type(given.sleep) is float


def test_an_instance_is_made_of_texts() -> None:
    made = Example.configured({"sleep": "0.25", "count": "7", "loud": "on"})
    assert made == Example(sleep=0.25, count=7, loud=True)


def test_an_instance_refuses_what_is_not_allowed() -> None:
    with pytest.raises(OptionError, match="sleep=-1 is not allowed"):
        Example(sleep=-1)
    with pytest.raises(OptionError, match="sleep='never' is not allowed"):
        Example.configured({"sleep": "never"})


def test_an_unknown_option_is_told_with_the_known_ones() -> None:
    with pytest.raises(OptionError) as caught:
        Example.configured({"slep": 1})
    assert str(caught.value) == (
        "'slep' is not an option of 'example': it takes one of sleep, count, loud, word"
    )
    with pytest.raises(OptionError, match="it takes none"):
        Configurable.configured({"slep": 1})


def test_a_plugin_with_defaults() -> None:
    plain = Configured.of(Example)
    assert Configured.of(plain) is plain
    assert plain.make({"count": 2}) == Example(count=2)
    slow = Configured(Example, {"sleep": 2, "count": 3})
    assert slow.values({"count": 4}) == {"sleep": 2, "count": 4}
    assert slow.make({"count": 4}) == Example(sleep=2, count=4)
    assert Example.configured({}) == Example()
    with pytest.raises(OptionError, match="'slep' is not an option"):
        slow.make({"slep": 1})


def test_instances_are_compared_by_class_and_options() -> None:
    assert Example(sleep=2) == Example(sleep=2) != Example(sleep=3)
    assert Example() != Longer()
    with pytest.raises(TypeError):
        Example(2)  # type: ignore[call-arg] # options have names


def test_an_error_has_the_words_that_may_be_chosen() -> None:
    declared = Option("form", str, "a", "a form", choices=("", "normal", "uniform"))
    with pytest.raises(OptionError) as caught:
        declared.parse("normall")
    assert caught.value.choices == ("normal", "uniform")
