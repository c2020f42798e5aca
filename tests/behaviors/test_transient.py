"""transient fails at first, and then works."""

from __future__ import annotations

import pytest

from acting import actions_of, firing, response
from lines import Lines
from vaurien.behaviors.error import NOISE
from vaurien.behaviors.transient import Transient
from vaurien.values.actions import Forward
from vaurien.values.messages import Direction


def failures(transient: Transient, exchanges: int) -> list[int]:
    """Which of this many exchanges fail, counted from 1."""
    fine = response(b"fine\n")
    return [
        count
        for count in range(1, exchanges + 1)
        if actions_of(transient, fine, firing(count, protocol=Lines())) != [Forward(fine)]
    ]


@pytest.mark.parametrize(
    ("transient", "failing"),
    [
        (Transient(), [1]),
        (Transient(agitate=3), [1, 2, 3]),
        (Transient(agitate=0), []),
        (Transient(agitate=2, warmup=3), [4, 5]),
    ],
)
def test_so_many_exchanges_fail_after_the_warmup(transient: Transient, failing: list[int]) -> None:
    assert failures(transient, 10) == failing


def test_it_fails_as_error_does() -> None:
    fine = response(b"fine\n")
    fired = firing(protocol=Lines())
    assert actions_of(Transient().fit(Lines), fine, fired) == [
        Forward(fine.with_data(b"BUSY no\n"))
    ]
    (action,) = actions_of(Transient(inject=True).fit(Lines), fine, fired)
    assert isinstance(action, Forward)
    assert len(action.message.data) == len(fine.data) + NOISE


def test_requests_are_none_of_its_business() -> None:
    assert not Transient().concerns(Direction.TO_BACKEND)
