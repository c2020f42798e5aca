"""What rules do to messages in flight, on the simulated reactor."""

from __future__ import annotations

import socket
from contextlib import suppress

import pytest

from lines import Lines
from reactors import real_reactor, run_until
from scenario import Peer, World, echo
from vaurien import registry
from vaurien.behavior import Behavior, Delaying, Firing
from vaurien.behaviors.slicer import Slicer
from vaurien.net import player
from vaurien.net.actor import BATCH
from vaurien.net.address import Address
from vaurien.net.framing import READ_SIZE
from vaurien.net.player import FLIGHTS_LIMIT
from vaurien.net.proxy import Proxy
from vaurien.net.simulated import CAPACITY
from vaurien.net.spec import ProxySpec
from vaurien.protocols.tcp import Tcp
from vaurien.rules.active_plan import MakeRule
from vaurien.rules.plan import RULE_LIMIT, Plan, Rule
from vaurien.values.actions import Actions, Behind, Close, Drop, Forward, Reply, Wait
from vaurien.values.events import PluginFailed
from vaurien.values.messages import Message


class Answer(Behavior):
    """Replies in the backend's place."""

    name = "test-answer"

    def on_message(self, message: Message, firing: Firing) -> Actions:
        if message.to_backend:
            yield Reply(b"mine\n")
        else:
            yield Forward(message)


class Swallow(Behavior):
    name = "test-swallow"

    def on_message(self, message: Message, firing: Firing) -> Actions:
        yield Drop()


class Burst(Behavior):
    name = "test-burst"

    def on_message(self, message: Message, firing: Firing) -> Actions:
        raise RuntimeError("a plugin's mistake")


class Nonsense(Behavior):
    name = "test-nonsense"

    def on_message(self, message: Message, firing: Firing) -> Actions:
        yield "not an action"  # type: ignore[misc]


class DelayBurst(Delaying):
    name = "test-delay-burst"

    def release_at(self, message: Message, firing: Firing) -> float:
        raise RuntimeError("a plugin's mistake")


class DelaySlow(Delaying):
    name = "test-delay-slow"

    def release_at(self, message: Message, firing: Firing) -> float:
        return message.at + (message.labels.get("command") == "SLOW")


class ResetNow(Behavior):
    name = "test-reset"

    def on_message(self, message: Message, firing: Firing) -> Actions:
        yield Close(reset=True)


class WaitTwice(Behavior):
    name = "test-wait-twice"

    def on_message(self, message: Message, firing: Firing) -> Actions:
        yield Wait(message.at + 1)
        yield Wait(message.at + 3)
        yield Forward(message)


for behavior in (Answer, Swallow, Burst, DelayBurst, DelaySlow, Nonsense, ResetNow, WaitTwice):
    registry.register(behavior)


def answer_lines(peer: Peer, data: bytes) -> None:
    """A backend that answers each whole line with the same line in capitals."""
    lines = bytes(peer.heard).count(b"\n")
    done = getattr(peer, "answered", 0)
    for line in bytes(peer.heard).splitlines(keepends=True)[done:lines]:
        if not line.startswith(b"QUIET"):
            peer.say(line.upper())
    peer.answered = lines  # type: ignore[attr-defined]


def test_a_delay_holds_for_its_time_and_not_less() -> None:
    world = World("delay sleep=2", on_data=echo, whole=True)
    client = world.client()
    client.say(b"x")
    world.run(lambda: bool(client.heard))
    assert world.system.time == 2.0


def test_two_waits_add_up() -> None:
    world = World("delay sleep=2", "delay sleep=3", on_data=echo, whole=True)
    client = world.client()
    client.say(b"x")
    world.run(lambda: bool(client.heard))
    assert world.system.time == 5.0


def test_two_waits_of_one_behavior_count_from_the_arrival() -> None:
    world = World("test-wait-twice direction=to_backend", on_data=echo, whole=True)
    client = world.client()
    client.say(b"x")
    world.run(lambda: bool(client.heard))
    assert world.system.time == 3.0


def test_messages_that_arrive_together_wait_together() -> None:
    world = World("delay sleep=2", protocol=Lines(), on_data=answer_lines, whole=True)
    client = world.client()
    client.say(b"a\n" * 100)
    world.run(lambda: client.heard.count(b"\n") == 100)
    assert world.system.time == 2.0
    assert len(world.fired) == 100


