"""Protocols: what they are without anything of their own."""

from __future__ import annotations

from random import Random

from vaurien.protocol import ERROR_SIZE, Protocol
from vaurien.values.actions import Forward
from vaurien.values.messages import Direction, Message

MESSAGE = Message(b"?", Direction.TO_CLIENT, 0.0)


def test_an_error_of_no_protocol_in_particular_means_nothing() -> None:
    noise = Protocol().error(MESSAGE, Random(1))
    assert len(noise) == ERROR_SIZE
    assert noise == Protocol().error(MESSAGE, Random(1)) != Protocol().error(MESSAGE, Random(2))


def test_a_protocol_adjusts_nothing_by_itself() -> None:
    assert not Protocol().adjusting
    assert Protocol().adjust(MESSAGE) == Forward(MESSAGE)
    assert not Protocol().faults
