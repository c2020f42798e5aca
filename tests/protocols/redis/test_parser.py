"""The parsers of redis: what a connection says, in any chunks, is understood and unchanged."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeding import chunkings, cut, parse_in_all_ways, put_together
from redis_talk import Talk, command
from vaurien.errors import ProtocolError
from vaurien.protocol import Parser, Stream
from vaurien.protocols.redis.parser import Redis
from vaurien.protocols.redis.responses import NESTING_LIMIT
from vaurien.values.messages import Direction, Message

TO_CLIENT = Direction.TO_CLIENT
MIB = 1024 * 1024


def requests(stream: Stream) -> Parser:
    return Redis().requests(stream)


# Requests.

PLAIN = {"access": "other", "grows": "no"}
READ = {"access": "read", "grows": "no"}
GROW = {"access": "write", "grows": "yes"}
WRITE = {"access": "write", "grows": "no"}
CONTROL = {"access": "control", "grows": "no"}

REQUESTS: dict[str, tuple[bytes, dict[str, str]]] = {
    "one word": (command("PING"), {"command": "PING", **PLAIN}),
    "a key": (command("get", "k"), {"command": "GET", "key": "k", **READ}),
    "an empty key": (command("GET", ""), {"command": "GET", "key": "", **READ}),
    "a value": (command("SET", "k", "v\r\n$1\r\n"), {"command": "SET", "key": "k", **GROW}),
    "a large value": (command("SET", "k", "v" * 5000), {"command": "SET", "key": "k", **GROW}),
    "options": (command("SET k v EX 1 NX"), {"command": "SET", "key": "k", **GROW}),
    "many words": (
        command("MSET", *map(str, range(50))),
        {"command": "MSET", "key": "0", **GROW},
    ),
    "many large words": (
        command("DEL", *(str(size) * size for size in range(90, 120))),
        {"command": "DEL", "key": "90" * 90, **WRITE},
    ),
    "a large key": (command("GET", "k" * 2000), {"command": "GET", "key": "k" * 500, **READ}),
    "a huge key": (command("GET", "k" * 20_000), {"command": "GET", **READ}),
    "a key in UTF-8": (command("GET", "clé"), {"command": "GET", "key": "clé", **READ}),
    "no text": (command("GET", b"\xff"), {"command": "GET", "key": "\\xff", **READ}),
    "a long name": (command("X" * 40), {"command": "X" * 40, **PLAIN}),
    "two words of name": (
        command("config get maxmemory"),
        {"command": "CONFIG", "subcommand": "GET", **CONTROL},
    ),
    "a group": (
        command("XGROUP CREATE s g $"),
        {"command": "XGROUP", "subcommand": "CREATE", "key": "s", **GROW},
    ),
    "no second word": (command("CONFIG"), {"command": "CONFIG", **CONTROL}),
    "a script": (
        command("EVAL", "return 1" * 100, "1", "k"),
        {"command": "EVAL", "key": "k", **WRITE},
    ),
    "a script without keys": (command("EVAL x 0 arg"), {"command": "EVAL", **WRITE}),
    "a huge script": (
        command("EVAL", "x" * 20_000, "1", "k"),
        {"command": "EVAL", **WRITE},
    ),
    "streams": (
        command("XREAD COUNT 2 STREAMS s 0"),
        {"command": "XREAD", "key": "s", **READ},
    ),
    "streams of a group": (
        command("XREADGROUP GROUP g c BLOCK 0 STREAMS s >"),
        {"command": "XREADGROUP", "key": "s", **WRITE},
    ),
    "inline": (b"GET  k \r\n", {"command": "GET", "key": "k", **READ}),
    "inline, bare": (b"ping\n", {"command": "PING", **PLAIN}),
}


@pytest.mark.parametrize("data", [pair[0] for pair in REQUESTS.values()], ids=REQUESTS)
def test_a_request(data: bytes) -> None:
    (labels,) = [known for said, known in REQUESTS.values() if said == data]
    found = parse_in_all_ways(requests, data + b"*1\r\n$4\r\nPI")
    assert [(whole.data, whole.labels) for whole in found] == [
        (data, labels),
        (b"*1\r\n$4\r\nPI", {}),
    ]
    assert found[0].expects_reply


def test_all_requests_at_once() -> None:
    said = [pair[0] for pair in REQUESTS.values()]
    found = parse_in_all_ways(requests, b"".join(said))
    assert [whole.data for whole in found] == said
    assert [whole.exchange for whole in found] == list(range(1, len(said) + 1))
    assert {label for whole in found for label in whole.labels} == set(Redis.labels)


@pytest.mark.parametrize("nothing", [b"\r\n", b"\n", b"  \r\n", b"*0\r\n", b"*-1\r\n"])
def test_nothing_is_not_answered(nothing: bytes) -> None:
    found = parse_in_all_ways(requests, nothing + command("PING"))
    assert [(whole.data, whole.expects_reply) for whole in found] == [
        (nothing, False),
        (command("PING"), True),
    ]


def answered(*words: str) -> list[bool]:
    """Of which of these commands an answer is expected."""
    found = parse_in_all_ways(requests, b"".join(map(command, words)))
    return [whole.expects_reply for whole in found]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("CLIENT REPLY OFF, GET k, CLIENT REPLY SKIP, GET k, CLIENT REPLY ON, GET k", "000011"),
        ("CLIENT REPLY SKIP, GET k, GET k", "001"),
        ("client reply skip, client reply on, GET k", "011"),
        ("CLIENT REPLY SKIP, CLIENT REPLY SKIP, GET k, GET k", "0001"),
        ("CLIENT REPLY OFF, SUBSCRIBE a, UNSUBSCRIBE, SUBSCRIBE, RESET, GET k", "011011"),
        ("CLIENT REPLY NONSENSE, GET k", "11"),
        ("CLIENT REPLY, CLIENT REPLY OFF x, GET k", "111"),
        ("MULTI, CLIENT REPLY OFF, EXEC, GET k", "1111"),
        ("CLIENT REPLY OFF, MULTI, GET k, EXEC", "0000"),
        ("REPLCONF ACK 1, REPLCONF listening-port 1", "01"),
    ],
)
def test_replies_can_be_switched_off(words: str, expected: str) -> None:
    assert answered(*words.split(", ")) == [sign == "1" for sign in expected]


def test_exec_does_what_its_transaction_does() -> None:
    words = ["MULTI", "GET k", "EXEC", "MULTI", "DEL k", "SET k v", "EXEC", "MULTI", "EXEC", "EXEC"]
    talk = Talk()
    found = talk.ask(*map(command, words))
    labels = [(piece.labels["access"], piece.labels["grows"]) for piece in found]
    assert [pair for word, pair in zip(words, labels, strict=True) if word == "EXEC"] == [
        ("read", "no"),
        ("write", "yes"),
        ("control", "no"),
        ("control", "no"),
    ]
    inside = [getattr(piece.about, "transaction", None) is not None for piece in found]
    assert inside == [False, True, True, False, True, True, True, False, True, False]


# Responses: a conversation is what the client says, and what it hears for each.

Said = str | bytes
Conversation = Sequence[tuple[Said | None, Sequence[bytes]]]
"""Requests with the messages that answer them; those of None are told unasked."""


def array(*words: bytes, kind: bytes = b"*") -> bytes:
    return kind + b"%d\r\n" % len(words) + b"".join(map(value, words))


def value(word: bytes) -> bytes:
    return word + b"\r\n" if word[:1] in b":_*" and word else b"$%d\r\n%b\r\n" % (len(word), word)


def push(*words: bytes) -> bytes:
    return array(*words, kind=b">")


OK, PONG, NULL = b"+OK\r\n", b"+PONG\r\n", b"$-1\r\n"
QUEUED, HELLO = b"+QUEUED\r\n", b"%1\r\n$5\r\nproto\r\n:3\r\n"
MONITORED = b'+1795385012.547471 [0 127.0.0.1:51488] "SET" "a" "+OK"\r\n'
WRONG_CONTEXT = b"-ERR Can't execute 'get': only (P|S)SUBSCRIBE / ... / RESET are allowed\r\n"

CONVERSATIONS: dict[str, Conversation] = {
    "plain": [
        ("SET k v", [OK]),
        ("GET k", [b"$1\r\nv\r\n"]),
        ("GET none", [NULL]),
        ("INCR n", [b":1\r\n"]),
        ("LPUSH k", [b"-ERR wrong number of arguments for 'lpush' command\r\n"]),
        ("LRANGE l 0 -1", [b"*2\r\n$1\r\na\r\n$3\r\n\r\n\r\r\n"]),
        ("LRANGE l 0 -1", [b"*0\r\n"]),
        ("BLPOP l 1", [b"*-1\r\n"]),
        ("GET large", [b"$5000\r\n" + b"\r\n" * 2500 + b"\r\n"]),
        ("LRANGE l 0 -1", [b"*100\r\n" + b"$2\r\n\r\n\r\n" * 99 + b"$300\r\n" + b"x" * 302]),
        ("EVAL x 0", [b"*3\r\n:1\r\n*2\r\n+a\r\n*1\r\n-ERR x\r\n$1\r\nz\r\n"]),
        ("QUIT", [OK]),
    ],
    "RESP3": [
        ("HELLO 3", [HELLO]),
        ("GET none", [b"_\r\n"]),
        ("A", [b"#t\r\n"]),
        ("A", [b",1.5\r\n"]),
        ("A", [b",inf\r\n"]),
        ("A", [b"(3492890328409238509324850943850943825024385\r\n"]),
        ("A", [b"!21\r\nSYNTAX invalid syntax\r\n"]),
        ("A", [b"=15\r\ntxt:Some string\r\n"]),
        ("A", [b"%2\r\n+a\r\n*1\r\n:1\r\n+b\r\n%1\r\n+c\r\n_\r\n"]),
        ("A", [b"~2\r\n+a\r\n~0\r\n"]),
        ("A", [b"|1\r\n+ttl\r\n:3600\r\n$1\r\nv\r\n"]),
        ("A", [b"*2\r\n|1\r\n+ttl\r\n*1\r\n:1\r\n$1\r\nv\r\n:2\r\n"]),
        (None, [push(b"invalidate", b"*1\r\n$1\r\nk")]),
        ("A", [b"$?\r\n;4\r\nab\r\n\r\n;1\r\nc\r\n;0\r\n"]),
        ("A", [b"*?\r\n:1\r\n%?\r\n+a\r\n*2\r\n:1\r\n:2\r\n.\r\n:3\r\n.\r\n"]),
        ("A", [b"|?\r\n+a\r\n:1\r\n.\r\n:2\r\n"]),
        (None, [push(b"message", b"c", b"x")]),
        ("PING", [PONG]),
    ],
    "transaction": [
        ("MULTI", [OK]),
        ("SET k v", [QUEUED]),
        ("LPUSH k v", [QUEUED]),
        ("SUBSCRIBE c", [QUEUED]),
        ("GET", [b"-ERR wrong number of arguments for 'get' command\r\n"]),
        ("EXEC", [b"-EXECABORT Transaction discarded because of previous errors.\r\n"]),
        ("MULTI", [OK]),
        ("LPUSH k v", [QUEUED]),
        ("EXEC", [b"*1\r\n-WRONGTYPE Operation against a key ...\r\n"]),
        ("GET k", [NULL]),
    ],
    "subscriptions": [
        ("SUBSCRIBE a b a", [array(b"subscribe", x, b":%d" % n) for x, n in [(b"a", 1), (b"b", 2)]]
         + [array(b"subscribe", b"a", b":2")]),
        (None, [array(b"message", b"a", b"hello")]),
        ("PING", [array(b"pong", b"")]),
        (None, [array(b"message", b"a", b"x" * 5000)]),
        ("GET k", [WRONG_CONTEXT]),
        ("UNSUBSCRIBE zz", [array(b"unsubscribe", b"zz", b":2")]),
        ("PSUBSCRIBE q*", [array(b"psubscribe", b"q*", b":3")]),
        (None, [array(b"pmessage", b"q*", b"q", b"x")]),
        ("SSUBSCRIBE s", [array(b"ssubscribe", b"s", b":1")]),
        (None, [array(b"smessage", b"s", b"x")]),
        ("UNSUBSCRIBE", [array(b"unsubscribe", b"b", b":2"), array(b"unsubscribe", b"a", b":1")]),
        ("PUNSUBSCRIBE", [array(b"punsubscribe", b"q*", b":0")]),
        ("PUNSUBSCRIBE", [b"*3\r\n$12\r\npunsubscribe\r\n$-1\r\n:0\r\n"]),
        (None, [array(b"sunsubscribe", b"s", b":0")]),
        ("LRANGE l 0 -1", [array(b"message", b"a", b"b")]),
        ("GET k", [NULL]),
    ],
    "subscriptions in RESP3": [
        ("HELLO 3", [HELLO]),
        ("SUBSCRIBE a b", [push(b"subscribe", b"a", b":1"), push(b"subscribe", b"b", b":2")]),
        (None, [push(b"message", b"a", b"x")]),
        ("GET k", [b"_\r\n"]),
        ("LRANGE l 0 -1", [array(b"message", b"a", b"b")]),
        ("UNSUBSCRIBE", [push(b"unsubscribe", b"b", b":1"), push(b"unsubscribe", b"a", b":0")]),
        ("UNSUBSCRIBE", [b">3\r\n$11\r\nunsubscribe\r\n_\r\n:0\r\n"]),
        ("PING", [PONG]),
        ("SUBSCRIBE a", [b"-NOPERM this user has no permissions ...\r\n"]),
        ("SUBSCRIBE", [b"-ERR wrong number of arguments for 'subscribe' command\r\n"]),
        ("PING", [PONG]),
    ],
    "subscriptions that no replies are wanted to": [
        ("CLIENT REPLY OFF", []),
        ("SUBSCRIBE a", [array(b"subscribe", b"a", b":1")]),
        ("PING", []),
        ("UNSUBSCRIBE", [array(b"unsubscribe", b"a", b":0")]),
        ("GET k", []),
        ("RESET", [b"+RESET\r\n"]),
        ("GET k", [NULL]),
    ],
    "a monitor": [
        ("MONITOR", [OK]),
        (None, [MONITORED]),
        ("PING", [PONG]),
        (None, [MONITORED]),
        ("GET k", [b"-ERR Replica can't interact with the keyspace\r\n"]),
        ("RESET", [b"+RESET\r\n"]),
        ("PING", [PONG]),
    ],
    "a reset": [
        ("HELLO 3", [HELLO]),
        ("SUBSCRIBE a", [push(b"subscribe", b"a", b":1")]),
        ("MULTI", [OK]),
        ("RESET", [b"+RESET\r\n"]),
        ("LRANGE l 0 -1", [array(b"message", b"a", b"b")]),
    ],
}  # fmt: skip


def hold(conversation: Conversation, ask: Sequence[bytes], answer: Sequence[bytes]) -> None:
    """Hold a conversation whose two sides arrive in these chunks, all requests first."""
    talk = Talk()
    asked = talk.ask(*ask)
    answers = talk.answer(*answer)
    assert b"".join(piece.data for piece in asked) == b"".join(ask)
    assert b"".join(piece.data for piece in answers) == b"".join(answer)
    expected = []
    exchange = 0
    for said, heard in conversation:
        exchange += said is not None
        expected += [(exchange if said is not None else 0, data) for data in heard]
    assert [(whole.exchange, whole.data) for whole in put_together(answers)] == expected
    assert not talk.exchanges.pending


def sides(conversation: Conversation) -> tuple[bytes, bytes]:
    """All that is asked, and all that is answered."""
    asked = [said if isinstance(said, bytes) else command(said) for said, _ in conversation if said]
    return b"".join(asked), b"".join(data for _, heard in conversation for data in heard)


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_a_conversation(name: str) -> None:
    conversation = CONVERSATIONS[name]
    asked, answered = sides(conversation)
    for size in (1, 2, 3, 7, 100, len(asked) + len(answered)):
        hold(
            conversation,
            cut(asked, range(size, len(asked), size)),
            cut(answered, range(size, len(answered), size)),
        )


@given(st.sampled_from(sorted(CONVERSATIONS)), st.data())
@settings(max_examples=30)
def test_a_conversation_in_any_chunks(name: str, data: st.DataObject) -> None:
    conversation = CONVERSATIONS[name]
    asked, answered = sides(conversation)
    hold(conversation, data.draw(chunkings(asked)), data.draw(chunkings(answered)))


def test_errors_are_labelled_and_counted() -> None:
    talk = Talk()
    talk.ask(command("GET k") * 4)
    found = talk.answer(b"-LOADING Redis is ...\r\n+OK\r\n-OOM\r\n!9\r\nBUSY wait\r\n")
    assert [piece.labels.get("error") for piece in found] == ["LOADING", None, "OOM", "BUSY"]
    assert talk.exchanges.tally.errors == {"LOADING": 1, "OOM": 1, "BUSY": 1}


def test_the_version_is_what_both_agree_to() -> None:
    talk = Talk()
    talk.ask(command("HELLO 3"))
    talk.answer(b"-NOPROTO unsupported protocol version\r\n")
    assert talk.protocol.session.version == 2
    talk.ask(command("HELLO 3 AUTH user secret"))
    talk.answer(HELLO)
    assert talk.protocol.session.version == 3
    talk.ask(command("HELLO"))
    talk.answer(HELLO)
    assert talk.protocol.session.version == 3
    talk.ask(command("RESET"))
    assert talk.protocol.session.version == 2


@pytest.mark.parametrize(
    ("told", "version"),
    [(b"*1\r\n" + HELLO, 3), (b"-EXECABORT Transaction ...\r\n", 2), (b"*-1\r\n", 2)],
)
def test_a_version_may_be_agreed_to_in_a_transaction(told: bytes, version: int) -> None:
    talk = Talk()
    talk.ask(command("MULTI"), command("HELLO 3"))
    talk.answer(OK + QUEUED)
    assert talk.protocol.session.version == 2
    talk.ask(command("EXEC"))
    assert talk.protocol.session.version == 3
    talk.answer(told)
    assert talk.protocol.session.version == version
    talk.ask(command("MULTI"), command("HELLO 3"), command("DISCARD"))
    assert talk.protocol.session.version == version


# What follows is no RESP.


@pytest.mark.parametrize("feed", [b"$176\r\nREDIS0010", b"\n$176\r\n", b"+FULLRESYNC id 0\r\n$1"])
@pytest.mark.parametrize("words", ["SYNC", "PSYNC ? -1"])
def test_a_replica_is_fed(words: str, feed: bytes) -> None:
    talk = Talk()
    talk.ask(command(words))
    (first,) = talk.answer(feed)
    assert first.data == feed[: feed.index(b"\n") + 1]
    assert talk.to_client.opaque


def test_a_replica_that_is_refused_stays() -> None:
    talk = Talk()
    talk.ask(command("PSYNC ? -1"))
    talk.answer(b"-NOMASTERLINK Can't SYNC while not connected with my master\r\n")
    assert not talk.to_client.opaque
    talk.ask(command("PING"))
    (answer,) = talk.answer(PONG)
    assert answer.exchange == 2


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00",  # TLS
        b"$3\r\nGET\r\n",
        b"*x\r\n",
        b"*1\r\n*1\r\n",
        b"*1\r\n$-1\r\n",
        b"*1\r\n$65\r\n",
        b"*2\r\n$3\r\nGET\r\n:1\r\n",
        b"*4\r\n$3\r\nGET\r\n$1\r\nk\r\n!1\r\n",
    ],
)
def test_requests_that_are_none(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        Talk().ask(data)


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 400 Bad Request\r\n",
        b"\x15\x03\x01",
        b"*x\r\n",
        b"*1\r\nx\r\n",
        b".\r\n",
        b"$?\r\n:1\r\n",
        b"*?\r\n" * (NESTING_LIMIT + 1),
        b">3\r\n$9\r\nsubscribe\r\n+a\r\n+b\r\n",
    ],
)
def test_responses_that_are_none(data: bytes) -> None:
    talk = Talk()
    talk.ask(command("SUBSCRIBE a"))
    with pytest.raises(ProtocolError):
        talk.answer(data)


# Whatever comes, no byte is changed, and memory is bounded.

TRAFFIC = [side for each in CONVERSATIONS.values() for side in sides(each)]


def unharmed(direction: Direction, chunks: Sequence[bytes]) -> None:
    """Feed these chunks to a parser that waits for all sorts of answers."""
    talk = Talk()
    talk.ask(*[command("SUBSCRIBE a b") + command("GET k") + command("MONITOR")] * 3)
    stream = talk.to_client if direction is TO_CLIENT else talk.to_backend
    pieces = []
    for number, chunk in enumerate(chunks):
        try:
            pieces += stream.feed(chunk, 0.0)
        except ProtocolError:
            pieces += stream.surrender()
            pieces += [Message(left, direction, 0.0) for left in chunks[number + 1 :]]
            break
    else:
        pieces += stream.surrender()
    assert b"".join(piece.data for piece in pieces) == b"".join(chunks)


directions = st.sampled_from(list(Direction))


@given(directions, st.binary(max_size=300).flatmap(chunkings))
def test_random_bytes(direction: Direction, chunks: list[bytes]) -> None:
    unharmed(direction, chunks)


@given(st.data(), directions, st.sampled_from(TRAFFIC))
@settings(max_examples=200)
def test_spoilt_traffic(data: st.DataObject, direction: Direction, traffic: bytes) -> None:
    spoilt = bytearray(traffic)
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(spoilt)))
        spoilt[place : place + data.draw(st.integers(0, 5))] = data.draw(
            st.one_of(
                st.binary(max_size=5), st.sampled_from([b"\r\n", b"*9\r\n", b"$-1\r\n", b"?"])
            )
        )
    unharmed(direction, data.draw(chunkings(bytes(spoilt))))


@pytest.mark.parametrize("watching", [False, True])
@pytest.mark.parametrize(
    ("head", "repeated", "times"),
    [
        (b"$100000000\r\n", bytes(64 * 1024), 1525),
        (b"*1000000000000\r\n", b"$1\r\nx\r\n" * 1000, 100),
        (b"", b"*1\r\n" * 10_000, 3),
        (b"", b"|1000000000\r\n" * 5_000, 3),
        (b"*1\r\n$100000000\r\n", bytes(64 * 1024), 1525),
    ],
)
def test_a_response_without_end_takes_little_memory(
    head: bytes, repeated: bytes, times: int, watching: bool
) -> None:
    talk = Talk()
    talk.ask(command("GET k"))
    assert memory_of(talk.to_client, head, repeated, times, watching=watching) < MIB


@pytest.mark.parametrize("watching", [False, True])
@pytest.mark.parametrize(
    ("head", "repeated", "times"),
    [
        (b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000000\r\n", bytes(64 * 1024), 1525),
        (b"*2\r\n$3\r\nGET\r\n$100000000\r\n", bytes(64 * 1024), 1525),
        (b"*1000000000\r\n$4\r\nMSET\r\n", b"$1\r\nx\r\n" * 1000, 100),
        (b"*1000000000\r\n$5\r\nXREAD\r\n", b"$1\r\nx\r\n" * 1000, 100),
    ],
)
def test_a_request_without_end_takes_little_memory(
    head: bytes, repeated: bytes, times: int, watching: bool
) -> None:
    assert memory_of(Talk().to_backend, head, repeated, times, watching=watching) < MIB


def memory_of(stream: Stream, head: bytes, repeated: bytes, times: int, *, watching: bool) -> int:
    """The most memory that a message takes which never ends."""
    look = stream.watch if watching else stream.feed
    look(head + repeated[:0] or repeated, 0.0)
    tracemalloc.start()
    try:
        for _ in range(times):
            look(repeated, 0.0)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
