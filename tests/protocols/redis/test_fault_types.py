"""The kinds of redis' faults, by script: what goes where, in and out of transactions."""

from __future__ import annotations

import pytest

from acting import firing
from redis_talk import Talk, command
from vaurien.behavior import Firing
from vaurien.fault import values_of
from vaurien.protocols.redis.fault_types import (
    DISCARD,
    SCRIPTED_ARRAY,
    SCRIPTED_NULL,
    WRONG_ARITY,
    ErrorReply,
)
from vaurien.protocols.redis.faults import CATALOGUE
from vaurien.protocols.redis.session import PLAIN, request_of, slot_of
from vaurien.values.actions import Action, Close, Forward, Reply
from vaurien.values.messages import Message

READONLY = b"-READONLY You can't write against a read only replica.\r\n"
WRONGTYPE = "WRONGTYPE Operation against a key holding the wrong kind of value"


def requests(*words: str | bytes, version: int = 2) -> list[Message]:
    """What the parser makes of these requests."""
    talk = Talk()
    talk.protocol.session.plain = PLAIN[version]
    return talk.ask(b"".join(command(each) if isinstance(each, str) else each for each in words))


def play(
    name: str, piece: Message, fired: Firing | None = None, /, **given: object
) -> list[Action]:
    fault = CATALOGUE.find(name)
    return list(fault.play(piece, fired or firing(), values_of(fault, given)))


def answer_to(request: Message, data: bytes) -> Message:
    """A response, with what its request was about."""
    talk = Talk()
    talk.exchanges.begun = 1
    talk.exchanges.expect_response(1, request.about)
    (message,) = talk.answer(data)
    return message


def forwarded(actions: list[Action]) -> Message:
    (action,) = actions
    assert isinstance(action, Forward)
    return action.message


# Out of transactions.


def test_an_error_takes_the_place_of_a_response() -> None:
    (request,) = requests("SET key value")
    assert play("READONLY", request) == [Reply(READONLY)]


def test_all_pieces_of_a_request_are_swallowed() -> None:
    (request,) = requests("SET key value")
    assert play("READONLY", request._replace(ends=False)) == []
    assert play("READONLY", request._replace(begins=False)) == [Reply(READONLY)]


def test_the_connection_may_end() -> None:
    (request,) = requests("GET key")
    assert play("max-clients", request) == [
        Reply(b"-ERR max number of clients reached\r\n"),
        Close(),
    ]


def test_where_it_is_too_late_the_response_makes_room() -> None:
    (request,) = requests("GET key")
    fired = firing()
    response = answer_to(request, b"$5\r\nvalue\r\n")
    assert forwarded(play("READONLY", response, fired)).data == READONLY
    assert play("READONLY", response._replace(begins=False), fired) == []


def test_of_many_confirmations_one_is_replaced() -> None:
    (request,) = requests("SUBSCRIBE a b")
    fired = firing()
    confirmation = answer_to(request, b"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n")
    assert forwarded(play("READONLY", confirmation, fired)).data == READONLY
    assert play("READONLY", confirmation, fired) == []


def test_a_text_knows_its_request() -> None:
    (request,) = requests("CONFIG GET x")
    assert play("NOPERM", request) == [
        Reply(b"-NOPERM this user has no permissions to run the 'config|get' command\r\n")
    ]
    (request,) = requests("GET {user}key")
    slot = slot_of(b"user")
    assert play("MOVED", request, address="host:1") == [Reply(b"-MOVED %d host:1\r\n" % slot)]
    assert play("MOVED", request, slot=3) == [Reply(b"-MOVED 3 127.0.0.1:6379\r\n")]


def test_a_text_is_one_line() -> None:
    (request,) = requests("GET key")
    assert play("error", request, message="one\r\ntwo\nthree {x}") == [
        Reply(b"-ERR one two three {x}\r\n")
    ]


def test_forms_follow_the_version() -> None:
    (old,), (new,) = requests("GET key"), requests("GET key", version=3)
    assert play("OOM", old, blob=True, message="x") == [Reply(b"-OOM x\r\n")]
    assert play("OOM", new, blob=True, message="x") == [Reply(b"!5\r\nOOM x\r\n")]
    assert play("miss", old) == [Reply(b"$-1\r\n")]
    assert play("miss", new) == [Reply(b"_\r\n")]
    (popping,) = requests("BLPOP list 0")
    assert play("miss", popping) == [Reply(b"*-1\r\n")]


