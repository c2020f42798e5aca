"""What a run has changed."""

from __future__ import annotations

from traces import exchange, trace_of
from vaurien.embedded.trace import Trace
from vaurien.explore.effects import effects
from vaurien.protocols.http import Http
from vaurien.protocols.postgresql import PostgreSQL


def counted(trace: Trace) -> dict[str, int]:
    return {effect.title: number for effect, number in effects(trace).items()}


def test_writes_that_reached_the_backend() -> None:
    trace = trace_of(
        exchange(1, command="HELLO", access="control"),
        exchange(2, command="GET", access="read", key="a"),
        exchange(3, command="INCRBY", access="write", key="a"),
        exchange(4, command="INCRBY", access="write", key="a", told=False),
        exchange(5, command="INCRBY", access="write", key="a", reached=False),
        exchange(6, command="INCRBY", access="write", key="a", answer={"error": "OOM"}),
        exchange(7, command="SET", access="write", key="b"),
    )
    assert counted(trace) == {"db: INCRBY a": 2, "db: SET b": 1}
    idempotent = {effect.title: effect.idempotent for effect in effects(trace)}
    assert idempotent == {"db: INCRBY a": False, "db: SET b": True}


def test_what_a_rule_has_altered_did_not_reach_the_backend() -> None:
    altered = exchange(1, command="INCRBY", access="write", key="a")
    altered.altered = True
    assert counted(trace_of(altered)) == {}


def test_a_cache_may_forget() -> None:
    heads = {
        "cached": b"*5\r\n$3\r\nSET\r\n$6\r\ncached\r\n$1\r\n1\r\n$2\r\nEX\r\n$2\r\n60\r\n",
        "kept": b"*3\r\n$3\r\nSET\r\n$4\r\nkept\r\n$1\r\n1\r\n",
    }
    made = [
        exchange(number, command="SET", access="write", key=key, head=head)
        for number, (key, head) in enumerate(heads.items())
    ]
    forgettable = {effect.title: effect.forgettable for effect in effects(trace_of(*made))}
    assert forgettable == {"db: SET cached": True, "db: SET kept": False}


def test_a_transaction_counts_when_it_is_committed() -> None:
    def transaction(first: int, end: str, **how: bool) -> list[dict[str, object]]:
        return [
            {"number": first, "verb": "BEGIN", "sql": "begin"},
            {"number": first + 1, "verb": "INSERT", "sql": "insert into t"},
            {"number": first + 2, "verb": end, "sql": end.lower(), **how},
        ]

    statements = [
        *transaction(1, "COMMIT"),
        *transaction(4, "ROLLBACK"),
        *transaction(7, "COMMIT", reached=False),
        *transaction(10, "COMMIT", told=False),
    ]
    made = [exchange(phase="query", **each) for each in statements]  # type: ignore[arg-type]
    assert counted(trace_of(*made, protocol=PostgreSQL)) == {"db: insert into t": 2}


def test_a_statement_of_its_own_is_a_transaction() -> None:
    made = exchange(1, phase="query", verb="UPDATE", sql="update t")
    assert counted(trace_of(made, protocol=PostgreSQL)) == {"db: update t": 1}


def test_requests_with_the_same_identity_count_once() -> None:
    head = b"POST /pay HTTP/1.1\r\nIdempotency-Key: 17\r\n\r\n"
    twice = [exchange(n, method="POST", path="/pay", head=head) for n in (1, 2)]
    assert counted(trace_of(*twice, protocol=Http)) == {"db: POST /pay": 1}
    other = exchange(3, method="POST", path="/pay", head=head.replace(b"17", b"18"))
    assert counted(trace_of(*twice, other, protocol=Http)) == {"db: POST /pay": 2}
