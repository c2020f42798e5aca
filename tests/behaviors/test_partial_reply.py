"""partial-reply lets the beginning of a response arrive."""

from __future__ import annotations

import pytest

from acting import actions_of, firing, request, response
from lines import Lines
from scenario import World, echo
from vaurien.behavior import Firing
from vaurien.behaviors.partial_reply import KEEP_LIMIT, PartialReply
from vaurien.errors import OptionError
from vaurien.values.actions import Action, Close, Forward, Hold
from vaurien.values.messages import Message

PIECES = (
    response(b"0123", ends=False),
    response(b"45", begins=False, ends=False)._replace(offset=4),
    response(b"6789", begins=False)._replace(offset=6),
)


def play(behavior: PartialReply, *pieces: Message) -> list[Action]:
    """All that is asked for on these pieces; a Hold ends at once."""
    fired = asked(behavior)
    return [action for piece in pieces for action in actions_of(behavior, piece, fired)]


def asked(behavior: PartialReply) -> Firing:
    """The rule has fired on a request, which has been passed on whole."""
    fired = firing()
    message = request(b"?")
    assert actions_of(behavior, message, fired) == [Forward(message)]
    return fired


def forwarded(actions: list[Action]) -> list[bytes]:
    return [action.message.data for action in actions if isinstance(action, Forward)]


@pytest.mark.parametrize(
    ("options", "arrives"),
    [
        ({}, b"01234"),
        ({"fraction": 0.25}, b"01"),
        ({"fraction": 0}, b""),
        ({"fraction": 1}, b"0123456789"),
        ({"bytes": 3}, b"012"),
        ({"bytes": 4}, b"0123"),
        ({"bytes": 7, "fraction": 0}, b"0123456"),
        ({"bytes": 10}, b"0123456789"),
        ({"bytes": 99}, b"0123456789"),
    ],
)
@pytest.mark.parametrize("then", ["fin", "rst"])
def test_so_much_of_it_arrives(options: dict[str, object], arrives: bytes, then: str) -> None:
    whole = response(b"0123456789")
    for pieces in ((whole,), PIECES):
        behavior = PartialReply(then=then, **options)
        fired = asked(behavior)
        told: list[Action] = []
        for piece in pieces:
            told += actions_of(behavior, piece, fired)
            if isinstance(told[-1] if told else None, Close):
                break  # the link plays nothing more
        assert b"".join(forwarded(told)) == arrives
        assert told[-1] == Close(reset=then == "rst")


@pytest.mark.parametrize("options", [{}, {"bytes": 3}, {"fraction": 0}, {"bytes": 99}])
def test_a_stall_keeps_the_rest_until_it_is_lifted(options: dict[str, object]) -> None:
    for pieces in ((response(b"0123456789"),), PIECES):
        told = play(PartialReply(**options), *pieces)
        assert Hold() in told
        assert b"".join(forwarded(told)) == b"0123456789"
        passed = [action.message for action in told if isinstance(action, Forward)]
        assert [message.begins for message in passed] == [True] + [False] * (len(passed) - 1)
        assert [message.ends for message in passed] == [False] * (len(passed) - 1) + [True]
        assert passed[-1].offset == 10 - len(passed[-1].data)


def test_of_a_long_response_not_all_is_kept_back() -> None:
    half = b"x" * (KEEP_LIMIT // 2)
    pieces = [
        response(half, begins=number == 0, ends=False)._replace(offset=number * len(half))
        for number in range(2)
    ]
    behavior = PartialReply(fraction=0.1, then="fin")
    fired = asked(behavior)
    assert actions_of(behavior, pieces[0], fired) == []
    head, close = actions_of(behavior, pieces[1], fired)
    assert isinstance(head, Forward)
    assert len(head.message.data) == KEEP_LIMIT // 10
    assert close == Close()


def test_what_does_not_end_the_exchange_passes() -> None:
    interim = response(b"go on")._replace(final=False)
    unasked = response(b"hear this")._replace(exchange=0)
    for message in (interim, unasked):
        assert play(PartialReply(), message) == [Forward(message)]


def test_what_was_kept_back_arrives_if_another_response_follows() -> None:
    behavior = PartialReply(then="fin")
    fired = asked(behavior)
    first = response(b"0123", ends=False)
    rest = response(b"45", begins=False)._replace(offset=4, final=False)
    assert actions_of(behavior, first, fired) == []
    assert actions_of(behavior, rest, fired) == [Forward(first), Forward(rest)]
    told = actions_of(behavior, response(b"last"), fired)
    assert forwarded(told) == [b"la"]
    assert told[-1] == Close()


def test_of_a_response_whose_size_is_known_it_is_a_part_of_the_whole() -> None:
    behavior = PartialReply(fraction=0.75, then="fin")
    fired = asked(behavior)
    first = response(b"0123", ends=False)._replace(left=4)
    last = response(b"4567", begins=False)._replace(offset=4)
    assert actions_of(behavior, first, fired) == [Forward(first)]
    told = actions_of(behavior, last, fired)
    assert forwarded(told) == [b"45"]
    assert told[-1] == Close()


def test_who_has_not_asked_all_is_not_left_waiting() -> None:
    begun = response(b"0123", ends=False)
    (head, close) = actions_of(PartialReply(then="fin"), begun, firing())
    assert isinstance(head, Forward)
    assert (head.message.data, close) == (b"01", Close())


def test_there_is_no_other_ending() -> None:
    with pytest.raises(OptionError):
        PartialReply(then="laugh")


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("rule", ["partial-reply", "partial-reply bytes=7"])
def test_a_lifted_stall_loses_nothing(rule: str, seed: int) -> None:
    world = World(f"{rule} command=BODY", protocol=Lines(), on_data=echo, seed=seed)
    client = world.client()
    client.say(b"GET 1\n")
    world.run(lambda: client.heard.count(b"\n") == 1)
    world.backends[0].on_data = None
    client.say(b"BODY 7\nGET 3\n")
    world.run(lambda: world.backends[0].heard.count(b"\n") == 3)
    world.backends[0].say(b"BODY 7\n1234567GET 3\n")
    world.run(seconds=100)
    assert bytes(client.heard) == b"GET 1\nBODY 7\n"
    world.apply()
    world.run(lambda: client.heard.count(b"\n") == 3)
    assert bytes(client.heard) == b"GET 1\nBODY 7\n1234567GET 3\n"
    client.say(b"GET 4\n")
    world.run(lambda: world.backends[0].heard.endswith(b"GET 4\n"))


def test_a_stall_is_over_with_the_time_to_live_of_its_rule() -> None:
    world = World("partial-reply bytes=3 ttl=60", protocol=Lines(), on_data=echo, whole=True)
    client = world.client()
    client.say(b"GET 1\nGET 2\n")
    world.run(seconds=59)
    assert bytes(client.heard) == b"GET"
    world.run(lambda: client.heard.count(b"\n") == 2)
    assert world.system.time == 60.0
    assert bytes(client.heard) == b"GET 1\nGET 2\n"
