"""What tests of behaviors need: rules that fire, without a proxy, a socket or a clock.

::

    actions = list(Truncate(size=5).on_message(message, firing()))
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .behavior import Behavior, Firing, Scope
from .protocol import Protocol
from .protocols.tcp import Tcp
from .rules.active import ActiveRule, Memory
from .rules.dice import Dice
from .rules.plan import Rule
from .values.messages import Direction


@dataclass
class Stage:
    """A connection, as far as behaviors may look at it; times in seconds."""

    protocol: Protocol = field(default_factory=Tcp)
    at: float = 0.0
    """What its clock says."""
    opened_at: float = 0.0
    heard: dict[Direction, float] = field(default_factory=dict)
    """When it carried something last; if not here, when it was opened."""
    number: int = 1
    memory: Memory = field(default_factory=Memory)

    def now(self) -> float:
        return self.at

    def heard_at(self, direction: Direction | None = None) -> float:
        ways = Direction if direction is None else (direction,)
        return max(self.heard.get(way, self.opened_at) for way in ways)


def at_work(scope: Scope = "exchange", direction: Direction | None = None) -> ActiveRule:
    """A rule on a proxy; the firings of one share what it keeps of all connections."""
    rule = Rule(behavior=Behavior(), name="rule", scope=scope, direction=direction)
    return ActiveRule(rule, Dice(0, "proxy", "rule"), 0.0, 0)


def firing(
    stage: Stage | None = None,
    source: ActiveRule | None = None,
    *,
    exchange: int = 1,
    count: int = 1,
    seed: int = 1,
) -> Firing:
    """A rule fires on an exchange, for the ``count``-th time.

    The firings on one stage, of one source, share what the behavior keeps of the connection.
    """
    return Firing(source or at_work(), stage or Stage(), exchange, 50.0, count, seed)
