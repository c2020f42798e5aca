"""timeout closes connections after a time."""

from __future__ import annotations

import pytest

from acting import actions_of, request, response
from lifting import ANSWER, QUESTION, lifted_at_any_moment
from scenario import World, echo
from vaurien.behaviors.timeout import Timeout
from vaurien.errors import OptionError
from vaurien.net.spec import Limits
from vaurien.values.actions import Drop, Forward
from vaurien.values.messages import Direction

AGES = 1e6


def test_bytes_are_dropped_or_pass() -> None:
    for message in (request(b"?"), response(b"!")):
        assert actions_of(Timeout(), message) == [Drop()]
        assert actions_of(Timeout(data="pass"), message) == [Forward(message)]


@pytest.mark.parametrize("way", Direction)
def test_it_says_whether_messages_concern_it(way: Direction) -> None:
    assert Timeout().concerns(way)
    assert not Timeout(data="pass").concerns(way)


def test_bytes_have_no_other_fate() -> None:
    with pytest.raises(OptionError, match="one of drop, pass"):
        Timeout(data="burn")


@pytest.mark.parametrize("rule", ["timeout", "timeout data=pass"])
def test_by_default_it_never_closes(rule: str) -> None:
    world = World(rule, on_data=echo)
    client = world.client()
    client.say(b"hello")
    world.run(seconds=AGES)
    assert client.ended == ""
    assert bytes(client.heard) == (b"hello" if "pass" in rule else b"")


def test_for_ever_is_longer_than_the_proxy_allows_idle_connections() -> None:
    world = World("timeout", limits=Limits(timeout=30))
    client = world.client()
    client.say(b"hello")
    world.run(seconds=3600)
    assert client.ended == ""
    world.apply()
    world.run(lambda: client.ended)
    assert (client.ended, world.system.time) == ("fin", 3600)


@pytest.mark.parametrize("data", ["drop", "pass"])
def test_a_lifetime_counts_from_the_opening(data: str) -> None:
    world = World(f"timeout lifetime=10 data={data}", on_data=echo)
    world.run(seconds=3)
    client = world.client()
    for _ in range(9):
        client.say(b"x")
        world.run(seconds=1)
    assert client.ended == ""
    world.run(lambda: client.ended)
    assert (client.ended, world.system.time) == ("fin", 13)
    assert len(client.heard) == (9 if data == "pass" else 0)
    assert world.backends[0].ended == "fin"


def test_on_an_open_connection_it_counts_from_when_the_rule_came() -> None:
    world = World()
    client = world.client()
    world.run(seconds=100)
    world.apply("timeout lifetime=10")
    world.run(lambda: client.ended)
    assert (client.ended, world.system.time) == ("fin", 110)


@pytest.mark.parametrize("data", ["drop", "pass"])
def test_idle_counts_anew_from_each_byte(data: str) -> None:
    world = World(f"timeout idle=10 data={data}")
    client = world.client()
    for _ in range(5):
        world.run(seconds=9)
        client.say(b"x")
    world.run(lambda: client.ended)
    assert (client.ended, world.system.time) == ("fin", 55)


def test_idle_counts_from_the_rule_on_a_connection_that_has_long_been_so() -> None:
    world = World()
    client = world.client()
    world.run(seconds=100)
    world.apply("timeout idle=10")
    world.run(lambda: client.ended)
    assert world.system.time == 110


def test_what_the_other_direction_says_does_not_count_for_a_rule_that_has_one() -> None:
    world = World("timeout idle=10 direction=to_client data=pass")
    client = world.client()
    for _ in range(5):
        client.say(b"x")
        world.run(seconds=3)
    assert (client.ended, world.system.time) == ("fin", 15)
    world = World("timeout idle=10 direction=to_client data=pass")
    client = world.client()
    world.run(lambda: world.backends)
    for _ in range(5):
        world.backends[0].say(b"x")
        world.run(seconds=3)
    assert client.ended == ""


@pytest.mark.parametrize(("lifetime", "closes_at"), [(8, 8), (12, 12), (20, 14)])
def test_whichever_is_over_first(lifetime: float, closes_at: float) -> None:
    world = World(f"timeout lifetime={lifetime} idle=10")
    client = world.client()
    world.run(seconds=4)
    client.say(b"x")
    world.run(lambda: client.ended)
    assert world.system.time == closes_at


def test_it_drops_in_its_direction_alone() -> None:
    world = World("timeout direction=to_client", on_data=echo)
    client = world.client()
    client.say(b"hello")
    world.run(seconds=AGES)
    assert (bytes(world.backends[0].heard), bytes(client.heard)) == (b"hello", b"")


def test_a_peer_that_ends_ends_the_connection() -> None:
    world = World("timeout")
    client = world.client()
    client.say(b"hello")
    client.finish()
    world.run(lambda: world.backends and world.backends[0].ended)
    assert (bytes(world.backends[0].heard), world.backends[0].ended) == (b"", "fin")


def test_lifted_after_it_dropped_something_it_closes() -> None:
    world = World("timeout", on_data=echo)
    dropped, idle = world.client(), world.client()
    dropped.say(b"hello")
    world.run(seconds=1)
    world.apply()
    idle.say(b"hello")
    world.run(lambda: dropped.ended and len(idle.heard) == 5)
    assert (dropped.ended, bytes(dropped.heard)) == ("fin", b"")
    assert (idle.ended, bytes(idle.heard)) == ("", b"hello")


def test_lifted_in_time_it_never_closes() -> None:
    world = World("timeout lifetime=10 idle=5 data=pass", on_data=echo)
    client = world.client()
    client.say(b"hello")
    world.run(seconds=4)
    world.apply()
    world.run(seconds=AGES)
    assert client.ended == ""


@pytest.mark.parametrize("options", ["", "lifetime=3600", "idle=3600"])
def test_lifting_it_loses_nothing_that_passed(options: str) -> None:
    for lifted in lifted_at_any_moment(f"timeout data=pass {options}"):
        assert (lifted.question, lifted.answer) == (QUESTION, ANSWER)
        assert lifted.ends == ("fin", "fin")
        assert lifted.over_at == 0
