"""latency keeps each message back for a time, and its draws are distributed as it says."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import asin, erf, erfc, exp, isfinite, log, log1p, pi, sqrt

import pytest

from acting import ARRIVAL, actions_of, firing, request, response
from shaping import Shaped, correlation, deviation, distance, mean
from vaurien.behavior import Scope
from vaurien.behaviors.latency import DISTRIBUTIONS, LONGEST, Latency
from vaurien.errors import OptionError
from vaurien.values.actions import Forward, Wait
from vaurien.values.messages import Direction, Message

DELAY, JITTER = 0.1, 0.03
DRAWS = 5_000
FAR = 1.95 / sqrt(DRAWS)
"""A distance that one true distribution in a thousand exceeds."""


def waits(latency: Latency, count: int = DRAWS, *, scope: Scope = "connection") -> list[float]:
    """How long this many messages wait, each sent long after the last."""
    shaped = Shaped(latency, scope=scope)
    found = []
    for number in range(count):
        at = ARRIVAL + number * 1000.0
        (left,) = shaped.says(1, at)
        found.append(left.message.at - at)
    return found


# Without jitter.


def test_messages_of_both_directions_wait() -> None:
    question, answer = request(b"?"), response(b"!")
    for message in (question, answer):
        assert actions_of(Latency(), message) == [Wait(ARRIVAL + 0.1), Forward(message)]
        assert actions_of(Latency(delay=2), message) == [Wait(ARRIVAL + 2), Forward(message)]


def test_what_arrives_together_leaves_together() -> None:
    shaped = Shaped(Latency(delay=1))
    left = [shaped.says(10, ARRIVAL + number / 100)[0].message.at for number in range(100)]
    assert left == [ARRIVAL + number / 100 + 1 for number in range(100)]


def test_an_empty_end_of_a_message_waits_too() -> None:
    end = request(b"", begins=False)
    assert actions_of(Latency(jitter=0.05), end)[-1] == Forward(end)


def test_it_takes_nothing_below_0() -> None:
    for option in ("delay", "jitter", "correlation"):
        with pytest.raises(OptionError, match=f"{option}=-1 is not allowed"):
            Latency(**{option: -1})


# Distributions.


def uniform(value: float) -> float:
    return min(1.0, max(0.0, (value - DELAY + JITTER) / (2 * JITTER)))


def normal(value: float) -> float:
    return erfc((DELAY - value) / JITTER / sqrt(2)) / 2


def lognormal(value: float) -> float:
    variance = log1p((JITTER / DELAY) ** 2)
    return erfc((log(DELAY) - variance / 2 - log(value)) / sqrt(2 * variance)) / 2


def pareto(value: float) -> float:
    shape = 1 + sqrt(1 + (DELAY / JITTER) ** 2)
    least = DELAY * (shape - 1) / shape
    return 1 - (least / value) ** shape if value > least else 0.0


BELOW: dict[str, Callable[[float], float]] = {
    "uniform": uniform,
    "normal": normal,
    "lognormal": lognormal,
    "pareto": pareto,
}


def test_every_distribution_is_tested() -> None:
    assert list(BELOW) == list(DISTRIBUTIONS)


@pytest.mark.parametrize("scope", ["exchange", "connection"])
@pytest.mark.parametrize("name", BELOW)
def test_waits_are_distributed_as_stated(name: str, scope: Scope) -> None:
    found = waits(Latency(delay=DELAY, jitter=JITTER, distribution=name), scope=scope)
    spread = JITTER / sqrt(3) if name == "uniform" else JITTER
    assert abs(mean(found) - DELAY) < 4 * spread / sqrt(DRAWS)
    assert deviation(found) == pytest.approx(spread, rel=0.12 if name == "pareto" else 0.03)
    assert distance(found, BELOW[name]) < FAR


def test_a_distance_tells_a_wrong_distribution() -> None:
    found = waits(Latency(delay=DELAY, jitter=JITTER, distribution="lognormal"))
    for name in ("uniform", "normal", "pareto"):
        assert distance(found, BELOW[name]) > 1.5 * FAR


@pytest.mark.parametrize("name", BELOW)
def test_quantiles(name: str) -> None:
    found = sorted(waits(Latency(delay=DELAY, jitter=JITTER, distribution=name)))
    for share in (0.01, 0.25, 0.5, 0.75, 0.99):
        assert BELOW[name](found[int(share * DRAWS)]) == pytest.approx(share, abs=0.025)


def test_uniform_waits_stay_within_the_jitter() -> None:
    found = waits(Latency(delay=0.2, jitter=0.05))
    assert 0.15 <= min(found) < 0.151
    assert 0.249 < max(found) <= 0.25 + 1e-6


def test_no_wait_is_below_0() -> None:
    found = waits(Latency(delay=0.1, jitter=0.2, distribution="normal"))
    assert min(found) == 0
    assert found.count(0) / DRAWS == pytest.approx((1 - erf(0.5 / sqrt(2))) / 2, abs=0.02)


@pytest.mark.parametrize("name", DISTRIBUTIONS)
@pytest.mark.parametrize("delay", [0, 5e-324, 1e-9, 1, LONGEST])
@pytest.mark.parametrize("jitter", [5e-324, 1, LONGEST])
def test_extremes(name: str, delay: float, jitter: float) -> None:
    for wait in waits(Latency(delay=delay, jitter=jitter, distribution=name), 100):
        assert isfinite(wait)
        assert 0 <= wait <= LONGEST


# Correlation.

CORRELATIONS: dict[str, Callable[[float], float]] = {
    "uniform": lambda part: 6 / pi * asin(part / 2),
    "normal": lambda part: part,
    "lognormal": lambda part: (
        (exp(log1p((JITTER / DELAY) ** 2) * part) - 1) / (JITTER / DELAY) ** 2
    ),
}
"""That of the draws, given that of the normally distributed ones behind them."""


@pytest.mark.parametrize("percent", [0, 25, 75])
@pytest.mark.parametrize("name", CORRELATIONS)
def test_neighbours_are_correlated_as_stated(name: str, percent: float) -> None:
    latency = Latency(delay=DELAY, jitter=JITTER, distribution=name, correlation=percent)
    expected = CORRELATIONS[name](percent / 100)
    assert correlation(waits(latency)) == pytest.approx(expected, abs=0.045)
    assert expected == pytest.approx(percent / 100, abs=0.03)


def test_exchanges_of_a_connection_are_correlated() -> None:
    latency = Latency(delay=DELAY, jitter=JITTER, distribution="normal", correlation=60)
    assert correlation(waits(latency, scope="exchange")) == pytest.approx(0.6, abs=0.045)


@pytest.mark.parametrize("name", BELOW)
def test_correlation_leaves_the_distribution_as_it_is(name: str) -> None:
    latency = Latency(delay=DELAY, jitter=JITTER, distribution=name, correlation=50)
    found = waits(latency)
    assert distance(found, BELOW[name]) < FAR * sqrt(3)
    assert 0.35 < correlation(found) < 0.53


def test_full_correlation_keeps_the_first_draw() -> None:
    found = waits(Latency(jitter=0.05, correlation=100), 100)
    assert max(found) - min(found) < 1e-9


# What is drawn for.


def test_pieces_share_the_draw_of_their_message() -> None:
    shaped = Shaped(Latency(jitter=0.05))
    drawn = set()
    for number in range(100):
        at = ARRIVAL + number * 10
        whole = Message(b"abc", Direction.TO_BACKEND, at, ends=False, left=6)
        pieces = [
            whole,
            whole._replace(at=at + 1, begins=False, offset=3, left=3),
            whole._replace(at=at + 2, begins=False, ends=True, offset=6, left=0),
        ]
        left = [shaped.plays(one)[0].message for one in pieces]
        apart = [one.at - two.at for two, one in pairwise(left)]
        assert apart == pytest.approx([1, 1])
        drawn.add(left[0].at - at)
    assert len(drawn) == 100


def test_directions_and_connections_have_draws_of_their_own() -> None:
    latency = Latency(jitter=0.05, correlation=100)
    shaped = Shaped(latency)
    question, answer = request(b"?"), response(b"!")
    to_backend = shaped.plays(question)[0].message.at
    to_client = Shaped(latency).plays(answer)[0].message.at
    elsewhere = Shaped(latency, seed=2).plays(question)[0].message.at
    assert len({to_backend, to_client, elsewhere}) == 3
    assert shaped.says(1)[0].message.at == to_backend


def test_the_same_seed_gives_the_same_waits() -> None:
    latency = Latency(jitter=0.05, distribution="pareto", correlation=30)
    for scope in ("exchange", "connection"):
        assert waits(latency, 50, scope=scope) == waits(latency, 50, scope=scope)


def test_a_piece_whose_beginning_it_did_not_see_waits_as_well() -> None:
    piece = request(b"?", begins=False)
    wait, forwarded = actions_of(Latency(jitter=0.05), piece, firing(seed=3))
    assert isinstance(wait, Wait)
    assert ARRIVAL + 0.05 <= wait.until <= ARRIVAL + 0.15
    assert forwarded == Forward(piece)
