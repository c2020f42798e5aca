"""What rules do before a connection has a backend, while it is open, and when a peer has ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import pytest

from scenario import BACKEND, Peer, World, echo
from vaurien import registry
from vaurien.behavior import Behavior, Firing
from vaurien.net.address import Address
from vaurien.net.spec import Limits
from vaurien.rules.dice import Dice
from vaurien.values.actions import Actions, Close, Drop, Forward, Hold, Refuse, Wait
from vaurien.values.events import Fired, PluginFailed
from vaurien.values.messages import Direction, Ended, Message
from vaurien.values.options import option

ENDS: list[Ended] = []
"""The ends that the behaviors here were called with."""
NOTHING = Message(b"", Direction.TO_BACKEND, 0.0)


def play(script: str, since: float) -> Actions:
    """Yield the actions of a script such as ``wait:2,hold``; times are counted from ``since``."""
    for word in filter(None, script.split(",")):
        what, _, seconds = word.partition(":")
        match what:
            case "wait":
                yield Wait(since + float(seconds))
            case "hold":
                yield Hold()
            case "close" | "reset":
                yield Close(reset=what == "reset")
            case "refuse":
                yield Refuse("it is broken")
            case "forward":
                yield Forward(NOTHING)
            case "drop":
                yield Drop()
            case _:
                raise RuntimeError("a plugin's mistake")


class Connects(Behavior):
    name: ClassVar[str] = "test-connects"
    scopes = ("connection",)
    do: str = option("", "what it does")

    def on_connect(self, firing: Firing) -> Actions:
        yield from play(self.do, firing.now)


class Opens(Behavior):
    name: ClassVar[str] = "test-opens"
    scopes = ("connection",)
    do: str = option("", "what it does")

    def on_open(self, firing: Firing) -> Actions:
        yield from play(self.do, firing.now)


class Ends(Behavior):
    name: ClassVar[str] = "test-ends"
    scopes = ("connection",)
    do: str = option("", "what it does")

    def on_end(self, ended: Ended, firing: Firing) -> Actions:
        ENDS.append(ended)
        yield from play(self.do, ended.at)


class NoGenerator(Behavior):
    name: ClassVar[str] = "test-no-generator"
    scopes = ("connection",)

    def on_connect(self, firing: Firing) -> Actions:
        return None  # type: ignore[return-value] # a plugin's mistake


for behavior in (Connects, Opens, Ends, NoGenerator):
    registry.register(behavior)


@pytest.fixture(autouse=True)
def _forget_ends() -> None:
    ENDS.clear()


def timers(world: World) -> int:
    """Return the number of timers that are set."""
    return sum(timer.call is not None for *_, timer in world.reactor._timers)


def moment(world: World, condition: Callable[[], object]) -> float:
    """Return when a condition comes true."""
    world.run(lambda: bool(condition()), seconds=1000)
    assert condition()
    return world.system.time


def failures(world: World) -> list[str]:
    return [event.traceback for event in world.events if isinstance(event, PluginFailed)]


def has_backend(world: World) -> bool:
    return bool(world.backends)


# Before there is a backend.


@pytest.mark.parametrize(
    ("rules", "dialled_at"),
    [
        (["test-connects do=wait:2"], 2),
        (["test-connects do=wait:2,wait:5"], 5),
        (["test-connects do=wait:2", "test-connects do=wait:3"], 5),
        (["test-connects do=wait:-1", "test-connects do=", "test-connects do=wait:1"], 1),
        (["test-connects do=wait:2 percent=0", "test-connects do=wait:3"], 3),
        (["test-connects do=wait:2 start=1", "test-connects do=wait:3"], 3),
    ],
)
def test_each_rule_is_asked_in_turn_and_then_the_backend_is_dialled(
    rules: list[str], dialled_at: float
) -> None:
    world = World(*rules, on_data=echo)
    client = world.client()
    client.say(b"early words")
    assert moment(world, lambda: has_backend(world)) == dialled_at
    world.run(lambda: len(client.heard) == 11, seconds=1)
    assert bytes(client.heard) == b"early words"
    assert timers(world) == 0


def test_nothing_is_read_before_there_is_a_backend() -> None:
    world = World("test-connects do=hold")
    client = world.client()
    client.say(bytes(1_000_000))
    world.run(seconds=100)
    assert len(client._saying) > 900_000
    assert not world.backends
    world.apply()
    world.run(lambda: has_backend(world) and len(world.backends[0].heard) == 1_000_000, seconds=9)
    assert len(world.backends[0].heard) == 1_000_000


@pytest.mark.parametrize(
    ("lifted", "dialled_at"),
    [
        (0, 3 + 5),  # the first is lifted at 3: the second begins
        (1, 10),
        (2, 3),
    ],
)
def test_a_rule_that_is_lifted_is_asked_no_more(lifted: int, dialled_at: float) -> None:
    rules = ["test-connects name=one do=wait:10", "test-connects name=two do=wait:5"]
    world = World(*rules)
    world.client()
    world.run(seconds=3)
    world.apply(*([] if lifted == 2 else rules[:lifted] + rules[lifted + 1 :]))
    assert moment(world, lambda: has_backend(world)) == dialled_at
    assert timers(world) == 0


def test_a_rule_that_comes_is_for_those_who_come_later() -> None:
    world = World("test-connects name=one do=wait:10")
    world.client()
    world.run(seconds=5)
    world.apply("test-connects name=one do=wait:10", "test-connects name=two do=hold")
    assert moment(world, lambda: has_backend(world)) == 10
    world.client()
    world.run(seconds=100)
    assert len(world.backends) == 1


def test_a_hold_ends_with_the_window_of_its_rule() -> None:
    world = World("test-connects do=hold on=5 off=5")
    world.client()
    assert moment(world, lambda: has_backend(world)) == 5
    world.run(lambda: world.system.time >= 12, seconds=7)
    world.client()
    assert moment(world, lambda: len(world.backends) == 2) == 15


@pytest.mark.parametrize(("do", "ended"), [("close", "fin"), ("reset", "reset"), ("refuse", "fin")])
@pytest.mark.parametrize("later", [False, True])
def test_a_client_may_be_turned_away(do: str, ended: str, later: bool) -> None:
    before = ["test-connects do=wait:2 name=first"] if later else []
    world = World(*before, f"test-connects do={do}", "test-connects do=wait:9 name=last")
    client = world.client()
    assert moment(world, lambda: client.ended) == (2 if later else 0)
    assert client.ended == ended
    assert not world.backends
    assert not world.proxy.connections
    totals = world.proxy.totals()
    assert (totals.opened, totals.closed, totals.refused) == (1, 1, int(do == "refuse"))
    troubles = [event.text() for event in world.events if not isinstance(event, Fired)]
    reason = "it is broken (rule test-connects)"
    refusal = f"backend backend:80 cannot be reached: {reason}"
    assert troubles == [refusal] * (do == "refuse")
    assert timers(world) == 0


def test_a_client_is_turned_away_with_a_fin_though_it_has_spoken() -> None:
    world = World("test-connects do=wait:2,close")
    client = world.client()
    client.say(b"GET / HTTP/1.1")
    assert moment(world, lambda: client.ended) == 2
    assert client.ended == "fin"


@pytest.mark.parametrize("hook", ["connects", "ends"])
def test_a_rule_behind_one_that_closed_is_not_asked(hook: str) -> None:
    world = World(f"test-{hook} do=close", f"test-{hook}")
    world.client().say(b"bye", finish=True)
    world.run(seconds=1)
    assert [rule for _, _, rule in world.fired] == [f"test-{hook}"]


@pytest.mark.parametrize("hook", ["connects", "opens", "ends"])
@pytest.mark.parametrize("do", ["raise", "wait:1,raise", "forward", "wait:1,drop"])
def test_a_behavior_that_fails_harms_its_own_connection_only(hook: str, do: str) -> None:
    world = World(f"test-{hook} do={do} times=1", on_data=echo)
    ill, well = world.client(), world.client()
    if hook != "connects" or "wait" in do:  # who speaks to a socket that is closed is reset
        ill.say(b"x", finish=hook == "ends")
    well.say(b"fine")
    world.run(seconds=10)
    assert ill.ended == "fin"
    assert (bytes(well.heard), well.ended) == (b"fine", "")
    (traceback,) = failures(world)
    assert "a plugin's mistake" in traceback or "is not allowed in" in traceback
    assert len(world.proxy.connections) == 1
    assert timers(world) == 0


def test_a_hook_that_is_no_generator_is_a_plugins_mistake() -> None:
    world = World("test-no-generator times=1", on_data=echo)
    ill, well = world.client(), world.client()
    well.say(b"fine")
    world.run(seconds=1)
    assert (ill.ended, bytes(well.heard)) == ("fin", b"fine")
    assert len(failures(world)) == 1


@pytest.mark.parametrize("hook", ["opens", "ends"])
def test_only_before_there_is_a_backend_may_it_be_refused(hook: str) -> None:
    world = World(f"test-{hook} do=refuse")
    world.client().say(b"x", finish=True)
    world.run(seconds=1)
    assert len(failures(world)) == 1
    assert world.proxy.totals().refused == 0


def test_connections_are_drawn_for_by_their_numbers() -> None:
    world = World("test-connects name=some do=close percent=30", seed=5)
    clients = []
    for _ in range(60):
        clients.append(world.client())
        world.run(seconds=1)
    dice = Dice(5, "vaurien", "some")
    drawn = [dice.roll(number, 0)[0] < 30 for number in range(1, 61)]
    assert [client.ended == "fin" for client in clients] == drawn
    struck = [number for number, fires in enumerate(drawn, 1) if fires]
    assert world.fired == [(number, 0, "some") for number in struck]


def test_triggers_count_connections() -> None:
    world = World("test-connects do=close after=1 every=2 times=2")
    clients = []
    for _ in range(8):
        clients.append(world.client())
        world.run(seconds=1)
    assert [bool(client.ended) for client in clients] == [bool(n in (2, 4)) for n in range(8)]


def test_who_waits_is_sent_to_the_backend_of_the_day() -> None:
    world = World("test-connects do=wait:5")
    client = world.client()
    world.run(seconds=1)
    world.proxy.change_backend(Address("nobody", 80))
    world.run(seconds=10)
    assert (client.ended, world.backends) == ("fin", [])


@pytest.mark.parametrize("drain", [0.0, 20.0])
def test_a_proxy_that_ends_does_not_wait_for_ever(drain: float) -> None:
    world = World("test-connects do=hold")
    client = world.client()
    world.run(seconds=1)
    if drain:
        world.proxy.drain(lambda: None, drain)
    else:
        world.proxy.reset("the test ends", lambda: None)
    assert moment(world, lambda: client.ended) == 1 + drain
    assert client.ended == "reset"
    world.run(seconds=1)
    assert not world.proxy.connections
    assert timers(world) == 0


def test_a_drain_serves_whom_a_rule_lets_go_in_time() -> None:
    world = World("test-connects do=wait:5", on_data=echo)
    client = world.client()
    client.say(b"patient")
    world.run(seconds=1)
    done: list[float] = []
    world.proxy.drain(lambda: done.append(world.system.time), 20)
    world.run(lambda: bool(done), seconds=100)
    world.run(seconds=1)
    assert (bytes(client.heard), client.ended) == (b"patient", "fin")
    assert 5 < done[0] < 7


@pytest.mark.parametrize(
    "rule",
    [
        "slow-accept delay=60",
        "no-backend how=timeout timeout=60",
        "accept-then-silence",
        "test-connects do=wait:60",
        "test-connects do=wait:20,wait:40,wait:60",
    ],
)
@pytest.mark.parametrize("others", [0, 1])
def test_clients_that_have_gone_are_let_go_while_rules_keep_them(rule: str, others: int) -> None:
    world = World(*["slow-accept delay=0 name=other"] * others, rule)
    there, ended, gone, reset = (world.client() for _ in range(4))
    there.say(b"hello")
    gone.say(b"hello")
    world.run(seconds=1)
    ended.finish()
    gone.close()
    reset.reset()
    world.run(seconds=1.5)
    assert len(world.proxy.connections) == 2
    world.run(seconds=50)
    assert [peer.ended for peer in (there, ended)] == ["", ""]
    assert len(world.proxy.connections) == 2


def test_while_it_waits_a_client_is_kept_for_as_long_as_it_is_there() -> None:
    world = World("test-connects do=hold", limits=Limits(timeout=30))
    there, ended, gone, reset = (world.client() for _ in range(4))
    world.run(seconds=1)
    ended.finish()
    gone.close()
    reset.reset()
    world.run(seconds=40)
    assert len(world.proxy.connections) == 2
    world.run(seconds=1000)
    assert (there.ended, ended.ended) == ("", "")
    there.close()
    ended.close()
    world.run(seconds=400)
    assert not world.proxy.connections


def test_a_client_that_left_meanwhile_is_noticed_when_its_backend_is_there() -> None:
    world = World("test-connects do=wait:5")
    client = world.client()
    client.say(b"bye", finish=True)
    world.run(lambda: has_backend(world) and bool(world.backends[0].ended), seconds=100)
    assert bytes(world.backends[0].heard) == b"bye"


def test_a_connection_that_is_closed_while_it_waits_is_gone() -> None:
    world = World("test-connects do=wait:5", "test-connects do=wait:7 name=two")
    client = world.client()
    world.run(seconds=1)
    (connection,) = world.proxy.connections
    connection.close()
    world.run(seconds=100)
    assert (client.ended, world.backends) == ("fin", [])
    assert timers(world) == 0


# While it is open.


def test_each_rule_has_its_own_course_from_the_opening_on() -> None:
    world = World("test-opens do=wait:9,close name=one", "test-opens do=wait:5,reset name=two")
    client = world.client()
    client.say(b"heard")
    assert moment(world, lambda: client.ended) == 5
    assert client.ended == "reset"
    assert bytes(world.backends[0].heard) == b"heard"
    assert not world.proxy.connections
    assert timers(world) == 0


def test_the_opening_is_when_the_backend_is_there() -> None:
    world = World("test-connects do=wait:3", "test-opens do=wait:5,close")
    client = world.client()
    assert moment(world, lambda: client.ended) == 8


def test_at_once_is_before_anything_is_carried() -> None:
    world = World("test-opens do=reset", "test-opens do=wait:5 name=two")
    client = world.client()
    client.say(b"never heard")
    world.run(seconds=1)
    assert client.ended == "reset"
    assert bytes(world.backends[0].heard) == b""
    assert timers(world) == 0


def test_it_starts_on_connections_that_are_open_already() -> None:
    world = World(on_data=echo)
    client = world.client()
    client.say(b"x")
    world.run(seconds=10)
    world.apply("test-opens do=wait:5,close")
    assert moment(world, lambda: client.ended) == 15


def test_it_goes_on_while_other_rules_come_and_go() -> None:
    world = World("test-opens do=wait:5,close")
    client = world.client()
    world.run(seconds=1)
    for number in range(3):
        world.apply("test-opens do=wait:5,close", f"delay after={number}")
        world.run(seconds=1)
    assert moment(world, lambda: client.ended) == 5


def test_a_course_that_has_ended_is_not_begun_again() -> None:
    world = World("test-opens do=wait:5")
    world.client()
    world.run(seconds=10)
    world.apply("test-opens do=wait:5", "delay after=1")
    world.run(seconds=10)
    assert [rule for *_, rule in world.fired] == ["test-opens"]
    assert timers(world) == 0


def test_lifted_it_is_stopped_and_begins_anew_with_a_new_rule() -> None:
    world = World("test-opens do=wait:5,close")
    client = world.client()
    world.run(seconds=4)
    world.apply()
    assert timers(world) == 0
    world.run(seconds=4)
    world.apply("test-opens do=wait:5,close")
    assert moment(world, lambda: client.ended) == 13


def test_nothing_is_kept_of_rules_that_are_lifted() -> None:
    world = World()
    world.client()
    world.run(lambda: has_backend(world), seconds=1)
    (connection,) = world.proxy.connections
    for number in range(3):
        world.apply(f"test-opens name=rule-{number} do=wait:5")
        world.run(seconds=3 * number)  # the last one is over when it is lifted
        world.apply()
    world.run(seconds=1)
    assert connection.hooks is not None
    assert not connection.hooks._runs


def test_it_begins_anew_with_each_window() -> None:
    world = World("test-opens do=wait:5,close on=4 off=6 times=1", on_data=echo)
    client = world.client()
    client.say(b"x")
    world.run(seconds=100)
    assert client.ended == ""
    world.apply("test-opens do=wait:3,close start=1 on=4 off=6")
    assert moment(world, lambda: client.ended) == 104


def test_it_keeps_an_idle_connection_while_its_client_is_there() -> None:
    world = World("test-opens do=wait:500,close", limits=Limits(timeout=30), on_data=echo)
    there, gone = world.client(), world.client()
    world.run(seconds=1)
    gone.finish()
    world.run(seconds=100)
    assert len(world.proxy.connections) == 1
    assert moment(world, lambda: there.ended) == 500


def test_it_does_not_hold_up_a_drain() -> None:
    world = World("test-opens do=wait:500,close", on_data=echo)
    client = world.client()
    client.say(b"x")
    world.run(seconds=1)
    done: list[float] = []
    world.proxy.drain(lambda: done.append(world.system.time), 10)
    world.run(seconds=20)
    assert client.ended == "fin"
    assert done[0] < 2


def test_it_is_no_reason_for_a_reset() -> None:
    world = World("test-opens do=hold", on_data=echo)
    client = world.client()
    client.say(b"x")
    world.run(seconds=1)
    world.proxy.close()
    world.run(seconds=1)
    assert client.ended == "fin"


def test_a_rule_that_waits_before_the_backend_is_not_open_yet() -> None:
    world = World("test-opens do=wait:1,close")
    world.system.blackhole(BACKEND)
    client = world.client()
    world.run(seconds=4)
    world.apply("test-opens do=wait:1,close", "delay after=1")
    world.run(seconds=0.5)
    assert (client.ended, world.fired) == ("", [])


# When a peer has ended.


@pytest.mark.parametrize(
    ("rules", "after"),
    [
        (["test-ends do="], 0),
        (["test-ends do=wait:2"], 2),
        (["test-ends do=wait:2", "test-ends do=wait:3"], 5),
        (["test-ends do=wait:2 percent=0", "test-ends do=wait:3"], 3),
        (["test-ends do=wait:2 direction=to_client", "test-ends do=wait:3"], 3),
        (["delay sleep=4", "test-ends do=wait:2"], 6),
    ],
)
def test_an_end_is_passed_on_when_each_rule_has_been_asked(rules: list[str], after: float) -> None:
    world = World(*rules)
    client = world.client()
    world.run(seconds=10)
    client.say(b"last words", finish=True)
    assert moment(world, lambda: world.backends[0].ended) == 10 + after
    assert (bytes(world.backends[0].heard), world.backends[0].ended) == (b"last words", "fin")
    assert client.ended == ""
    world.backends[0].say(b"late answer", finish=True)
    world.run(lambda: bool(client.ended), seconds=100)
    assert (bytes(client.heard), client.ended) == (b"late answer", "fin")
    assert not world.proxy.connections
    assert timers(world) == 0


def test_what_came_before_the_end_is_there_before_it() -> None:
    world = World("test-ends do=wait:50")
    client = world.client()
    client.say(bytes(100_000), finish=True)
    world.run(lambda: has_backend(world) and len(world.backends[0].heard) == 100_000, seconds=9)
    assert len(world.backends[0].heard) == 100_000
    assert world.backends[0].ended == ""


@pytest.mark.parametrize("reset", [False, True])
def test_a_behavior_is_told_what_ended_and_how(reset: bool) -> None:
    world = World("test-ends do=wait:5", on_data=echo)
    client = world.client()
    client.say(b"x")
    world.run(lambda: bool(client.heard), seconds=3)
    world.run(seconds=3)
    backend = world.backends[0]
    if reset:
        backend.reset()
    else:
        backend.finish()
    ended_at = moment(world, lambda: client.ended)
    (heard,) = ENDS
    assert heard == Ended(Direction.TO_CLIENT, 3.0, reset)
    assert (client.ended, ended_at) == ("reset" if reset else "fin", 8.0)


@pytest.mark.parametrize("direction", ["to_client", "to_backend", "both"])
def test_each_direction_has_its_own_end(direction: str) -> None:
    world = World(f"test-ends do=wait:5 direction={direction}")
    client = world.client()
    world.run(lambda: has_backend(world), seconds=1)
    world.run(seconds=1)
    backend = world.backends[0]
    client.finish()
    backend.finish()
    world.run(seconds=2)
    assert bool(backend.ended) is (direction == "to_client")
    assert bool(client.ended) is (direction == "to_backend")
    world.run(seconds=5)
    assert (client.ended, backend.ended) == ("fin", "fin")
    assert len(world.fired) == 1
    assert not world.proxy.connections


@pytest.mark.parametrize("how", ["lifted", "off", "gone"])
def test_an_end_that_is_held_is_passed_on_once_the_rule_is_not_there(how: str) -> None:
    window = {"lifted": "", "off": "on=20 off=1", "gone": "ttl=20"}[how]
    world = World(f"test-ends do=hold {window}")
    client = world.client()
    client.say(b"bye", finish=True)
    world.run(seconds=19)
    backend = world.backends[0]
    assert (bytes(backend.heard), backend.ended) == (b"bye", "")
    backend.say(b"still talking")
    world.run(seconds=0.5)
    assert bytes(client.heard) == b"still talking"
    if how == "lifted":
        world.apply()
    world.run(seconds=1)
    assert backend.ended == "fin"


def test_in_the_middle_a_rule_is_lifted_and_the_next_one_asked() -> None:
    one, two = "test-ends name=one do=wait:10", "test-ends name=two do=wait:5"
    world = World(one, two)
    client = world.client()
    world.run(seconds=10)
    client.finish()
    world.run(seconds=3)
    world.apply(two)
    assert moment(world, lambda: world.backends[0].ended) == 18


def test_an_end_that_has_been_passed_on_is_over() -> None:
    world = World()
    client = world.client()
    client.finish()
    world.run(seconds=1)
    world.apply("test-ends do=hold")
    backend = world.backends[0]
    backend.say(b"bye", finish=True)
    world.run(seconds=10)
    assert (bytes(client.heard), client.ended) == (b"bye", "")
    assert [ended.direction for ended in ENDS] == [Direction.TO_CLIENT]


@pytest.mark.parametrize(("do", "ended"), [("close", "fin"), ("wait:2,reset", "reset")])
def test_an_end_may_be_the_end_of_both(do: str, ended: str) -> None:
    world = World(f"test-ends do={do}")
    client = world.client()
    client.say(b"bye", finish=True)
    world.run(seconds=5)
    assert (client.ended, world.backends[0].ended) == (ended, ended)
    assert bytes(world.backends[0].heard) == b"bye"
    assert not world.proxy.connections


def test_an_end_that_waits_for_a_peer_that_is_there_keeps_the_connection() -> None:
    world = World("test-ends do=wait:100 direction=to_client", limits=Limits(timeout=30))
    client = world.client()
    world.run(lambda: has_backend(world), seconds=1)
    world.backends[0].finish()
    assert moment(world, lambda: client.ended) == 100


def test_an_end_that_waits_keeps_the_connection_whatever_else_is_on() -> None:
    world = World("test-opens do=hold", "test-ends do=wait:100", limits=Limits(timeout=30))
    client = world.client()
    client.say(b"bye", finish=True)
    world.run(seconds=1)
    assert moment(world, lambda: world.backends[0].ended) == 100
    assert client.ended == ""


def test_an_end_that_nobody_is_left_to_hear_does_not() -> None:
    world = World("test-ends do=hold direction=to_client", limits=Limits(timeout=30))
    client = world.client()
    world.run(lambda: has_backend(world), seconds=1)
    backend = world.backends[0]
    backend.finish()
    world.run(seconds=5)
    client.finish()
    world.run(seconds=100)
    assert len(world.proxy.connections) == 1
    client.close()
    world.run(seconds=100)
    assert not world.proxy.connections


@pytest.mark.parametrize("drain", [0.0, 20.0])
def test_an_end_does_not_hold_up_a_proxy_that_ends(drain: float) -> None:
    world = World("test-ends do=hold")
    client = world.client()
    client.say(b"x", finish=True)
    world.run(seconds=1)
    if drain:
        world.proxy.drain(lambda: None, drain)
    else:
        world.proxy.close()
    world.run(seconds=30)
    assert world.backends[0].ended
    assert not world.proxy.connections
    assert timers(world) == 0


# A peer that is gone, while a rule withholds its end from the other.


def half_open(world: World, *ways: str) -> tuple[Peer, Peer]:
    """Return a client and a backend that has ended in each of these ways in turn."""
    client = world.client()
    client.say(b"x")
    world.run(seconds=1)
    (backend,) = world.backends
    for way in ways:
        getattr(backend, way)()
        world.run(seconds=1)
    return client, backend


WAYS = [("finish",), ("reset",), ("close",), ("finish", "reset"), ("finish", "close")]


@pytest.mark.parametrize("ways", WAYS, ids=" ".join)
def test_the_other_peer_notices_nothing(ways: tuple[str, ...]) -> None:
    world = World("test-ends do=hold direction=to_client")
    client, _ = half_open(world, *ways)
    for _ in range(5):
        client.say(bytes(300_000))
        world.run(seconds=10)
    assert (client.ended, len(client._saying)) == ("", 0)
    assert len(world.proxy.connections) == 1


@pytest.mark.parametrize("ways", WAYS, ids=" ".join)
@pytest.mark.parametrize("how", ["lifted", "finish", "reset"])
def test_nothing_is_left_of_two_peers_that_are_gone(ways: tuple[str, ...], how: str) -> None:
    world = World("test-ends do=hold direction=to_client", limits=Limits(timeout=30))
    client, backend = half_open(world, *ways)
    if how == "lifted":
        world.apply()
        world.run(seconds=1)
        assert client.ended in ("fin", "reset")
    else:
        client.say(bytes(200_000))
        world.run(seconds=1)
        getattr(client, how)()
    world.run(seconds=100)
    client.close()
    backend.close()
    world.run(seconds=100)
    assert not world.proxy.connections


# A close that a rule asks for, and the rules behind it.


@pytest.mark.parametrize(
    "closing",
    [
        "limit-data bytes=100",
        "limit-data bytes=100 direction=to_client",
        "limit-data bytes=100 scope=exchange",
        "blackout",
        "abort",
        "partial-reply bytes=1 then=fin",
        "request-lost",
        "reply-lost",
        "timeout lifetime=0 idle=0.5 data=pass",
    ],
)
@pytest.mark.parametrize("direction", ["", " direction=to_client"])
def test_a_close_passes_the_rules_behind_it(closing: str, direction: str) -> None:
    world = World(closing, f"slow-close delay=3{direction}", on_data=echo, whole=True)
    client = world.client()
    client.say(bytes(200))
    world.run(seconds=2.9)
    assert client.ended == ""
    world.run(seconds=1)
    assert client.ended == "fin"
    assert len(client.heard) <= 200


def test_a_close_does_not_pass_the_rules_before_it() -> None:
    world = World("slow-close delay=3", "limit-data bytes=100", on_data=echo, whole=True)
    client = world.client()
    client.say(bytes(200))
    world.run(seconds=0.1)
    assert client.ended == "fin"


@pytest.mark.parametrize("lifted", ["slow-close", "limit-data", "both"])
def test_a_close_comes_at_once_when_the_rule_behind_it_is_lifted(lifted: str) -> None:
    world = World("limit-data bytes=100", "slow-close delay=3", on_data=echo, whole=True)
    client = world.client()
    client.say(bytes(200))
    world.run(seconds=1)
    left = {"slow-close": ["limit-data bytes=100"], "limit-data": ["slow-close delay=3"]}
    world.apply(*left.get(lifted, []))
    world.run(seconds=2.5)
    assert client.ended == "fin"
