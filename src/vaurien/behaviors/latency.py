"""latency: a long way to the other peer."""

from __future__ import annotations

from collections.abc import Callable
from math import erf, erfc, exp, hypot, log, sqrt

from ..behavior import Behavior, Firing
from ..values.actions import Actions, Forward, Wait
from ..values.messages import Message
from ..values.options import option

LONGEST = 86_400.0
"""Seconds, a day: no draw is longer, however heavy the tail."""


def _uniform(mean: float, spread: float, z: float) -> float:
    return mean + spread * erf(z / sqrt(2))


def _normal(mean: float, spread: float, z: float) -> float:
    return mean + spread * z


def _lognormal(mean: float, spread: float, z: float) -> float:
    if not mean:
        return 0.0
    variance = 2 * (log(hypot(mean, spread)) - log(mean))  # of the logarithm
    return exp(min(log(mean) - variance / 2 + sqrt(variance) * z, log(LONGEST)))


def _pareto(mean: float, spread: float, z: float) -> float:
    if not mean:
        return 0.0
    shape = 1 + hypot(mean, spread) / spread
    least = mean * (1 - 1 / shape)
    rarity = erfc(z / sqrt(2)) / 2  # how probable a longer wait is
    return float(least * rarity ** (-1 / shape))


DISTRIBUTIONS: dict[str, Callable[[float, float, float], float]] = {
    "uniform": _uniform,
    "normal": _normal,
    "lognormal": _lognormal,
    "pareto": _pareto,
}
"""What a draw from the standard normal distribution becomes, given a mean and a spread."""


class Latency(Behavior):
    """Keeps each message back for a time, drawn anew for each; what follows travels with it.

    Throughput stays as it is: each message waits from its own arrival, so what arrives together
    waits together.  As in a stream nothing overtakes, a message that drew a short wait arrives
    right behind one that drew a long one.  The pieces of a long message share its draw.

    With ``uniform`` the wait is from ``delay - jitter`` to ``delay + jitter``.  With the others
    ``delay`` is the mean and ``jitter`` the standard deviation; ``lognormal`` and ``pareto``
    have them matched to their parameters, and a tail of waits that are much longer than most.
    No wait is below 0, which is what lower draws of ``uniform`` and ``normal`` become.

    ``correlation`` says how much of a draw comes from the one before, in its direction of the
    connection.  netem mixes the numbers themselves, which makes the spread smaller the more
    they are correlated; here normally distributed ones are mixed, ``c`` of the last with
    ``sqrt(1 - c*c)`` of a new one, and made into the distribution asked for.  So that stays
    exactly as it is said, and neighbouring draws have the correlation asked for: exactly in
    ``normal``, a little less in the others.  With 100 each direction keeps its first draw.
    """

    name = "latency"
    delay: float = option(0.1, "mean time in seconds", minimum=0, maximum=LONGEST)
    jitter: float = option(
        0.0, "how far times spread around it, in seconds", minimum=0, maximum=LONGEST
    )
    distribution: str = option("uniform", "how they are distributed", choices=tuple(DISTRIBUTIONS))
    correlation: float = option(
        0.0, "how much of a draw is that of the one before, in percent", minimum=0, maximum=100
    )

    def on_message(self, message: Message, firing: Firing) -> Actions:
        yield Wait(message.at + (self._drawn(message, firing) if self.jitter else self.delay))
        yield Forward(message)

    def _drawn(self, message: Message, firing: Firing) -> float:
        """How long a message is to wait, or the message that this is a piece of."""
        last = firing.own(Last, message.direction)
        if message.begins or last.z is None:
            new = firing.draws(message.direction).gauss()
            part = self.correlation / 100
            last.z = new if last.z is None else part * last.z + sqrt(1 - part * part) * new
        wait = DISTRIBUTIONS[self.distribution](self.delay, self.jitter, last.z)
        return max(0.0, min(wait, LONGEST))


class Last:
    """What was drawn last in a direction, from the standard normal distribution."""

    __slots__ = ("z",)

    def __init__(self) -> None:
        self.z: float | None = None
