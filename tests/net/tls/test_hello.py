"""The ClientHello of a client is read within limits."""

from __future__ import annotations

import pytest

from scenario import Peer, World
from secured import accepted
from vaurien.net.tls.hello import Answer, HelloReader
from vaurien.parsing.client_hello import HELLO_LIMIT, Unread

TWO_RECORDS = bytes.fromhex("16 0301 0001 01")


def reading(limit: float = 5.0) -> tuple[World, Peer, list[tuple[Answer, bytes]]]:
    """A peer, and what becomes of the reader of its hello."""
    world = World(backend=False)
    peer, sock = accepted(world)
    answers: list[tuple[Answer, bytes]] = []

    def note(answer: Answer, data: bytes) -> None:
        answers.append((answer, data))
        world.reactor.discard(sock)

    HelloReader(world.reactor, sock, limit, note)
    return world, peer, answers


def test_something_else_is_given_as_it_was_read() -> None:
    world, peer, answers = reading()
    peer.say(b"GET / HTTP/1.1\r\n\r\n")
    world.run(lambda: answers)
    assert answers[0][0] is Unread.NOT_TLS
    assert b"GET / HTTP/1.1\r\n\r\n".startswith(answers[0][1])


@pytest.mark.parametrize(("act", "error"), [("finish", ConnectionAbortedError), ("reset", OSError)])
def test_a_client_that_ends(act: str, error: type[OSError]) -> None:
    world, peer, answers = reading()
    peer.say(TWO_RECORDS)
    world.run(seconds=1)
    getattr(peer, act)()
    world.run(lambda: answers)
    assert isinstance(answers[0][0], error)


def test_a_client_that_is_silent_is_given_up() -> None:
    world, peer, answers = reading()
    peer.say(TWO_RECORDS)
    world.run(lambda: answers)
    assert isinstance(answers[0][0], TimeoutError)
    assert str(answers[0][0].strerror) == "no ClientHello within 5 s"
    assert world.system.time >= 5


def test_a_hello_that_does_not_end_is_none() -> None:
    world, peer, answers = reading()
    peer.say(TWO_RECORDS * HELLO_LIMIT)
    world.run(lambda: answers)
    assert answers[0][0] is Unread.NOT_TLS
    assert len(answers[0][1]) <= 2 * HELLO_LIMIT
