"""Random traffic from a seed: each peer receives what it should, whatever rules come and go."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from lines import Lines
from scenario import Peer, World, echo
from vaurien import registry
from vaurien.behavior import Behavior, Firing
from vaurien.values.actions import Actions, Forward, Reply
from vaurien.values.events import PluginFailed
from vaurien.values.messages import Message

SEEDS = range(140)
UPDATING = 150
"""From this seed on, rules with the same behavior are one rule with other values."""


class Mine(Behavior):
    """Replies in the backend's place at the end of the request."""

    name = "test-seeded-mine"
    lasting = True

    def on_message(self, message: Message, firing: Firing) -> Actions:
        if not message.to_backend:
            yield Forward(message)
        elif message.ends and message.expects_reply:
            yield Reply(b"mine\n")


registry.register(Mine)


def some(random: Random, rules: Sequence[str], *, none: float, seed: int) -> list[str]:
    """Return up to three of the rules; none with probability ``none``."""
    if random.random() < none:
        return []
    chosen = random.sample(rules, random.randint(0, 3))
    if seed < UPDATING:
        return [f"{rule} name=r{rules.index(rule)}" for rule in chosen]
    return [
        f"{rule} name={name}" for name, rule in {rule.split()[0]: rule for rule in chosen}.items()
    ]


def say_in_two(world: World, random: Random, peer: Peer, data: bytes, rules: Sequence[str]) -> None:
    """Send it at once, or in two pieces between which the rules may change."""
    cut = random.randint(0, len(data)) if random.random() < 0.4 else len(data)
    peer.say(data[:cut])
    if random.random() < 0.7:
        world.run(seconds=random.choice([0.001, 0.1, 2]))
    if random.random() < 0.3:
        world.apply(*some(random, rules, none=0.4, seed=world.seed))
    peer.say(data[cut:])


def failures(world: World) -> list[str]:
    return [event.traceback for event in world.events if isinstance(event, PluginFailed)]


# Bytes.

INERT = (
    "delay sleep=0.01",
    "delay before=false sleep=0.02",
    "delay before=false sleep=0.5 answer=~b",
    "delay scope=connection sleep=0.3",
    "delay sleep=1 times=3 every=2",
    "hang",
    "hang command=PUT",
    "hang direction=to_client ttl=0.3",
    "error fault=BUSY warmup=100000",
    "partial-reply fraction=1",
    "partial-reply bytes=3 percent=50",
    "transient agitate=0",
    "latency delay=0.05 jitter=0.05",
    "latency delay=0.02 jitter=0.05 distribution=pareto correlation=50 scope=connection",
    "latency delay=0..1/5 percent=0..100/3",
    "bandwidth rate=20000",
    "bandwidth rate=50000..1000/10 shared=true burst=1000",
    "slicer size=300 variation=299 delay=0.001",
    "slicer size=1..5000/3 scope=exchange",
    "packet-loss loss=20",
    "hang on=0.05 off=0.2",
    "delay sleep=0.2 on=0.1 off=0.15 start=0.3 stop=5 ttl=4",
    "slow-close delay=0.5",
    "half-open",
    "timeout lifetime=100000 idle=100000 data=pass",
)
"""Rules that change no byte if they are lifted in the end."""

REQUESTS = (
    b"GET a\n",
    b"PUT 5\nabc\ne",
    b"PUT 0\n",
    b"PUT 30000\n" + bytes(30_000),
    b"QUIET x\n",
    b"AND x\n",
)
RESPONSES = (
    b"a\n",
    b"b\n",
    b"BODY 7\n1234567",
    b"BODY 40000\n" + bytes(40_000),
    b"MORE\n",
    b"!n\n",
    b"ERROR\n",
)


