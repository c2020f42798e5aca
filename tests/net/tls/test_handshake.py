"""Steps of handshakes have turns."""

from __future__ import annotations

import pytest

from scenario import World
from secured import Certified, client_of
from vaurien.net.reactor import Reactor
from vaurien.net.simulated import SimulatedSystem
from vaurien.net.tls.handshake import Steps
from vaurien.net.tls.spec import Tls


def test_one_step_is_taken_between_two_polls() -> None:
    reactor = Reactor(SimulatedSystem())
    steps, taken = Steps(reactor), []
    for number in range(3):
        steps.take_in_turn(lambda number=number: taken.append(number))  # type: ignore[misc] # mypy cannot infer lambdas with defaults
    for count in range(4):
        assert taken == list(range(min(count, 3)))
        if count < 3:
            reactor.run_once()


def test_a_step_that_fails_does_not_stop_the_others() -> None:
    reactor = Reactor(SimulatedSystem())
    reports: list[str] = []
    reactor.report = reports.append
    steps, taken = Steps(reactor), []

    def fail() -> None:
        raise RuntimeError("a step")

    steps.take_in_turn(fail)
    steps.take_in_turn(lambda: taken.append(1))
    reactor.run_once()
    reactor.run_once()
    assert taken == [1]
    assert len(reports) == 1


@pytest.mark.parametrize("clients", [1, 40])
def test_many_handshakes_at_once(certified: Certified, clients: int) -> None:
    world = World(tls=Tls(mode="terminate", cert=certified.cert))
    talks = [client_of(world, certified) for _ in range(clients)]
    world.run(lambda: all(talk.done for talk in talks))
    assert all(talk.done for talk in talks)
    assert world.events == []
