"""What Redis answers decides on the state of a connection: its RESP version, its subscriptions."""

from __future__ import annotations

import pytest

from acting import firing
from redis_talk import Talk, command
from vaurien.errors import ProtocolError
from vaurien.fault import values_of
from vaurien.protocols.redis.faults import CATALOGUE
from vaurien.protocols.redis.session import request_of
from vaurien.values.actions import Action, Forward, Reply
from vaurien.values.messages import Message

OK, QUEUED, PONG = b"+OK\r\n", b"+QUEUED\r\n", b"+PONG\r\n"
REFUSED = b"-WRONGPASS invalid username-password pair or user is disabled.\r\n"
HELLO = b"%1\r\n+proto\r\n:3\r\n"
MISS = CATALOGUE.find("miss")


def missed(message: Message) -> list[Action]:
    return list(MISS.play(message, firing(), values_of(MISS, {})))


def exchanges_of(talk: Talk, *chunks: bytes) -> list[int]:
    """The exchanges of these responses, each of which is a message or a part of one."""
    return [piece.exchange for piece in talk.answer(*chunks) if piece.ends]


# The version of RESP.


@pytest.mark.parametrize(("answer", "null"), [(HELLO, b"_\r\n"), (REFUSED, b"$-1\r\n")])
def test_a_fault_behind_a_hello_waits_for_the_answer_to_it(answer: bytes, null: bytes) -> None:
    talk = Talk()
    talk.ask(command("HELLO 3 AUTH default wrong"))
    (get,) = talk.to_backend.feed(command("GET k"), 0.0)
    (sent,) = missed(get)
    assert isinstance(sent, Forward)
    talk.exchanges.pass_on(sent.message, 0.0)
    _, response = talk.answer(answer, b"-ERR wrong number of arguments\r\n")
    (told,) = missed(response)
    assert isinstance(told, Forward)
    assert told.message.data == null


@pytest.mark.parametrize(("answer", "null"), [(HELLO, b"_\r\n"), (REFUSED, b"$-1\r\n")])
def test_a_fault_after_the_answer_to_a_hello_needs_no_backend(answer: bytes, null: bytes) -> None:
    talk = Talk()
    talk.ask(command("HELLO 3 AUTH default wrong"))
    talk.answer(answer)
    (get,) = talk.ask(command("GET k"))
    assert missed(get) == [Reply(null)]


def test_each_of_several_hellos_is_settled_by_its_own_answer() -> None:
    talk = Talk()
    first, second, third = talk.ask(command("HELLO 3"), command("HELLO 2"), command("GET k"))
    assert request_of(third).is_open
    talk.answer(HELLO)
    assert (talk.protocol.session.version, request_of(third).is_open) == (2, True)
    talk.answer(REFUSED)
    assert (talk.protocol.session.version, request_of(third).resp) == (3, 3)
    assert (request_of(first).resp, request_of(second).resp) == (2, 3)


def test_thousands_of_hellos_may_be_pipelined() -> None:
    talk = Talk()
    for message in talk.to_backend.feed(command("HELLO", "3", "AUTH", "u", "p" * 500) * 3_000, 0.0):
        talk.exchanges.pass_on(message, 0.0)
    talk.answer(REFUSED * 3_000)
    assert talk.protocol.session.version == 2
    assert len(talk.exchanges.pending) == 0


@pytest.mark.parametrize(("answer", "version"), [(HELLO, 3), (REFUSED, 2)])
def test_a_hello_in_a_transaction_is_settled_by_its_own_answer(answer: bytes, version: int) -> None:
    talk = Talk()
    talk.ask(*map(command, ("MULTI", "PING", "HELLO 3", "PING", "EXEC", "PING")))
    talk.answer(OK + QUEUED * 3)
    assert exchanges_of(talk, b"*3\r\n" + PONG + answer + PONG + PONG) == [5, 6]
    assert talk.protocol.session.version == version


# Subscriptions in a transaction.


def confirmed(name: str, channel: str, total: int, form: str) -> bytes:
    words = f"${len(name)}\r\n{name}\r\n${len(channel)}\r\n{channel}\r\n:{total}\r\n"
    return f"{form}3\r\n{words}".encode()


def message(form: str) -> bytes:
    return f"{form}3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n".encode()


