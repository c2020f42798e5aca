"""Attempts at the same thing are one call."""

from __future__ import annotations

import pytest

from judged import GET, INCR, SET, attempt, trace
from traces import injected
from vaurien.embedded.exchanges import Connection, Exchange
from vaurien.protocol import Protocol
from vaurien.protocols.http import Http
from vaurien.protocols.postgresql import PostgreSQL
from vaurien.protocols.redis import Redis
from vaurien.protocols.smtp import Smtp
from vaurien.verdicts.evidence import calls_of, cut_short, seconds_to_wait

POST = {"method": "POST", "path": "/pay"}


def titles(*attempts: Exchange, protocol: type[Protocol] = Redis) -> list[tuple[str, int]]:
    calls = calls_of(trace(*attempts, protocol=protocol))
    return [(call.title, len(call.attempts)) for call in calls]


def test_what_failed_and_was_asked_again_is_one_call() -> None:
    assert titles(
        attempt(0, "READONLY"),
        attempt(1, "ambiguous"),
        attempt(2, connection=2),
        attempt(3, connection=2),
        attempt(4, labels=SET, connection=2),
    ) == [("INCRBY paid", 3), ("INCRBY paid", 1), ("SET done", 1)]


def test_an_identity_joins_what_differs() -> None:
    head = b"POST /pay HTTP/1.1\r\nIdempotency-Key: %d\r\n\r\n"
    first, again, other = (
        attempt(at, how, POST, head=head % key, digest=str(at), connection=at + 1)
        for at, how, key in ((0, "ambiguous", 1), (1, "ok", 1), (2, "ok", 2))
    )
    assert titles(first, again, other, protocol=Http) == [("POST /pay", 2), ("POST /pay", 1)]


def test_what_was_on_its_way_already_is_no_other_attempt() -> None:
    lost, other = attempt(0, "ambiguous"), attempt(0.001, "ambiguous")
    again, more = attempt(0.1, connection=2), attempt(0.101, connection=2)
    assert titles(lost, other, again, more) == [("INCRBY paid", 2)] * 2
    assert titles(attempt(0, "WRONGTYPE", took=0.1), attempt(0.05)) == [("INCRBY paid", 1)] * 2


def test_nor_is_what_another_client_asks_while_one_waits() -> None:
    waits = Connection("db", 1, 0.0, 0.0), Connection("db", 2, 1.0, 1.0)
    made = trace(attempt(0, "ambiguous"), attempt(1, connection=2), connections=waits)
    assert [len(call.attempts) for call in calls_of(made)] == [1, 1]


def test_a_commit_is_an_attempt_at_its_transaction() -> None:
    def commit(at: float, how: str, key: str, connection: int) -> list[Exchange]:
        labels = INCR | {"key": key}
        return [
            attempt(at, labels={"command": "MULTI"}, connection=connection),
            attempt(at + 0.001, labels=labels, connection=connection),
            attempt(at + 0.002, how, {"command": "EXEC"}, connection=connection),
        ]

    first, again = commit(0, "ambiguous", "a", 1), commit(1, "ambiguous", "a", 2)
    calls = calls_of(trace(*first, *again, *commit(2, "ok", "b", 3)))
    commits = [(call.title, len(call.attempts)) for call in calls if "EXEC" in call.title]
    assert commits == [("EXEC of INCRBY a", 2), ("EXEC of INCRBY b", 1)]


def test_one_that_was_only_begun_is_an_attempt_at_what_follows() -> None:
    data = {"verb": "DATA"}
    begun = attempt(0, "greylisted", data, head=b"DATA\r\n", digest="1")
    whole = attempt(1, labels=data, head=b"DATA\r\nMessage-ID: 1\r\n", digest="2")
    assert titles(begun, whole, protocol=Smtp) == [("DATA", 2)]
    other = attempt(2, labels=data, head=b"DATA\r\nMessage-ID: 2\r\n", digest="3")
    assert titles(whole, other, protocol=Smtp) == [("DATA", 1)] * 2


def problems(*attempts: Exchange, left_at: float | None = None) -> list[str]:
    connection = Connection("db", 1, 0.0, 0.0, client_ended_at=left_at)
    calls = calls_of(trace(*attempts, connections=(connection,)))
    return [each.problem for call in calls for each in call.attempts]


def test_an_answer_that_a_rule_has_held_until_the_client_left_is_none() -> None:
    held = attempt(0, took=5.0)
    assert problems(held, left_at=3.0) == ["ambiguous"]
    assert problems(held) == [""]
    sent_late = attempt(0, took=5.0)
    sent_late.forwarded_at, sent_late.answer_ended_at = 4.9, 4.95
    assert problems(sent_late, left_at=3.0) == ["ambiguous"]


