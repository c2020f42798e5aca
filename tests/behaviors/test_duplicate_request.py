"""duplicate-request hands a request on twice, and returns one answer."""

from __future__ import annotations

import pytest

from acting import actions_of, firing, request, response
from lines import Lines
from scenario import World, echo
from vaurien.behaviors.duplicate_request import KEEP_LIMIT, DuplicateRequest
from vaurien.errors import OptionError
from vaurien.values.actions import Action, Forward
from vaurien.values.messages import Message


def forwarded(*messages: Message) -> list[Message]:
    """What is handed on of the messages of one exchange."""
    fired = firing(protocol=Lines())
    behavior = DuplicateRequest()
    told: list[Action] = [a for m in messages for a in actions_of(behavior, m, fired)]
    assert all(isinstance(action, Forward) for action in told)
    passed = [action.message for action in told if isinstance(action, Forward)]
    return [message._replace(again=False) for message in passed]


def test_the_pieces_are_handed_on_again() -> None:
    pieces = [request(b"1", ends=False), request(b"2", begins=False)]
    assert forwarded(*pieces) == pieces * 2


def test_what_is_handed_on_again_says_so() -> None:
    question = request(b"?")
    told = actions_of(DuplicateRequest(), question, firing(protocol=Lines()))
    assert told == [Forward(question), Forward(question._replace(again=True))]


@pytest.mark.parametrize(
    "rules", [("duplicate-request", "error fault=BUSY"), ("error fault=BUSY", "duplicate-request")]
)
def test_who_asks_once_is_answered_once(rules: tuple[str, ...]) -> None:
    world = World(*rules, protocol=Lines(), on_data=echo)
    client = world.client()
    client.say(b"GET a\nGET b\n")
    world.run(seconds=1)
    assert bytes(client.heard) == b"BUSY no\n" * 2


def test_one_answer_returns() -> None:
    question, answer, again = request(b"?"), response(b"!"), response(b"!!")
    assert forwarded(question, answer, again) == [question, question, answer]


def test_an_answer_of_several_messages_returns_whole() -> None:
    question = request(b"?")
    answer = [
        response(b"wait")._replace(final=False),
        response(b"1", ends=False),
        response(b"2", begins=False),
    ]
    assert forwarded(question, *answer, *answer) == [question, question, *answer]


def test_nobody_answers_what_expects_no_answer() -> None:
    question = request(b"?")._replace(expects_reply=False)
    assert forwarded(question) == [question, question]


def test_a_long_request_is_handed_on_once() -> None:
    half = b"x" * KEEP_LIMIT
    pieces = [request(half, ends=False), request(half, begins=False)._replace(offset=len(half))]
    answer = response(b"!")
    assert forwarded(*pieces, answer) == [*pieces, answer]


def test_a_request_that_may_go_on_is_handed_on_once() -> None:
    question = request(b"?")._replace(final=False)
    more = request(b"more")._replace(continues=True, expects_reply=False)
    go_on, answer = response(b"go on")._replace(final=False), response(b"!")
    assert forwarded(question, go_on, more, answer) == [question, go_on, more, answer]


def test_an_answer_alone_is_left_as_it_is() -> None:
    answer = response(b"!")
    assert forwarded(answer) == [answer]


def test_it_takes_framing() -> None:
    with pytest.raises(OptionError, match="'duplicate-request' is not allowed"):
        World("duplicate-request")


@pytest.mark.parametrize("seed", range(5))
def test_the_exchanges_around_it_are_as_ever(seed: int) -> None:
    world = World("duplicate-request command=SET", protocol=Lines(), on_data=echo, seed=seed)
    client = world.client()
    client.say(b"GET 1\nSET 2\nGET 3\nSET 4\nGET 5\n")
    world.run(lambda: client.heard.count(b"\n") == 5)
    assert bytes(client.heard) == b"GET 1\nSET 2\nGET 3\nSET 4\nGET 5\n"
    assert bytes(world.backends[0].heard) == b"GET 1\nSET 2\nSET 2\nGET 3\nSET 4\nSET 4\nGET 5\n"


def test_a_rule_that_is_lifted_holds_for_the_second_answer() -> None:
    world = World("duplicate-request", protocol=Lines())
    client = world.client()
    client.say(b"SET 1\n")
    world.run(lambda: bool(world.backends) and world.backends[0].heard.count(b"\n") == 2)
    world.backends[0].say(b"first\n")
    world.run(lambda: bytes(client.heard) == b"first\n")
    world.apply()
    client.say(b"GET 2\n")
    world.run(lambda: world.backends[0].heard.count(b"\n") == 3)
    world.backends[0].say(b"second\nthird\n")
    world.run(lambda: client.heard.count(b"\n") == 2)
    assert bytes(client.heard) == b"first\nthird\n"


@pytest.mark.parametrize("seed", range(5))
def test_on_its_connections_each_request_is_handed_on_twice(seed: int) -> None:
    rule = "duplicate-request scope=connection"
    world = World(rule, protocol=Lines(), on_data=echo, seed=seed)
    client = world.client()
    client.say(b"GET 1\nSET 2\nGET 3\n")
    world.run(lambda: client.heard.count(b"\n") == 3)
    assert bytes(world.backends[0].heard) == b"GET 1\nGET 1\nSET 2\nSET 2\nGET 3\nGET 3\n"
    assert bytes(client.heard) == b"GET 1\nSET 2\nGET 3\n"


def test_the_second_answer_is_swallowed_after_the_time_to_live_of_the_rule() -> None:
    world = World("duplicate-request ttl=5", protocol=Lines())
    client = world.client()
    client.say(b"SET 1\n")
    world.run(lambda: bool(world.backends) and world.backends[0].heard.count(b"\n") == 2)
    world.run(seconds=10)
    client.say(b"GET 2\n")
    world.run(lambda: world.backends[0].heard.count(b"\n") == 3)
    world.backends[0].say(b"first\nsecond\nthird\n")
    world.run(lambda: client.heard.count(b"\n") == 2)
    assert bytes(client.heard) == b"first\nthird\n"


def test_an_answer_that_comes_early_returns_and_the_request_is_sent_again_whole() -> None:
    begun, rest = request(b"1", ends=False), request(b"2", begins=False)
    answer, again = response(b"!"), response(b"!!")
    assert forwarded(begun, answer, rest, again) == [begun, answer, rest, begun, rest]