def test_a_response_is_delayed_by_what_its_request_was() -> None:
    world = World("test-delay-slow direction=to_client", protocol=Lines(), on_data=answer_lines)
    client = world.client()
    client.say(b"SLOW a\n")
    world.run(lambda: bool(client.heard))
    assert 1 <= world.system.time < 1.1


def blocked_behind_a_delay() -> tuple[World, Peer, Peer]:
    """Return a backend that does not read, and a client whose last words leave after 1.9 s."""
    world = World("delay sleep=1", whole=True)
    client = world.client()
    world.run(lambda: bool(world.backends))
    backend = world.backends[0]
    backend.read(wanted=False)
    client.say(bytes(CAPACITY + 1))
    world.run(seconds=0.9)
    client.say(b"last")
    world.run(seconds=0.5)
    return world, client, backend


def test_what_has_waited_for_its_time_is_left_alone_by_rules_that_come() -> None:
    world, _, backend = blocked_behind_a_delay()
    world.run(seconds=1)
    world.apply("delay sleep=100 name=other")
    backend.read(wanted=True)
    world.run(seconds=1)
    assert backend.heard.endswith(b"last")


def test_rules_that_come_act_on_what_a_lifted_delay_has_held_though_its_peer_does_not_read() -> (
    None
):
    world, client, backend = blocked_behind_a_delay()
    world.apply("test-answer")
    world.run(seconds=0.1)
    assert bytes(client.heard) == b"mine\n"
    backend.read(wanted=True)
    world.run(seconds=10)
    assert len(backend.heard) == CAPACITY + 1


def test_a_lifted_delay_lets_go_at_once_and_in_order() -> None:
    world = World("delay sleep=1000", on_data=echo)
    client = world.client()
    for n in range(50):
        client.say(b"%d," % n)
        world.run(seconds=1)
    client.finish()
    world.run(seconds=1)
    assert client.heard == b""
    world.apply()
    world.run(lambda: bool(world.backends[0].ended), seconds=1)
    assert bytes(world.backends[0].heard) == b"".join(b"%d," % n for n in range(50))


def test_a_lifted_hang_loses_nothing() -> None:
    world = World("hang", on_data=echo)
    client = world.client()
    client.say(b"abc" * 30_000, finish=True)
    world.run(seconds=3600)
    assert client.heard == b""
    world.apply()
    world.run(lambda: len(client.heard) == 90_000, seconds=10)
    assert bytes(client.heard) == b"abc" * 30_000


def test_a_rule_that_stays_keeps_holding_when_others_change() -> None:
    world = World("hang", on_data=echo)
    client = world.client()
    client.say(b"abc")
    world.run(seconds=1)
    world.apply("hang", "delay sleep=1")
    world.run(seconds=100)
    assert world.backends[0].heard == b""


@pytest.mark.parametrize("rule", ["delay sleep=0", "bandwidth rate=1000000000", "delay sleep=5"])
@pytest.mark.parametrize("protocol", [None, Lines()], ids=["tcp", "framed"])
def test_a_thousand_rules_may_act_on_a_message(rule: str, protocol: Lines | None) -> None:
    world = World(*[rule] * RULE_LIMIT, on_data=echo, protocol=protocol)
    client = world.client()
    client.say(b"GET a\n")
    world.run(seconds=1)
    if "=5" in rule:
        world.apply()
        world.run(seconds=1)
    assert bytes(client.heard) == b"GET a\n"


def test_a_hang_bounds_what_it_holds() -> None:
    world = World("hang")
    client = world.client()
    client.say(bytes(10_000_000))
    world.run(seconds=10)
    (connection,) = world.proxy.connections
    assert connection.to_backend.bytes < 1_500_000
    world.apply()
    world.run(lambda: len(world.backends[0].heard) == 10_000_000, seconds=100)
    assert len(world.backends[0].heard) == 10_000_000


def test_what_waits_for_a_known_time_leaves_room_for_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(player, "FLIGHTS_LIMIT", 12_000_000)
    world = World("delay sleep=1")
    first, second = world.client(), world.client()
    first.say(bytes(30_000_000))
    world.run(seconds=0.5)
    second.say(bytes(30_000_000))
    world.run(seconds=0.4)
    one, other = (connection.to_backend.bytes for connection in world.proxy.connections)
    assert 5_000_000 < one < 7_000_000  # a half of all
    assert 2_500_000 < other < 4_000_000  # a half of the rest
    world.run(lambda: sum(len(each.heard) for each in world.backends) == 60_000_000, seconds=100)


