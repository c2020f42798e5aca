"""Behaviors that shape a stream, by script: when each piece leaves, and what their draws add up to.

The clock is that of a stage, and moves on when a behavior waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from math import sqrt

from acting import ARRIVAL, Stage, firing
from vaurien.behavior import Behavior, Firing, Scope
from vaurien.protocols.tcp import Tcp
from vaurien.rules.dice import Dice
from vaurien.testing import at_work
from vaurien.values.actions import Action, Forward, Wait
from vaurien.values.messages import Direction, Message


class Shaped:
    """A connection with one rule, which fires on everything."""

    def __init__(self, behavior: Behavior, *, scope: Scope = "connection", seed: int = 1) -> None:
        self.behavior = behavior
        self.stage = Stage(Tcp())
        self.exchange = 0
        self._source = at_work(scope)
        self._dice = Dice(seed, "proxy", "rule")
        self._firing = self._fire()

    def says(self, size: int, at: float = ARRIVAL) -> list[Forward]:
        """A message of this many bytes to the backend."""
        return self.plays(Message(bytes(size), Direction.TO_BACKEND, at))

    def plays(self, message: Message) -> list[Forward]:
        """A message goes in; what is forwarded comes out, with the time when it left."""
        left = []
        for action, at in self.acts(message):
            assert isinstance(action, Forward), action
            left.append(Forward(action.message._replace(at=at)))
        return left

    def acts(self, message: Message) -> list[tuple[Action, float]]:
        """All that is asked for but waits, and when."""
        if self._source.rule.scope == "exchange":
            self._firing = self._fire()
        self.stage.at = max(self.stage.at, message.at)
        done: list[tuple[Action, float]] = []
        for action in self.behavior.on_message(message, self._firing):
            if isinstance(action, Wait):
                self.stage.at = max(self.stage.at, action.until)
            else:
                done.append((action, self.stage.at))
        return done

    def _fire(self) -> Firing:
        self.exchange += 1
        scope = self._source.rule.scope
        _, seed = self._dice.roll(1, self.exchange if scope == "exchange" else 0)
        return firing(seed=seed, stage=self.stage, source=self._source, exchange=self.exchange)


def joined(pieces: Iterable[Forward]) -> bytes:
    return b"".join(piece.message.data for piece in pieces)


# What draws add up to.


def mean(draws: Sequence[float]) -> float:
    return sum(draws) / len(draws)


def deviation(draws: Sequence[float]) -> float:
    """The standard deviation."""
    middle = mean(draws)
    return sqrt(sum((draw - middle) ** 2 for draw in draws) / len(draws))


def correlation(draws: Sequence[float]) -> float:
    """That of each draw with the next."""
    middle, spread = mean(draws), deviation(draws)
    products = [(one - middle) * (other - middle) for one, other in pairwise(draws)]
    return mean(products) / spread**2


def distance(draws: Sequence[float], below: Callable[[float], float]) -> float:
    """That of Kolmogorov and Smirnov: how far the draws are from a distribution, at most.

    ``below``: the probability of a draw up to a value.
    """
    farthest = 0.0
    for rank, draw in enumerate(sorted(draws)):
        expected = below(draw)
        farthest = max(farthest, expected - rank / len(draws), (rank + 1) / len(draws) - expected)
    return farthest
