"""Rules that only delay, in every order and lifted at any moment: each byte arrives once, in order.

Client and backend talk at the same time.  The client finishes first, and hears the rest of
what the backend says: its half-closed connection stays one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import permutations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenario import Peer, World

RULES = {
    "latency": "latency delay=0.3 jitter=0.1",
    "bandwidth": "bandwidth rate=20000",
    "slicer": "slicer size=300 variation=100 delay=0.001",
    "packet-loss": "packet-loss loss=20",
    "delay": "delay sleep=0.2",
    "hang": "hang",
}
LEAST = {"latency": 0.2, "delay": 0.2}
"""Minimum seconds by which rules delay every request."""
RATE = 20_000
ORDERS = [order for count in (1, 2, 3) for order in permutations(RULES, count)]
LIFTED_AT = 50.0
"""When a hang is lifted; the other rules are done by then."""
ENOUGH = 4000.0
"""Seconds after which nothing more happens."""
FLOATS = 1e-6

PAUSES = (0.0, 0.05, 0.0, 0.3, 0.001)
"""Seconds before each chunk that a peer sends."""
CHUNKS = [Random(number).randbytes(2500) for number in range(len(PAUSES))]
SAID = b"".join(CHUNKS)


@dataclass
class Heard:
    """What a peer has received by when."""

    sizes: list[tuple[int, float]] = field(default_factory=list)

    def __call__(self, peer: Peer, data: bytes) -> None:
        self.sizes.append((len(peer.heard), peer.world.system.time))

    def at(self, size: int) -> float:
        """Return when the first ``size`` bytes had been received."""
        return next(when for heard, when in self.sizes if heard >= size)


class Talk:
    """A client and a backend that each send SAID in CHUNKS."""

    def __init__(self, rules: Iterable[str], *, seed: int = 0, whole: bool = False) -> None:
        self.requests, self.responses = Heard(), Heard()
        self.world = World(*rules, seed=seed, whole=whole, on_data=self.requests)
        self.said_at: list[float] = []
        self.begun_at = 0.0
        self.client = self.world.client(self.responses)
        self.world.run(lambda: bool(self.world.backends))
        (self.backend,) = self.world.backends
        self.schedule(self.client, finish=True)
        self.schedule(self.backend, finish=False)
        self._answers_end()

    def schedule(self, peer: Peer, *, finish: bool) -> None:
        at = self.world.system.time
        for number, (pause, chunk) in enumerate(zip(PAUSES, CHUNKS, strict=True), 1):
            at += pause
            last = finish and number == len(CHUNKS)
            self.world.reactor.call_at(at, partial(peer.say, chunk, finish=last))
            if peer is self.client:
                self.said_at.append(at)

    def _answers_end(self) -> None:
        """The backend ends once it has seen the client's end and has sent something more."""

        def look() -> None:
            if self.backend.ended:
                self.backend.say(b"bye", finish=True)
            else:
                self.world.reactor.call_at(self.world.system.time + 0.01, look)

        self.world.reactor.call_at(1.0, look)

    def at(self, moment: float, call: Callable[[], None]) -> None:
        self.world.reactor.call_at(moment, call)

    def run(self) -> None:
        """Run until both have seen the end, and nothing more happens."""
        self.world.run(lambda: bool(self.client.ended and self.backend.ended), seconds=ENOUGH)

    def check(self) -> None:
        """Check that every byte has arrived once and in order, and then the end."""
        assert self.backend.heard == SAID
        assert self.client.heard == SAID + b"bye"
        assert (self.backend.ended, self.client.ended) == ("fin", "fin")


def named(order: Sequence[str]) -> list[str]:
    return [RULES[name] for name in order]


# In every order.


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_every_byte_arrives_in_order_once_and_never_early(order: tuple[str, ...]) -> None:
    talk = Talk(named(order), seed=len(order))
    remaining = [name for name in order if name != "hang"]
    talk.at(LIFTED_AT, lambda: talk.world.apply(*named(remaining)))
    talk.run()
    talk.check()
    least = sum(LEAST.get(name, 0.0) for name in order)
    for number, said_at in enumerate(talk.said_at):
        first = 2500 * number + 1
        earliest = max(said_at + least, LIFTED_AT if "hang" in order else 0.0)
        assert talk.requests.at(first) >= earliest - FLOATS
    if "bandwidth" in order:
        for heard in (talk.requests, talk.responses):
            for size, when in heard.sizes:
                assert size <= RATE * when + FLOATS