def test_a_rule_is_gone_after_its_time_to_live() -> None:
    world = World("hang ttl=60", on_data=echo, whole=True)
    client = world.client()
    client.say(b"abc")
    world.run(lambda: bool(client.heard))
    assert world.system.time == 60.0
    assert not world.proxy.active_plan.acts_on_messages


def test_a_reply_waits_for_the_responses_owed_before_it() -> None:
    waiting: list[Peer] = []
    world = World(
        "test-answer command=MINE", protocol=Lines(), on_data=lambda peer, _: waiting.append(peer)
    )
    client = world.client()
    client.say(b"one\ntwo\nMINE\nthree\n")
    world.run(seconds=1)
    assert client.heard == b""
    backend = world.backends[0]
    assert bytes(backend.heard) == b"one\ntwo\nthree\n"
    backend.say(b"1\n")
    world.run(seconds=1)
    assert bytes(client.heard) == b"1\n"
    backend.say(b"MORE\n2\n3\n")
    world.run(seconds=1)
    assert bytes(client.heard) == b"1\nMORE\n2\nmine\n3\n"


def test_replies_do_not_wait_for_requests_that_get_no_response() -> None:
    world = World("test-answer command=MINE", protocol=Lines(), on_data=answer_lines)
    client = world.client()
    client.say(b"QUIET\nMINE\none\n")
    world.run(seconds=1)
    assert bytes(client.heard) == b"mine\nONE\n"


def test_what_the_backend_says_unasked_answers_nothing() -> None:
    world = World("test-answer command=MINE", protocol=Lines())
    client = world.client()
    client.say(b"one\nMINE\n")
    world.run(seconds=1)
    world.backends[0].say(b"!news\n")
    world.run(seconds=1)
    assert bytes(client.heard) == b"!news\n"
    world.backends[0].say(b"1\n")
    world.run(seconds=1)
    assert bytes(client.heard) == b"!news\n1\nmine\n"


def test_a_connection_goes_on_working_after_a_reply() -> None:
    world = World("test-answer command=MINE times=1", protocol=Lines(), on_data=answer_lines)
    client = world.client()
    for line in (b"MINE x\n", b"MINE y\n", b"z\n"):
        client.say(line)
        world.run(seconds=1)
    assert bytes(client.heard) == b"mine\nMINE Y\nZ\n"


def test_a_request_and_its_response_share_the_decision() -> None:
    world = World("error percent=50", protocol=Lines(), on_data=answer_lines, seed=7)
    client = world.client()
    client.say(b"".join(b"q%d\n" % n for n in range(200)))
    world.run(seconds=1)
    failed = {exchange for _, exchange, _ in world.fired}
    answers = bytes(client.heard).splitlines()
    assert {n + 1 for n, answer in enumerate(answers) if answer == b"BUSY no"} == failed
    assert 70 < len(failed) < 130


def test_a_long_message_is_decided_once_for_all_its_pieces() -> None:
    world = World("delay sleep=1", protocol=Lines())
    client = world.client()
    client.say(b"PUT 500000\n" + bytes(500_000))
    world.run(lambda: len(world.backends[0].heard if world.backends else b"") == 500_011)
    assert world.fired == [(1, 1, "delay")]


def test_a_live_change_counts_from_the_next_message_on_an_open_connection() -> None:
    world = World(protocol=Lines(), on_data=answer_lines)
    client = world.client()
    client.say(b"one\ntw")
    world.run(seconds=1)
    world.apply("test-answer")
    client.say(b"o\nthree\n")
    world.run(seconds=1)
    assert bytes(client.heard) == b"ONE\nTWO\nmine\n"  # "two" had begun to pass
    world.apply()
    client.say(b"four\n")
    world.run(seconds=1)
    assert bytes(client.heard) == b"ONE\nTWO\nmine\nFOUR\n"


def test_lifting_a_rule_that_swallowed_closes_the_connection() -> None:
    world = World("test-swallow command=GONE", protocol=Lines(), on_data=answer_lines)
    kept, closed = world.client(), world.client()
    kept.say(b"one\n")
    closed.say(b"GONE\n")
    world.run(seconds=1)
    world.apply()
    world.run(seconds=1)
    assert (kept.ended, closed.ended) == ("", "fin")


