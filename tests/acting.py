"""Behaviors by script: a message goes in, a list of actions comes out; no sockets, no clock."""

from __future__ import annotations

from vaurien.actions import Action
from vaurien.behavior import Behavior, Firing
from vaurien.messages import Direction, Message
from vaurien.protocol import Protocol
from vaurien.protocols.tcp import Tcp

ARRIVAL = 10.0
"""When the messages here arrive, in seconds."""


def request(data: bytes, *, begins: bool = True, ends: bool = True) -> Message:
    """A message to the backend, or a piece of one, of the first exchange."""
    return Message(data, Direction.TO_BACKEND, ARRIVAL, exchange=1, begins=begins, ends=ends)


def response(data: bytes, *, begins: bool = True, ends: bool = True) -> Message:
    """The same to the client."""
    return Message(data, Direction.TO_CLIENT, ARRIVAL, exchange=1, begins=begins, ends=ends)


def firing(count: int = 1, *, seed: int = 1, protocol: Protocol | None = None) -> Firing:
    """A rule fires, for the so-manieth time."""
    return Firing("rule", 1, 1, 50.0, count, seed, protocol or Tcp())


def actions_of(behavior: Behavior, message: Message, fired: Firing | None = None) -> list[Action]:
    """What a behavior asks for on a message."""
    return list(behavior.on_message(message, fired or firing()))
