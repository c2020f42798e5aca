"""How memcached's faults are played, by script."""

from __future__ import annotations

import pytest

from acting import firing
from feeding import stream_of
from memcache_server import NOOP, OPAQUE, request, response
from vaurien.behavior import Firing
from vaurien.fault import values_of
from vaurien.protocols.memcache.fault_types import AnyErrorFault, MemcacheFault, ResultFault
from vaurien.protocols.memcache.faults import CATALOGUE
from vaurien.protocols.memcache.parser import Memcache
from vaurien.protocols.memcache.wire import MemcacheRequest
from vaurien.values.actions import Action, Close, Forward, Reply
from vaurien.values.messages import Direction, Message

BUSY = MemcacheFault(
    name="busy",
    meaning="it is busy",
    exercises="patience",
    line="SERVER_ERROR busy",
    lines={"get": "SERVER_ERROR busy reading"},
    status=0x85,
    bodies={"get": "Busy reading"},
)
FULL = MemcacheFault(
    name="full",
    meaning="it is full",
    exercises="patience",
    line="SERVER_ERROR full",
    status=0x82,
    forgets=True,
)
GONE = ResultFault(
    name="gone",
    meaning="it is gone",
    exercises="patience",
    line="END",
    code="EN",
    status=0x01,
    keyed=True,
    ordinary=True,
)
OVER = MemcacheFault(
    name="over", meaning="bye", exercises="nerves", line="ERROR bye", status=None, closes=True
)
HARSH = MemcacheFault(
    name="harsh",
    meaning="bye",
    exercises="nerves",
    line="CLIENT_ERROR bad",
    status=0x04,
    closes_binary=True,
)
ANY = AnyErrorFault(name="any", meaning="any", exercises="any", line="ERROR", status=0x81)
SET = request(0x01, b"key", extras=bytes(8), value=b"value")
SETQ = request(0x11, b"key", extras=bytes(8), value=b"value")


def asked_for(data: bytes) -> Message:
    """Return the last request in these bytes."""
    return stream_of(Memcache().requests).feed(data, 0.0)[-1]


def played(
    fault: MemcacheFault, message: Message, fired: Firing | None = None, /, **given: object
) -> list[Action]:
    """Return the actions of a fault on a message."""
    return list(fault.play(message, fired or firing(), values_of(fault, given)))


REPLIES = [
    (BUSY, b"get key\r\n", b"SERVER_ERROR busy reading\r\n"),
    (BUSY, b"set key 0 0 1\r\nx\r\n", b"SERVER_ERROR busy\r\n"),
    (BUSY, b"mg key k O1\r\n", b"SERVER_ERROR busy\r\n"),
    (BUSY, SET, response(0x01, 0x85, b"Server too busy")),
    (BUSY, request(0x0C, b"key"), response(0x0C, 0x85, b"Busy reading")),
    (GONE, b"get key\r\n", b"END\r\n"),
    (GONE, b"mg key\r\n", b"EN\r\n"),
    (GONE, b"mg key v O1 k\r\n", b"EN O1 kkey\r\n"),
    (GONE, b"mg a2V5 k b O1\r\n", b"EN ka2V5 b O1\r\n"),
    (GONE, b"mg a2V5 b\r\n", b"EN\r\n"),
    (GONE, request(0x00, b"key"), response(0x00, 1, b"Not found")),
    (GONE, request(0x0C, b"key"), response(0x0C, 1, key=b"key")),
    (ANY, b"get key\r\n", b"ERROR\r\n"),
    (ANY, SET, response(0x01, 0x81, b"Unknown command")),
]


@pytest.mark.parametrize(("fault", "data", "expected"), REPLIES)
def test_an_error_has_the_form_of_the_request(
    fault: MemcacheFault, data: bytes, expected: bytes
) -> None:
    assert played(fault, asked_for(data)) == [Reply(expected)]


