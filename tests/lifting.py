"""A rule that is lifted at any moment: whatever it only delayed comes out whole."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from scenario import Peer, World
from vaurien.net.simulated import SimulationOver

QUESTION = random.Random(1).randbytes(2_000)
ANSWER = random.Random(2).randbytes(3_000)
ENOUGH = 10_000.0
"""Seconds after which nothing happens but that peers are looked for which may be gone."""


@dataclass
class Lifted:
    """A conversation in which a rule was lifted, now that nothing can happen any more."""

    client: Peer
    backend: Peer
    early: bool
    """Something would still have happened without that."""

    @property
    def question(self) -> bytes:
        """What the backend heard."""
        return bytes(self.backend.heard)

    @property
    def answer(self) -> bytes:
        """What the client heard."""
        return bytes(self.client.heard)

    @property
    def ends(self) -> tuple[str, str]:
        """How it ended for the backend and for the client."""
        return self.backend.ended, self.client.ended

    @property
    def over_at(self) -> float:
        return self.client.world.system.time


def lifted_at_any_moment(rule: str, *, seeds: int = 3) -> Iterator[Lifted]:
    """Conversations under a rule that is lifted after one event, after two, and so on to the end.

    The client asks QUESTION and says no more; the backend, once it is reached, does the same with
    ANSWER.
    """
    for seed in range(seeds):
        moment = 0
        while True:
            lifted = _converse(World(rule, seed=seed), moment)
            yield lifted
            if not lifted.early:
                break
            moment += 1
        assert moment


def _converse(world: World, moment: int) -> Lifted:
    client = world.client()
    client.say(QUESTION, finish=True)
    answered = False

    def goes_on() -> bool:
        nonlocal answered
        if world.backends and not answered:
            answered = True
            world.backends[0].say(ANSWER, finish=True)
        try:
            world.reactor.run_once()
        except SimulationOver:
            return False
        return True

    early = all(goes_on() and world.system.time < ENOUGH for _ in range(moment))
    world.apply()
    while goes_on():
        pass
    (backend,) = world.backends
    return Lifted(client, backend, early)