@pytest.mark.parametrize("seed", SEEDS)
def test_rules_that_are_lifted_leave_every_byte_as_it_was(seed: int) -> None:
    random = Random(seed)
    turns = [b"OPAQUE\n\n\n"] if random.random() < 0.2 else []
    broken = random.random() < 0.15
    world = World(protocol=Lines(), seed=seed, whole=seed % 2 == 0)
    world.system.turn = 0.002 * (seed % 5 == 0)
    client = world.client()
    world.run(lambda: bool(world.backends))
    backend = world.backends[0]
    said = {client: b"GET first\n", backend: b""}
    client.say(said[client])
    for _ in range(random.randint(5, 60)):
        what = random.random()
        if what < 0.3:
            world.apply(*some(random, INERT, none=0.4, seed=world.seed))
        elif what < 0.9:
            peer = client if what < 0.6 else backend
            data = random.choice(REQUESTS if peer is client else RESPONSES)
            if peer is backend and turns and random.random() < 0.1:
                data = turns[0]
            if broken and random.random() < 0.05:
                data = b"\n" if peer is client else b"BODY x\nzz"
            said[peer] += data
            say_in_two(world, random, peer, data, INERT)
        if random.random() < 0.5:
            world.run(seconds=random.choice([0.001, 0.1, 3]))
    if random.random() < 0.3:
        said[client] += b"PUT 10\nab"
        client.say(b"PUT 10\nab")
    world.apply(*some(random, INERT, none=0.4, seed=world.seed))
    world.run(seconds=random.choice([0, 1]))
    world.apply()
    world.run(seconds=1000)
    said[backend] += b"!last\n"
    backend.say(b"!last\n")
    world.run(seconds=1)
    assert bytes(backend.heard) == said[client]
    assert bytes(client.heard) == said[backend]
    (connection,) = world.proxy.connections
    if not broken:
        assert failures(world) == []
        assert connection.must_finish or all(link.quiet for link in connection.links)
    client.finish()
    world.run(lambda: bool(backend.ended), seconds=1)
    backend.finish()
    world.run(lambda: bool(client.ended), seconds=1)
    assert (client.ended, backend.ended) == ("fin", "fin")


# Answers.

RULES = (
    "delay sleep=0.01",
    "delay sleep=0.3 scope=connection",
    "delay before=false sleep=0.3 percent=30",
    "delay before=false sleep=0.5 answer=~3 percent=40 mix=late",
    "hang",
    "error fault=BUSY percent=40",
    "error fault=BUSY command=PUT ttl=0.5",
    "error fault=BUSY answer=~r1.* percent=50 mix=late",
    "test-seeded-mine percent=30",
    "duplicate-request percent=50",
    "duplicate-request command=PUT ttl=1",
    "duplicate-request scope=connection percent=60",
    "error fault=BUSY percent=40 on=0.2 off=0.1",
    "error fault=BUSY percent=0..80/3 start=0.1 ttl=4",
    "test-seeded-mine percent=50 on=0.1 off=0.3",
    "duplicate-request percent=70 on=0.1 off=0.1",
    "latency delay=0.1 jitter=0.1 percent=60",
    "slicer size=50 variation=49 delay=0.0001",
    "bandwidth rate=30000 shared=true",
)
"""Rules under which each request gets one answer."""

INSTEAD = (b"mine", b"BUSY no", b"HIDDEN")
"""What a client may get in place of the backend's response."""


class Backend:
    """Answers each request with its key: in a line, with a body, or in two responses."""

    def __init__(self, world: World, random: Random) -> None:
        self.world = world
        self.random = random
        self.done = 0  # bytes of the requests that it has answered

    def answer(self) -> bool:
        """Answer what has arrived; False if nothing new has."""
        before = self.done
        (peer,) = self.world.backends
        while (end := peer.heard.find(b"\n", self.done) + 1) > 0:
            words = bytes(peer.heard[self.done : end]).split()
            end += int(words[1]) if words[0] == b"PUT" else 0
            if len(peer.heard) < end:
                break
            self.done = end
            if words[0] not in (b"QUIET", b"AND"):
                self._tell(peer, b"r" + words[-1])
        return self.done > before

    def _tell(self, peer: Peer, word: bytes) -> None:
        if self.random.random() < 0.1:
            peer.say(b"!push\n")
        forms = (b"%b\n", b"BODY 4 %b\nxyz\n", b"MORE %b\n" + word + b"\n")
        say_in_two(self.world, self.random, peer, forms[sum(word) % 3] % word, RULES)


def heard_by(client: Peer) -> list[bytes]:
    """The last response to each request: its line, or of one with a body the word before it."""
    lines = iter(bytes(client.heard).splitlines())
    heard = []
    for line in lines:
        if line.startswith(b"BODY"):
            assert next(lines) == b"xyz"
            heard.append(line.split()[-1])
        elif not line.startswith((b"!", b"MORE")):
            heard.append(line)
    return heard


