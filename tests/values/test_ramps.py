"""Ramps: how they are written, and where they are when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaurien.errors import OptionError
from vaurien.values.ramps import Ramp, is_ramp


@pytest.mark.parametrize(
    ("text", "ramp"),
    [
        ("0..50/60", Ramp(0, ((50, 60),))),
        ("0..50/60..0/60", Ramp(0, ((50, 60), (0, 60)))),
        (" 1.5..-2/0.5 ", Ramp(1.5, ((-2, 0.5),))),
        (".5...25/0", Ramp(0.5, ((0.25, 0),))),
        ("1e-6..1E-5/1e2", Ramp(1e-6, ((1e-5, 100),))),
        ("+1..-1/+1", Ramp(1, ((-1, 1),))),
    ],
)
def test_a_ramp_is_a_value_and_where_it_goes_in_what_time(text: str, ramp: Ramp) -> None:
    assert Ramp.parse(text) == ramp
    assert is_ramp(text)


@pytest.mark.parametrize(
    "text",
    [
        "0..50",
        "0..50/",
        "0../60",
        "..50/60",
        "0..50/60..",
        "0..50/60 ..0/60",
        "0..50/60s",
        "0...50...60",
        "0..5x/60",
        "0..nan/60",
        "0..1/" + "9" * 400,
        "1e999..0/1",
        "0..1_0/1",
    ],
)
def test_a_text_that_is_no_ramp(text: str) -> None:
    with pytest.raises(OptionError) as caught:
        Ramp.parse(text)
    assert str(caught.value).startswith(f"{text!r} is not a ramp: ")


def test_a_leg_takes_no_less_than_no_time() -> None:
    with pytest.raises(OptionError, match=r"'0\.\.1/-1' is not a ramp: its seconds are at least 0"):
        Ramp.parse("0..1/-1")


@pytest.mark.parametrize("given", ["", "1", "1.5", "a..b", "x1..2/3", "~1..2", 1, 1.5, None, True])
def test_what_is_not_meant_for_one(given: object) -> None:
    assert not is_ramp(given)


@pytest.mark.parametrize("given", ["1..2", "-1.5..x/3", "0..50/", " 5..6/7"])
def test_what_can_only_be_meant_for_one(given: str) -> None:
    assert is_ramp(given)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0..50/10", [0, 5, 25, 49.5, 50, 50]),
        ("50..0/10", [50, 45, 25, 0.5, 0, 0]),
        ("0..10/5..10/2..0/2", [0, 2, 10, 0, 0, 0]),
        ("5..5/10..1/0", [5, 5, 5, 5, 1, 1]),
        ("7..1/0..2/10", [1, 1.1, 1.5, 1.99, 2, 2]),
    ],
)
def test_it_goes_in_straight_lines_and_stays_at_the_last(text: str, values: list[float]) -> None:
    ramp = Ramp.parse(text)
    found = [ramp.at(seconds) for seconds in (0, 1, 5, 9.9, 10, 1e9)]
    assert found == pytest.approx(values)


def test_before_its_beginning_it_is_at_its_first_value() -> None:
    assert Ramp.parse("3..5/2").at(-1.0) == 3


def test_it_knows_its_values() -> None:
    assert Ramp.parse("3..5/2..4/0").values == (3, 5, 4)


numbers = st.floats(-1e6, 1e6) | st.integers(-(10**6), 10**6).map(float)
seconds = st.floats(0, 1e6)
ramps = st.builds(
    Ramp, numbers, st.lists(st.tuples(numbers, seconds), min_size=1, max_size=4).map(tuple)
)


@given(ramps)
def test_what_it_is_written_as_is_the_same_ramp(ramp: Ramp) -> None:
    assert is_ramp(str(ramp))
    assert Ramp.parse(str(ramp)) == ramp


def test_it_is_written_as_short_as_can_be() -> None:
    assert str(Ramp.parse("0.0..50.50/60..0/1e1")) == "0..50.5/60..0/10"


@given(ramps, seconds)
def test_it_is_always_between_its_values(ramp: Ramp, moment: float) -> None:
    value = ramp.at(moment)
    margin = 1e-9 * max(map(abs, ramp.values))
    assert min(ramp.values) - margin <= value <= max(ramp.values) + margin


@given(ramps)
def test_in_the_end_it_is_at_the_last_value(ramp: Ramp) -> None:
    assert ramp.at(5e6) == ramp.values[-1]