@pytest.mark.parametrize("rule", ["test-burst", "test-delay-burst", "test-nonsense"])
def test_a_behavior_that_fails_harms_its_own_connection_only(rule: str) -> None:
    world = World(f"{rule} command=BOOM", protocol=Lines(), on_data=answer_lines)
    well, ill = world.client(), world.client()
    ill.say(b"BOOM\n")
    world.run(seconds=1)
    well.say(b"fine\n")
    world.run(seconds=1)
    assert (ill.ended, bytes(well.heard), well.ended) == ("fin", b"FINE\n", "")
    (failure,) = [event for event in world.events if isinstance(event, PluginFailed)]
    assert "Traceback" in failure.traceback


def test_a_behavior_can_reset() -> None:
    world = World("test-reset")
    client = world.client()
    client.say(b"x")
    world.run(seconds=1)
    assert client.ended == "reset"
    assert [peer.ended for peer in world.backends] == ["reset"]


@pytest.mark.parametrize("rules", [(), ("delay sleep=0",), ("delay after=1000",)])
def test_a_parser_that_gives_up_does_not_break_traffic(rules: tuple[str, ...]) -> None:
    world = World(*rules, protocol=Lines(), on_data=echo)
    client = world.client()
    said = b"one\n\n\xff\x00 no lines any more" * 50
    client.say(said, finish=True)
    world.run(lambda: bool(world.backends and world.backends[0].ended), seconds=1)
    world.backends[0].finish()
    world.run(seconds=1)
    assert bytes(client.heard) == said
    assert world.proxy.totals().gave_up >= 1


def test_a_mix_is_exclusive_and_keeps_its_shares() -> None:
    mix = [
        {"behavior": "delay", "sleep": 0, "percent": 30, "mix": "m"},
        {"behavior": "error", "percent": 20, "mix": "m"},
    ]
    world = World(*mix, protocol=Lines(), on_data=answer_lines, seed=3)
    client = world.client()
    client.say(b"q\n" * 2000)
    world.run(lambda: client.heard.count(b"\n") == 2000, seconds=1)
    exchanges = [exchange for _, exchange, _ in world.fired]
    assert len(exchanges) == len(set(exchanges))
    shares = [sum(rule == name for *_, rule in world.fired) for name in ("delay", "error")]
    assert 540 < shares[0] < 660
    assert 340 < shares[1] < 460


class Verbose(Behavior):
    name = "test-verbose"

    def on_message(self, message: Message, firing: Firing) -> Actions:
        if message.to_backend:
            yield Reply(bytes(10_000))
        else:
            yield Forward(message)


registry.register(Verbose)


def test_answers_that_nobody_reads_do_not_pile_up() -> None:
    world = World("test-verbose", protocol=Lines())
    client = world.client()
    client.read(wanted=False)
    client.say(b"x\n" * 2000)
    world.run(seconds=10)
    (connection,) = world.proxy.connections
    answers = connection.to_client.player
    assert answers is not None
    assert answers.full_of_replies
    assert len(answers._queue) < 200
    client.read(wanted=True)
    world.run(lambda: len(client.heard) == 20_000_000, seconds=1000)
    assert len(client.heard) == 20_000_000


def test_answers_whose_turn_does_not_come_do_not_pile_up() -> None:
    world = World("test-verbose command=MINE", protocol=Lines())
    client = world.client()
    client.say(b"GET a\n" + b"MINE\n" * 2000)
    world.run(seconds=10)
    (connection,) = world.proxy.connections
    exchanges = connection.decisions.exchanges
    assert exchanges is not None
    assert 1_000_000 < exchanges.replies.size < 3_000_000
    assert not client.heard
    world.backends[0].say(b"a\n")
    world.run(lambda: len(client.heard) == 20_000_002, seconds=1000)
    assert client.heard.startswith(b"a\n")
    assert len(client.heard) == 20_000_002
    assert exchanges.replies.size == 0


@pytest.mark.parametrize(
    ("rule", "first"),
    [("test-verbose", b""), ("test-verbose command=MINE", b"GET a\n")],
    ids=["not-read", "not-due"],
)
def test_a_client_whose_replies_pile_up_is_read_no_more(rule: str, first: bytes) -> None:
    world = World(rule, protocol=Lines())
    client = world.client()
    client.read(wanted=False)
    client.say(first + b"MINE\n" * 10_000)
    world.run(seconds=10)
    (connection,) = world.proxy.connections
    assert 0 < connection.to_backend.bytes <= 2 * READ_SIZE


