"""Drains of connections whose protocol is parsed: no answer is cut."""

from __future__ import annotations

from functools import partial

import pytest

from lines import Lines
from scenario import Peer, World
from vaurien.net.drain import DRAIN_IDLE


def answer_lines(peer: Peer, data: bytes) -> None:
    """A backend that answers each request with a line."""
    peer.say(b"a\n" * data.count(b"\n"))


def asks_again(client: Peer, data: bytes) -> None:
    """A client that sends its next request as soon as it has its answer."""
    if client.heard.endswith(b"e\n"):
        client.say(b"GET next\n")


def answers_slowly(peer: Peer, data: bytes) -> None:
    """A backend that answers each request in pieces, with pauses longer than an idle drain."""
    for number, piece in enumerate((b"BODY 6\n", b"ab", b"cd", b"e\n")):
        peer.world.reactor.call_later(0.3 * (number + 1), partial(peer.say, piece))


@pytest.mark.parametrize(
    "rules", [(), ("dummy",), ("delay before=false sleep=0.2",), ("hang after=1000",)]
)
@pytest.mark.parametrize("moment", [0.05, 0.25, 0.5, 1.0, 1.19, 1.2, 1.21, 2.0, 3.0])
def test_a_drain_closes_a_busy_client_after_a_whole_answer(
    rules: tuple[str, ...], moment: float
) -> None:
    world = World(*rules, protocol=Lines(), on_data=answers_slowly, whole=True)
    client = world.client(asks_again)
    client.say(b"GET first\n")
    world.run(seconds=moment)
    answers = client.heard.count(b"e\n")
    done: list[float] = []
    world.proxy.drain(lambda: done.append(world.system.time), 30)
    world.run(lambda: bool(done), seconds=100)
    assert client.ended == "fin"
    assert not client.sock.reset  # though it has sent another request
    assert bytes(client.heard) == b"BODY 6\nabcde\n" * client.heard.count(b"e\n")
    assert client.heard.count(b"e\n") == answers + 1
    assert done
    assert done[0] < moment + 4


@pytest.mark.parametrize("finishes", [False, True])
@pytest.mark.parametrize("rules", [(), ("dummy",), ("delay before=false sleep=0.2",)])
def test_a_client_has_the_end_with_its_last_answer(rules: tuple[str, ...], finishes: bool) -> None:
    """And may close then; if it does not, that makes no difference."""
    world = World(*rules, protocol=Lines(), on_data=answers_slowly, whole=True)
    client = world.client()
    client.say(b"GET first\n")
    world.run(seconds=0.5)
    done: list[float] = []
    world.proxy.drain(lambda: done.append(world.system.time), 30)
    world.run(lambda: bool(client.ended), seconds=100)
    ended_at = world.system.time
    assert ended_at == pytest.approx(client.heard_at[-1])
    client.say(b"GET more\n", finish=finishes)
    world.backends[0].say(b"!unasked\n")
    world.run(lambda: bool(done), seconds=100)
    assert done[0] - ended_at <= 2 * DRAIN_IDLE
    assert not client.sock.reset
    assert bytes(client.heard) == b"BODY 6\nabcde\n"


def test_a_drain_answers_all_that_was_pipelined_before() -> None:
    world = World("delay before=false sleep=1", protocol=Lines(), on_data=answer_lines, whole=True)
    client = world.client()
    client.say(b"GET a\n" * 5)
    world.run(seconds=0.1)
    world.proxy.drain(lambda: None, 30)
    client.say(b"GET b\n" * 5)
    world.run(lambda: bool(client.ended), seconds=100)
    assert (client.ended, bytes(client.heard)) == ("fin", b"a\n" * 5)


def test_a_drain_that_is_called_off_serves_as_before() -> None:
    world = World(protocol=Lines(), on_data=answer_lines, whole=True)
    client = world.client()
    world.run(seconds=0.05)
    world.proxy.drain(lambda: None, 30)
    world.run(seconds=0.01)
    world.proxy.open()
    for _ in range(3):
        client.say(b"GET a\n")
        world.run(seconds=1)
    assert (client.ended, bytes(client.heard)) == ("", b"a\n" * 3)


def test_a_drain_closes_as_soon_as_the_last_answer_has_been_sent() -> None:
    world = World(protocol=Lines(), on_data=answers_slowly, whole=True)
    client = world.client()
    client.say(b"GET a\n")
    world.run(seconds=0.1)
    world.proxy.drain(lambda: None, 30)
    world.run(lambda: bool(client.ended), seconds=100)
    assert (client.ended, bytes(client.heard)) == ("fin", b"BODY 6\nabcde\n")
    assert world.system.time == client.heard_at[-1]


def test_a_drain_waits_until_a_slow_client_has_taken_its_answer() -> None:
    def answers_much(peer: Peer, data: bytes) -> None:
        answer = b"BODY 69000\n" + bytes(69_000)  # more than the client's system takes
        peer.world.reactor.call_later(1, partial(peer.say, answer))

    world = World("dummy", protocol=Lines(), on_data=answers_much, whole=True)
    client = world.client()
    client.read(wanted=False)
    client.say(b"GET a\n")
    world.run(seconds=0.1)
    world.proxy.drain(lambda: None, 30)
    world.run(seconds=5)
    client.read(wanted=True)
    world.run(lambda: bool(client.ended), seconds=100)
    assert (client.ended, len(client.heard)) == ("fin", 69_011)