@pytest.mark.parametrize("form", ["*", ">"])
def test_a_transaction_confirms_each_channel(form: str) -> None:
    talk = Talk()
    if form == ">":
        talk.ask(command("HELLO 3"))
        talk.answer(HELLO)
    inside = ("PING", "SUBSCRIBE a b", "PUBLISH a hi", "PSUBSCRIBE p", "UNSUBSCRIBE", "PING")
    talk.ask(*map(command, ("MULTI", *inside, "EXEC", "PING")))
    talk.answer(OK + QUEUED * len(inside))
    told = b"".join(
        [
            b"*6\r\n" + PONG,
            confirmed("subscribe", "a", 1, form) + confirmed("subscribe", "b", 2, form),
            message(form) + b":1\r\n",
            confirmed("psubscribe", "p", 3, form),
            confirmed("unsubscribe", "a", 2, form) + confirmed("unsubscribe", "b", 1, form),
            PONG,
        ]
    )
    last = talk.exchanges.begun
    assert exchanges_of(talk, told) == [last - 1]
    assert exchanges_of(talk, confirmed("pmessage", "p", 0, form)) == [0]
    assert exchanges_of(talk, PONG) == [last]


def test_a_subscription_that_a_transaction_refuses_is_one_error() -> None:
    talk = Talk()
    talk.ask(*map(command, ("MULTI", "SSUBSCRIBE a b", "PING", "EXEC", "PING")))
    talk.answer(OK + QUEUED * 2)
    told = b"*2\r\n-ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client\r\n" + PONG
    assert exchanges_of(talk, told, PONG) == [4, 5]


def test_a_push_amid_the_values_of_a_transaction_is_none_of_them() -> None:
    talk = Talk()
    talk.ask(command("HELLO 3"))
    talk.answer(HELLO)
    talk.ask(*map(command, ("MULTI", "GET k", "GET k", "EXEC", "PING")))
    talk.answer(OK + QUEUED * 2)
    push = b">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n"
    assert exchanges_of(talk, b"*2\r\n_\r\n" + push + b"_\r\n", PONG) == [5, 6]


# Silence.

REFUSALS = (
    b"-NOAUTH Authentication required.\r\n",
    b"-NOPERM this user has no permissions to run the 'client|reply' command\r\n",
    b"-ERR Can't execute 'client|reply': only PING / QUIT / RESET are allowed in this context\r\n",
)


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize("mode", ["OFF", "SKIP"])
def test_silence_that_is_refused_is_none(mode: str, refusal: bytes) -> None:
    talk = Talk()
    (client,) = talk.ask(command(f"CLIENT REPLY {mode}"))
    assert not client.expects_reply
    assert exchanges_of(talk, *(bytes([byte]) for byte in refusal)) == [1]
    (get,) = talk.ask(command("GET k"))
    assert get.expects_reply
    assert exchanges_of(talk, PONG) == [2]


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize("mode", ["OFF", "SKIP"])
def test_what_was_pipelined_behind_refused_silence_is_answered(mode: str, refusal: bytes) -> None:
    talk = Talk()
    words = ("PING", f"CLIENT REPLY {mode}", "GET a", "CLIENT REPLY ON", "GET b")
    talk.ask(*map(command, words))
    assert exchanges_of(talk, PONG + refusal + PONG, OK + PONG) == [1, 2, 3, 4, 5]
    assert not talk.exchanges.pending


def test_the_second_of_two_requests_for_silence_may_be_granted() -> None:
    talk = Talk()
    talk.ask(*map(command, ("CLIENT REPLY OFF", "AUTH pw", "CLIENT REPLY SKIP", "GET a", "GET b")))
    assert exchanges_of(talk, REFUSALS[0], OK) == [1, 2]
    (get,) = talk.ask(command("GET c"))
    assert get.expects_reply is False  # as far as it is known: it was OFF


@pytest.mark.parametrize("error", [b"-NOPERM no permissions to run the 'get' command\r\n", PONG])
def test_an_error_behind_granted_silence_answers_what_is_not_silent(error: bytes) -> None:
    talk = Talk()
    talk.ask(*map(command, ("CLIENT REPLY SKIP", "GET a", "GET b", "GET c")))
    assert exchanges_of(talk, error, PONG) == [3, 4]
    assert talk.protocol.session.silence == []


def test_silence_that_lasts_is_granted() -> None:
    talk = Talk()
    talk.ask(command("CLIENT REPLY OFF"), command("SET k v") * 2_000)
    assert talk.protocol.session.silence == []
    (client,) = talk.ask(command("CLIENT REPLY ON"))
    assert exchanges_of(talk, OK) == [client.exchange]


def test_a_transaction_with_silence_is_not_understood() -> None:
    talk = Talk()
    talk.ask(*map(command, ("MULTI", "SET a 1", "CLIENT REPLY OFF", "GET a", "EXEC", "PING")))
    talk.answer(OK + QUEUED * 3)
    with pytest.raises(ProtocolError, match="CLIENT REPLY"):
        talk.answer(b"*3\r\n+OK\r\n")