@pytest.mark.parametrize(("others", "most"), [(0, 6_000_000), (FLIGHTS_LIMIT, 2_000_000)])
def test_a_long_line_holds_less_while_all_together_hold_much(others: int, most: int) -> None:
    world = World("delay sleep=10")
    client = world.client()
    client.say(bytes(4_000_000))
    world.reactor.waiting_bytes += others
    world.run(seconds=5)
    held = world.reactor.waiting_bytes - others
    assert most // 3 < held < most
    world.reactor.waiting_bytes -= others
    world.run(seconds=100)
    assert len(world.backends[0].heard) == 4_000_000


# Windows of time.


def test_what_is_held_is_let_go_at_the_end_of_a_window() -> None:
    world = World("hang start=5 on=10 off=10 direction=to_backend", on_data=echo, whole=True)
    client = world.client()
    world.run(seconds=1)
    heard = []
    for begin in (1, 7, 16, 26, 37):
        world.run(seconds=begin - world.system.time)
        client.say(b"x")
        before = len(client.heard)
        world.run(lambda before=before: len(client.heard) > before)  # type: ignore[misc]
        heard.append(world.system.time)
    assert heard == [1, 15, 16, 35, 37]


def test_what_only_waits_is_let_go_too_and_in_order() -> None:
    world = World("delay sleep=100 on=10 off=10", "delay sleep=1 direction=to_backend")
    client = world.client()
    for n in range(20):
        client.say(b"%d," % n)
        world.run(seconds=1)
    world.run(seconds=1)
    assert bytes(world.backends[0].heard) == b"".join(b"%d," % n for n in range(20))
    assert world.system.time == 21


def test_at_the_end_of_its_window_a_rule_that_swallowed_closes_the_connection() -> None:
    world = World("test-swallow on=10 off=10", on_data=echo)
    client = world.client()
    client.say(b"x")
    world.run(lambda: bool(client.ended), seconds=100)
    assert (client.ended, world.system.time) == ("fin", 10)
    later = world.client()
    later.say(b"y")
    world.run(seconds=5)
    assert bytes(later.heard) == b"y"
    world.run(lambda: bool(later.ended), seconds=5)
    assert later.ended == ""  # on again, it has dropped nothing of this one


def test_a_rule_that_comes_and_goes_wakes_nobody_more_often_than_that() -> None:
    world = World("delay sleep=0 start=1 on=1 off=2 stop=100", "hang ttl=50 start=60")
    applied = []
    really = world.proxy.apply

    def apply(plan: Plan, make: MakeRule | None = None) -> None:
        applied.append(world.system.time)
        really(plan, make)

    world.proxy.apply = apply  # type: ignore[method-assign] # counts
    world.run(seconds=100_000)
    starts = [1.0 + 3 * cycle for cycle in range(33)]
    assert sorted({*starts, *(start + 1 for start in starts), 50.0}) == applied[:-1]
    assert applied[-1] == 100.0
    assert not any(timer.call for *_, timer in world.reactor._timers)


# Options that change.


def test_waits_grow_with_time() -> None:
    world = World("latency delay=0..10/100 direction=to_backend", on_data=echo, whole=True)
    client = world.client()
    waited = []
    for begin in (0, 50, 100, 500):
        world.run(seconds=begin - world.system.time)
        client.say(b"x")
        before = len(client.heard)
        world.run(lambda before=before: len(client.heard) > before)  # type: ignore[misc]
        waited.append(round(world.system.time - begin, 3))
    assert waited == [0, 5, 10, 10]


# Messages that are overtaken.


class Late(Behavior):
    """Lets messages that begin with ``late`` be overtaken."""

    name = "test-late"

    def on_message(self, message: Message, firing: Firing) -> Actions:
        if message.data.startswith(b"late"):
            yield Behind(message, message.at + 5)
        else:
            yield Forward(message)


registry.register(Late)


def overtaking(*rules: str) -> tuple[World, Peer]:
    """Return a client that has sent a message to be overtaken."""
    world = World("test-late direction=to_backend", *rules, whole=True, on_data=None)
    client = world.client()
    world.run(lambda: bool(world.backends))
    client.say(b"late;")
    world.run(seconds=1)
    assert bytes(world.backends[0].heard) == b""
    return world, client


