"""Behaviors by script: a message goes in, a list of actions comes out; no sockets, no clock."""

from __future__ import annotations

from dataclasses import dataclass

from vaurien import testing
from vaurien.behavior import Behavior, Firing, Scope
from vaurien.protocol import Protocol
from vaurien.protocols.tcp import Tcp
from vaurien.rules.active import ActiveRule
from vaurien.testing import at_work
from vaurien.values.actions import Action
from vaurien.values.messages import Direction, Message

ARRIVAL = 10.0
"""When the messages here arrive, in seconds."""


def request(data: bytes, *, begins: bool = True, ends: bool = True) -> Message:
    """A message to the backend, or a piece of one, of the first exchange."""
    return Message(data, Direction.TO_BACKEND, ARRIVAL, exchange=1, begins=begins, ends=ends)


def response(data: bytes, *, begins: bool = True, ends: bool = True) -> Message:
    """The same to the client."""
    return Message(data, Direction.TO_CLIENT, ARRIVAL, exchange=1, begins=begins, ends=ends)


@dataclass
class Stage(testing.Stage):
    """A connection that is opened when the messages here arrive."""

    at: float = ARRIVAL
    opened_at: float = ARRIVAL


def firing(
    count: int = 1,
    *,
    seed: int = 1,
    protocol: Protocol | None = None,
    scope: Scope = "exchange",
    direction: Direction | None = None,
    now: float = ARRIVAL,
    opened_at: float = ARRIVAL,
    stage: Stage | None = None,
    source: ActiveRule | None = None,
    exchange: int = 1,
) -> Firing:
    """Return the ``count``-th firing of a rule; the same stage is the same connection."""
    return testing.firing(
        stage or Stage(protocol or Tcp(), now, opened_at),
        source or at_work(scope, direction),
        exchange=exchange,
        count=count,
        seed=seed,
    )


def actions_of(behavior: Behavior, message: Message, fired: Firing | None = None) -> list[Action]:
    """What a behavior asks for on a message."""
    return list(behavior.on_message(message, fired or firing()))