@pytest.mark.parametrize("order", [("latency",), ("latency", "delay"), ("delay", "latency")])
def test_waits_are_no_throttle(order: tuple[str, ...]) -> None:
    """What is sent over a second arrives over a second, however long it is delayed."""
    rules = {"latency": "latency delay=1", "delay": "delay sleep=2"}
    heard = Heard()
    world = World(*(rules[name] for name in order), whole=True, on_data=heard)
    client = world.client()
    for number in range(100):
        world.reactor.call_at(number / 100, partial(client.say, b"%03d" % number))
    world.run(seconds=10)
    assert world.backends[0].heard == b"".join(b"%03d" % number for number in range(100))
    wait = {1: 1, 2: 3}[len(order)]
    for number in range(100):
        assert heard.at(3 * number + 3) == pytest.approx(number / 100 + wait)


@pytest.mark.parametrize("rate", [2000, 20_000, 10**6])
def test_latency_and_bandwidth_are_the_same_in_either_order(rate: int) -> None:
    rules = ["latency delay=1", f"bandwidth rate={rate}"]
    arrivals = []
    for order in (rules, rules[::-1]):
        talk = Talk(order, whole=True)
        talk.run()
        talk.check()
        chunk = 2500 / rate
        ends = [talk.requests.at(2500 * number) for number in range(1, len(CHUNKS) + 1)]
        arrivals.append(ends)
        for end, said_at in zip(ends, talk.said_at, strict=True):
            assert end >= said_at + 1 + chunk - FLOATS
        assert ends[-1] >= 1 + len(SAID) / rate - FLOATS
    for one, other in zip(*arrivals, strict=True):
        assert abs(one - other) <= 2500 / rate + FLOATS


# Lifted at any moment.


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("moment", [number * 0.037 for number in range(30)])
def test_what_a_lifted_rule_delayed_arrives_at_once(name: str, moment: float) -> None:
    talk = Talk(named([name]), seed=3)
    talk.at(moment, talk.world.apply)
    talk.world.run(seconds=moment)
    said = sum(2500 for at in talk.said_at if at <= moment)
    if said:
        talk.world.run(lambda: len(talk.backend.heard) >= said, seconds=1)
        assert talk.requests.at(said) <= moment + FLOATS
    talk.run()
    talk.check()


changes = st.lists(
    st.tuples(
        st.floats(0, 2),
        st.lists(st.sampled_from(sorted(RULES)), max_size=3, unique=True),
    ),
    max_size=6,
)
windows = st.sampled_from(["", "on=0.1 off=0.05", "on=0.01 off=0.3", "start=0.1 stop=0.4", "ttl=1"])


@settings(max_examples=100, deadline=None)
@given(
    order=st.lists(
        st.tuples(st.sampled_from(sorted(RULES)), windows),
        min_size=1,
        max_size=3,
        unique_by=lambda pair: pair[0],
    ),
    scope=st.sampled_from(["", "scope=connection", "scope=exchange"]),
    changes=changes,
    seed=st.integers(0, 9),
)
def test_whatever_comes_and_goes_nothing_is_lost(
    order: list[tuple[str, str]],
    scope: str,
    changes: list[tuple[float, list[str]]],
    seed: int,
) -> None:
    talk = Talk([f"{RULES[name]} {window} {scope}" for name, window in order], seed=seed)
    for moment, names in changes:
        rules = [f"{RULES[name]} {scope}" for name in names]
        talk.at(moment, partial(talk.world.apply, *rules))
    last = 2.5
    talk.at(last, talk.world.apply)
    talk.world.run(seconds=last)
    talk.world.run(lambda: bool(talk.backend.ended), seconds=1)
    assert talk.requests.at(len(SAID)) <= last + FLOATS
    talk.run()
    talk.check()


# Windows.


@pytest.mark.parametrize("name", RULES)
def test_outside_of_its_window_a_rule_keeps_nothing(name: str) -> None:
    talk = Talk([f"{RULES[name]} on=0.1 off=0.4"], seed=1)
    talk.run()
    talk.check()
    for number, said_at in enumerate(talk.said_at, 1):
        phase = said_at % 0.5
        flush_partial = said_at if phase >= 0.1 else said_at - phase + 0.1
        assert talk.requests.at(2500 * number) <= flush_partial + FLOATS