def test_the_next_one_overtakes() -> None:
    world, client = overtaking()
    client.say(b"next;")
    world.run(seconds=0)
    world.run(lambda: len(world.backends[0].heard) == 10)
    client.say(b"third;")
    world.run(seconds=1)
    assert bytes(world.backends[0].heard) == b"next;late;third;"
    assert world.backends[0].heard_at[0] == 1.0


def test_with_no_next_one_it_goes_in_its_time() -> None:
    world, client = overtaking()
    world.run(lambda: bool(world.backends[0].heard))
    assert world.system.time == 5.0
    client.say(b"next;")
    world.run(seconds=1)
    assert bytes(world.backends[0].heard) == b"late;next;"


def test_what_overtakes_may_be_overtaken() -> None:
    world, client = overtaking()
    client.say(b"late too;")
    world.run(seconds=1)
    assert bytes(world.backends[0].heard) == b"late;"
    client.say(b"next;")
    world.run(seconds=1)
    assert bytes(world.backends[0].heard) == b"late;next;late too;"


@pytest.mark.parametrize("way", ["finish", "reset"])
def test_nothing_stays_behind_the_end(way: str) -> None:
    world, client = overtaking()
    getattr(client, way)()
    world.run(seconds=1)
    (backend,) = world.backends
    assert (bytes(backend.heard), backend.ended) == (b"late;", {"finish": "fin"}.get(way, "reset"))
    assert world.system.time == 2.0


def test_lifting_the_rule_lets_it_go() -> None:
    world, client = overtaking()
    world.apply()
    world.run(seconds=1)
    assert bytes(world.backends[0].heard) == b"late;"
    client.say(b"next;")
    world.run(seconds=1)
    assert bytes(world.backends[0].heard) == b"late;next;"
    assert not any(timer.call for *_, timer in world.reactor._timers)


def test_a_change_to_other_rules_leaves_it_behind() -> None:
    world, client = overtaking()
    world.apply("test-late direction=to_backend", "delay after=1000")
    world.run(seconds=1)
    assert bytes(world.backends[0].heard) == b""
    client.say(b"next;")
    world.run(seconds=1)
    assert bytes(world.backends[0].heard) == b"next;late;"


def test_later_rules_act_on_it_when_it_goes() -> None:
    world, client = overtaking("delay sleep=2 direction=to_backend")
    world.run(seconds=2)
    client.say(b"next;")
    world.run(lambda: len(world.backends[0].heard) == 10)
    assert bytes(world.backends[0].heard) == b"next;late;"
    assert world.system.time == 5.0  # when the next one's own delay is over


def test_for_one_that_waits_the_other_direction_goes_on() -> None:
    world, client = overtaking()
    world.backends[0].say(b"hello")
    world.run(lambda: bool(client.heard), seconds=1)
    assert bytes(client.heard) == b"hello"
    assert bytes(world.backends[0].heard) == b""


def test_a_drain_waits_for_what_is_behind() -> None:
    world, client = overtaking()
    done: list[float] = []
    world.proxy.drain(lambda: done.append(world.system.time), 100)
    world.run(lambda: bool(done))
    world.run(seconds=1)
    assert bytes(world.backends[0].heard) == b"late;"
    assert done[0] >= 5
    assert client.ended == "fin"


def test_many_pieces_leave_others_their_turn() -> None:
    """A reactor that sent them all at once would do nothing else for a second."""
    with real_reactor() as reactor, socket.create_server(("127.0.0.1", 0)) as listening:
        rule = Rule(behavior=Slicer(size=1), name="slicer", scope="connection")
        backend = Address("127.0.0.1", listening.getsockname()[1])
        here = Address("127.0.0.1", 0)
        plan = Plan((rule,))
        proxy = Proxy(reactor, ProxySpec(listen=here, backend=backend, protocol=Tcp(), plan=plan))
        proxy.open()
        with socket.create_connection(("127.0.0.1", proxy.address.port)) as client:
            client.sendall(bytes(5000))
            run_until(reactor, lambda: proxy.connections, "a connection")
            served, _ = listening.accept()
            with served:
                served.setblocking(False)
                turns: list[int] = []
                while sum(turns) < 5000:
                    reactor.call_later(0.001, lambda: None)  # it may all have been sent
                    reactor.run_once()
                    with suppress(BlockingIOError):
                        turns.append(len(served.recv(5000)))
        proxy.close()
    assert max(turns) <= 2 * BATCH  # what was read and what was left over may go at one time


