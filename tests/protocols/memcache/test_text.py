"""Text and meta commands, in any chunks; and of any bytes at all, none is lost."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeding import (
    Whole,
    chunkings,
    cut,
    feed,
    feed_any,
    owing,
    parse_in_all_ways,
    put_together,
    stream_of,
)
from memcache_server import request, response
from vaurien.errors import ProtocolError
from vaurien.parsing.exchanges import Exchanges
from vaurien.parsing.memory import memory_of
from vaurien.protocol import Stream
from vaurien.protocols.memcache.parser import Memcache
from vaurien.protocols.memcache.text import COMMAND_LIMIT, text_requests
from vaurien.values.messages import Direction, Message

TO_CLIENT = Direction.TO_CLIENT


def requests_in(data: bytes, chunks: list[bytes] | None = None) -> list[Whole]:
    return parse_in_all_ways(Memcache().requests, data, chunks=chunks or [])


def responses_in(data: bytes, pending: int = 0, about: object = None) -> list[Whole]:
    exchanges = owing(*range(1, pending + 1), about=about)
    return parse_in_all_ways(Memcache().responses, data, TO_CLIENT, exchanges)


def text(command: str, key: str = "", *, quiet: bool = False, form: str = "text") -> dict[str, str]:
    """Return the labels of a request."""
    labels = {"command": command, "form": form, "quiet": "yes" if quiet else "no"}
    return {**labels, "key": key} if key else labels


def meta(command: str, key: str = "", *, quiet: bool = False) -> dict[str, str]:
    return text(command, key, quiet=quiet, form="meta")


# Requests.

REQUESTS = {
    b"get key\r\n": text("get", "key"),
    b"get key\n": text("get", "key"),
    b"  get  key  \r\n": text("get", "key"),
    b"get one two three\r\n": text("get", "one"),
    b"gets key\r\n": text("gets", "key"),
    b"get noreply\r\n": text("get", "noreply"),
    b"bget key\r\n": text("bget", "key"),
    b"gat 10 key other\r\n": text("gat", "key"),
    b"gats 0 key\r\n": text("gats", "key"),
    b"set key 0 0 5\r\nvalue\r\n": text("set", "key"),
    b"set key 0 0 0\r\n\r\n": text("set", "key"),
    b"set key 0 0 2\r\n\r\n\r\n": text("set", "key"),
    b"add key 4294967295 -1 9\r\nget key\r\n\r\n": text("add", "key"),
    b"replace key 0 0 1\r\n\n\r\n": text("replace", "key"),
    b"set key +1 +5 +1\r\nx\r\n": text("set", "key"),
    b"set key 0 0 0000000000001\r\nx\r\n": text("set", "key"),
    b"set key 0 0 1 other\r\nx\r\n": text("set", "key"),
    b"cas key 0 0 1 5 other\r\nx\r\n": text("cas", "key"),
    b"config get cluster\r\n": text("config"),
    b"append key 0 0 1\r\nx\r\n": text("append", "key"),
    b"prepend key 0 0 1\r\nx\r\n": text("prepend", "key"),
    b"cas key 0 0 1 77\r\nx\r\n": text("cas", "key"),
    b"delete key\r\n": text("delete", "key"),
    b"delete key 0\r\n": text("delete", "key"),
    b"delete noreply\r\n": text("delete", "noreply"),
    b"incr key 1\r\n": text("incr", "key"),
    b"decr key 18446744073709551615\r\n": text("decr", "key"),
    b"touch key 10\r\n": text("touch", "key"),
    b"stats\r\n": text("stats"),
    b"stats detail on\r\n": text("stats"),
    b"flush_all\r\n": text("flush_all"),
    b"flush_all 10\r\n": text("flush_all"),
    b"version\r\n": text("version"),
    b"verbosity 1\r\n": text("verbosity"),
    b"slabs reassign 1 2\r\n": text("slabs"),
    b"lru mode flat\r\n": text("lru"),
    b"lru_crawler metadump all\r\n": text("lru_crawler"),
    b"watch fetchers\r\n": text("watch"),
    b"misbehave\r\n": text("misbehave"),
    b"mn\r\n": meta("mn"),
    b"me key\r\n": meta("me", "key"),
    b"mg key\r\n": meta("mg", "key"),
    b"mg key v k O12 t\r\n": meta("mg", "key"),
    b"md key\r\n": meta("md", "key"),
    b"ma key N0 J1\r\n": meta("ma", "key"),
    b"ms key 5 T0\r\nvalue\r\n": meta("ms", "key"),
    "get kéy\r\n".encode(): text("get", "kéy"),
    b"get k\xff\r\n": text("get", "k\\xff"),
    # The server refuses these.
    b"\r\n": text("unknown"),
    b"GET key\r\n": text("unknown"),
    b"get\r\n": text("get"),
    b"gat 10\r\n": text("gat"),
    b"mg\r\n": meta("mg"),
    b"ms key\r\n": meta("ms"),
    b"ms key x\r\n": meta("ms", "key"),
    # What the server rejects wants an answer, and has no value.
    b"mg key k k q\r\n": meta("mg", "key"),
    b"mg key Oa Ob q\r\n": meta("mg", "key"),
    b"ms key 1 q q\r\nx\r\n": meta("ms", "key"),
    b"mg key q" + b" a b c d" * 5 + b"\r\n": meta("mg", "key"),
    b"ms key 1" + b" a b c d" * 5 + b"\r\n": meta("ms", "key"),
    b"mg " + b"k" * 251 + b" q\r\n": meta("mg", "k" * 250),
    b"ms " + b"k" * 251 + b" 1 q\r\n": meta("ms", "k" * 250),
    b"config get cluster x\r\n": text("unknown"),
    b"flush_all noreply 0\r\n": text("flush_all"),
    b"set key 0 0\r\n": text("set", "key"),
    b"set key noreply\r\n": text("set", "key"),
    b"set key 0 0 -1\r\n": text("set", "key"),
    b"set key 0 0 99999999999\r\n": text("set", "key"),
    b"set key 0 0 2147483647\r\n": text("set", "key"),
    b"set key bad 0 5\r\n": text("set", "key"),
    b"set key -1 0 5\r\n": text("set", "key"),
    b"set key 18446744073709551616 0 5\r\n": text("set", "key"),
    b"set key 0 1x 5\r\n": text("set", "key"),
    b"set key 0 0 5 a b\r\n": text("set", "key"),
    b"set key 0 0 5 noreply b\r\n": text("set", "key"),
    b"cas key 0 0 5\r\n": text("cas", "key"),
    b"cas key 0 0 5 -1\r\n": text("cas", "key"),
    b"cas key 0 0 5 1 a b\r\n": text("cas", "key"),
    b"set " + 300 * b"k" + b" 0 0 5\r\n": text("set", 250 * "k"),
    b"config get\r\n": text("unknown"),
    b"set key 0 0 5\r\ntoo lon": text("set", "key"),  # what follows is another command
}
SILENT = {
    b"set key 0 0 5 noreply\r\nvalue\r\n": text("set", "key", quiet=True),
    b"cas key 0 0 1 77 noreply\r\nx\r\n": text("cas", "key", quiet=True),
    b"set key x 0 1 noreply\r\n": text("set", "key", quiet=True),
    b"set key 0 0 noreply\r\n": text("set", "key", quiet=True),
    b"cas key 0 0 1 noreply\r\n": text("cas", "key", quiet=True),
    b"delete key noreply\r\n": text("delete", "key", quiet=True),
    b"incr key 1 noreply\r\n": text("incr", "key", quiet=True),
    b"touch key 10 noreply\r\n": text("touch", "key", quiet=True),
    b"flush_all noreply\r\n": text("flush_all", quiet=True),
    b"flush_all 10 noreply\r\n": text("flush_all", quiet=True),
    b"verbosity 1 noreply\r\n": text("verbosity", quiet=True),
    b"quit\r\n": text("quit"),
    b"mg key v q\r\n": meta("mg", "key", quiet=True),
    b"md key q\r\n": meta("md", "key", quiet=True),
    b"ma key q\r\n": meta("ma", "key", quiet=True),
    b"ms key 5 q\r\nvalue\r\n": meta("ms", "key", quiet=True),
}


@pytest.mark.parametrize("data", REQUESTS)
def test_a_request_is_a_message(data: bytes) -> None:
    assert requests_in(data) == [Whole(data, REQUESTS[data], 1)]


@pytest.mark.parametrize("data", SILENT)
def test_some_requests_expect_no_reply(data: bytes) -> None:
    assert requests_in(data) == [Whole(data, SILENT[data], 1, expects_reply=False)]


@settings(deadline=None)
@given(st.data())
def test_requests_may_come_in_any_chunks(data: st.DataObject) -> None:
    known = {**REQUESTS, **SILENT}
    chosen = data.draw(st.lists(st.sampled_from(sorted(known)), min_size=1, max_size=8))
    whole = b"".join(chosen)
    found = requests_in(whole, data.draw(chunkings(whole)))
    assert [one.data for one in found] == chosen
    assert [one.labels for one in found] == [known[one] for one in chosen]
    assert [one.exchange for one in found] == list(range(1, len(chosen) + 1))


ONCE = [b"mg k q\r\n", b"ms k 1 q\r\nx\r\n", b"watch\r\n", request(0x09, b"k"), request(0x21, b"k")]
TWICE = [b"mg k\r\n", b"incr k 1 noreply\r\n", b"get k\r\n", request(0x00, b"k")]


@pytest.mark.parametrize("data", [*ONCE, *TWICE])
def test_requests_that_may_be_answered_once_are_not_to_be_sent_twice(data: bytes) -> None:
    (message,) = stream_of(Memcache().requests).feed(data, 0.0)
    assert message.final is (data in TWICE)


def test_a_value_passes_in_pieces() -> None:
    size = 5_000_000
    stream = stream_of(Memcache().requests)
    pieces = stream.feed(b"set key 0 0 %d\r\n" % size, 0.0)
    block = bytes(100_000)
    for _ in range(size // len(block)):
        pieces += stream.feed(block, 0.0)
        assert stream.kept_back == 0
    pieces += stream.feed(b"\r\nget key\r\n", 0.0)
    assert [len(one.data) for one in put_together(pieces)] == [size + 23, 9]


def test_a_line_of_a_megabyte_passes_and_an_endless_one_is_given_up() -> None:
    line = b"get" + b" " * 900_000 + b"key\r\n"
    assert put_together(feed(stream_of(Memcache().requests), cut(line, range(0, 900_000, 50_000))))
    endless = [100_000 * b"x"] * 20
    pieces = feed_any(stream_of(Memcache().requests), endless)
    assert b"".join(piece.data for piece in pieces) == b"".join(endless)


def test_what_is_noted_of_a_request_is_little_whatever_its_shape() -> None:
    key, flags = b"K" * 900, b" k" * 500
    for line in (
        b"mg " + key + flags,
        b"mg k" + b" O" + key,
        b"ms k 1 k O1" + flags,
        b"get" + flags,
    ):
        (message, *_) = feed(stream_of(Memcache().requests), [line + b"\r\n"])
        assert memory_of(message.about) < 1000


@pytest.mark.parametrize("ahead", [b"", b"get a\r\n"])
@pytest.mark.parametrize("end", [b"", b"\r\n"])
def test_a_command_that_the_server_would_close_on_is_given_up(ahead: bytes, end: bytes) -> None:
    line = b"set " + b"x" * COMMAND_LIMIT + end
    for chunks in ([ahead + line], [ahead, line], cut(ahead + line, range(len(ahead + line)))):
        stream = stream_of(Memcache().requests)
        messages = feed_any(stream, chunks)
        assert [message.data for message in messages if message.exchange] == [ahead][: len(ahead)]
        with pytest.raises(ProtocolError, match="a command of more than 2048 bytes"):
            stream_of(Memcache().requests).feed(line, 0.0)


# Responses.

RESPONSES = {
    b"END\r\n": {"result": "END"},
    b"VALUE key 0 5\r\nvalue\r\nEND\r\n": {"result": "VALUE"},
    b"VALUE key 0 5 77\r\nvalue\r\nEND\r\n": {"result": "VALUE"},
    b"VALUE key 0 0\r\n\r\nEND\r\n": {"result": "VALUE"},
    b"VALUE a 0 5\r\nEND\r\n\r\nVALUE b 0 1\r\nb\r\nEND\r\n": {"result": "VALUE"},
    b"VALUE a 0 1\r\na\r\nSERVER_ERROR out of memory\r\n": {"result": "VALUE"},
    b"STORED\r\n": {"result": "STORED"},
    b"NOT_STORED\r\n": {"result": "NOT_STORED"},
    b"EXISTS\r\n": {"result": "EXISTS"},
    b"NOT_FOUND\r\n": {"result": "NOT_FOUND"},
    b"DELETED\r\n": {"result": "DELETED"},
    b"TOUCHED\r\n": {"result": "TOUCHED"},
    b"OK\r\n": {"result": "OK"},
    b"VERSION 1.6.18\r\n": {"result": "VERSION"},
    b"123\r\n": {},
    b"STAT pid 1\r\nSTAT uptime 2\r\nEND\r\n": {"result": "STAT"},
    b"ITEM key [1 b; 0 s]\r\nEND\r\n": {"result": "ITEM"},
    b"PREFIX a get 1 hit 0 set 0 del 0\r\nEND\r\n": {"result": "PREFIX"},
    b"RESET\r\n": {"result": "RESET"},
    b"key=a exp=-1\r\nkey=b exp=-1\r\nEND\r\n": {},
    b"mg a\r\nmg b\r\nEN\r\n": {},
    b"HD\r\n": {"result": "HD"},
    b"VA 5 kkey\r\nvalue\r\n": {"result": "VA"},
    b"VA 0\r\n\r\n": {"result": "VA"},
    b"EN\r\n": {"result": "EN"},
    b"NF O1\r\n": {"result": "NF"},
    b"NS\r\n": {"result": "NS"},
    b"EX\r\n": {"result": "EX"},
    b"MN\r\n": {"result": "MN"},
    b"ME key exp=-1 size=1\r\n": {"result": "ME"},
    b"ERROR\r\n": {"result": "ERROR", "error": "ERROR"},
    b"ERROR: shutdown not enabled\r\n": {"result": "ERROR", "error": "ERROR"},
    b"CLIENT_ERROR bad\r\n": {"result": "CLIENT_ERROR", "error": "CLIENT_ERROR"},
    b"SERVER_ERROR bad\r\n": {"result": "SERVER_ERROR", "error": "SERVER_ERROR"},
    b"BUSY currently processing crawler request\r\n": {"result": "BUSY"},
    b"Error TLS not enabled\r\n": {},
    b"CONFIG cluster 0 16\r\n12\na|1.2.3.4|1\n\r\nEND\r\n": {"result": "CONFIG"},
}


@pytest.mark.parametrize("data", RESPONSES)
def test_a_response_is_a_message(data: bytes) -> None:
    assert responses_in(data, pending=1) == [Whole(data, RESPONSES[data], 1)]


@settings(deadline=None)
@given(st.data())
def test_responses_may_come_in_any_chunks(data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(sorted(RESPONSES)), min_size=1, max_size=8))
    whole = b"".join(chosen)
    found = parse_in_all_ways(
        Memcache().responses,
        whole,
        TO_CLIENT,
        owing(*range(1, len(chosen) + 1)),
        chunks=data.draw(chunkings(whole)),
    )
    assert [(one.data, one.exchange) for one in found] == [
        (one, number) for number, one in enumerate(chosen, 1)
    ]


def test_a_large_hit_passes_in_pieces() -> None:
    size = 5_000_000
    stream = stream_of(Memcache().responses, TO_CLIENT, owing(1)())
    pieces = stream.feed(b"VALUE key 0 %d\r\n" % size, 0.0)
    for _ in range(50):
        pieces += stream.feed(bytes(100_000), 0.0)
        assert stream.kept_back == 0
    pieces += stream.feed(b"\r\nEND\r\n", 0.0)
    assert [len(one.data) for one in put_together(pieces)] == [size + 28]


def test_errors_are_counted() -> None:
    exchanges = owing(1, 2, 3)()
    lines = [b"ERROR\r\n", b"VALUE a 0 1\r\na\r\nSERVER_ERROR x\r\n", b"SERVER_ERROR y\r\n"]
    feed(stream_of(Memcache().responses, TO_CLIENT, exchanges), lines)
    assert exchanges.tally.errors == {"ERROR": 1, "SERVER_ERROR": 2}


# Pairing.


class Talk:
    """A connection without a proxy: requests are passed on, and responses answer them."""

    def __init__(self) -> None:
        protocol = Memcache()
        self.exchanges = Exchanges()
        self._requests = stream_of(protocol.requests, exchanges=self.exchanges)
        self._responses = stream_of(protocol.responses, TO_CLIENT, self.exchanges)

    def ask(self, data: bytes) -> None:
        for message in self._requests.feed(data, 0.0):
            self.pass_on(message)

    def pass_on(self, message: Message) -> None:
        if message.begins and message.expects_reply:
            self.exchanges.expect_response(message.exchange, message.about)

    def hear(self, data: bytes) -> list[int]:
        """The exchanges that these responses belong to."""
        return [one.exchange for one in put_together(self._responses.feed(data, 0.0))]

    @property
    def pending(self) -> int:
        return len(self.exchanges.pending)


QUIET_RUNS = {
    "nothing is told": (b"mg a v q\r\nmg b v q\r\nmn\r\n", b"MN\r\n", [3]),
    "hits": (b"mg a v q\r\nmg b q\r\nmn\r\n", b"VA 1\r\na\r\nHD\r\nMN\r\n", [0, 0, 3]),
    "an error": (b"ms a 1 q\r\na\r\nmn\r\n", b"SERVER_ERROR too large\r\nMN\r\n", [0, 2]),
    "a get ends it": (
        b"mg a v q\r\nget b\r\n",
        b"VA 1\r\na\r\nVALUE b 0 1\r\nb\r\nEND\r\n",
        [0, 2],
    ),
    "an error to a get that ends it": (b"mg a v q\r\nget b\r\n", b"SERVER_ERROR x\r\n", [2]),
    "opaques tell": (
        b"mg a v q O1\r\nmg b v q O2\r\nmg c v O3\r\n",
        b"VA 1 O2\r\nb\r\nVA 1 O3\r\nc\r\n",
        [0, 3],
    ),
    "keys tell": (b"md a q k\r\nmd b k\r\n", b"NF ka\r\nHD kb\r\n", [0, 2]),
    "the order of tokens does not": (b"ms a 1 q Ox\r\na\r\nmg b k O7\r\n", b"EN O7 kb\r\n", [2]),
    "tokens that were not asked for": (
        b"ms a 1 q O1\r\na\r\nms b 1\r\nb\r\n",
        b"NS O1\r\nHD\r\n",
        [0, 2],
    ),
    "twice": (b"mg a q\r\nmn\r\nmg b q\r\nmn\r\n", 2 * b"HD\r\nMN\r\n", [0, 2, 0, 4]),
    "a plain one after the end": (b"mg a q\r\nmn\r\nmg b\r\n", b"MN\r\nHD\r\n", [2, 3]),
    "noreply between": (b"mg a q\r\ndelete b noreply\r\nmn\r\n", b"HD\r\nMN\r\n", [0, 3]),
    "one before": (b"get a\r\nmg b q\r\nmn\r\n", b"END\r\nHD\r\nMN\r\n", [1, 0, 3]),
}


@pytest.mark.parametrize("case", QUIET_RUNS)
def test_responses_find_their_requests_among_quiet_ones(case: str) -> None:
    asked, answered, exchanges = QUIET_RUNS[case]
    talk = Talk()
    talk.ask(asked)
    assert talk.hear(answered) == exchanges
    assert talk.pending == 0


def test_responses_before_the_end_of_a_quiet_run_are_unsolicited() -> None:
    talk = Talk()
    talk.ask(b"mg a v q\r\n")
    assert talk.hear(b"VA 1\r\na\r\n") == [0]
    talk.ask(b"mn\r\n")
    assert talk.hear(b"MN\r\n") == [2]


def test_requests_that_were_not_passed_on_are_owed_no_response() -> None:
    talk = Talk()
    stream = stream_of(Memcache().requests, exchanges=talk.exchanges)
    messages = stream.feed(b"mg a q\r\nget b\r\nset c 0 0 1\r\nc\r\n", 0.0)
    talk.pass_on(messages[-1])
    assert talk.hear(b"STORED\r\n") == [3]


def test_log_lines_after_watch_are_unsolicited() -> None:
    talk = Talk()
    talk.ask(b"watch fetchers\r\n")
    assert talk.hear(b"OK\r\n") == [1]
    assert talk.hear(b"ts=1 gid=1 type=item_get key=END\r\nskipped=3\n") == [0, 0]


def test_a_rejected_watch_changes_nothing() -> None:
    talk = Talk()
    talk.ask(b"watch x\r\nget a\r\n")
    assert talk.hear(b"ERROR\r\nEND\r\n") == [1, 2]


# Anything.

TRAFFIC = b"".join([*REQUESTS, *SILENT, *RESPONSES])
PACKETS = b"".join(
    [request(code, b"key", extras=bytes(8), value=b"value") for code in range(0x26)]
    + [response(code, code % 7, b"body", key=b"key") for code in range(0x26)]
)


def streams() -> list[Stream]:
    return [
        stream_of(Memcache().requests),
        stream_of(Memcache().responses, TO_CLIENT, owing(1, 2, 3)()),
    ]


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=300)
    | st.lists(st.sampled_from([*REQUESTS, *SILENT, *RESPONSES, b"\x80", b"\x81", b"\r\n"])).map(
        b"".join
    ),
    st.data(),
)
def test_no_byte_is_lost_whatever_comes(whole: bytes, data: st.DataObject) -> None:
    chunks = data.draw(chunkings(whole))
    for stream in streams():
        assert b"".join(piece.data for piece in feed_any(stream, chunks)) == whole


@pytest.mark.parametrize("traffic", [TRAFFIC, PACKETS], ids=["text", "binary"])
def test_no_byte_of_damaged_traffic_is_lost(traffic: bytes) -> None:
    random = Random(1)
    for _ in range(300):
        start = random.randrange(len(traffic))
        whole = bytearray(traffic[start : start + 400])
        for _ in range(random.randrange(4)):
            whole[random.randrange(len(whole))] = random.randrange(256)
        places = [random.randrange(len(whole)) for _ in range(random.randrange(6))]
        chunks = cut(bytes(whole), places)
        for stream in streams():
            assert b"".join(piece.data for piece in feed_any(stream, chunks)) == whole
            assert stream.kept_back == 0


@pytest.mark.parametrize(
    ("begun", "labels", "unknown"),
    [
        (b"ge", None, ""),
        (b"get ", {"command": "get", "form": "text"}, "key quiet"),
        (b"get key", {"command": "get", "form": "text"}, "key quiet"),
        (b"gets  key o", {"command": "gets", "form": "text", "quiet": "no", "key": "key"}, ""),
        (b"gat 10 key ", {"command": "gat", "form": "text"}, "key quiet"),
        (b"set key 0 0", {"command": "set", "form": "text"}, "key quiet"),
        (b"mg key v", {"command": "mg", "form": "meta"}, "key quiet"),
        (b"what is", {"command": "unknown", "form": "text"}, "key quiet"),
        (b"config get ", None, ""),
    ],
)
def test_what_is_known_of_a_command_is_announced(
    begun: bytes, labels: dict[str, str] | None, unknown: str
) -> None:
    stream = stream_of(text_requests)
    assert not stream.feed(begun, 0.0)
    announced = stream.announced
    assert (announced and announced.labels) == labels
    assert set(stream.unknown) == set(unknown.split())
