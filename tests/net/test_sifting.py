"""Messages on which nothing acts pass uncut, and nothing else changes by it."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

import talks
from lines import Lines
from scenario import Peer, World
from talks import TALKS
from vaurien import plugins, registry
from vaurien.net.decisions import Decisions
from vaurien.values.events import Fired

SEEDS = range(150)
RULES = (
    "delay sleep=0 after=1000000",
    "delay sleep=0.01 percent=30",
    "delay sleep=0.01 key=b",
    "delay sleep=0 command=HEAD",
    "delay before=false sleep=0.01 answer=b",
    "delay before=false sleep=0.01 every=3",
    "delay direction=to_backend sleep=0 percent=20",
    "delay scope=connection percent=50 sleep=0.001",
    "error fault=BUSY percent=20",
    "error fault=UNDONE key=b",
    "delay before=false sleep=0 answer=~a percent=40",
    "error fault=LOCKED times=2",
    "slicer size=3 percent=30",
)
REQUESTS = (b"GET a\n", b"GET b\n", b"HEAD a\n", b"PUT 5\nabc\ne", b"QUIET x\n", b"AND x\n")
ANSWERS = (b"a\n", b"b\n", b"BODY 7\n1234567", b"MORE\na\n", b"!n\na\n", b"ERROR\n")


class Answering:
    """A backend that answers each request in one way, by its number."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._unread = b""
        self._answered = 0

    def __call__(self, peer: Peer, data: bytes) -> None:
        self._unread += data
        while b"\n" in self._unread:
            line, _, rest = self._unread.partition(b"\n")
            body = int(line.split()[1]) if line.startswith(b"PUT") else 0
            if len(rest) < body:
                return
            self._unread = rest[body:]
            if not line.startswith((b"QUIET", b"AND")):
                self._answered += 1
                peer.say(Random(f"{self._seed}/{self._answered}").choice(ANSWERS))


def converse(world: World, seed: int, requests: Sequence[bytes], rules: Sequence[str]) -> None:
    """Let the client say requests in chunks, under rules that come and go."""
    random = Random(seed)
    client = world.peers[0]
    for _ in range(random.randint(2, 12)):
        if random.random() < 0.5:
            world.apply(*random.sample(rules, random.randint(1, 3)))
        said = b"".join(random.choices(requests, k=random.choice([1, 2, 5, 40])))
        cut = random.randint(0, len(said))
        for part in (said[:cut], said[cut:]):
            client.say(part)
            if random.random() < 0.8:
                world.run(seconds=random.choice([0.0001, 5]))
        if random.random() < 0.5:
            world.run(seconds=5)
    world.run(seconds=100)


def told(world: World) -> dict[str, Any]:
    """Return all that anybody sees of a conversation."""
    client = world.peers[0]
    tally = world.proxy.tally
    (connection,) = [*world.proxy.connections, *world.proxy.closed]
    (backend,) = world.backends
    exchanges = connection.decisions.exchanges
    assert exchanges is not None
    return {
        "to the client": bytes(client.heard),
        "to the backend": bytes(backend.heard),
        "fired": sorted(world.fired),
        "events": [event for event in world.events if not isinstance(event, Fired)],
        "rules": [(each.name, each.seen, each.fired) for each in world.proxy.active_plan.rules],
        "exchanges": dict(tally.exchanges),
        "errors": (dict(tally.errors), dict(tally.injected), tally.latency.count),
        "awaited": [request.exchange for request in exchanges.pending],
    }


def lines(seed: int) -> dict[str, Any]:
    world = World(protocol=Lines(), seed=seed, whole=seed % 2 == 0, on_data=Answering(seed))
    world.client()
    world.run(seconds=1)
    converse(world, seed, REQUESTS, RULES)
    (connection,) = world.proxy.connections
    assert len(connection.decisions._by_exchange or ()) <= 2
    return told(world)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_passes_uncut_is_what_passes_message_by_message(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sifted = lines(seed)
    monkeypatch.setattr(Decisions, "passes", lambda *_: False)
    assert sifted == lines(seed)


# The real protocols.

COUNTED = (
    "delay sleep=0 after=1000000",
    "delay sleep=0 every=2",
    "delay sleep=0.01 percent=30",
    "delay before=false sleep=0.01 every=3",
    "delay direction=to_backend sleep=0 percent=20",
    "slicer size=300 percent=30 scope=exchange",
    "duplicate-request percent=10",
    "error percent=10",
)
MATCHING = (
    "delay before=false sleep=0.01",
    "delay before=false sleep=0 percent=60",
    "slicer size=300 scope=exchange times=3",
)


def real(name: str, seed: int) -> dict[str, Any]:
    plugins.install()
    talk = TALKS[name]
    protocol = registry.protocols.get(name.partition(",")[0])()
    world = World(
        protocol=protocol, seed=seed, whole=seed % 2 == 0, on_data=talks.Answering(talk, seed)
    )
    client = world.client()
    world.run(seconds=1)
    world.apply(COUNTED[seed % len(COUNTED)])
    world.backends[0].say(talk.greeting)
    client.say(b"".join(talk.opening))
    rules = [*COUNTED, *(f"{rule} {match}" for rule in MATCHING for match in talk.matches)]
    converse(world, seed, tuple(talk.requests), rules)
    return told(world)


@pytest.mark.parametrize("seed", range(24))
@pytest.mark.parametrize("name", TALKS)
def test_it_does_in_every_protocol(name: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    sifted = real(name, seed)
    monkeypatch.setattr(Decisions, "passes", lambda *_: False)
    assert sifted == real(name, seed)


# What has to come between messages that would pass.


def test_a_reply_goes_between_responses_on_which_nothing_acts() -> None:
    world = World("error fault=BUSY key=b", protocol=Lines(), whole=True)
    client = world.client()
    for said in (b"GET a\nGET b\n", b"GET c\n"):
        client.say(said)
        world.run(seconds=1)
    world.backends[0].say(b"1\n2\n")
    world.run(seconds=1)
    assert bytes(client.heard) == b"1\nBUSY no\n2\n"