def test_a_push_comes_before_a_response_in_resp3() -> None:
    for version, pushed in ((2, b""), (3, b">2\r\n$10\r\ninvalidate\r\n_\r\n")):
        (request,) = requests("GET key", version=version)
        assert play("invalidate", request) == [Forward(request)]
        response = answer_to(request, b"+OK\r\n")
        assert forwarded(play("invalidate", response)).data == pushed + b"+OK\r\n"


# What the connection's state hangs on.


@pytest.mark.parametrize("words", ["CLIENT REPLY OFF", "CLIENT REPLY ON", "RESET"])
def test_some_requests_are_left_alone(words: str) -> None:
    (request,) = requests(words)
    assert play("error", request) == [Forward(request)]
    response = answer_to(request, b"+OK\r\n")
    assert play("error", response) == [Forward(response)]


@pytest.mark.parametrize("data", [b"\r\n", b"*0\r\n", command("REPLCONF ACK 1")])
def test_what_is_never_answered_is_passed_on(data: bytes) -> None:
    (request,) = requests(data)
    assert play("error", request) == [Forward(request)]


def test_who_wants_no_reply_gets_none_and_the_backend_counts_on() -> None:
    _, request = requests("CLIENT REPLY SKIP", "SET key value")
    stand_in = forwarded(play("READONLY", request))
    scripted = command("EVAL", "return redis.error_reply(ARGV[1])", "0", READONLY[1:-2])
    assert (stand_in.data, stand_in.expects_reply) == (scripted, False)
    assert not request_of(stand_in).substituted


def test_a_hello_that_fails_fails_at_the_backend_too() -> None:
    (request,) = requests("HELLO 3")
    fired = firing()
    stand_in = forwarded(play("NOPROTO", request, fired))
    assert stand_in.data == WRONG_ARITY
    refusal = answer_to(stand_in, b"-ERR wrong number\r\n")
    told = b"-NOPROTO unsupported protocol version\r\n"
    assert forwarded(play("NOPROTO", refusal, fired)).data == told


# In transactions.


def test_a_command_that_is_refused_breaks_the_transaction() -> None:
    _, refused, execute = requests("MULTI", "SET key value", "EXEC")
    fired = firing()
    assert play("READONLY", refused._replace(ends=False), fired) == []
    stand_in = forwarded(play("READONLY", refused._replace(begins=False, offset=9), fired))
    assert (stand_in.data, stand_in.begins, stand_in.offset) == (WRONG_ARITY, True, 0)
    refusal = answer_to(stand_in, b"-ERR wrong number\r\n")
    assert forwarded(play("READONLY", refusal, fired)).data == READONLY
    assert play("READONLY", refusal._replace(begins=False), fired) == []
    assert play("READONLY", execute) == [Forward(execute)]  # it is discarded anyway


def test_an_exec_that_is_refused_discards() -> None:
    _, execute = requests("MULTI", "EXEC")
    fired = firing()
    stand_in = forwarded(play("OOM", execute, fired, message="x"))
    assert stand_in.data == DISCARD
    told = forwarded(play("OOM", answer_to(stand_in, b"+OK\r\n"), fired, message="x"))
    assert told.data == b"-EXECABORT Transaction discarded because of: OOM x\r\n"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("EXECABORT", b"-EXECABORT Transaction discarded because of previous errors.\r\n"),
        ("CLUSTERDOWN", b"-CLUSTERDOWN The cluster is down\r\n"),
        ("error", b"-EXECABORT Transaction discarded because of: injected by vaurien\r\n"),
        ("watch-failed", b"*-1\r\n"),
    ],
)
def test_what_exec_is_told(name: str, told: bytes) -> None:
    _, execute = requests("MULTI", "EXEC")
    fired = firing()
    stand_in = forwarded(play(name, execute, fired))
    assert forwarded(play(name, answer_to(stand_in, b"+OK\r\n"), fired)).data == told


def test_what_fails_when_it_runs_is_queued() -> None:
    _, request = requests("MULTI", "GET key")
    stand_in = forwarded(play("WRONGTYPE", request))
    script = "return redis.error_reply(ARGV[1])"
    assert stand_in.data == command(b"EVAL", script.encode(), b"0", WRONGTYPE.encode())
    queued = answer_to(stand_in, b"+QUEUED\r\n")
    assert play("WRONGTYPE", queued) == [Forward(queued)]
    assert forwarded(play("miss", request)).data == SCRIPTED_NULL


