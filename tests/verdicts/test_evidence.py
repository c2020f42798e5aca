"""Attempts at the same thing are one call."""

from __future__ import annotations

import pytest

from judged import GET, INCR, SET, attempt, trace
from traces import injected
from vaurien.embedded.exchanges import Exchange
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
        attempt(2),
        attempt(3),
        attempt(4, labels=SET),
    ) == [("INCRBY paid", 3), ("INCRBY paid", 1), ("SET done", 1)]


def test_an_identity_joins_what_differs() -> None:
    head = b"POST /pay HTTP/1.1\r\nIdempotency-Key: %d\r\n\r\n"
    first, again, other = (
        attempt(at, how, POST, head=head % key, digest=str(at))
        for at, how, key in ((0, "ambiguous", 1), (1, "ok", 1), (2, "ok", 2))
    )
    assert titles(first, again, other, protocol=Http) == [("POST /pay", 2), ("POST /pay", 1)]


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
    (call,) = calls_of(trace(attempt(1.5, "OOM", INCR)))
    assert str(call.attempts[0]) == "connection 1, exchange 1501, 1.500 s: OOM"
