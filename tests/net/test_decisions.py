"""Decisions: on requests, on labels of responses, and behaviors that act to the end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import pytest

from lines import Lines
from scenario import Peer, World
from vaurien import registry
from vaurien.behavior import Behavior, Firing
from vaurien.errors import OptionError
from vaurien.protocol import Parser, Protocol, Stream
from vaurien.protocols.http.parser import Http
from vaurien.protocols.redis import Redis
from vaurien.rules.active import ActiveRule
from vaurien.rules.active_plan import ActivePlan
from vaurien.rules.dice import Dice
from vaurien.rules.plan import Match, Plan
from vaurien.values.actions import Actions, Forward, Reply, Wait
from vaurien.values.messages import Direction, Ended, Message


def hears(world: World, size: int) -> bool:
    """Whether the backend has received this many bytes."""
    return bool(world.backends) and len(world.backends[0].heard) >= size


def answer(peer: Peer, data: bytes) -> None:
    """A backend that echoes each line, and answers those with ``fail`` in them with FAIL."""
    answered = getattr(peer, "answered", 0)
    whole = [line for line in bytes(peer.heard).splitlines(keepends=True) if line[-1:] == b"\n"]
    for line in whole[answered:]:
        if not line.startswith((b"QUIET", b"AND")):
            peer.say(b"FAIL a\n" if b"fail" in line else line)
    peer.answered = len(whole)  # type: ignore[attr-defined]


def test_a_rule_may_match_what_only_the_response_tells() -> None:
    world = World("delay before=false sleep=3 answer=FAIL", protocol=Lines(), on_data=answer)
    client = world.client()
    client.say(b"GET a\nGET fail\nGET c\n")
    world.run(lambda: client.heard.count(b"\n") == 3)
    assert bytes(client.heard) == b"GET a\nFAIL a\nGET c\n"
    assert world.system.time >= 3
    assert world.fired == [(1, 2, "delay")]


def test_a_rule_may_match_both_request_and_response() -> None:
    rule = "error fault=BUSY command=GET answer=FAIL times=1"
    world = World(rule, protocol=Lines(), on_data=answer)
    client = world.client()
    client.say(b"SET fail\nGET ok\nGET fail\nGET fail\n")
    world.run(lambda: client.heard.count(b"\n") == 4)
    assert bytes(client.heard) == b"FAIL a\nGET ok\nBUSY no\nFAIL a\n"


@pytest.mark.parametrize("protocol", ["tcp", "lines"])
def test_a_rule_may_match_what_is_known_of_the_connection(protocol: str) -> None:
    def framed() -> Protocol | None:
        return Lines() if protocol == "lines" else None

    world = World("delay sleep=3", protocol=framed(), on_data=answer)
    (rule,) = world.proxy.plan.rules
    world.proxy.apply(Plan((replace(rule, match=(Match("sni", "a.example"),)),), 1))
    for sni in ("a.example", "b.example"):
        client = world.client()
        world.run(seconds=1)
        list(world.proxy.connections)[-1].decisions.facts = {"sni": sni}
        client.say(b"GET a\n")
    world.run(seconds=10)
    assert [bytes(peer.heard) for peer in world.peers if peer not in world.backends] == [
        b"GET a\n",
        b"GET a\n",
    ]
    assert world.fired == [(1, 1, "delay")]


def test_what_a_response_tells_is_too_late_for_requests() -> None:
    with pytest.raises(OptionError) as caught:
        World("delay answer=FAIL", protocol=Lines())
    assert str(caught.value) == (
        "'answer' is known only with the response, and with these options 'delay' acts on "
        "requests: it takes one of command, key"
    )


def test_a_fault_brings_what_its_exchange_must_be() -> None:
    world = World("error fault=LOCKED", protocol=Lines(), on_data=answer)
    client = world.client()
    client.say(b"GET a\nPUT 1\nx")
    world.run(lambda: client.heard.count(b"\n") == 2)
    assert bytes(client.heard) == b"GET a\nLOCKED no\n"


def test_a_match_of_the_rules_own_goes_before_that_of_its_fault() -> None:
    world = World("error fault=LOCKED command=GET", protocol=Lines(), on_data=answer)
    client = world.client()
    client.say(b"GET a\nPUT 0\n")
    world.run(lambda: client.heard.count(b"\n") == 2)
    assert bytes(client.heard) == b"LOCKED no\nPUT 0\n"


@pytest.mark.parametrize("seed", range(6))
def test_what_a_fault_has_begun_it_carries_through(seed: int) -> None:
    world = World("error fault=UNDONE", protocol=Lines(), seed=seed)
    client = world.client()
    client.say(b"GET a\n")
    world.run(lambda: bool(world.backends) and bytes(world.backends[0].heard) == b"UNDO\n")
    world.apply()
    world.backends[0].say(b"DONE\n")
    world.run(lambda: client.heard.endswith(b"\n"))
    assert bytes(client.heard) == b"UNDONE\n"
    client.say(b"GET b\n")
    world.run(lambda: world.backends[0].heard.endswith(b"GET b\n"))
    world.backends[0].say(b"b\n")
    world.run(lambda: client.heard.endswith(b"b\n"))
    assert bytes(client.heard) == b"UNDONE\nb\n"
    (connection,) = world.proxy.connections
    assert [link.quiet for link in connection.links] == [True, True]


@pytest.mark.parametrize("seed", range(6))
def test_a_long_request_is_swallowed_to_its_end_though_the_rule_is_lifted(seed: int) -> None:
    world = World("error fault=BUSY", protocol=Lines(), on_data=answer, seed=seed)
    client = world.client()
    client.say(b"PUT 6\nabc")
    world.run(seconds=1)
    world.apply()
    client.say(b"def")
    world.run(seconds=1)
    client.say(b"GET b\n")
    world.run(lambda: client.heard.endswith(b"b\n"))
    assert bytes(client.heard) == b"BUSY no\nGET b\n"
    assert bytes(world.backends[0].heard) == b"GET b\n"


@pytest.mark.parametrize("lifted", [False, True])
def test_what_continues_a_request_shares_its_decision(lifted: bool) -> None:
    world = World("error fault=BUSY times=1", protocol=Lines(), on_data=answer)
    client = world.client()
    client.say(b"GET a\n")
    world.run(lambda: client.heard.endswith(b"\n"))
    if lifted:
        world.apply()
    for _ in range(3):
        client.say(b"AND more\n")
        world.run(seconds=1)
    client.say(b"GET b\nAND more\n")
    world.run(seconds=1)
    assert bytes(client.heard) == b"BUSY no\nGET b\n"
    assert bytes(world.backends[0].heard) == b"GET b\nAND more\n"


def test_decisions_are_forgotten_with_their_exchanges() -> None:
    world = World("delay sleep=0.1", protocol=Lines(), on_data=answer)
    client = world.client()
    for number in range(50):
        client.say(b"GET %d\nQUIET x\n" % number)
        world.run(lambda number=number: client.heard.endswith(b"GET %d\n" % number))  # type: ignore[misc]
    (connection,) = world.proxy.connections
    assert len(connection.decisions._by_exchange or ()) <= 2


def test_a_decision_is_forgotten_though_the_next_one_was_made_on_the_beginning_of_a_head() -> None:
    world = World("delay sleep=0 every=2", protocol=Http(), whole=True)
    client = world.client()
    head, rest = b"GET / HT", b"TP/1.1\r\nHost: x\r\n\r\n"
    client.say(head)
    for _ in range(5):
        client.say(rest + head + rest + head)  # the second fires
        world.run(seconds=1)
        for _ in range(2):
            world.backends[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            world.run(seconds=1)
    (connection,) = world.proxy.connections
    assert len(world.fired) == 5
    assert len(connection.decisions._by_exchange or ()) <= 2


@pytest.mark.parametrize("answer", [b"HTTP/1.1 103 Early Hints\r\n\r\n", b""])
def test_an_exchange_that_passed_uncut_is_counted_once_though_its_answer_comes_in_pieces(
    answer: bytes,
) -> None:
    world = World("delay sleep=0 every=2", protocol=Http(), whole=True)
    client = world.client()
    client.say(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    world.run(lambda: hears(world, 1))
    answer += b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    for said in (answer[:20], answer[20:]):
        world.backends[0].say(said)
        world.run(seconds=1)
    assert bytes(client.heard) == answer
    (rule,) = world.proxy.active_plan.rules
    assert (rule.seen, rule.fired) == (1, 0)


class Answered(Behavior):
    name: ClassVar[str] = "test-answered"

    def on_message(self, message: Message, firing: Firing) -> Actions:
        if message.to_backend:
            yield Reply(b"a")
        else:
            yield Forward(message)


registry.register(Answered)


def test_an_answer_in_place_of_the_backends_ends_an_exchange_too() -> None:
    world = World("test-answered", whole=True)
    client = world.client()
    for _ in range(3):
        client.say(b"q")
        world.run(seconds=1)
    assert bytes(client.heard) == b"aaa"
    assert [exchange for _, exchange, _ in world.fired] == [1, 2, 3]


def test_a_message_said_unasked_takes_no_memory_of_exchanges() -> None:
    world = World("delay before=false sleep=0", protocol=Lines(), whole=True)
    client = world.client()
    client.say(b"GET a\n")
    world.run(seconds=1)
    world.backends[0].say(b"BODY 6\n" + b"abcdef" + b"BODY 6\nabc")
    world.run(seconds=1)
    world.apply()
    client.say(b"GET b\n")
    world.run(seconds=1)
    (connection,) = world.proxy.connections
    assert connection.decisions._by_exchange is None
    assert connection.decisions.exchanges is not None
    (pending,) = connection.decisions.exchanges.pending
    assert connection.decisions.exchanges.remembered == pending.size


def test_a_rule_that_comes_acts_on_a_request_whose_turn_has_not_come() -> None:
    world = World("delay sleep=5 command=GET", protocol=Lines(), on_data=answer, whole=True)
    client = world.client()
    client.say(b"GET a\nSET b\n")
    world.run(seconds=2)
    world.apply("delay sleep=5 command=GET", "error fault=BUSY command=SET")
    world.run(seconds=10)
    assert bytes(client.heard) == b"GET a\nBUSY no\n"
    assert bytes(world.backends[0].heard) == b"GET a\n"


def test_nothing_is_kept_for_rules_that_are_gone() -> None:
    world = World("delay scope=connection name=rule-0", on_data=lambda peer, data: peer.say(data))
    client = world.client()
    for number in range(1, 5):
        client.say(b"q")
        world.run(seconds=10)
        world.apply(f"delay scope=connection name=rule-{number}")
    client.say(b"q")
    world.run(seconds=10)
    (connection,) = world.proxy.connections
    assert [each.name for each in connection.memory.connection_draws] == ["rule-4"]


def test_responses_that_come_together_share_the_decision_on_their_request() -> None:
    rule = "delay before=false sleep=1 times=1"
    world = World(rule, protocol=Lines(), on_data=lambda *_: None, whole=True)
    client = world.client()
    client.say(b"GET a\nGET b\n")
    world.run(lambda: bool(world.backends and world.backends[0].heard.endswith(b"b\n")))
    world.backends[0].say(b"MORE\na\nb\n")
    world.run(lambda: client.heard.count(b"\n") == 3)
    assert world.fired == [(1, 1, "delay")]


class Counting(ActivePlan):
    """Counts how often it is asked to decide."""

    decided = 0

    def decide(self, *args: Any, **keys: Any) -> list[tuple[ActiveRule, Firing]]:
        self.decided += 1
        return super().decide(*args, **keys)


@pytest.mark.parametrize("rule", ["delay sleep=1 before=false", "error fault=BUSY"])
def test_an_exchange_is_decided_on_once(rule: str) -> None:
    world = World(rule, protocol=Lines(), on_data=answer, whole=True)
    client = world.client()
    world.run(lambda: bool(world.backends))
    plan = world.proxy.active_plan = Counting(world.proxy.plan, "proxy", 0.0)
    for number in range(1, 4):
        client.say(b"GET a\n")
        world.run(lambda number=number: client.heard.count(b"\n") == number)  # type: ignore[misc]
        assert plan.decided == number


# Labels of responses.


def test_a_late_rule_counts_a_response_once_though_it_has_waited() -> None:
    rules = ("delay before=false sleep=1", "error name=late fault=BUSY answer=FAIL every=2")
    world = World(*rules, protocol=Lines(), on_data=answer, whole=True)
    client = world.client()
    client.say(b"GET fail\n")
    world.run(lambda: bool(client.heard))
    assert world.fired == [(1, 1, "delay")]
    client.say(b"GET fail\n")
    world.run(lambda: client.heard.count(b"\n") == 2)
    assert bytes(client.heard) == b"FAIL a\nBUSY no\n"


@pytest.mark.parametrize("together", [False, True])
def test_a_late_rule_counts_several_responses_to_one_request_once(together: bool) -> None:
    rule = "delay before=false sleep=0 answer=~. every=2"
    world = World(rule, protocol=Lines(), whole=True)
    client = world.client()
    for exchange in (1, 2):
        client.say(b"GET a\n")
        world.run(lambda size=6 * exchange: hears(world, size))  # type: ignore[misc]
        for data in (b"MORE\na\n",) if together else (b"MORE\n", b"a\n"):
            world.backends[0].say(data)
            world.run(seconds=1)
    assert world.fired == [(1, 2, "delay")]


def test_late_rules_of_a_mix_and_others_exclude_each_other() -> None:
    rules = (
        "error fault=BUSY percent=30 answer=GET mix=m",
        "delay sleep=0 percent=40 command=GET mix=m",
    )
    world = World(*rules, protocol=Lines(), on_data=answer)
    client = world.client()
    client.say(b"GET a\nSET a\n" * 500)
    world.run(lambda: client.heard.count(b"\n") == 1000)
    exchanges = [exchange for _, exchange, _ in world.fired]
    assert len(exchanges) == len(set(exchanges))
    assert all(exchange % 2 for exchange in exchanges)  # a SET is answered by a SET
    failed, delayed = (sum(rule == name for *_, rule in world.fired) for name in ("error", "delay"))
    assert 110 < failed < 190
    assert 150 < delayed < 250
    assert client.heard.count(b"BUSY no\n") == failed


# Unsolicited messages.


@pytest.mark.parametrize("apart", [False, True])
def test_what_is_said_unasked_is_decided_on_message_by_message(apart: bool) -> None:
    world = World("delay before=false sleep=10 answer=!a", protocol=Lines(), whole=True)
    client = world.client()
    world.run(lambda: bool(world.backends))
    world.backends[0].say(b"!a\n")
    if apart:
        world.run(lambda: bool(world.fired))
    world.backends[0].say(b"!b\n!a\n")
    world.run(lambda: client.heard.count(b"\n") == 3)
    assert world.fired == [(1, 0, "delay")] * 2


def test_what_is_said_unasked_is_drawn_for_message_by_message() -> None:
    rule = "delay percent=50 before=false sleep=0.01"
    world = World(rule, protocol=Lines(), whole=True)
    client = world.client()
    world.run(lambda: bool(world.backends))
    for said in range(1, 101):
        world.backends[0].say(b"!a\n")
        world.run(lambda said=said: client.heard.count(b"\n") == said)  # type: ignore[misc]
    assert 30 < len(world.fired) < 70


@pytest.mark.parametrize(
    "rule",
    [
        "request-lost",
        "request-lost scope=connection",
        "reply-lost",
        "partial-reply then=fin",
        "duplicate-request",
        "delay",
        "hang direction=to_backend",
        "error fault=BUSY",
    ],
)
def test_what_is_said_unasked_is_not_counted_by_a_rule_that_leaves_it_alone(rule: str) -> None:
    world = World(f"{rule} times=1 name=rule", protocol=Lines(), on_data=answer, whole=True)
    client = world.client()
    world.run(lambda: bool(world.backends))
    world.backends[0].say(b"!a\n!b c")
    world.run(seconds=1)
    assert bytes(client.heard) == b"!a\n!b c"
    client.say(b"GET a\n")
    world.run(seconds=1)
    assert world.fired == [(1, 1, "rule")]


def test_an_error_answers_nothing_that_nobody_has_asked_for() -> None:
    world = World("error fault=ERR", protocol=Redis(), whole=True)
    client = world.client()
    world.run(lambda: bool(world.backends))
    push = b">2\r\n+invalidate\r\n*1\r\n+a\r\n"
    world.backends[0].say(push)
    world.run(seconds=1)
    assert (bytes(client.heard), world.fired) == (push, [])
    client.say(b"PING\r\n")
    world.run(seconds=1)
    assert bytes(client.heard) == push + b"-ERR injected by vaurien\r\n"


# Plans that change in the middle.


class Pieces(Lines):
    """``MOREBODY n`` has a body of n bytes; that another response follows is known at its end."""

    name = "pieces"

    def responses(self, stream: Stream) -> Parser:
        while True:
            line = yield from stream.readline()
            stream.begin({"answer": line.decode("latin-1").split()[0]})
            if line.startswith(b"MOREBODY"):
                yield from stream.skip(int(line.split()[1]))
            stream.end(final=not line.startswith(b"MORE"))


@pytest.mark.parametrize(
    ("rule", "passes"),
    [
        ("error fault=BUSY answer=b", b"MOREBODY 10\n0123456789BUSY no\n"),
        ("partial-reply bytes=1 answer=b", b"MOREBODY 10\n0123456789b"),
    ],
)
def test_a_rule_about_the_last_response_leaves_the_one_before_it_whole(
    rule: str, passes: bytes
) -> None:
    world = World(rule, protocol=Pieces(), whole=True)
    client = world.client()
    client.say(b"GET a\n")
    world.run(lambda: hears(world, 6))
    for data in (b"MOREBODY 10\n01234", b"56789b\n"):
        world.backends[0].say(data)
        world.run(seconds=1)
    assert bytes(client.heard) == passes


@pytest.mark.parametrize(
    ("rule", "passes", "ended"),
    [
        ("reply-lost", b"", "fin"),
        ("reply-lost reset=true", b"", "reset"),
        ("partial-reply fraction=0.5", b"MOREBODY 10\n0123456789la", ""),
        ("partial-reply fraction=0 then=fin", b"MOREBODY 10\n0123456789", "fin"),
    ],
)
def test_what_is_lost_when_only_its_end_tells_that_a_response_was_not_the_last(
    rule: str, passes: bytes, ended: str
) -> None:
    world = World(rule, protocol=Pieces(), whole=True)
    client = world.client()
    client.say(b"GET a\n")
    world.run(lambda: hears(world, 6))
    for data in (b"MOREBODY 10\n01234", b"56789", b"last\n"):
        assert not client.ended
        world.backends[0].say(data)
        world.run(seconds=1)
    assert (bytes(client.heard), client.ended) == (passes, ended)


def test_a_rule_that_comes_with_more_of_a_request_leaves_its_response_whole() -> None:
    world = World(protocol=Lines(), whole=True)
    client = world.client()
    client.say(b"GET a\n")
    world.run(lambda: hears(world, 6))
    world.backends[0].say(b"BODY 6\nabc")
    world.run(seconds=1)
    world.apply("error fault=BUSY")
    client.say(b"AND x\n")
    world.run(seconds=1)
    world.backends[0].say(b"def")
    world.run(seconds=1)
    assert bytes(client.heard) == b"BODY 6\nabcdef"


def test_what_a_rule_has_not_begun_it_does_not_carry_through() -> None:
    world = World("hang", "error fault=BUSY", protocol=Lines(), on_data=answer)
    client = world.client()
    client.say(b"GET a\n")
    world.run(seconds=1)
    world.apply()
    world.run(seconds=1)
    assert bytes(client.heard) == b"GET a\n"


@pytest.mark.parametrize("seed", range(6))
def test_what_a_fault_has_begun_outlasts_the_time_to_live_of_its_rule(seed: int) -> None:
    world = World("error fault=UNDONE ttl=5", protocol=Lines(), seed=seed)
    client = world.client()
    client.say(b"GET a\nPUT 6\nabc")
    world.run(lambda: hears(world, 10))
    world.run(seconds=10)
    assert not world.proxy.active_plan.acts_on_messages
    client.say(b"defGET b\n")
    world.run(lambda: world.backends[0].heard.endswith(b"GET b\n"))
    assert bytes(world.backends[0].heard) == b"UNDO\nUNDO\nGET b\n"
    world.backends[0].say(b"DONE\nDONE\nb\n")
    world.run(lambda: client.heard.endswith(b"b\n"))
    assert bytes(client.heard) == b"UNDONE\nUNDONE\nb\n"
    (connection,) = world.proxy.connections
    assert [link.quiet for link in connection.links] == [True, True]


def test_decisions_are_forgotten_though_rules_come_and_go_in_the_middle() -> None:
    world = World(protocol=Lines(), whole=True)
    client = world.client()
    for number in range(1, 51):
        world.apply("delay sleep=0")
        client.say(b"GET a\n")
        world.run(lambda size=6 * number: hears(world, size))  # type: ignore[misc]
        world.apply()
        world.backends[0].say(b"a\n")
        world.run(lambda said=number: client.heard.count(b"\n") == said)  # type: ignore[misc]
    (connection,) = world.proxy.connections
    assert len(connection.decisions._by_exchange or ()) <= 2


# Whole connections.


class Everywhere(Behavior):
    """Overrides every hook, and does nothing."""

    name = "test-everywhere"
    scopes = ("connection", "exchange")
    seen: ClassVar[list[tuple[str, int, float]]] = []

    def on_connect(self, firing: Firing) -> Actions:
        self.seen.append(("connect", firing.exchange, firing.draw))
        yield from ()

    def on_open(self, firing: Firing) -> Actions:
        self.seen.append(("open", firing.exchange, firing.draw))
        yield from ()

    def on_message(self, message: Message, firing: Firing) -> Actions:
        self.seen.append(("message", firing.exchange, firing.draw))
        yield Forward(message)

    def on_end(self, ended: Ended, firing: Firing) -> Actions:
        self.seen.append(("end", firing.exchange, firing.draw))
        yield from ()


class Heard(Behavior):
    """Records every second when something was last heard."""

    name = "test-heard"
    scopes = ("connection",)
    seen: ClassVar[list[tuple[float, ...]]] = []

    def on_open(self, firing: Firing) -> Actions:
        while True:
            yield Wait(firing.now + 1)
            heard = [firing.heard_at(), *map(firing.heard_at, Direction), firing.opened_at]
            self.seen.append(tuple(heard))


for behavior in (Everywhere, Heard):
    registry.register(behavior)


def test_one_draw_counts_for_all_that_a_rule_does_on_a_connection() -> None:
    Everywhere.seen.clear()
    world = World("test-everywhere name=one percent=50", protocol=Lines(), on_data=answer)
    drawn = [Dice(0, "vaurien", "one").roll(number, 0)[0] for number in range(1, 9)]
    for _ in drawn:
        client = world.client()
        client.say(b"GET a\nGET b\n", finish=True)
        world.run(seconds=1)
        world.backends[-1].finish()
        world.run(seconds=1)
    struck = [(number, draw) for number, draw in enumerate(drawn, 1) if draw < 50]
    assert 0 < len(struck) < 8
    assert world.fired == [(number, 0, "one") for number, _ in struck]
    once = [("connect", 0), ("open", 0), *[("message", number) for number in (1, 1, 2, 2)]]
    once += [("end", 0), ("end", 0)]
    steps = [
        sorted((what, n) for what, n, at in Everywhere.seen if at == draw) for _, draw in struck
    ]
    assert steps == [sorted(once)] * len(struck)


def test_drawn_for_by_exchange_it_acts_on_messages_alone() -> None:
    Everywhere.seen.clear()
    world = World("test-everywhere scope=exchange", protocol=Lines(), on_data=answer)
    client = world.client()
    client.say(b"GET a\n", finish=True)
    world.run(seconds=1)
    assert [what for what, *_ in Everywhere.seen] == ["message", "message"]


def test_with_a_match_it_acts_on_messages_alone() -> None:
    Everywhere.seen.clear()
    world = World("test-everywhere command=GET", protocol=Lines(), on_data=answer)
    client = world.client()
    client.say(b"GET a\nSET b\n", finish=True)
    world.run(seconds=1)
    assert [(what, number) for what, number, _ in Everywhere.seen] == [("message", 1)] * 2


def test_a_verdict_that_was_passed_on_a_message_stands_for_the_end() -> None:
    world = World("test-everywhere times=1", protocol=Lines(), on_data=answer)
    first, second = world.client(), world.client()
    world.run(seconds=1)
    Everywhere.seen.clear()
    for client in (first, second):
        client.say(b"GET a\n", finish=True)
    world.run(seconds=1)
    assert sorted(what for what, *_ in Everywhere.seen) == ["end", "message", "message"]
    assert len(world.fired) == 1


def test_it_is_known_when_each_direction_carried_something_last() -> None:
    Heard.seen.clear()
    world = World(whole=True)
    client = world.client()
    world.run(seconds=10)
    world.apply("test-heard")
    world.run(seconds=1.5)
    client.say(b"x")
    world.run(seconds=2)
    world.backends[0].say(b"y")
    world.run(seconds=1)
    world.apply()
    assert Heard.seen == [
        (0.0, 0.0, 0.0, 0.0),
        (11.5, 11.5, 0.0, 0.0),
        (11.5, 11.5, 0.0, 0.0),
        (13.5, 11.5, 13.5, 0.0),
    ]
