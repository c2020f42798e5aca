"""What was given, and what is blamed."""

from __future__ import annotations

import errno

import pytest

from vaurien.config.given import Given, Section, blamed_on, merge
from vaurien.errors import ListenError, OptionError, UnknownNameError
from vaurien.values.options import Option


def test_parse_names_the_place() -> None:
    option = Option("port", int, 80, "", minimum=0)
    assert Given("--port", "8080").parse(option) == 8080
    with pytest.raises(OptionError, match=r"^v.ini: \[vaurien\] port='x' is not allowed: it takes"):
        Given("v.ini: [vaurien] port", "x").parse(option)


def test_texts() -> None:
    assert Given("--rule", ("a", "b")).texts == ("a", "b")
    assert Given("--behavior", "a").texts == ("a",)


def test_merge() -> None:
    first = {
        "vaurien": Section("file", {"a": Given("file a", "1"), "b": Given("file b", "1")}),
        "statsd": Section("file", {}),
    }
    second = {
        "vaurien": Section("line", {"b": Given("line b", "2")}),
        "behavior:x": Section("line", {"c": Given("line c", "3")}),
    }
    merged = merge(first, second)
    assert merged["vaurien"].values == {"a": Given("file a", "1"), "b": Given("line b", "2")}
    assert merged["vaurien"].place == "file"
    assert merged["behavior:x"].values == {"c": Given("line c", "3")}
    assert first["vaurien"].values["b"].value == "1"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (OptionError("no"), "--x: no"),
        (
            UnknownNameError("behavior", "a", ["b"]),
            "--x: 'a' is an unknown behavior. Pick one of: 'b'.",
        ),
        (ListenError(errno.EADDRINUSE, "it is in use"), "--x: it is in use"),
        (ListenError("it is in use"), "--x: it is in use"),
    ],
)
def test_blame(error: Exception, text: str) -> None:
    with pytest.raises(OptionError) as caught, blamed_on("--x"):
        raise error
    assert str(caught.value) == text


def test_nothing_else_is_blamed() -> None:
    with pytest.raises(ZeroDivisionError), blamed_on("--x"):
        raise ZeroDivisionError
