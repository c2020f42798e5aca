"""What exchanges mean."""

from __future__ import annotations

import pytest

from traces import exchange, trace_of
from vaurien.embedded.meaning import (
    carried_out,
    changes_of,
    identity_of,
    kind_of,
    meets,
    openings,
    title_of,
)
from vaurien.protocol import Protocol
from vaurien.protocols.http import Http
from vaurien.protocols.http.semantics import SEMANTICS
from vaurien.protocols.mysql import MySQL
from vaurien.protocols.postgresql import PostgreSQL
from vaurien.protocols.redis import Redis
from vaurien.protocols.smtp import Smtp


@pytest.mark.parametrize(
    ("labels", "protocol", "title"),
    [
        ({"command": "CONFIG", "subcommand": "GET"}, Redis, "CONFIG GET"),
        ({"method": "POST", "path": "/orders/1"}, Http, "POST /orders/1"),
        ({"verb": "SELECT", "sql": "select *\n from orders"}, PostgreSQL, "select * from orders"),
        ({"verb": "SYNC"}, PostgreSQL, "SYNC"),
        ({}, Redis, "bytes"),
    ],
)
def test_titles(labels: dict[str, str], protocol: type[Protocol], title: str) -> None:
    assert title_of(labels, protocol) == title


def test_conditions() -> None:
    assert meets({"command": "GET", "key": "a"}, {"command": "~^G", "key": "a"})
    assert not meets({"command": "GET"}, {"command": "~^G", "key": "a"})
    assert meets({}, {})


def test_transactions_are_carried_out_when_they_are_committed() -> None:
    trace = trace_of(
        exchange(1, verb="BEGIN"),
        exchange(2, verb="INSERT"),
        exchange(3, verb="COMMIT"),
        exchange(4, verb="BEGIN"),
        exchange(5, verb="INSERT"),
        protocol=PostgreSQL,
    )
    assert [each.number for each in carried_out(trace.proxies["db"])] == [2]


def test_without_autocommit_there_is_always_a_transaction() -> None:
    trace = trace_of(
        exchange(1, verb="SET", sql="SET AUTOCOMMIT = 0"),
        exchange(2, verb="INSERT"),
        exchange(3, verb="COMMIT"),
        exchange(4, verb="INSERT"),
        exchange(5, verb="ROLLBACK"),
        exchange(6, verb="INSERT"),
        protocol=MySQL,
    )
    assert [each.number for each in carried_out(trace.proxies["db"])] == [2]


def test_what_requests_would_change() -> None:
    trace = trace_of(
        exchange(1, verb="BEGIN"),
        exchange(2, verb="INSERT"),
        exchange(3, verb="COMMIT", told=False),
        exchange(4, verb="INSERT"),
        exchange(5, verb="SELECT"),
        exchange(6, verb="OTHER", sql=" ;"),
        protocol=PostgreSQL,
    )
    changes = changes_of(trace.proxies["db"])
    numbers = {key[2]: [each.number for each in made] for key, made in changes.items()}
    assert numbers == {3: [2], 4: [4]}


def test_what_opens_a_connection_comes_before_all_else() -> None:
    trace = trace_of(
        exchange(1, command="HELLO"),
        exchange(2, command="CLIENT"),
        exchange(3, command="GET"),
        exchange(4, command="CLIENT"),
    )
    assert [each.number for each in openings(trace.proxies["db"])] == [1, 2]


def test_a_mail_counts_with_its_content() -> None:
    trace = trace_of(
        exchange(1, verb="DATA", head=b"DATA\r\n"),
        exchange(2, verb="DATA", head=b"DATA\r\nSubject: x\r\n"),
        protocol=Smtp,
    )
    assert [each.number for each in carried_out(trace.proxies["db"])] == [2]


def test_answers_that_say_that_nothing_was_changed() -> None:
    def changed(answer: bytes, protocol: type[Protocol], **labels: str) -> bool:
        made = exchange(1, labels=labels)
        made.answer = answer
        return bool(list(carried_out(trace_of(made, protocol=protocol).proxies["db"])))

    assert changed(b"$1\r\na\r\n", Redis, command="LPOP")
    assert not changed(b"$-1\r\n", Redis, command="LPOP")
    assert changed(b"", Redis, command="LPOP")
    assert changed(b"C\0\0\0\x0dUPDATE 1\0", PostgreSQL, verb="UPDATE")
    assert not changed(b"2\0\0\0\4C\0\0\0\x0dUPDATE 0\0", PostgreSQL, verb="UPDATE")


def test_kinds_of_errors() -> None:
    kinds = [kind_of(error, Http) for error in ("503", "forbidden", "302")]
    assert kinds == ["transient", "fatal", "other"]


def test_identities() -> None:
    head = b"POST / HTTP/1.1\r\nIdempotency-Key: 17\r\n\r\n"
    assert identity_of(exchange(1, head=head), SEMANTICS) == "17"
    assert identity_of(exchange(1), SEMANTICS) == ""
    assert identity_of(exchange(1, head=head), Redis.semantics) == ""
