"""Behaviors by script: a message goes in, a list of actions comes out; no sockets, no clock."""

from __future__ import annotations

from dataclasses import dataclass, field

from vaurien.actions import Action
from vaurien.behavior import Behavior, Firing, Scope
from vaurien.dice import Dice
from vaurien.enactment import Memory, RuleAtWork
from vaurien.messages import Direction, Message
from vaurien.plan import Rule
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


@dataclass
class Stage:
    """A connection, as far as behaviors may look at it."""

    protocol: Protocol
    at: float = ARRIVAL
    opened_at: float = ARRIVAL
    heard: dict[Direction, float] = field(default_factory=dict)
    number: int = 1
    memory: Memory = field(default_factory=Memory)

    def now(self) -> float:
        return self.at

    def heard_at(self, direction: Direction | None = None) -> float:
        ways = Direction if direction is None else (direction,)
        return max(self.heard.get(way, self.opened_at) for way in ways)


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
    source: RuleAtWork | None = None,
    exchange: int = 1,
) -> Firing:
    """A rule fires, for the so-manieth time; the same stage is the same connection."""
    stage = stage or Stage(protocol or Tcp(), now, opened_at)
    return Firing(source or at_work(scope, direction), stage, exchange, 50.0, count, seed)


def at_work(scope: Scope = "exchange", direction: Direction | None = None) -> RuleAtWork:
    """A rule on a proxy; firings of the same one share what it keeps."""
    rule = Rule(behavior=Behavior(), name="rule", scope=scope, direction=direction)
    return RuleAtWork(rule, Dice(0, "proxy", "rule"), 0.0, 0)


def actions_of(behavior: Behavior, message: Message, fired: Firing | None = None) -> list[Action]:
    """What a behavior asks for on a message."""
    return list(behavior.on_message(message, fired or firing()))