def test_the_text_can_be_set() -> None:
    get = asked_for(b"get key\r\n")
    assert played(BUSY, get, message="come\r\n back") == [Reply(b"SERVER_ERROR come back\r\n")]
    assert played(BUSY, asked_for(SET), message="no") == [Reply(response(0x01, 0x85, b"no"))]
    assert played(ANY, get, kind="SERVER_ERROR") == [Reply(b"SERVER_ERROR out of memory\r\n")]
    assert played(ANY, get, kind="CLIENT_ERROR", message="x") == [Reply(b"CLIENT_ERROR x\r\n")]
    assert played(ANY, asked_for(SET), status=0x777) == [Reply(response(0x01, 0x777))]


@pytest.mark.parametrize(
    ("words", "line", "status"),
    [
        ("ERROR", b"ERROR", 0x81),
        ("CLIENT_ERROR", b"CLIENT_ERROR", 0x04),
        ("server_error", b"SERVER_ERROR", 0x82),
    ],
)
def test_an_error_is_asked_for_by_its_words_on_the_wire(
    words: str, line: bytes, status: int
) -> None:
    fault = CATALOGUE.find(words)
    assert isinstance(fault, MemcacheFault)
    get, binary = asked_for(b"mg key\r\n"), asked_for(SET)
    assert played(fault, get, message="no {key}") == [Reply(line + b" no key\r\n")]
    assert played(fault, binary, message="no") == [Reply(response(0x01, status, b"no"))]
    assert played(fault, binary, message="no", status=7) == [Reply(response(0x01, 7, b"no"))]


def test_a_value_in_pieces_is_discarded() -> None:
    stream = stream_of(Memcache().requests)
    fired = firing()
    pieces = stream.feed(b"set key 0 0 8\r\nabcd", 0.0)
    assert played(BUSY, pieces[0], fired) == []
    (last,) = stream.feed(b"efgh\r\n", 0.0)
    assert played(BUSY, last, fired) == [Reply(b"SERVER_ERROR busy\r\n")]


def test_the_connection_closes_after_the_error() -> None:
    get = asked_for(b"get key\r\n")
    assert played(OVER, get) == [Reply(b"ERROR bye\r\n"), Close()]
    assert played(OVER, asked_for(SET)) == [Reply(b"ERROR bye\r\n"), Close()]
    assert played(HARSH, get) == [Reply(b"CLIENT_ERROR bad\r\n")]
    invalid = response(0x01, 4, b"Invalid arguments")
    assert played(HARSH, asked_for(SET)) == [Reply(invalid), Close()]


def test_requests_that_want_no_reply_get_none() -> None:
    silent = asked_for(b"set key 0 0 1 noreply\r\nx\r\n")
    assert played(BUSY, silent) == []
    assert played(OVER, silent) == [Close()]


def test_quiet_requests_do_not_learn_of_misses() -> None:
    for data in (b"mg key q\r\n", request(0x09, b"key"), request(0x0D, b"key")):
        assert played(GONE, asked_for(data)) == []


def test_quit_passes() -> None:
    for data in (b"quit\r\n", request(0x07), request(0x17)):
        message = asked_for(data)
        assert played(BUSY, message) == [Forward(message)]


# What the backend gets instead.


def instead_of(fault: MemcacheFault, data: bytes) -> Message:
    """Return what the backend gets instead of a request."""
    (action,) = played(fault, asked_for(data))
    assert isinstance(action, Forward)
    assert (action.message.begins, action.message.ends) == (True, True)
    return action.message


@pytest.mark.parametrize(
    "data", [b"mg key q\r\n", b"mg a q\r\nget b\r\n", b"ms a 1 q\r\nx\r\nversion\r\n"]
)
def test_among_quiet_text_requests_the_backend_gets_a_no_op(data: bytes) -> None:
    message = instead_of(BUSY, data)
    assert message.data == b"mn\r\n"
    assert message.expects_reply
    assert message.about == MemcacheRequest("mn", "meta", after_quiet=True)


@pytest.mark.parametrize("data", [SETQ, request(0x0D, b"a") + request(0x00, b"b")])
def test_among_quiet_binary_requests_the_backend_gets_a_no_op(data: bytes) -> None:
    message = instead_of(BUSY, data)
    assert message.data == request(NOOP)
    assert message.expects_reply