def test_what_the_backend_was_not_told_is_not_pretended() -> None:
    _, request = requests("MULTI", "SET key value")
    queued = answer_to(request, b"+QUEUED\r\n")
    assert play("READONLY", queued) == [Forward(queued)]


def test_a_connection_that_ends_needs_no_truth() -> None:
    _, request = requests("MULTI", "GET key")
    assert play("max-clients", request)[-1] == Close()


def test_a_multi_that_is_refused_is_just_refused() -> None:
    (request,) = requests("MULTI")
    assert play("NOAUTH", request) == [Reply(b"-NOAUTH Authentication required.\r\n")]


# Facts.


def test_a_slot_is_that_of_the_bytes_of_a_key() -> None:
    for key in (b"k\xff", b"x" * 600, b"\\xff", "clé".encode()):
        for version in (2, 3):
            (request,) = requests(command(b"GET", key), version=version)
            told = b"-MOVED %d 127.0.0.1:6379\r\n" % slot_of(key)
            assert play("MOVED", request) == [Reply(told)]
            late = answer_to(request, b"+OK\r\n")._replace(labels=request.labels)
            assert forwarded(play("MOVED", late)).data == told


@pytest.mark.parametrize(
    ("words", "old", "new"),
    [
        ("LPOP l", b"$-1", b"_"),
        ("LPOP l 2", b"*-1", b"_"),
        ("RPOP l 2", b"*-1", b"_"),
        ("SPOP s", b"$-1", b"_"),
        ("SPOP s 2", b"*0", b"~0"),
        ("SRANDMEMBER s 2", b"*0", b"*0"),
        ("ZRANDMEMBER z 2 WITHSCORES", b"*0", b"*0"),
        ("ZRANDMEMBER z", b"$-1", b"_"),
    ],
)
def test_who_asks_for_several_misses_several(words: str, old: bytes, new: bytes) -> None:
    for version, told in ((2, old), (3, new)):
        (request,) = requests(words, version=version)
        assert play("miss", request) == [Reply(told + b"\r\n")]


def test_several_members_are_missed_in_a_transaction_too() -> None:
    _, request, single = requests("MULTI", "SPOP s 2", "SPOP s")
    assert forwarded(play("miss", request)).data == SCRIPTED_ARRAY
    assert forwarded(play("miss", single)).data == SCRIPTED_NULL


def test_an_error_has_its_name_as_its_code() -> None:
    error = ErrorReply(error="CODE text", meaning="meaning", exercises="exercises")
    assert (error.name, error.code, error.applies_to) == ("CODE", "CODE", {})
    assert [option.name for option in error.parameters] == ["message", "blob"]
    assert error.parameters[0].default == "text"
    assert error.wire == "-CODE text"


def test_an_error_may_have_another_name() -> None:
    error = ErrorReply(name="other", error="CODE text", meaning="", exercises="", closes=True)
    assert error.name == "other"
    assert error.wire == "-CODE text, then the end of the connection"


def test_errors_repeat_arguments() -> None:
    (request,) = requests("foo a b")
    assert play("unknown-command", request) == [
        Reply(b"-ERR unknown command 'foo', with args beginning with: 'a' 'b' \r\n")
    ]
    (request,) = requests("XREADGROUP GROUP g c STREAMS s >")
    told = b"-NOGROUP No such key 's' or consumer group '%b' in XREADGROUP with GROUP option\r\n"
    assert play("NOGROUP", request) == [Reply(told % b"g")]
    assert play("NOGROUP", request, group="x") == [Reply(told % b"x")]


def test_a_refused_transaction_has_no_commands() -> None:
    begin, put, end = requests("MULTI", "SET k v", "EXEC")
    assert play("READONLY", begin) == [Reply(READONLY)]
    assert play("READONLY", put) == [Reply(READONLY)]
    assert play("READONLY", end)


def test_a_transaction_that_the_backend_has_begun_is_not_refused() -> None:
    (begin,) = requests("MULTI")
    response = answer_to(begin, b"+OK\r\n")
    assert forwarded(play("READONLY", response)) is response
