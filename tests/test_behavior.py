"""What every behavior has before it says anything of its own."""

from __future__ import annotations

from acting import actions_of, firing, request, response
from vaurien.actions import Forward
from vaurien.behavior import Behavior
from vaurien.messages import Direction


def test_a_behavior_forwards_unless_it_says_otherwise() -> None:
    for message in (request(b"?"), response(b"!")):
        assert actions_of(Behavior(), message) == [Forward(message)]


def test_a_behavior_may_act_on_both_directions() -> None:
    assert all(map(Behavior().concerns, Direction))
    assert not Behavior.inert


def test_a_firing_has_randomness_of_its_own() -> None:
    one = firing(seed=1)
    assert one.random().randbytes(8) == one.random().randbytes(8)
    assert one.random().randbytes(8) == firing(seed=1).random().randbytes(8)
    assert one.random().randbytes(8) != firing(seed=2).random().randbytes(8)
    assert one.random().randbytes(8).hex() == "f5b165224a58b791"
