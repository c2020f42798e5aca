"""latency: a long way to the other peer."""

from __future__ import annotations

from collections.abc import Callable
from math import erf, erfc, exp, hypot, log, sqrt

from ..behavior import Delaying, Firing
from ..values.messages import Message
from ..values.options import option

LONGEST = 86_400.0
"""Seconds, a day: the maximum of a draw, however heavy the tail."""


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
    rarity = erfc(z / sqrt(2)) / 2  # probability of a longer delay
    return float(least * rarity ** (-1 / shape))


DISTRIBUTIONS: dict[str, Callable[[float, float, float], float]] = {
    "uniform": _uniform,
    "normal": _normal,
    "lognormal": _lognormal,
    "pareto": _pareto,
}
"""Maps a mean, a spread and a draw from the standard normal distribution to a delay."""


class Latency(Delaying):
    """Delays each message by a random time; messages behind it wait, too.

    Throughput does not change: each message waits from its own arrival, so messages that arrive
    together wait together.  Nothing overtakes in a stream: a message that drew a short delay
    arrives right behind one that drew a long delay.  The pieces of a long message share its
    draw.

    With ``uniform`` the delay is from ``delay - jitter`` to ``delay + jitter``.  With the other
    distributions ``delay`` is the mean and ``jitter`` the standard deviation; ``lognormal`` and
    ``pareto`` have their parameters fitted to these, and a tail of delays that are much longer
    than most.  Negative draws of ``uniform`` and ``normal`` become 0.

    ``correlation`` is how much of a draw comes from the one before it, in its direction of the
    connection.  netem mixes the delays themselves, which narrows their spread as the
    correlation grows.  Here normally distributed draws are mixed, ``c`` of the last with
    ``sqrt(1 - c*c)`` of a new one, and then mapped to the distribution.  So the distribution is
    exact, and so is the correlation of neighbours with ``normal``; with the others it is a little
    less.  With 100, each direction keeps its first draw.
    """

    name = "latency"
    delay: float = option(0.1, "mean delay in seconds", minimum=0, maximum=LONGEST)
    jitter: float = option(0.0, "spread of the delay in seconds", minimum=0, maximum=LONGEST)
    distribution: str = option("uniform", "distribution of the delay", choices=tuple(DISTRIBUTIONS))
    correlation: float = option(
        0.0, "correlation of successive delays in percent", minimum=0, maximum=100
    )

    def release_at(self, message: Message, firing: Firing) -> float:
        return message.at + (self._delay_of(message, firing) if self.jitter else self.delay)

    def _delay_of(self, message: Message, firing: Firing) -> float:
        """Return the delay in seconds of a message, or of the message that this is a piece of."""
        last = firing.own(Last, message.direction)
        asked_again = message.at == last.at and last.drawn_at < firing.updated_at
        if last.z is None or (message.begins and not asked_again):
            new = firing.draws(message.direction).gauss()
            part = self.correlation / 100
            last.z = new if last.z is None else part * last.z + sqrt(1 - part * part) * new
        last.at, last.drawn_at = message.at, firing.now
        wait = DISTRIBUTIONS[self.distribution](self.delay, self.jitter, last.z)
        return max(0.0, min(wait, LONGEST))


class Last:
    """The last draw of a direction, from the standard normal distribution."""

    z: float | None = None
    at = 0.0  # when the message arrived that it was drawn for
    drawn_at = 0.0
