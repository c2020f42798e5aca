"""For tests of behaviors: rules that fire, without a proxy, a socket or a clock.

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
    """A connection as behaviors see it; times in seconds."""

    protocol: Protocol = field(default_factory=Tcp)
    at: float = 0.0
    """The time on its clock."""
    opened_at: float = 0.0
    heard: dict[Direction, float] = field(default_factory=dict)
    """When each direction last carried bytes; by default, when the connection was opened."""
    number: int = 1
    memory: Memory = field(default_factory=Memory)
    closed: bool = False

    def now(self) -> float:
        return self.at

    def heard_at(self, direction: Direction | None = None) -> float:
        ways = Direction if direction is None else (direction,)
        return max(self.heard.get(way, self.opened_at) for way in ways)


def at_work(scope: Scope = "exchange", direction: Direction | None = None) -> ActiveRule:
    """Return a rule on a proxy; its firings share what the behavior keeps with ``shared``."""
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
    """Return the ``count``-th firing of a rule, on an exchange.

    Firings with the same stage and source share what the behavior keeps with ``own``.
    """
    return Firing(source or at_work(), stage or Stage(), exchange, count, (50.0, seed))