@pytest.mark.parametrize("seed", SEEDS)
def test_each_request_has_one_answer_in_its_turn(seed: int) -> None:
    random = Random(seed)
    hides = seed % 4 > 1
    protocol = Lines(hides="TLS" if hides else "")
    world = World(protocol=protocol, seed=seed, whole=seed % 2 == 0)
    world.system.turn = 0.002 * (seed % 5 == 0)
    client = world.client()
    world.run(lambda: bool(world.backends))
    backend = Backend(world, random)
    asked = []
    for step in range(random.randint(5, 50)):
        if random.random() < 0.25:
            world.apply(*some(random, RULES, none=0.35, seed=world.seed))
        verb = random.choice([b"GET", b"GET", b"PUT", b"QUIET", b"AND"])
        key = b"%d" % (step + 100)
        if verb in (b"GET", b"PUT"):
            key = b"TLS" + key if hides and random.random() < 0.2 else key
            asked.append(key)
        data = b"%b %b\n" % (verb, key)
        if verb == b"PUT":
            size = random.choice([0, 3, 5, 20_000])
            data = b"PUT %d %b\n" % (size, key) + bytes(size)
        say_in_two(world, random, client, data, RULES)
        if random.random() < 0.6:
            world.run(seconds=random.choice([0.001, 0.1, 1]))
            backend.answer()
    more = True
    while more:
        world.apply()
        world.run(seconds=10)
        more = backend.answer()
    heard = heard_by(client)
    assert len(heard) == len(asked)
    wrong = [
        (h, key) for h, key in zip(heard, asked, strict=True) if h not in (*INSTEAD, b"r" + key)
    ]
    assert not wrong
    assert failures(world) == []


# Whole connections.

GENTLE = (
    "delay sleep=0.3",
    "delay sleep=0.1 on=0.1 off=0.3",
    "hang ttl=0.5",
    "hang on=0.2 off=0.1 direction=to_client percent=50",
    "latency delay=0..2/3 jitter=0.2 scope=connection",
    "bandwidth rate=20000 burst=500",
    "bandwidth rate=1000..100000/5 shared=true",
    "slicer size=100 variation=90 delay=0.001",
    "packet-loss loss=10..50/5",
    "timeout lifetime=100000 idle=100000 data=pass",
    "slow-accept delay=0.5",
    "slow-accept delay=0..3/5 percent=50 on=1 off=1",
    "accept-then-silence",
    "accept-then-silence start=0.2 on=0.2 off=0.3",
    "slow-close delay=0.5",
    "slow-close delay=3 percent=50 ttl=2",
    "half-open",
    "half-open direction=to_client on=1 off=1",
    "refuse percent=0",
)
"""Rules that only delay what happens on a connection."""
SHUFFLING = (*GENTLE, "reorder patience=0.2", "reorder chance=30 scope=exchange on=0.5 off=0.2")
"""Rules that also change the order of bytes."""


class Visit:
    """A client that sends something now and then, and gets it echoed."""

    def __init__(self, world: World) -> None:
        self.peer = world.client()
        self.said = b""
        self.over = False

    def act(self, random: Random) -> None:
        if self.over:
            return
        words = random.randbytes(random.choice([1, 10, 3000]))
        self.said += words
        self.over = random.random() < 0.15
        self.peer.say(words, finish=self.over)


def end_what_ended(world: World, finished: set[Peer]) -> None:
    """End the backends that have seen their client's end."""
    for peer in world.backends:
        if peer.ended and peer not in finished:
            finished.add(peer)
            peer.finish()


@pytest.mark.parametrize("rules", [GENTLE, SHUFFLING], ids=["in order", "shuffled"])
@pytest.mark.parametrize("seed", SEEDS)
def test_connections_that_are_only_delayed_lose_nothing(seed: int, rules: tuple[str, ...]) -> None:
    random = Random(seed)
    world = World(seed=seed, whole=seed % 2 == 0, on_data=echo)
    visits: list[Visit] = []
    finished: set[Peer] = set()
    for _ in range(random.randint(10, 40)):
        what = random.random()
        if what < 0.25:
            world.apply(*some(random, rules, none=0.3, seed=world.seed))
        elif what < 0.4 or not visits:
            visits.append(Visit(world))
        else:
            random.choice(visits).act(random)
        if random.random() < 0.6:
            world.run(seconds=random.choice([0.001, 0.1, 0.7]))
            end_what_ended(world, finished)
    world.apply()
    for visit in visits:
        visit.peer.finish()
    for _ in range(3):
        world.run(seconds=1)
        end_what_ended(world, finished)
    assert failures(world) == []
    for visit in visits:
        heard = bytes(visit.peer.heard)
        assert visit.peer.ended == "fin"
        if rules is GENTLE:
            assert heard == visit.said
        else:
            assert sorted(heard) == sorted(visit.said)
    assert not world.proxy.connections
    assert not any(timer.call for *_, timer in world.reactor._timers)


@pytest.mark.parametrize("seed", range(50))
def test_a_run_is_repeated_by_its_seed(seed: int) -> None:
    def run() -> tuple[list[tuple[int, int, str]], list[bytes]]:
        random = Random(seed)
        world = World(*random.sample(SHUFFLING, 4), seed=seed, on_data=echo)
        visits = [Visit(world) for _ in range(3)]
        for _ in range(20):
            random.choice(visits).act(random)
            world.run(seconds=0.2)
        return world.fired, [bytes(visit.peer.heard) for visit in visits]

    assert run() == run()
