"""Random traffic under rules that come and go: when all have left, nothing is left of them."""

from __future__ import annotations

from random import Random

import pytest

from lines import Lines
from scenario import Peer, World
from vaurien.net.spec import Limits

RULES = (
    "abort percent=50",
    "accept-then-silence percent=50",
    "bandwidth rate=20000 percent=50",
    "bandwidth rate=50000 shared=true",
    "blackout percent=50",
    "corrupt rate=0.01",
    "delay sleep=0.3 percent=50",
    "delay sleep=0.3 before=false percent=50",
    "half-open percent=50",
    "half-open direction=to_client",
    "hang percent=50",
    "hang direction=to_client percent=50",
    "hang direction=to_backend on=0.1 off=0.2",
    "latency delay=0.05 jitter=0.05",
    "limit-data bytes=5000 percent=50",
    "limit-data bytes=50 scope=exchange percent=50",
    "no-backend percent=50",
    "packet-loss loss=20",
    "partial-reply percent=50",
    "partial-reply percent=50 then=rst",
    "partial-reply percent=50 then=fin",
    "refuse percent=50",
    "reply-lost percent=50",
    "reply-lost percent=50 reset=true",
    "request-lost percent=50",
    "request-lost percent=50 reset=true",
    "reset percent=50 seconds=0.2",
    "reset percent=50 bytes=3000",
    "slicer size=300 delay=0.001",
    "slow-accept delay=0.3 percent=50",
    "slow-close delay=0.5 percent=50",
    "timeout percent=50 idle=0.5",
    "timeout percent=50 lifetime=0.5 data=pass",
    "timeout percent=50",
)
FRAMED = (
    "duplicate-request percent=50",
    "error percent=50",
    "error fault=BYE percent=50",
    "error fault=UNDONE percent=50",
    "transient",
)
STREAMED = ("duplicate percent=50", "reorder percent=50")
SIZES = (1, 100, 20_000, 400_000)
REQUESTS = (b"GET a\n", b"PUT 5\nabc\ne", b"PUT 300000\n" + bytes(300_000), b"QUIET x\n", b"GE")
RESPONSES = (b"a\n", b"BODY 7\n1234567", b"BODY 300000\n" + bytes(300_000), b"MORE\n", b"!n\n")


class Traffic:
    """Clients and backends that say anything, at any time read or not, and end in any way."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.framed = seed % 3 == 0
        self.updates = seed % 2 == 0 or seed >= 280
        limits = Limits(timeout=self.random.choice([0, 0, 3]))
        protocol = Lines() if self.framed else None
        self.world = World(protocol=protocol, seed=seed, whole=seed % 2 == 0, limits=limits)
        self.rules = RULES + (FRAMED if self.framed else STREAMED)
        self.clients: list[Peer] = []
        self.gone: set[Peer] = set()

    def some_rules(self) -> list[str]:
        if self.random.random() < 0.3:
            return []
        chosen = self.random.sample(self.rules, self.random.randint(1, 3))
        if not self.updates:
            return [f"{rule} name=r{self.rules.index(rule)}" for rule in chosen]
        named = {rule.split()[0]: rule for rule in chosen}  # so that options and percents change
        percent = self.random.choice(["", " percent=0", " percent=20", " percent=90"])
        return [
            f"{rule} name={name}" + percent * ("percent" not in rule)
            for name, rule in named.items()
        ]

    def step(self) -> None:
        random, world = self.random, self.world
        what = random.random()
        if what < 0.2:
            world.apply(*self.some_rules())
        elif what < 0.3 or not self.clients:
            try:
                self.clients.append(world.client())
            except ConnectionRefusedError:
                return
        else:
            client = random.random() < 0.6
            peers = [
                each
                for each in (self.clients if client else world.backends)
                if each not in self.gone
            ]
            if peers:
                self.act(random.choice(peers), client=client)
        if random.random() < 0.6:
            world.run(seconds=random.choice([0.0001, 0.01, 0.1, 1]))

    def act(self, peer: Peer, *, client: bool) -> None:
        random = self.random
        what = random.random()
        if what < 0.6:
            words = REQUESTS if client else RESPONSES
            peer.say(random.choice(words) if self.framed else bytes(random.choice(SIZES)))
        elif what < 0.75:
            peer.read(wanted=not peer.reads)
        elif what < 0.85:
            peer.finish()
        else:
            self.end(peer)

    def end(self, peer: Peer) -> None:
        if peer not in self.gone:
            self.gone.add(peer)
            peer.reset() if self.random.random() < 0.5 else peer.close()

    def leave(self) -> None:
        """All clients go, and then the rules; backends close when they see their client's end."""
        random, world = self.random, self.world
        rules_first = random.random() < 0.5
        if rules_first:
            world.apply()
        for client in self.clients:
            self.end(client)
        world.run(seconds=random.choice([0, 0.01, 10]))
        world.apply()
        for _ in range(20):
            world.run(seconds=10)
            for backend in world.backends:
                if backend.ended:
                    self.end(backend)
                elif backend not in self.gone:
                    backend.read(wanted=True)


@pytest.mark.parametrize("seed", range(420))
def test_nothing_is_left(seed: int) -> None:
    traffic = Traffic(seed)
    for _ in range(traffic.random.randint(10, 80)):
        traffic.step()
    traffic.leave()
    world = traffic.world
    assert not world.proxy.connections, [
        (
            c.in_use(),
            [
                (
                    link.direction,
                    link.player,
                    link.ending,
                    link.dead,
                    link.end_sent,
                    link.blocked,
                    link.source.interest,
                )
                for link in c.links
            ],
        )
        for c in world.proxy.connections
    ]