def test_a_client_that_only_sends_no_more_gets_its_answer() -> None:
    answered = attempt(0, took=5.0)
    answered.answer_ended_at = 4.95
    assert problems(answered, left_at=3.0) == [""]


def test_what_is_not_answered_is_not_lost() -> None:
    quiet = attempt(0, "ambiguous", SET)
    quiet.expects_answer = False
    assert problems(quiet) == [""]


def test_an_error_with_which_a_connection_can_be_used() -> None:
    hello = {"command": "HELLO"}
    assert problems(attempt(0, "WRONGPASS", hello), attempt(1, labels=GET)) == ["", ""]
    assert problems(attempt(0, "WRONGPASS", hello)) == ["fatal"]
    assert problems(attempt(0, labels=GET), attempt(1, "WRONGPASS", hello)) == ["", "fatal"]


@pytest.mark.parametrize(
    ("how", "protocol", "problem"),
    [
        ("ok", Redis, ""),
        ("ambiguous", Redis, "ambiguous"),
        ("unsent", Redis, "unsent"),
        ("READONLY", Redis, "transient"),
        ("WRONGTYPE", Redis, "fatal"),
        ("NOSCRIPT", Redis, "other"),
        ("503", Http, "transient"),
        ("404", Http, "fatal"),
        ("deadlock_detected", PostgreSQL, "transient"),
        ("unique_violation", PostgreSQL, "fatal"),
        ("greylisted", Smtp, "transient"),
        ("relay-denied", Smtp, "fatal"),
    ],
)
def test_problems(how: str, protocol: type[Protocol], problem: str) -> None:
    (call,) = calls_of(trace(attempt(0, how), protocol=protocol))
    assert call.attempts[0].problem == problem


def test_errors_of_the_backend_count_like_injected_ones() -> None:
    answered = attempt(0)
    answered.answer_labels = {"error": "LOADING"}
    (call,) = calls_of(trace(answered))
    assert (call.attempts[0].problem, call.attempts[0].error) == ("transient", "LOADING")


def test_an_error_that_the_backend_was_made_to_give_is_the_one_the_client_was_told() -> None:
    made = injected(attempt(0), "error", "deadlock_detected")
    made.altered = True
    made.answer_labels = {"error": "42703"}
    (call,) = calls_of(trace(made, protocol=PostgreSQL))
    assert (call.attempts[0].problem, call.attempts[0].error) == ("transient", "deadlock_detected")


@pytest.mark.parametrize(
    ("fault", "cut"), [("cut-event", "cut-event"), ("no-terminator", "no-terminator"), ("503", "")]
)
def test_answers_that_only_look_whole(fault: str, cut: str) -> None:
    made = injected(attempt(0), "error", fault)
    assert cut_short(made, Http.semantics) == ""  # the client has got nothing
    made.told_bytes = 3
    assert cut_short(made, Http.semantics) == cut
    assert cut_short(made, Redis.semantics) == ""
    (call,) = calls_of(trace(made, protocol=Http))
    assert (call.attempts[0].problem, call.attempts[0].error) == ("ambiguous" if cut else "", cut)


def test_gaps_are_those_between_a_failure_and_the_next_attempt() -> None:
    (call,) = calls_of(trace(attempt(0, "OOM", took=0.5), attempt(1, "OOM", took=0.5), attempt(3)))
    assert call.gaps == [0.5, 1.5]


def test_what_may_be_repeated() -> None:
    calls = calls_of(trace(attempt(0), attempt(1, labels=SET), attempt(2, labels=GET)))
    assert [(call.safe, call.repeatable) for call in calls] == [
        (False, False),
        (False, True),
        (True, True),
    ]


def test_what_answers_say_of_waiting() -> None:
    told = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\n\r\n"
    assert seconds_to_wait(attempt(0, told=told), Http.semantics) == 2.0
    assert seconds_to_wait(attempt(0, told=told.replace(b"2\r", b"soon\r")), Http.semantics) is None
    assert seconds_to_wait(attempt(0, told=told), Redis.semantics) is None
    exact = told.replace(b"\r\n\r\n", b"\r\nretry-after-ms: 1500\r\n\r\n")
    assert seconds_to_wait(attempt(0, told=exact), Http.semantics) == 1.5


def test_an_attempt_in_a_line() -> None:
    first, second = calls_of(trace(attempt(1.5, "OOM", INCR), attempt(2.25, labels=GET)))
    assert str(first.attempts[0]) == "+0.000 s connection 1, exchange 1501: OOM"
    assert str(second.attempts[0]) == "+0.750 s connection 1, exchange 2251: answered"
