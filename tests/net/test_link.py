"""One direction of a connection: what it counts, and that no byte is lost or out of order."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lines import Lines
from scenario import Peer, World, echo
from vaurien import registry
from vaurien.behavior import Behavior, Firing
from vaurien.net.connection import Connection
from vaurien.protocol import Parser, Protocol, Stream
from vaurien.values.actions import Actions, Close, Forward, Reply, Wait
from vaurien.values.events import PluginFailed
from vaurien.values.messages import Message


def connected(world: World) -> tuple[Peer, Peer, Connection]:
    """A client, its backend, and the connection between them."""
    before = len(world.backends)
    client = world.client()
    world.run(lambda: len(world.backends) > before, seconds=1)
    (connection,) = world.proxy.connections
    world.run(lambda: bool(connection.links), seconds=1)
    return client, world.backends[before], connection


# Counting.


@pytest.mark.parametrize("rules", [(), ("delay sleep=0",), ("delay after=1000",)])
def test_a_link_counts_bytes_and_chunks(rules: tuple[str, ...]) -> None:
    world = World(*rules, whole=True)
    client, backend, connection = connected(world)
    for _ in range(3):
        client.say(b"12345")
        world.run(seconds=1)
    backend.say(b"1234567")
    world.run(seconds=1)
    assert (connection.to_backend.bytes, connection.to_backend.chunks) == (15, 3)
    assert (connection.to_client.bytes, connection.to_client.chunks) == (7, 1)


def test_a_link_knows_when_it_carried_something_last() -> None:
    world = World(whole=True)
    client, _, connection = connected(world)
    world.run(seconds=10)
    client.say(b"x")
    world.run(seconds=10)
    assert connection.to_backend.active_at == 10.0
    assert connection.active_at == 10.0
    assert connection.to_client.active_at == 0.0


# Quiet and armed.


def test_a_link_is_quiet_where_no_rule_can_act() -> None:
    world = World(whole=True)
    client, _, connection = connected(world)
    assert connection.to_backend.quiet
    world.apply("delay after=1000")
    client.say(b"x")
    world.run(seconds=1)
    assert not connection.to_backend.quiet
    world.apply("dummy")
    client.say(b"x")
    world.run(seconds=1)
    assert connection.to_backend.quiet
    world.apply("hang")
    client.say(b"held")
    world.run(seconds=1)
    assert connection.to_backend.player is not None
    world.apply()
    world.run(seconds=1)
    assert connection.to_backend.player is None
    assert connection.to_backend.quiet


def test_a_link_stays_armed_while_its_sink_takes_no_more() -> None:
    world = World()
    client, backend, connection = connected(world)
    backend.read(wanted=False)
    client.say(bytes(500_000))
    world.run(seconds=1)
    assert connection.to_backend.blocked
    assert not connection.to_backend.quiet
    backend.read(wanted=True)
    world.run(seconds=1)
    assert not connection.to_backend.blocked
    assert connection.to_backend.quiet
    assert len(backend.heard) == 500_000


class Slow(Behavior):
    """Delays each piece a little, in both directions."""

    name: ClassVar[str] = "test-slow"

    def on_message(self, message: Message, firing: Firing) -> Actions:
        yield Wait(message.at + 0.3)
        yield Forward(message)


registry.register(Slow)

fragments = st.one_of(
    st.sampled_from([b"GET key\n", b"QUIET\n", b"PUT 10\n", b"MORE\n", b"BODY 7\n", b"!news\n"]),
    st.sampled_from([b"GE", b"T k", b"ey\n", b"\n", b"1234567", b"PUT 3\nabcPUT 300\n"]),
    st.binary(min_size=1, max_size=300),
)
plans = st.sampled_from(
    [(), ("test-slow",), ("delay sleep=0",), ("hang",), ("test-slow percent=50", "hang percent=20")]
)
steps = st.one_of(
    st.tuples(st.just("client"), fragments),
    st.tuples(st.just("backend"), fragments),
    st.tuples(st.just("plan"), plans),
)


@pytest.mark.parametrize("framed", [False, True])
@settings(max_examples=150, deadline=None)
@given(st.lists(steps, max_size=25), st.integers(0, 2**32))
def test_plans_that_change_at_any_moment_lose_nothing(
    framed: bool, script: list[tuple[str, bytes | tuple[str, ...]]], seed: int
) -> None:
    world = World(seed=seed, protocol=Lines() if framed else None)
    client, backend, _ = connected(world)
    said = {"client": bytearray(), "backend": bytearray()}
    for who, what in script:
        if isinstance(what, bytes):
            said[who] += what
            (client if who == "client" else backend).say(what)
        else:
            world.apply(*what)
        world.run(seconds=0.1)
    world.apply()
    client.finish()
    backend.finish()
    world.run(lambda: bool(client.ended and backend.ended), seconds=100)
    assert (client.ended, backend.ended) == ("fin", "fin")
    assert bytes(backend.heard) == said["client"]
    assert bytes(client.heard) == said["backend"]


def test_a_rule_begins_with_the_next_message_though_a_part_of_this_one_has_passed() -> None:
    world = World(protocol=Lines(), whole=True)
    client, backend, _ = connected(world)
    client.say(b"GET one\nGET t")
    world.run(seconds=1)
    world.apply("hang")
    client.say(b"wo\nGET three\n")
    world.run(seconds=1)
    assert bytes(backend.heard) == b"GET one\nGET two\n"
    world.apply()
    world.run(seconds=1)
    assert bytes(backend.heard) == b"GET one\nGET two\nGET three\n"


@pytest.mark.parametrize(
    ("rule", "passes"), [("abort", b"GET a\nLAST b\n"), ("request-lost", b"GET a\n")]
)
def test_a_link_that_is_cut_lets_go_of_nothing_when_its_rule_is_lifted(
    rule: str, passes: bytes
) -> None:
    world = World(f"{rule} command=LAST", protocol=Lines(), whole=True)
    client, backend, _ = connected(world)
    for data in (b"GET a\n", b"LAST b\nGE"):
        client.say(data)
        world.run(seconds=1)
    world.apply()
    world.run(seconds=1)
    assert bytes(backend.heard) == passes
    backend.say(b"a\n")
    world.run(lambda: bool(client.ended), seconds=1)
    assert (bytes(client.heard), client.ended) == (b"a\n", "fin")


# Parsers that fail.


class Unparsed(Protocol):
    """A protocol without parsers."""

    name: ClassVar[str] = "unparsed"


class Unready(Protocol):
    """A protocol whose parsers fail at once."""

    name: ClassVar[str] = "unready"

    def requests(self, stream: Stream) -> Parser:
        raise RuntimeError("a plugin's mistake")

    def responses(self, stream: Stream) -> Parser:
        yield from ()
        raise RuntimeError("a plugin's mistake")


@pytest.mark.parametrize("rules", [(), ("delay sleep=0",), ("delay after=1000",)])
@pytest.mark.parametrize("protocol", [Unparsed, Unready])
def test_a_parser_that_fails_at_its_start_does_not_break_traffic(
    protocol: type[Protocol], rules: tuple[str, ...]
) -> None:
    world = World(*rules, protocol=protocol(), on_data=echo)
    client = world.client()
    client.say(b"hello")
    world.run(lambda: len(client.heard) == 5, seconds=1)
    assert bytes(client.heard) == b"hello"
    assert world.proxy.totals().gave_up == 1
    assert sum(isinstance(event, PluginFailed) for event in world.events) == 1


def test_rules_go_on_after_a_parser_gave_up_and_exchanges_are_not_numbered_anew() -> None:
    world = World("delay sleep=0", protocol=Lines(), on_data=echo, whole=True)
    client = world.client()
    client.say(b"GET one\n")
    world.run(seconds=1)
    for _ in range(2):
        client.say(b"\n")  # no line may be empty
        world.run(seconds=1)
    fired = [exchange for _, exchange, _ in world.fired if exchange]
    assert len(fired) >= 2
    assert len(fired) == len(set(fired))


def test_answers_wait_for_no_response_that_cannot_be_told_any_more() -> None:
    world = World("test-answer-mine command=MINE", protocol=Lines(), whole=True)
    client, backend, _ = connected(world)
    client.say(b"one\nMINE\n")
    world.run(seconds=1)
    assert bytes(client.heard) == b""
    backend.say(b"BODY of no length\n")
    world.run(seconds=1)
    assert bytes(client.heard) == b"BODY of no length\nMINE\n"
    client.say(b"two\nMINE\n")  # no longer parsed
    world.run(seconds=1)
    assert bytes(client.heard) == b"BODY of no length\nMINE\n"
    assert bytes(backend.heard).endswith(b"two\nMINE\n")


# Replies.


class Answer(Behavior):
    """Replies to each request with the request itself."""

    name: ClassVar[str] = "test-answer-mine"

    def on_message(self, message: Message, firing: Firing) -> Actions:
        if message.to_backend:
            yield Reply(message.data)
        else:
            yield Forward(message)


registry.register(Answer)


class Greet(Behavior):
    """Replies to the sender of each message, and forwards the message."""

    name: ClassVar[str] = "test-greet"

    def on_message(self, message: Message, firing: Firing) -> Actions:
        yield Reply(b"to client;" if message.to_backend else b"to backend;")
        yield Forward(message)


registry.register(Greet)


class AnswerLines:
    """A backend that echoes: some lines twice, some not at all, and others besides."""

    def __init__(self) -> None:
        self._done = 0

    def __call__(self, peer: Peer, data: bytes) -> None:
        lines = bytes(peer.heard).splitlines(keepends=True)[: peer.heard.count(b"\n")]
        for line in lines[self._done :]:
            if line.startswith(b"TWICE"):
                peer.say(b"MORE " + line)
            if not line.startswith(b"QUIET"):
                peer.say(line)
            if line.startswith(b"NEWS"):
                peer.say(b"!news\n")
        self._done = len(lines)


verbs = st.sampled_from([b"GET", b"MINE", b"QUIET", b"SLOW", b"LATE", b"TWICE", b"NEWS"])
ANSWERING = (
    "test-answer-mine command=MINE",
    "delay sleep=0.5 command=SLOW",
    "delay sleep=0.7 before=no command=LATE",
    "delay sleep=0.3 percent=20",
    "test-slow percent=20",
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(verbs, st.sampled_from([0.0, 0.1, 0.4])), max_size=12), st.integers(0))
def test_a_client_hears_answers_and_responses_in_the_order_of_its_requests(
    script: list[tuple[bytes, float]], seed: int
) -> None:
    world = World(*ANSWERING, seed=seed, protocol=Lines(), on_data=AnswerLines())
    client, backend, _ = connected(world)
    expected = b""
    for number, (verb, pause) in enumerate(script):
        line = b"%s %d\n" % (verb, number)
        client.say(line)
        world.run(seconds=pause)
        if verb == b"TWICE":
            expected += b"MORE " + line
        if verb != b"QUIET":
            expected += line
    client.finish()
    world.run(lambda: bool(backend.ended), seconds=100)
    backend.finish()
    world.run(lambda: bool(client.ended), seconds=100)
    assert bytes(client.heard).replace(b"!news\n", b"") == expected


def test_an_answer_goes_to_the_sender() -> None:
    world = World("test-greet", whole=True)
    client, backend, _ = connected(world)
    client.say(b"question;")
    world.run(seconds=1)
    assert bytes(client.heard) == b"to client;"
    assert bytes(backend.heard) == b"question;"
    backend.say(b"answer;")
    world.run(seconds=1)
    assert bytes(client.heard) == b"to client;answer;"
    assert bytes(backend.heard) == b"question;to backend;"


@pytest.mark.parametrize(
    "say_first",
    [lambda backend: backend.say(b"x" * 300_000), lambda backend: backend.say(b"y")],
    ids=["blocked", "held"],
)
def test_an_answer_comes_behind_what_is_under_way(say_first: Callable[[Peer], None]) -> None:
    world = World("test-greet direction=to_backend", "hang direction=to_client", whole=True)
    client, backend, _ = connected(world)
    client.read(wanted=False)
    say_first(backend)
    world.run(seconds=1)
    client.say(b"question;")
    world.run(seconds=1)
    client.read(wanted=True)
    world.run(seconds=1)
    assert b"to client;" not in client.heard
    world.apply()
    world.run(seconds=1)
    assert bytes(client.heard[-10:]) == b"to client;"
    assert len(client.heard) in (300_010, 11)


class Farewell(Behavior):
    name: ClassVar[str] = "test-farewell"

    def on_message(self, message: Message, firing: Firing) -> Actions:
        if message.to_backend:
            yield Reply(bytes(300_000))
            yield Close()
        else:
            yield Forward(message)


registry.register(Farewell)


@pytest.mark.parametrize("delay", [0, 1])
def test_an_answer_is_sent_whole_before_the_close_behind_it(delay: int) -> None:
    rules = [f"latency delay={delay} direction=to_client", "test-farewell command=BYE"]
    world = World(*rules, protocol=Lines(), on_data=echo)
    client, _, _ = connected(world)
    client.read(wanted=False)
    client.say(b"GET a\nBYE\n")
    world.run(seconds=3)
    client.read(wanted=True)
    world.run(seconds=3)
    assert (len(client.heard), client.ended) == (300_006, "fin")


@pytest.mark.parametrize("leave", [Peer.close, Peer.reset])
def test_a_close_that_waits_for_an_answer_waits_no_longer_than_the_client(
    leave: Callable[[Peer], None],
) -> None:
    world = World("test-farewell command=BYE", protocol=Lines())
    client, _, connection = connected(world)
    client.say(b"GET a\nBYE\n")
    world.run(seconds=10)
    assert not connection.closed
    leave(client)
    world.run(seconds=10)
    assert connection.closed


def test_what_is_held_for_a_peer_that_has_reset_is_dropped_at_once() -> None:
    world = World("latency delay=5")
    client, backend, connection = connected(world)
    client.say(b"x")
    world.run(seconds=1)
    before = world.reactor.waiting_bytes
    backend.say(b"y" * 1000)
    world.run(seconds=1)
    assert world.reactor.waiting_bytes > before
    client.reset()
    world.run(seconds=1)
    assert (world.reactor.waiting_bytes, connection.closed) == (before, False)
    world.run(lambda: backend.ended, seconds=100)
    assert bytes(backend.heard) == b"x"


def test_a_rule_does_not_act_on_the_rest_of_what_began_while_it_was_off() -> None:
    """Although it has acted on the message before, and is on again."""
    world = World("delay sleep=1 command=GET on=10 off=10", protocol=Lines(), whole=True)
    client, backend, connection = connected(world)
    client.say(b"GET a\n")
    world.run(seconds=12)
    assert connection.to_backend.quiet
    client.say(b"PUT 6\nabc")
    world.run(seconds=10)
    assert world.proxy.active_plan.rules
    client.say(b"def")
    world.run(seconds=0.5)
    assert bytes(backend.heard) == b"GET a\nPUT 6\nabcdef"
