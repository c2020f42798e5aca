"""The kinds of postgresql's faults, by script: what goes where, and when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from acting import firing
from postgresql_server import FLUSH, SYNC, bind, execute, fields, frame, parse, query
from vaurien.behavior import Firing
from vaurien.fault import Fault, values_of
from vaurien.protocols.postgresql.fault_types import (
    AnyErrorReport,
    CrashNotice,
    ParameterStatus,
    RawBytes,
    ResponseTail,
    SessionEnd,
    SessionTimeout,
    StatementError,
    command_of,
)
from vaurien.protocols.postgresql.statements import PgRequest
from vaurien.values.actions import Action, Close, Forward, Reply
from vaurien.values.messages import Direction, Message
from vaurien.values.options import Option

SIMPLE = {"phase": "query", "verb": "UPDATE", "sql": "UPDATE t SET v = 1", "mode": "simple"}
EXTENDED = {**SIMPLE, "mode": "extended"}
COMMIT = {**SIMPLE, "verb": "COMMIT"}
STARTUP = {"phase": "startup", "verb": "STARTUP", "user": "jack", "database": "shop"}
UPDATE = query("UPDATE t SET v = 1")
BATCH = parse("UPDATE t SET v = 1") + bind() + execute() + SYNC
READY = frame("Z", b"E")
ABOUT: dict[str, Any] = {"name": "trouble", "meaning": "trouble", "exercises": "care"}

FAILURE = StatementError(
    **ABOUT,
    error="40P01: deadlock on {relation} by {command}",
    detail="Process {pid} waits.",
    hint="See {nothing}.",
    objects={"t": "{relation}"},
    parameters=(Option("relation", str, "accounts", "the table"),),
    source="deadlock.c 1147 DeadLockReport",
)
ENDING = SessionEnd(
    **ABOUT,
    error="57P01: goodbye",
    parameters=(Option("idle", bool, False, "later"),),
)


def request(data: bytes, labels: Mapping[str, str], **more: Any) -> Message:
    return Message(
        data, Direction.TO_BACKEND, 0.0, labels, 1, about=PgRequest(labels, synced=True)
    )._replace(**more)


def response(data: bytes, labels: Mapping[str, str], **more: Any) -> Message:
    return Message(
        data, Direction.TO_CLIENT, 0.0, {}, 1, about=PgRequest(labels, synced=True)
    )._replace(**more)


def play(
    fault: Fault, message: Message, fired: Firing | None = None, /, **given: object
) -> list[Action]:
    return list(fault.play(message, fired or firing(), values_of(fault, given)))


def forwarded(actions: list[Action]) -> bytes:
    """What is passed on, all of it."""
    assert all(isinstance(action, Forward) for action in actions)
    return b"".join(action.message.data for action in actions if isinstance(action, Forward))


# Reports.


def test_a_report_has_the_fields_of_the_server_in_its_order() -> None:
    (action,) = play(FAILURE, response(READY, SIMPLE, ends=False))
    assert isinstance(action, Forward)
    told = fields(action.message.data)
    assert list(told) == ["S", "V", "C", "M", "D", "H", "t", "F", "L", "R"]
    assert told["S"] == told["V"] == "ERROR"
    assert told["C"] == "40P01"
    assert told["M"] == "deadlock on accounts by UPDATE"
    assert told["D"].split()[1].isdigit()
    assert told["H"] == "See {nothing}."
    assert (told["F"], told["L"], told["R"]) == ("deadlock.c", "1147", "DeadLockReport")


def test_a_report_can_be_told_otherwise() -> None:
    given: dict[str, Any] = {
        "message": "sorry {user}\0",
        "detail": "",
        "hint": "none",
        "relation": "t",
    }
    (action,) = play(FAILURE, response(READY, SIMPLE, ends=False), **given)
    told = fields(forwarded([action]))
    assert (told["M"], told["H"], told["t"]) == ("sorry postgres", "none", "t")
    assert "D" not in told


def test_a_pooler_says_less() -> None:
    fault = SessionEnd(**ABOUT, error="08P01: query_wait_timeout", bare=True)
    (reply, _) = play(fault, request(UPDATE, SIMPLE))
    assert isinstance(reply, Reply)
    assert fields(reply.data) == {"S": "FATAL", "C": "08P01", "M": "query_wait_timeout"}


def test_numbers_are_the_same_for_the_same_firing() -> None:
    message = response(READY, SIMPLE, ends=False)
    assert play(FAILURE, message, firing(seed=3)) == play(FAILURE, message, firing(seed=3))
    assert play(FAILURE, message, firing(seed=3)) != play(FAILURE, message, firing(seed=4))


def test_forms_show_what_goes_over_the_wire() -> None:
    assert FAILURE.wire == "ErrorResponse ERROR 40P01 deadlock on {relation} by {command}"
    crash = CrashNotice(**ABOUT, error="57P02: crash")
    assert crash.wire == "NoticeResponse WARNING 57P02 crash"
    assert RawBytes(**ABOUT, answer=b"N").wire == "b'N' and no message"
    assert "trouble=on" in ParameterStatus(**ABOUT).wire


@pytest.mark.parametrize(
    ("verb", "sql", "command"),
    [
        ("INSERT", "INSERT INTO t VALUES (1)", "INSERT"),
        ("CREATE", "create  or replace\ttemporary view v AS SELECT 1", "CREATE VIEW"),
        ("CREATE", "CREATE UNLOGGED TABLE t ()", "CREATE TABLE"),
        ("DROP", "DROP MATERIALIZED  VIEW v", "DROP MATERIALIZED VIEW"),
        ("COPY", "COPY t FROM STDIN", "COPY FROM"),
        ("TRUNCATE", "TRUNCATE t", "TRUNCATE TABLE"),
        ("CREATE", "CREATE", "CREATE"),
        ("", "", ""),
    ],
)
def test_commands_have_the_names_of_the_server(verb: str, sql: str, command: str) -> None:
    assert command_of({"verb": verb, "sql": sql}) == command


# Statements that fail.


def test_a_query_is_sent_as_one_that_fails() -> None:
    (action,) = play(FAILURE, request(UPDATE, SIMPLE))
    assert isinstance(action, Forward)
    assert action.message == request(query('SELECT "vaurien injects trouble"'), SIMPLE)


def test_a_long_query_is_sent_when_it_has_ended() -> None:
    fired = firing()
    assert play(FAILURE, request(UPDATE[:9], SIMPLE, ends=False), fired) == []
    last = request(UPDATE[9:], SIMPLE, begins=False, offset=9)
    (action,) = play(FAILURE, last, fired)
    assert isinstance(action, Forward)
    assert action.message == request(query('SELECT "vaurien injects trouble"'), SIMPLE)


STAND_IN = [b"P", b"H"]


def kinds(data: bytes) -> list[bytes]:
    """The types of these messages."""
    found = []
    while data:
        found.append(data[:1])
        data = data[1 + int.from_bytes(data[1:5], "big") :]
    return found


def test_a_batch_is_sent_as_one_that_fails() -> None:
    data = forwarded(play(FAILURE, request(BATCH, EXTENDED)))
    assert kinds(data) == [*STAND_IN, b"S"]
    assert b'SELECT "vaurien injects trouble"\0' in data
    assert b"UPDATE" not in data


def test_a_batch_fails_before_its_sync() -> None:
    fired = firing()
    first = request(BATCH[:20], EXTENDED, ends=False)
    assert kinds(forwarded(play(FAILURE, first, fired))) == STAND_IN
    middle = request(FLUSH, EXTENDED, begins=False, ends=False)
    assert play(FAILURE, middle, fired) == []
    report = play(FAILURE, response(frame("E", b"x"), EXTENDED, ends=False), fired)
    assert kinds(forwarded(report)) == [b"E"]
    last = request(SYNC, EXTENDED, begins=False)
    assert forwarded(play(FAILURE, last, fired)) == SYNC
    closing = play(FAILURE, response(READY, EXTENDED, begins=False), fired)
    assert forwarded(closing) == READY


def test_a_batch_that_a_query_ends_fails_without_a_sync() -> None:
    unsynced = PgRequest({**EXTENDED, "verb": "COMMIT"}, over=True)
    data = forwarded(play(FAILURE, request(BATCH, EXTENDED, about=PgRequest(EXTENDED, over=True))))
    assert kinds(data) == STAND_IN
    data = forwarded(play(FAILURE, request(BATCH, unsynced.labels, about=unsynced)))
    assert kinds(data) == [b"P", b"B", b"E", b"C", b"H", *STAND_IN]


def test_in_a_failed_transaction_the_backend_answers_itself() -> None:
    known = PgRequest(SIMPLE, aborted=True)
    assert forwarded(play(FAILURE, request(UPDATE, SIMPLE, about=known))) == UPDATE
    refusal = frame("E", b"C25P02\0\0") + READY
    assert forwarded(play(FAILURE, response(refusal, SIMPLE, about=known))) == refusal
    said = response(refusal, SIMPLE)._replace(labels={"error": "25P02"})
    assert forwarded(play(FAILURE, said)) == refusal


def test_what_the_backend_has_ignored_gets_no_error() -> None:
    assert forwarded(play(FAILURE, response(READY, EXTENDED))) == READY
    assert forwarded(play(FAILURE, request(UPDATE, SIMPLE, expects_reply=False))) == UPDATE


@pytest.mark.parametrize("mode", ["simple", "extended"])
@pytest.mark.parametrize("verb", ["COMMIT", "END"])
def test_a_commit_that_fails_is_a_rollback(mode: str, verb: str) -> None:
    data = forwarded(play(FAILURE, request(UPDATE, {**SIMPLE, "verb": verb, "mode": mode})))
    assert b"ROLLBACK\0" in data
    assert b"vaurien injects" not in data


STATUS = frame("S", b"TimeZone\0UTC\0")
NOTIFICATION = frame("A", b"\0\0SA" + b"news\0Z\0")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("closing", [READY, STATUS + READY, NOTIFICATION + STATUS * 2 + READY])
def test_of_the_answer_the_report_is_ours_and_the_state_the_backends(
    size: int, closing: bytes
) -> None:
    fired = firing()
    answer = frame("N", b"a warning") + frame("C", b"ROLLBACK\0") + closing
    told = b""
    for start in range(0, len(answer), size):
        first, last = start == 0, start + size >= len(answer)
        piece = response(answer[start : start + size], COMMIT, begins=first, ends=last)
        told += forwarded(play(FAILURE, piece, fired))
    report = told[: 1 + int.from_bytes(told[1:5], "big")]
    assert fields(report)["C"] == "40P01"
    assert told == report + closing


def test_long_answers_are_not_kept() -> None:
    fired = firing()
    for number in range(100):
        row = response(frame("D", bytes(5000)), SIMPLE, begins=not number, ends=False)
        play(FAILURE, row, fired)
        assert len(fired.of_exchange(ResponseTail).data) < 5000
    assert forwarded(play(FAILURE, response(READY, SIMPLE, begins=False), fired)) == READY


def test_a_backend_that_goes_away_is_not_made_ready() -> None:
    answer = response(frame("E", b"SFATAL\0\0"), SIMPLE)
    assert kinds(forwarded(play(FAILURE, answer))) == [b"E"]


def test_what_expects_no_answer_passes() -> None:
    terminate = request(frame("X"), {"phase": "terminate", "verb": "TERMINATE"})
    message = terminate._replace(expects_reply=False)
    for fault in (FAILURE, ENDING):
        assert play(fault, message) == [Forward(message)]


def test_what_continues_a_failed_request_is_swallowed() -> None:
    rows = request(frame("d", b"1\n"), {}, continues=True, expects_reply=False, about=None)
    assert play(FAILURE, rows) == play(ENDING, rows) == []


def test_an_error_at_a_startup_ends_it() -> None:
    reply, close = play(FAILURE, request(b"startup", STARTUP))
    assert isinstance(reply, Reply)
    assert fields(reply.data)["S"] == "FATAL"
    assert close == Close()


# Sessions that end.


@pytest.mark.parametrize("labels", [SIMPLE, STARTUP])
def test_an_ending_is_told_in_place_of_the_answer(labels: Mapping[str, str]) -> None:
    fired = firing()
    assert play(ENDING, request(b"SELECT", labels, ends=False), fired) == []
    reply, close = play(ENDING, request(b" 1", labels, begins=False), fired)
    assert isinstance(reply, Reply)
    assert fields(reply.data)["S"] == "FATAL"
    assert close == Close()


def test_a_batch_ends_at_once() -> None:
    reply, close = play(ENDING, request(parse("SELECT 1"), EXTENDED, ends=False))
    assert isinstance(reply, Reply)
    assert close == Close()


def test_an_ending_can_take_the_place_of_an_answer_that_came() -> None:
    forward, close = play(ENDING, response(READY, SIMPLE, ends=False))
    assert fields(forwarded([forward]))["M"] == "goodbye"
    assert close == Close()
    assert play(ENDING, response(READY, SIMPLE, begins=False)) == []


def test_an_ending_can_wait_for_the_end_of_the_answer() -> None:
    messages = [
        request(UPDATE, SIMPLE),
        response(frame("C"), SIMPLE, ends=False),
        response(frame("G"), SIMPLE, final=False),
    ]
    for message in messages:
        assert play(ENDING, message, idle=True) == [Forward(message)]
    forward, close = play(ENDING, response(READY, SIMPLE, begins=False), idle=True)
    assert forwarded([forward])[: len(READY)] == READY
    assert fields(forwarded([forward])[len(READY) :])["M"] == "goodbye"
    assert close == Close()


def test_a_crash_is_a_notice() -> None:
    crash = CrashNotice(**ABOUT, error="57P02: crash")
    reply, close = play(crash, request(UPDATE, SIMPLE))
    assert isinstance(reply, Reply)
    assert reply.data[:1] == b"N"
    assert fields(reply.data)["S"] == "WARNING"
    assert close == Close()


@pytest.mark.parametrize("state", ["I", "T", "E"])
def test_a_timeout_waits_for_its_state(state: str) -> None:
    timeout = SessionTimeout(**ABOUT, error="25P03: too late", states=b"TE")
    ready = response(frame("Z", state.encode()), SIMPLE)
    actions = play(timeout, ready)
    assert (actions == [Forward(ready)]) is (state == "I")
    assert (Close() in actions) is (state != "I")


@pytest.mark.parametrize("severity", ["ERROR", "FATAL"])
def test_any_report_can_be_fatal(severity: str) -> None:
    fault = AnyErrorReport(
        **ABOUT,
        error="<sqlstate>: anything",
        parameters=(Option("sqlstate", str, "XX000", ""), Option("severity", str, "ERROR", "")),
    )
    actions = play(fault, request(UPDATE, SIMPLE), sqlstate="22012", severity=severity)
    assert (Close() in actions) is (severity == "FATAL")
    if severity == "FATAL":
        assert isinstance(actions[0], Reply)
        assert fields(actions[0].data)["C"] == "22012"


def test_a_raw_answer_is_no_message() -> None:
    message = request(b"", {"phase": "encryption"})
    assert play(RawBytes(**ABOUT, answer=b"N"), message) == [Reply(b"N")]
    assert play(RawBytes(**ABOUT, answer=b"?", closes=True), message) == [Reply(b"?"), Close()]


def test_a_setting_changes_before_the_backend_is_ready() -> None:
    fault = ParameterStatus(**ABOUT, parameters=(Option("value", str, "on", "what"),))
    told = frame("S", b"trouble\0on\0")
    assert forwarded(play(fault, request(UPDATE, SIMPLE))) == UPDATE
    assert forwarded(play(fault, response(b"abc", SIMPLE, ends=False))) == b"abc"
    assert forwarded(play(fault, response(b"abc" + READY, SIMPLE))) == b"abc" + told + READY
    assert forwarded(play(fault, response(b"G", SIMPLE, final=False))) == b"G"
