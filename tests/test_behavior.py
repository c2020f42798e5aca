"""Behaviors do nothing by themselves."""

from __future__ import annotations

from acting import ARRIVAL, actions_of, firing, request, response
from vaurien.behavior import HOOKS, Behavior, Delaying, Firing
from vaurien.protocols.tcp import Tcp
from vaurien.values.actions import Actions, Forward, Wait
from vaurien.values.messages import Direction, Ended, Message


class Hooked(Behavior):
    def on_message(self, message: Message, firing: Firing) -> Actions:
        yield Forward(message)

    def on_open(self, firing: Firing) -> Actions:
        yield from ()


def test_a_behavior_forwards_unless_it_says_otherwise() -> None:
    for message in (request(b"?"), response(b"!")):
        assert actions_of(Behavior(), message) == [Forward(message)]


def test_a_behavior_lets_connections_begin_be_and_end() -> None:
    behavior, fired = Behavior(), firing()
    assert list(behavior.on_connect(fired)) == []
    assert list(behavior.on_open(fired)) == []
    assert list(behavior.on_end(Ended(Direction.TO_CLIENT, ARRIVAL, reset=False), fired)) == []


def test_a_behavior_may_act_on_both_directions() -> None:
    assert all(map(Behavior().concerns, Direction))
    assert not Behavior.inert
    assert not Behavior.refuses
    assert not Behavior.per_connection


def test_by_itself_it_is_drawn_for_by_exchange() -> None:
    assert Behavior.scopes == ("exchange", "connection")
    behavior = Behavior()
    assert behavior.fit(Tcp) is behavior
    assert behavior.applies_to == {}
    assert Behavior().detail(firing()) == ""


def test_it_is_known_what_a_behavior_does_something_in() -> None:
    assert [hook for hook in HOOKS if Behavior.overrides(hook)] == []
    assert [hook for hook in HOOKS if Hooked.overrides(hook)] == ["on_open", "on_message"]


class Late(Delaying):
    def release_at(self, message: Message, firing: Firing) -> float:
        return message.at + 2


class Louder(Late):
    def on_message(self, message: Message, firing: Firing) -> Actions:
        yield Forward(message.with_data(message.data.upper()))


def test_what_only_delays_can_be_asked_until_when() -> None:
    message, late = request(b"?"), Late()
    assert late.delaying is late
    assert late.release_at(message, firing()) == ARRIVAL + 2
    assert actions_of(late, message) == [Wait(ARRIVAL + 2), Forward(message)]
    assert actions_of(Delaying(), message) == [Forward(message)]


def test_what_does_more_than_to_delay_is_asked_for_its_actions() -> None:
    assert Louder().delaying is None
    assert Hooked().delaying is None
    assert actions_of(Louder(), request(b"a")) == [Forward(request(b"A"))]
