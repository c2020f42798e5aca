from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import pytest

from vaurien.parsing.memory import memory_of


class Noted(NamedTuple):
    key: bytes
    tokens: tuple[bytes, ...]


@dataclass(slots=True)
class State:
    verb: str
    noted: Noted


@pytest.mark.parametrize(
    "value",
    [
        "x" * 5000,
        b"x" * 5000,
        {"path": "x" * 5000},
        Noted(b"x" * 2500, (b"y" * 2500,)),
        State("x" * 1000, Noted(b"x" * 2000, (b"y" * 2000,))),
        ["x" * 5000],
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_takes_what_it_contains(value: object) -> None:
    assert 5000 < memory_of(value) < 5600


@pytest.mark.parametrize("value", [None, 1, 1.0, "", b"", True, State])
def test_a_small_value_takes_little(value: object) -> None:
    assert memory_of(value) < 2000