# Rules that come, or change, while bytes wait.


def poured(world: World, data: bytes) -> Peer:
    """Return a client to which a backend sends all this at once."""
    client = world.client()
    world.run(lambda: bool(world.backends), seconds=1)
    world.backends[0].say(data)
    return client


@pytest.mark.parametrize(
    ("rule", "allowed"),
    [
        ("bandwidth rate=10000", 1000),
        ("bandwidth rate=10000 shared=true", 1000),
        ("bandwidth rate=10000 scope=exchange", 1000),
        ("slicer size=100 delay=0.05", 200),
        ("delay before=false sleep=1", 0),
        ("latency delay=1", 0),
    ],
)
@pytest.mark.parametrize("first", ["hang direction=to_client", "bandwidth rate=1 name=first"])
def test_what_waited_before_a_rule_came_gives_no_credit(
    rule: str, allowed: int, first: str
) -> None:
    world = World(first, whole=True)
    client = poured(world, b"")
    for _ in range(100):
        world.backends[0].say(bytes(500))
        world.run(seconds=0.3)
    world.apply(f"{rule} name=other")
    before = len(client.heard)
    world.run(seconds=0.1)
    assert len(client.heard) - before <= allowed + 100
    world.run(seconds=1000)
    assert len(client.heard) == 50_000


@pytest.mark.parametrize("keys", ["", " shared=true"])
def test_another_rate_counts_from_when_it_came(keys: str) -> None:
    world = World(f"bandwidth rate=10000{keys}", whole=True)
    client = poured(world, bytes(500_000))
    world.run(seconds=3)
    before = len(client.heard)
    assert before == pytest.approx(30_000, abs=1500)
    world.apply(f"bandwidth rate=100000{keys}")
    world.run(seconds=1)
    assert len(client.heard) - before == pytest.approx(100_000, abs=5_000)
    world.apply(f"bandwidth rate=1000{keys}")
    before = len(client.heard)
    world.run(seconds=10)
    assert len(client.heard) - before == pytest.approx(10_000, abs=2_500)


def test_a_shared_line_of_many_changes_its_rate_for_all() -> None:
    world = World("bandwidth rate=1000 shared=true", whole=True)
    clients = [poured(world, bytes(100_000)) for _ in range(3)]
    for backend in world.backends[1:]:
        backend.say(bytes(100_000))
    world.run(seconds=3)
    before = sum(len(client.heard) for client in clients)
    world.apply("bandwidth rate=100000 shared=true")
    world.run(seconds=1)
    after = sum(len(client.heard) for client in clients)
    assert after - before == pytest.approx(100_000, abs=7_000)


def test_what_an_updated_rule_holds_it_goes_on_holding_under_the_new_values() -> None:
    world = World("delay sleep=30", on_data=echo, whole=True)
    client = world.client()
    client.say(b"hello")
    world.run(seconds=1)
    world.apply("delay sleep=40")
    world.run(lambda: bool(client.heard), seconds=100)
    assert client.heard_at == [pytest.approx(40)]
    world.run(seconds=1)
    client.say(b"again")
    world.run(seconds=5)
    world.apply("delay sleep=10")
    world.run(lambda: len(client.heard) > 5, seconds=100)
    assert client.heard_at[1] == pytest.approx(51)


def test_an_updated_rule_goes_on_counting() -> None:
    world = World("limit-data bytes=1000 direction=to_client")
    client = poured(world, bytes(700))
    world.run(seconds=1)
    world.apply("limit-data bytes=800 direction=to_client")
    world.backends[0].say(bytes(700))
    world.run(seconds=1)
    assert (len(client.heard), client.ended) == (800, "fin")


def test_of_a_message_in_pieces_an_update_plays_the_rest() -> None:
    world = World("slicer size=100 delay=1", whole=True)
    data = bytes(range(250)) * 4
    client = poured(world, data)
    world.run(seconds=2.5)
    assert bytes(client.heard) == data[:300]
    world.apply("slicer size=200 delay=2")
    world.run(seconds=1.4)
    assert bytes(client.heard) == data[:300]
    world.run(seconds=0.2)
    assert bytes(client.heard) == data[:500]
    world.run(seconds=100)
    assert bytes(client.heard) == data
