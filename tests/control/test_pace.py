"""The pace of the API beside traffic."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from vaurien.control.pace import BURST, LONGEST, SHARE, WINDOW, Pace, Paced

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send


class Machine:
    """Clocks that a test sets."""

    def __init__(self) -> None:
        self.now = self.traffic = self.others = 0.0
        self.pace = Pace(lambda: self.traffic, lambda: self.traffic + self.others, lambda: self.now)

    def pass_time(self, seconds: float, *, traffic: float, others: float) -> float:
        """Let time pass, of which these parts are computed; return the pause that follows."""
        self.now += seconds
        self.traffic += traffic * seconds
        self.others += others * seconds
        return self.pace.pause()


def test_without_traffic_nobody_waits() -> None:
    machine = Machine()
    assert [machine.pass_time(1, traffic=0.1, others=0.9) for _ in range(3)] == [0, 0, 0]


def test_beside_traffic_others_get_their_share() -> None:
    machine = Machine()
    machine.pass_time(1, traffic=1, others=0)
    assert machine.pass_time(1, traffic=0.8, others=SHARE) == 0
    took = 4 * BURST
    pause = machine.pass_time(took, traffic=1, others=1)
    assert pause == pytest.approx((took - BURST) / SHARE - took)
    assert machine.pass_time(pause, traffic=1, others=0) == pytest.approx(0)


def test_traffic_that_pauses_ends_the_waiting() -> None:
    machine = Machine()
    machine.pass_time(1, traffic=1, others=0)
    assert machine.pass_time(1, traffic=0.5, others=0.5) > 0
    assert machine.pass_time(WINDOW, traffic=0, others=1) == 0


def test_a_short_moment_does_not_count_as_busy() -> None:
    machine = Machine()
    assert machine.pass_time(WINDOW / 2, traffic=1, others=1) == 0


def test_where_the_time_of_traffic_is_unknown_nobody_waits() -> None:
    machine = Machine()
    assert machine.pass_time(9, traffic=0, others=1) == 0


class Demanding(Pace):
    """Has every request wait for long."""

    def __init__(self) -> None:
        super().__init__(lambda: 0.0)

    def pause(self) -> float:
        return 60.0


def test_requests_wait_for_a_limited_time_in_all() -> None:
    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        done.append(asyncio.get_running_loop().time())

    async def act() -> None:
        paced = Paced(served, Demanding())
        began = asyncio.get_running_loop().time()
        requests = (paced({}, None, None) for _ in range(100))  # type: ignore[arg-type]  # unused
        await asyncio.gather(*requests)
        assert len(done) == 100
        assert all(at - began >= LONGEST / 2 for at in done)

    done: list[float] = []
    asyncio.run(asyncio.wait_for(act(), 100 * LONGEST))