FORGETTING = [
    (b"set key 0 0 1\r\nx\r\n", b"delete key\r\n"),
    (b"ms key 1 O1\r\nx\r\n", b"md key Ovaurien\r\n"),
    (b"ms a2V5 1 b q\r\nx\r\n", b"md a2V5 Ovaurien b\r\n"),
    (SET, request(0x04, b"key")),
    (SETQ, request(0x04, b"key")),
]


@pytest.mark.parametrize(("data", "expected"), FORGETTING)
def test_a_set_that_fails_deletes(data: bytes, expected: bytes) -> None:
    message = instead_of(FULL, data)
    assert message.data == expected
    assert message.expects_reply


def test_a_silent_set_that_fails_deletes_silently() -> None:
    message = instead_of(FULL, b"set key 0 0 1 noreply\r\nx\r\n")
    assert message.data == b"delete key noreply\r\n"
    assert not message.expects_reply


NO_SETS = [
    b"add key 0 0 1\r\nx\r\n",
    b"get key\r\n",
    request(0x0C, b"k"),
    b"set\r\n",
    b"ms\r\n",
    b"ms " + b"k" * 251 + b" 1\r\n",
    request(0x01, b"k" * 251, extras=bytes(8)),
]


@pytest.mark.parametrize("data", NO_SETS)
def test_no_other_request_deletes(data: bytes) -> None:
    assert isinstance(played(FULL, asked_for(data))[0], Reply)


def test_the_response_to_the_delete_is_replaced_with_the_error() -> None:
    fired = firing()
    played(FULL, asked_for(SETQ), fired)
    answer = Message(response(0x04), Direction.TO_CLIENT, 0.0, exchange=1)
    error = response(0x11, 0x82, b"Out of memory", opaque=OPAQUE)
    assert played(FULL, answer, fired) == [Forward(answer.with_data(error))]


# Responses.


def test_an_error_may_replace_a_response() -> None:
    about = asked_for(b"mg key O1\r\n").about
    hit = Message(b"VA 1 O1\r\n", Direction.TO_CLIENT, 0.0, exchange=1, ends=False, about=about)
    rest = hit._replace(data=b"x\r\n", begins=False, ends=True)
    assert played(GONE, hit) == [Forward(hit.with_data(b"EN O1\r\n"))]
    assert played(GONE, rest) == []
    assert played(OVER, hit) == [Forward(hit.with_data(b"ERROR bye\r\n")), Close()]


@pytest.mark.parametrize("fault", [BUSY, FULL])
def test_a_request_already_under_way_passes(fault: MemcacheFault) -> None:
    stream = stream_of(Memcache().requests)
    (first,) = stream.feed(b"set key 0 0 8\r\nabcd", 0.0)
    (rest,) = stream.feed(b"efgh\r\n", 0.0)
    fired = firing()
    answer = Message(b"STORED\r\n", Direction.TO_CLIENT, 0.0, exchange=1, about=first.about)
    played(fault, answer, fired)
    assert played(fault, rest, fired) == [Forward(rest)]


def test_unsolicited_responses_pass() -> None:
    unasked = Message(b"HD\r\n", Direction.TO_CLIENT, 0.0)
    assert played(BUSY, unasked) == [Forward(unasked)]


def test_the_wire_format_is_documented_in_one_line() -> None:
    assert BUSY.wire == (
        "SERVER_ERROR busy; SERVER_ERROR busy reading; binary: 0x85 Server too busy"
    )
    assert GONE.wire == "END; meta: EN; binary: 0x01 Not found"
    assert OVER.wire == "ERROR bye; then close"
    assert "any" in ANY.wire


def test_a_message_may_contain_the_key() -> None:
    told = [Reply(b"SERVER_ERROR no key here\r\n")]
    assert played(BUSY, asked_for(b"get key\r\n"), message="no {key} here") == told


def test_the_wire_format_says_which_forms_close() -> None:
    end = "then close"
    assert HARSH.wire == f"CLIENT_ERROR bad; binary: 0x04 Invalid arguments, {end}"
    assert OVER.wire == f"ERROR bye; {end}"
