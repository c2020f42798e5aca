"""Protocols: what they are without anything of their own."""

from __future__ import annotations

import copy
from random import Random
from typing import TYPE_CHECKING

from vaurien.protocol import ERROR_SIZE, Protocol
from vaurien.values.actions import Forward
from vaurien.values.messages import Direction, Message
from vaurien.values.options import option

MESSAGE = Message(b"?", Direction.TO_CLIENT, 0.0)


def test_an_error_of_no_protocol_in_particular_means_nothing() -> None:
    noise = Protocol().error(MESSAGE, Random(1))
    assert len(noise) == ERROR_SIZE
    assert noise == Protocol().error(MESSAGE, Random(1)) != Protocol().error(MESSAGE, Random(2))


def test_a_protocol_adjusts_nothing_by_itself() -> None:
    assert not Protocol().adjusting
    assert Protocol().adjust(MESSAGE) == Forward(MESSAGE)
    assert not Protocol().faults


class Remembering(Protocol):
    """A protocol with options, an attribute and a slot."""

    __slots__ = ("seen",)
    if TYPE_CHECKING:  # annotated, it would be an option
        seen: int
    greeting: str = option("hello", "what to say first")


def test_each_connection_has_a_copy() -> None:
    original = Remembering(greeting="hi")
    original.seen, original.adjusting = 1, True
    copied = copy.copy(original)
    original.seen, original.greeting = 2, "oh"
    assert type(copied) is Remembering
    assert (copied.greeting, copied.seen, copied.adjusting) == ("hi", 1, True)
