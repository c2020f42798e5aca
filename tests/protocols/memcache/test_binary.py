"""The parsers of the binary protocol of memcached."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeding import (
    Whole,
    chunkings,
    feed,
    feed_any,
    owing,
    parse_in_all_ways,
    put_together,
    stream_of,
)
from memcache_server import NOOP, OPAQUE, request, response
from vaurien.errors import ProtocolError
from vaurien.parsing.exchanges import Exchanges
from vaurien.protocols.memcache.parser import Memcache
from vaurien.protocols.memcache.wire import HEADER, MemcacheRequest
from vaurien.values.messages import Direction

TO_CLIENT = Direction.TO_CLIENT
EXPTIME = bytes(4)
STORAGE_EXTRAS = bytes(8)
DELTA_EXTRAS = bytes(20)


def labels(command: str, key: str = "", *, quiet: bool = False) -> dict[str, str]:
    made = {"command": command, "form": "binary", "quiet": "yes" if quiet else "no"}
    return {**made, "key": key} if key else made


LOUD = {
    request(0x00, b"key"): labels("get", "key"),
    request(0x01, b"key", extras=STORAGE_EXTRAS, value=b"value"): labels("set", "key"),
    request(0x01, b"key", extras=STORAGE_EXTRAS, value=b"v", cas=7): labels("cas", "key"),
    request(0x02, b"key", extras=STORAGE_EXTRAS, value=b"value"): labels("add", "key"),
    request(0x03, b"key", extras=STORAGE_EXTRAS, value=b""): labels("replace", "key"),
    request(0x04, b"key"): labels("delete", "key"),
    request(0x05, b"key", extras=DELTA_EXTRAS): labels("incr", "key"),
    request(0x06, b"key", extras=DELTA_EXTRAS): labels("decr", "key"),
    request(0x07): labels("quit"),
    request(0x08, extras=EXPTIME): labels("flush_all"),
    request(0x0A): labels("noop"),
    request(0x0B): labels("version"),
    request(0x0C, b"key"): labels("get", "key"),
    request(0x0E, b"key", value=b"value"): labels("append", "key"),
    request(0x0F, b"key", value=b"value"): labels("prepend", "key"),
    request(0x10, b"settings"): labels("stats", "settings"),
    request(0x1B, extras=EXPTIME): labels("verbosity"),
    request(0x1C, b"key", extras=EXPTIME): labels("touch", "key"),
    request(0x1D, b"key", extras=EXPTIME): labels("gat", "key"),
    request(0x20): labels("sasl_list_mechs"),
    request(0x21, b"PLAIN", value=b"\0user\0secret"): labels("sasl_auth", "PLAIN"),
    request(0x22, b"PLAIN", value=b"more"): labels("sasl_step", "PLAIN"),
    request(0x23, b"key", extras=EXPTIME): labels("gat", "key"),
    request(0x70, b"key"): labels("0x70", "key"),
}
QUIET = {
    request(0x09, b"key"): labels("get", "key", quiet=True),
    request(0x0D, b"key"): labels("get", "key", quiet=True),
    request(0x11, b"key", extras=STORAGE_EXTRAS, value=b"v"): labels("set", "key", quiet=True),
    request(0x12, b"key", extras=STORAGE_EXTRAS, value=b"v"): labels("add", "key", quiet=True),
    request(0x13, b"key", extras=STORAGE_EXTRAS): labels("replace", "key", quiet=True),
    request(0x14, b"key"): labels("delete", "key", quiet=True),
    request(0x15, b"key", extras=DELTA_EXTRAS): labels("incr", "key", quiet=True),
    request(0x16, b"key", extras=DELTA_EXTRAS): labels("decr", "key", quiet=True),
    request(0x17): labels("quit", quiet=True),
    request(0x18): labels("flush_all", quiet=True),
    request(0x19, b"key", value=b"value"): labels("append", "key", quiet=True),
    request(0x1A, b"key", value=b"value"): labels("prepend", "key", quiet=True),
    request(0x1E, b"key", extras=EXPTIME): labels("gat", "key", quiet=True),
    request(0x24, b"key", extras=EXPTIME): labels("gat", "key", quiet=True),
}
REQUESTS = {**LOUD, **QUIET}


@pytest.mark.parametrize("data", REQUESTS, ids=lambda data: f"0x{data[1]:02x}")
def test_a_request_is_a_message(data: bytes) -> None:
    found = parse_in_all_ways(Memcache().requests, data)
    assert found == [Whole(data, REQUESTS[data], 1, expects_reply=data in LOUD)]


@settings(deadline=None)
@given(st.data())
def test_requests_may_come_in_any_chunks(data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(list(REQUESTS)), min_size=1, max_size=8))
    whole = b"".join(chosen)
    chunks = data.draw(chunkings(whole))
    found = parse_in_all_ways(Memcache().requests, whole, chunks=chunks)
    assert [(one.data, one.labels) for one in found] == [(one, REQUESTS[one]) for one in chosen]


def test_what_is_noted_of_a_request() -> None:
    data = request(0x0D, b"key") + request(0x0A)
    quiet, loud = (one.about for one in stream_of(Memcache().requests).feed(data, 0.0))
    assert quiet == MemcacheRequest("get", "binary", quiet=True, key=b"key", header=data[:24])
    assert loud == MemcacheRequest("noop", "binary", after_quiet=True, header=request(0x0A))


def test_a_value_passes_in_pieces() -> None:
    size = 5_000_000
    stream = stream_of(Memcache().requests)
    head = request(0x01, b"key", extras=STORAGE_EXTRAS, value=bytes(size))[:-size]
    pieces = stream.feed(head, 0.0)
    for _ in range(50):
        pieces += stream.feed(bytes(100_000), 0.0)
        assert stream.kept_back == 0
    assert [len(one.data) for one in put_together(pieces)] == [size + len(head)]


def test_other_magic_is_given_up() -> None:
    for parse, data in (
        (Memcache().requests, request(NOOP) + b"get key\r\n" + bytes(24)),
        (Memcache().responses, response(NOOP) + b"ERROR\r\n" + bytes(24)),
    ):
        with pytest.raises(ProtocolError, match="begins with"):
            feed(stream_of(parse), [data])
        pieces = feed_any(stream_of(parse), [data])
        assert b"".join(piece.data for piece in pieces) == data


@pytest.mark.parametrize(("extras", "key", "size"), [(1, 0, 0), (0, 4, 3), (2, 2, 3)])
def test_counts_that_exceed_the_body_are_given_up(extras: int, key: int, size: int) -> None:
    head = HEADER.pack(0x80, 0x30, key, extras, 0, 0, size, OPAQUE, bytes(8))
    with pytest.raises(ProtocolError, match=f"a body of {size} bytes, with"):
        feed(stream_of(Memcache().requests), [head])
    pieces = feed_any(stream_of(Memcache().requests), [head + b"x"])
    assert b"".join(piece.data for piece in pieces) == head + b"x"


# Responses.

RESPONSES = {
    response(0x00, 0, b"value", extras=bytes(4)): {"result": "SUCCESS"},
    response(0x0C, 0, b"value", extras=bytes(4), key=b"key"): {"result": "SUCCESS"},
    response(0x01): {"result": "SUCCESS"},
    response(0x00, 1, b"Not found"): {"result": "KEY_ENOENT"},
    response(0x02, 2, b"Data exists for key."): {"result": "KEY_EEXISTS"},
    response(0x0E, 5, b"Not stored."): {"result": "NOT_STORED"},
    response(0x21, 0x21, b"challenge"): {"result": "AUTH_CONTINUE"},
    response(0x01, 3, b"Too large."): {"result": "E2BIG", "error": "E2BIG"},
    response(0x21, 0x20, b"Auth failure."): {"result": "AUTH_ERROR", "error": "AUTH_ERROR"},
    response(0x01, 0x99): {"result": "0x0099", "error": "0x0099"},
    response(0x10): {"result": "SUCCESS"},
    response(0x10, 0, b"1", key=b"pid") + response(0x10, 0, b"2", key=b"up") + response(0x10): {
        "result": "SUCCESS"
    },
    response(0x10, 1, b"Not found"): {"result": "KEY_ENOENT"},
}


@pytest.mark.parametrize("data", RESPONSES)
def test_a_response_is_a_message(data: bytes) -> None:
    found = parse_in_all_ways(Memcache().responses, data, TO_CLIENT, owing(1))
    assert found == [Whole(data, RESPONSES[data], 1)]


@settings(deadline=None)
@given(st.data())
def test_responses_may_come_in_any_chunks(data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(list(RESPONSES)), min_size=1, max_size=8))
    whole = b"".join(chosen)
    numbers = range(1, len(chosen) + 1)
    chunks = data.draw(chunkings(whole))
    found = parse_in_all_ways(
        Memcache().responses, whole, TO_CLIENT, owing(*numbers), chunks=chunks
    )
    assert [(one.data, one.exchange) for one in found] == list(zip(chosen, numbers, strict=True))


def test_a_response_to_a_quiet_request_is_unsolicited() -> None:
    data = (
        response(0x0D, 0, b"value", key=b"key", extras=bytes(4))
        + response(0x11, 3, b"Too large.")
        + response(NOOP)
    )
    found = parse_in_all_ways(Memcache().responses, data, TO_CLIENT, owing(4))
    assert [one.exchange for one in found] == [0, 0, 4]


def test_errors_are_counted() -> None:
    exchanges = Exchanges()
    statuses = (0, 1, 2, 5, 0x21, 3, 3, 0x82, 0x86)
    data = [response(0x01, status, opaque=OPAQUE) for status in statuses]
    feed(stream_of(Memcache().responses, TO_CLIENT, exchanges), data)
    assert exchanges.tally.errors == {"E2BIG": 2, "ENOMEM": 1, "ETMPFAIL": 1}
