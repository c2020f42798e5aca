"""What waits for a peer is called back once."""

from __future__ import annotations

import pytest

from scenario import Peer, World
from secured import accepted
from vaurien.net.system import READ
from vaurien.net.tls.awaiting import Awaiting


class Answered(Awaiting[int]):
    """Ends with how many bytes there are."""

    def begin(self, limit: float) -> None:
        self._start(READ, limit)

    def on_event(self, events: int) -> None:
        self._end(self.sock.recv_into(self.reactor.buffer))


def waiting(limit: float) -> tuple[World, Peer, Answered, list[int | OSError]]:
    world = World(backend=False)
    peer, sock = accepted(world)
    outcomes: list[int | OSError] = []

    def note(outcome: int | OSError) -> None:
        outcomes.append(outcome)
        world.reactor.discard(sock)

    awaiting = Answered(world.reactor, sock, note)
    awaiting.begin(limit)
    return world, peer, awaiting, outcomes


@pytest.mark.parametrize("limit", [5.0, float("inf")])
def test_it_is_called_back_once(limit: float) -> None:
    world, peer, awaiting, outcomes = waiting(limit)
    peer.say(b"ab")
    world.run(lambda: outcomes)
    awaiting.on_failure("late")
    world.run(seconds=10)
    assert len(outcomes) == 1
    assert isinstance(outcomes[0], int)


def test_it_gives_up_after_the_limit() -> None:
    world, _, _, outcomes = waiting(5.0)
    world.run(lambda: outcomes)
    assert isinstance(outcomes[0], TimeoutError)
    assert outcomes[0].strerror == "no answer within 5 s"


def test_a_failure_ends_it() -> None:
    world, _, awaiting, outcomes = waiting(5.0)
    awaiting.on_failure("a traceback")
    world.run(seconds=10)
    assert [type(each) for each in outcomes] == [OSError]


def test_who_has_cancelled_hears_nothing() -> None:
    world, peer, awaiting, outcomes = waiting(5.0)
    awaiting.cancel()
    peer.say(b"ab")
    world.run(seconds=10)
    assert outcomes == []
    world.reactor.discard(awaiting.sock)
