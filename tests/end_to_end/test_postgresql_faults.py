"""Every fault of postgresql: what clients raise, and how the session goes on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it has no types
import psycopg
import pytest
from psycopg.pq import TransactionStatus

from end_to_end.proxies import StartProxy
from peers import PATIENCE, connect, receive_until_fin, wait_until
from postgresql_server import (
    COPY_DONE,
    FLUSH,
    SSL_REQUEST,
    SYNC,
    Session,
    bind,
    execute,
    frame,
    parse,
    postgresql_server,
    query,
    report_in,
    startup,
)
from vaurien.net.address import Address
from vaurien.protocols.postgresql.fault_types import (
    AnyErrorReport,
    CrashNotice,
    ErrorReport,
    ParameterStatus,
    RawBytes,
    SessionEnd,
    SessionTimeout,
    StatementError,
)
from vaurien.protocols.postgresql.parser import PostgreSQL

CATALOGUE = PostgreSQL.faults
FAILURES = [fault for fault in CATALOGUE if isinstance(fault, StatementError | AnyErrorReport)]
ENDINGS = [
    fault
    for fault in CATALOGUE
    if isinstance(fault, SessionEnd) and fault.applies_to["phase"] == "query"
]
TIMEOUTS = [fault for fault in CATALOGUE if isinstance(fault, SessionTimeout)]
REFUSALS = [
    fault
    for fault in CATALOGUE
    if isinstance(fault, SessionEnd) and fault.applies_to["phase"] == "startup"
]
ANSWERS = [fault for fault in CATALOGUE if isinstance(fault, RawBytes)]
CHANGES = [fault for fault in CATALOGUE if isinstance(fault, ParameterStatus)]
Connection = psycopg.Connection[tuple[Any, ...]]


def name_of(fault: object) -> str:
    return str(getattr(fault, "name", fault))


def test_no_fault_is_missing_here() -> None:
    seen = [*FAILURES, *ENDINGS, *TIMEOUTS, *REFUSALS, *ANSWERS, *CHANGES]
    assert sorted(map(name_of, seen)) == sorted(map(name_of, CATALOGUE))


@pytest.fixture(scope="module")
def postgresql_address() -> Iterator[Address]:
    with postgresql_server() as address:
        with Session(address) as session:
            for sql in SETUP:
                assert session.ask(sql)[-1] == frame("Z", b"I")
        yield address


SETUP = (
    "CREATE TABLE accounts (id int PRIMARY KEY, v int)",
    "INSERT INTO accounts VALUES (1, 1), (2, 2)",
    "CREATE ROLE md5 LOGIN PASSWORD 'secret'",
    "CREATE ROLE full_role LOGIN CONNECTION LIMIT 0",
    "CREATE ROLE plain LOGIN",
    "CREATE DATABASE limited CONNECTION LIMIT 0",
    "CREATE DATABASE closed ALLOW_CONNECTIONS false",
)


@contextlib.contextmanager
def connected(address: Address, **options: Any) -> Iterator[Connection]:
    where = {"host": address.host, "port": address.port, "user": "postgres", "dbname": "postgres"}
    with contextlib.closing(psycopg.connect(**{**where, "autocommit": True, **options})) as made:
        yield made


def status_of(client: Connection) -> str:
    """The state of its transaction, as the backend said last."""
    return TransactionStatus(client.info.transaction_status).name


def error_of(fault: ErrorReport) -> type[Exception]:
    """What psycopg raises for it."""
    return psycopg.errors.lookup(fault.aliases[0] if fault.aliases else "XX000")


# Statements that fail.


@pytest.mark.parametrize("fault", FAILURES, ids=name_of)
@pytest.mark.parametrize("mode", ["simple", "extended"])
def test_a_statement_fails_and_the_session_goes_on(
    start_proxy: StartProxy, postgresql_address: Address, fault: ErrorReport, mode: str
) -> None:
    rule = f"error fault={fault.name} mode={mode} verb=INSERT times=2"
    proxy = start_proxy(postgresql_address, rule, protocol=PostgreSQL())
    insert = "INSERT INTO accounts VALUES (7, 7)" + (" -- %s" if mode == "extended" else "")
    values = [1] if mode == "extended" else None
    with connected(proxy.address) as client:
        with pytest.raises(error_of(fault)) as caught:
            client.execute(insert, values)
        assert isinstance(caught.value, psycopg.Error)
        told = caught.value.diag
        assert told.severity == told.severity_nonlocalized == "ERROR"
        assert told.message_primary
        assert "{" not in told.message_primary
        assert bool(told.message_detail) is bool(fault.detail)
        assert told.message_hint == (fault.hint or None)
        assert status_of(client) == "IDLE"
        client.execute("BEGIN")
        with pytest.raises(error_of(fault)):
            client.execute(insert, values)
        assert status_of(client) == "INERROR"
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            client.execute("SELECT 1")
        client.execute("ROLLBACK")
        assert client.execute("SELECT count(*) FROM accounts").fetchone() == (2,)
    assert proxy.totals.fired == 2


def test_a_commit_that_fails_has_rolled_back(
    start_proxy: StartProxy, postgresql_address: Address
) -> None:
    rule = "error fault=read-write-dependencies verb=COMMIT"
    proxy = start_proxy(postgresql_address, rule, protocol=PostgreSQL())
    with connected(proxy.address) as client:
        for _ in range(2):
            client.execute("BEGIN")
            client.execute("SET timezone TO 'Asia/Tokyo'")
            client.execute("DELETE FROM accounts")
            with pytest.raises(psycopg.errors.SerializationFailure):
                client.execute("COMMIT")
            assert status_of(client) == "IDLE"
            assert client.info.parameter_status("TimeZone") != "Asia/Tokyo"
            assert client.execute("SELECT count(*) FROM accounts").fetchone() == (2,)


def test_a_commit_fails_in_the_extended_protocol_too(
    start_proxy: StartProxy, postgresql_address: Address
) -> None:
    rule = "error fault=serialization_failure verb=COMMIT"
    proxy = start_proxy(postgresql_address, rule, protocol=PostgreSQL())
    with Session(proxy.address) as session:
        for _ in range(2):
            session.ask("BEGIN")
            session.ask("DELETE FROM accounts")
            session.send(parse("COMMIT"), bind(), execute(), SYNC)
            answer = session.answer()
            assert [message[:1] for message in answer] == [b"E", b"Z"]
            assert report_in(answer)["C"] == "40001"
            assert answer[-1] == frame("Z", b"I")
        assert session.value("SELECT count(*) FROM accounts") == "2"


def test_a_batch_fails_before_its_sync(
    start_proxy: StartProxy, postgresql_address: Address
) -> None:
    rule = "error fault=deadlock_detected verb=SELECT times=1"
    proxy = start_proxy(postgresql_address, rule, protocol=PostgreSQL())
    with Session(proxy.address) as session:
        session.send(parse("SELECT 1"), bind(), execute(), FLUSH)
        assert session.answer(until=b"E")[0][:1] == b"E"
        session.send(parse("SELECT 2"), bind(), execute(), SYNC, query("SELECT 3"))
        assert session.answer() == [frame("Z", b"I")]
        assert session.answer()[-1] == frame("Z", b"I")


def test_a_copy_fails_before_its_data(start_proxy: StartProxy, postgresql_address: Address) -> None:
    rule = "error fault=disk_full verb=COPY"
    proxy = start_proxy(postgresql_address, rule, protocol=PostgreSQL())
    with connected(proxy.address) as client:
        for _ in range(2):
            with (
                pytest.raises(psycopg.errors.DiskFull),
                client.cursor().copy("COPY accounts FROM STDIN"),
            ):
                pass
        assert client.execute("SELECT count(*) FROM accounts").fetchone() == (2,)
    with Session(proxy.address) as session:  # one that does not wait for the answer
        session.send(query("COPY accounts FROM STDIN"), frame("d", b"9\t9\n"), COPY_DONE)
        assert session.report()["C"] == "53100"
        assert session.value("SELECT count(*) FROM accounts") == "2"


def test_a_pipeline_goes_on_after_a_failure(
    start_proxy: StartProxy, postgresql_address: Address
) -> None:
    rule = "error fault=deadlock_detected sql=~second"
    proxy = start_proxy(postgresql_address, rule, protocol=PostgreSQL())
    with Session(proxy.address) as session:
        for text in ("first", "second", "third"):
            session.send(parse(f"SELECT '{text}'"), bind(), execute(), SYNC)
            session.send(query(f"SELECT '{text}'"))
        kinds = [session.answer()[-2][:1] for _ in range(6)]
        assert kinds == [b"C", b"C", b"E", b"E", b"C", b"C"]
    with connected(proxy.address) as client, client.pipeline() as pipeline:
        first = client.execute("SELECT 'first'")
        pipeline.sync()
        client.execute("SELECT 'second'")
        with pytest.raises(psycopg.errors.DeadlockDetected):
            pipeline.sync()
        assert first.fetchone() == ("first",)
        assert client.execute("SELECT 'third'").fetchone() == ("third",)


def test_asyncpg_raises_its_own_and_goes_on(
    start_proxy: StartProxy, postgresql_address: Address
) -> None:
    rule = "error fault=40P01 verb=UPDATE times=3"
    proxy = start_proxy(postgresql_address, rule, protocol=PostgreSQL())

    async def work() -> None:
        client = await asyncpg.connect(**arguments(proxy.address))
        try:
            for _ in range(3):
                with pytest.raises(asyncpg.DeadlockDetectedError, match="deadlock detected"):
                    async with client.transaction():
                        await client.execute("UPDATE accounts SET v = $1", 5)
            await client.execute("UPDATE accounts SET v = $1", 6)
            assert await client.fetchval("SELECT sum(v) FROM accounts") == 12
        finally:
            await client.close()

    asyncio.run(work())


def arguments(address: Address) -> dict[str, Any]:
    where = {"host": address.host, "port": address.port, "timeout": PATIENCE}
    return {**where, "user": "postgres", "database": "postgres"}


def test_without_a_name_a_typical_fault_is_told(
    start_proxy: StartProxy, postgresql_address: Address
) -> None:
    proxy = start_proxy(postgresql_address, "error", protocol=PostgreSQL(), seed=1)
    typical = tuple(
        error_of(fault) for fault in CATALOGUE if isinstance(fault, ErrorReport) and fault.typical
    )
    for _ in range(10):
        with connected(proxy.address) as client, pytest.raises(typical):
            client.execute("SELECT 1")


def test_any_error_can_be_told(start_proxy: StartProxy, postgresql_address: Address) -> None:
    rule = "error fault=error sqlstate=22003 message='too much for {verb}' hint=less times=1"
    proxy = start_proxy(postgresql_address, rule, protocol=PostgreSQL())
    with connected(proxy.address) as client:
        with pytest.raises(psycopg.errors.NumericValueOutOfRange) as caught:
            client.execute("SELECT 1")
        assert caught.value.diag.message_primary == "too much for SELECT"
        assert caught.value.diag.message_hint == "less"
        assert client.execute("SELECT 1").fetchone() == (1,)


def test_any_error_can_end_the_session(
    start_proxy: StartProxy, postgresql_address: Address
) -> None:
    rule = "error fault=error sqlstate=57P01 severity=FATAL"
    proxy = start_proxy(postgresql_address, rule, protocol=PostgreSQL())
    with connected(proxy.address) as client:
        with pytest.raises(psycopg.errors.AdminShutdown):
            client.execute("SELECT 1")
        assert client.broken


# Sessions that end.


@pytest.mark.parametrize("fault", ENDINGS, ids=name_of)
@pytest.mark.parametrize("mode", ["simple", "extended"])
def test_a_session_ends_in_place_of_an_answer(
    start_proxy: StartProxy, postgresql_address: Address, fault: SessionEnd, mode: str
) -> None:
    idle = " idle=false" if any(option.name == "idle" for option in fault.parameters) else ""
    rule = f"error fault={fault.name} sql=~insert times=1{idle}"
    proxy = start_proxy(postgresql_address, rule, protocol=PostgreSQL())
    heard: list[str] = []
    with connected(proxy.address) as client:
        client.add_notice_handler(lambda notice: heard.append(notice.message_primary or ""))
        client.execute("BEGIN")
        kind = psycopg.OperationalError if isinstance(fault, CrashNotice) else error_of(fault)
        with pytest.raises(kind) as caught:
            client.execute("insert into accounts values (3, 3)", prepare=mode == "extended")
        heard.append(str(caught.value))
        assert client.broken
        assert fault.text.partition("{")[0] in "".join(heard)
    with connected(proxy.address) as client:
        assert client.execute("SELECT count(*) FROM accounts").fetchone() == (2,)


IDLE = [fault for fault in ENDINGS if any(option.name == "idle" for option in fault.parameters)]


@pytest.mark.parametrize("fault", [*IDLE, *TIMEOUTS], ids=name_of)
def test_a_session_ends_while_it_is_idle(
    start_proxy: StartProxy, postgresql_address: Address, fault: ErrorReport
) -> None:
    idle = " idle=true" if fault in IDLE else ""
    rule = f"error fault={fault.name} sql=~last times=1{idle}"
    proxy = start_proxy(postgresql_address, rule, protocol=PostgreSQL())
    with Session(proxy.address) as session:
        if isinstance(fault, SessionTimeout) and b"I" not in fault.states:
            session.ask("BEGIN")
        answer = session.ask("SELECT 'last'")
        assert [message[:1] for message in answer] == [b"T", b"D", b"C", b"Z"]
        told = report_in([session.read()])
        assert told["C"] == fault.aliases[0]
        assert told["M"] == fault.text
        assert receive_until_fin(session.sock) == b""


@pytest.mark.parametrize("fault", TIMEOUTS, ids=name_of)
def test_a_timeout_waits_for_its_state(
    start_proxy: StartProxy, postgresql_address: Address, fault: SessionTimeout
) -> None:
    proxy = start_proxy(postgresql_address, f"error fault={fault.name}", protocol=PostgreSQL())
    with Session(proxy.address) as session:
        if b"I" not in fault.states:
            assert session.value("SELECT 'in no transaction'") == "in no transaction"
            assert session.value("SELECT 'still there'") == "still there"
        else:
            assert session.ask("BEGIN")[-1] == frame("Z", b"T")
            assert session.value("SELECT 'in a transaction'") == "in a transaction"


# Sessions that do not begin.


@pytest.mark.parametrize("fault", REFUSALS, ids=name_of)
def test_a_session_does_not_begin(
    start_proxy: StartProxy, postgresql_address: Address, fault: SessionEnd
) -> None:
    proxy = start_proxy(
        postgresql_address, f"error fault={fault.name} times=2", protocol=PostgreSQL()
    )
    words = fault.text.format(
        user="postgres", database="postgres", host="127.0.0.1", reason="connect failed"
    )
    with (
        pytest.raises(psycopg.OperationalError, match=re.escape(words)),
        connected(proxy.address),
    ):
        pass

    async def attempt() -> None:
        await asyncpg.connect(**arguments(proxy.address))

    with pytest.raises(asyncpg.PostgresError) as caught:
        asyncio.run(attempt())
    assert caught.value.sqlstate == fault.aliases[0]
    assert str(caught.value).startswith(words)
    with connected(proxy.address) as client:
        assert client.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("could-not-fork phase=startup", "could not fork new process"),
        ("could-not-fork phase=encryption", "server sent an error response during SSL exchange"),
        ("ssl-garbage", "received invalid response to SSL negotiation: H"),
        ("ssl-refused", "server does not support SSL, but SSL was required"),
    ],
)
def test_an_answer_is_no_message(
    start_proxy: StartProxy, postgresql_address: Address, rule: str, words: str
) -> None:
    assert {fault.name for fault in ANSWERS} >= {rule.split()[0]}
    proxy = start_proxy(postgresql_address, f"error fault={rule}", protocol=PostgreSQL(tls="pass"))
    mode = "disable" if "startup" in rule else "require"
    with (
        pytest.raises(psycopg.OperationalError, match=words),
        connected(proxy.address, sslmode=mode),
    ):
        pass


def test_a_client_that_prefers_encryption_goes_on_without(
    start_proxy: StartProxy, postgresql_address: Address
) -> None:
    proxy = start_proxy(
        postgresql_address, "error fault=ssl-refused", protocol=PostgreSQL(tls="pass")
    )
    with connected(proxy.address, sslmode="prefer") as client:
        assert client.execute("SELECT 1").fetchone() == (1,)
    with connect(proxy.address) as raw:
        raw.sendall(SSL_REQUEST + startup(user="postgres"))
        raw.sendall(frame("X"))
        assert receive_until_fin(raw)[:2] == b"NR"


@pytest.mark.parametrize("fault", CHANGES, ids=name_of)
def test_a_setting_is_reported(
    start_proxy: StartProxy, postgresql_address: Address, fault: ParameterStatus
) -> None:
    proxy = start_proxy(postgresql_address, f"error fault={fault.name}", protocol=PostgreSQL())
    with connected(proxy.address) as client:
        assert client.info.parameter_status(fault.name) == "on"
    with (
        pytest.raises(psycopg.OperationalError, match=r"read-only|hot standby"),
        connected(proxy.address, target_session_attrs="read-write"),
    ):
        pass
    proxy.change(f"error fault={fault.name} phase=query")
    with connected(proxy.address, target_session_attrs="read-write") as client:
        assert client.info.parameter_status(fault.name) == "off"
        assert client.execute("SELECT 1").fetchone() == (1,)
        assert client.info.parameter_status(fault.name) == "on"


# What the real server says.

Told = Mapping[str, str]
Drive = Callable[[Address, Session, Session], Told]


def ask(*statements: str) -> Drive:
    """Have a session say these, and report on the last."""

    def drive(address: Address, one: Session, other: Session) -> Told:
        for sql in statements[:-1]:
            one.ask(sql)
        return report_in(one.ask(statements[-1]))

    return drive


def contend(setup: str, first: str, second: str, then: str) -> Drive:
    """Have two sessions meet: the other acts between what the one does."""

    def drive(address: Address, one: Session, other: Session) -> Told:
        for sql in (setup, first):
            one.ask(sql)
        other.ask(second)
        return report_in(one.ask(then))

    return drive


def batch(*messages: bytes, before: str = "", between: str = "") -> Drive:
    """Have a session say these in the extended protocol."""

    def drive(address: Address, one: Session, other: Session) -> Told:
        one.ask(before)
        one.send(messages[0], SYNC)
        told = one.answer()
        if len(messages) > 1:
            other.ask(between)
            one.send(*messages[1:], SYNC)
            told = one.answer()
        return report_in(told)

    return drive


def deadlock(address: Address, one: Session, other: Session) -> Told:
    one.ask("BEGIN; UPDATE accounts SET v = 3 WHERE id = 1")
    other.ask("BEGIN; UPDATE accounts SET v = 3 WHERE id = 2")
    one.send(query("UPDATE accounts SET v = 3 WHERE id = 2"))
    other.send(query("UPDATE accounts SET v = 3 WHERE id = 1"))
    answers = [one.answer(), other.answer()]
    return report_in(next(answer for answer in answers if answer[0][:1] == b"E"))


def signalled(how: str, sleep: str) -> Drive:
    """Have the other session send a signal to the one, which does something."""

    def drive(address: Address, one: Session, other: Session) -> Told:
        pid = one.value("SELECT pg_backend_pid()")
        one.send(query(sleep))
        state = (
            f"SELECT count(*) FROM pg_stat_activity WHERE pid = {pid} AND wait_event = 'PgSleep'"
        )
        wait_until(lambda: other.value(state) == "1", "it sleeps")
        other.ask(f"SELECT {how}({pid})")
        return one.report()

    return drive


def idle(setting: str, *statements: str) -> Drive:
    """Have a session wait until it is ended."""

    def drive(address: Address, one: Session, other: Session) -> Told:
        for sql in (f"SET {setting} = 20", *statements):
            one.ask(sql)
        return report_in([one.read()])

    return drive


def login(user: str = "postgres", database: str = "postgres", password: bytes = b"") -> Drive:
    def drive(address: Address, one: Session, other: Session) -> Told:
        with Session(address, user, database) as session:
            if not password:
                return report_in(session.greeting)
            session.send(frame("p", password))
            return session.report()

    return drive


def crowd(address: Address, one: Session, other: Session) -> Told:
    with contextlib.ExitStack() as stack:
        while True:
            session = stack.enter_context(Session(address))
            if session.greeting[0][:1] == b"E":
                return report_in(session.greeting)


TABLE = "CREATE TEMPORARY TABLE u (id int)"
SERIALIZABLE = "BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT sum(v) FROM accounts"
REPEATABLE = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM accounts"
READ_ONLY = "SET default_transaction_read_only = on"
BIND_ONE = bind("p", "", "1")
REAL: dict[str, Drive] = {
    "deadlock_detected": deadlock,
    "serialization_failure": contend(
        "",
        REPEATABLE,
        "UPDATE accounts SET v = 4 WHERE id = 1",
        "UPDATE accounts SET v = 5 WHERE id = 1",
    ),
    "concurrent-delete": contend(
        "INSERT INTO accounts VALUES (4, 4)",
        REPEATABLE,
        "DELETE FROM accounts WHERE id = 4",
        "UPDATE accounts SET v = 5 WHERE id = 4",
    ),
    "read-write-dependencies": contend(
        SERIALIZABLE,
        "UPDATE accounts SET v = 6 WHERE id = 1",
        f"{SERIALIZABLE}; UPDATE accounts SET v = 6 WHERE id = 2; COMMIT",
        "COMMIT",
    ),
    "lock_not_available": contend(
        "SET lock_timeout = 20",
        "SELECT 1",
        "BEGIN; UPDATE accounts SET v = 7 WHERE id = 1",
        "UPDATE accounts SET v = 8 WHERE id = 1",
    ),
    "nowait": contend(
        "BEGIN",
        "SELECT 1",
        "BEGIN; UPDATE accounts SET v = 7 WHERE id = 1",
        "SELECT * FROM accounts WHERE id = 1 FOR UPDATE NOWAIT",
    ),
    "query_canceled": signalled("pg_cancel_backend", "SELECT pg_sleep(60)"),
    "statement_timeout": ask("SET statement_timeout = 20", "SELECT pg_sleep(60)"),
    "read_only_sql_transaction": ask(READ_ONLY, "INSERT INTO accounts VALUES (9, 9)"),
    "in_failed_sql_transaction": ask("BEGIN", "SELECT 1 / 0", "SELECT 1"),
    "invalid_sql_statement_name": batch(bind("p")),
    "duplicate_prepared_statement": batch(parse("SELECT 1", "p"), parse("SELECT 1", "p")),
    "cached-plan": batch(
        parse("SELECT * FROM accounts", "p"),
        bind("p"),
        execute(),
        between="ALTER TABLE accounts ADD x int; ALTER TABLE accounts DROP x; ALTER TABLE accounts "
        "ADD y int",
    ),
    "protocol_violation": batch(parse("SELECT 1", "p"), BIND_ONE),
    "unique_violation": ask("INSERT INTO accounts VALUES (1, 1)"),
    "insufficient_privilege": ask("SET ROLE plain", "SELECT * FROM accounts"),
    "undefined_table": ask("TABLE nowhere"),
    "undefined_column": ask("SELECT nothing FROM accounts"),
    "configuration_limit_exceeded": ask(
        "SET temp_file_limit = '1kB'; SET work_mem = '64kB'",
        "SELECT g FROM generate_series(1, 50000) g ORDER BY g DESC",
    ),
    "admin_shutdown": signalled("pg_terminate_backend", "SELECT pg_sleep(60)"),
    "idle_session_timeout": idle("idle_session_timeout"),
    "idle_in_transaction_session_timeout": idle("idle_in_transaction_session_timeout", "BEGIN"),
    "invalid_catalog_name": login(database="nowhere"),
    "no-such-role": login(user="nobody"),
    "role-limit": login(user="full_role"),
    "database-limit": login(user="plain", database="limited"),
    "not-accepting-database": login(user="plain", database="closed"),
    "invalid_password": login(user="md5", password=b"wrong\0"),
    "invalid_authorization_specification": login(database="unlisted"),
    "too_many_connections": crowd,
}
DIFFERENCES = {
    "invalid_sql_statement_name": "statement=p",
    "duplicate_prepared_statement": "statement=p",
    "protocol_violation": "statement=p",
    "undefined_table": "relation=nowhere",
    "undefined_column": "column=nothing",
    "configuration_limit_exceeded": "limit=1",
}
PLACES = "LPW"
"""Fields that depend on the server's version, on the statement, or on chance."""


def injected(
    start_proxy: StartProxy, backend: Address, name: str, user: str, database: str
) -> Told:
    """What a client is told by a fault, in the same circumstances as the real one."""
    options = DIFFERENCES.get(name, "")
    proxy = start_proxy(backend, f"error fault={name} {options}", protocol=PostgreSQL())
    with Session(proxy.address, user, database) as session:
        if CATALOGUE.find(name).applies_to["phase"] == "startup":
            return report_in(session.greeting)
        if name == "idle_in_transaction_session_timeout":
            session.ask("BEGIN")
            return report_in([session.read()])
        session.send(parse("INSERT INTO accounts VALUES (9, 9)"), bind(), SYNC)
        told = session.answer()
        return report_in(told if told[-1][:1] != b"Z" or len(told) == 2 else [session.read()])


LOGINS = {
    "invalid_catalog_name": ("postgres", "nowhere"),
    "no-such-role": ("nobody", "postgres"),
    "role-limit": ("full_role", "postgres"),
    "database-limit": ("plain", "limited"),
    "not-accepting-database": ("plain", "closed"),
    "invalid_password": ("md5", "postgres"),
    "invalid_authorization_specification": ("postgres", "unlisted"),
}


@pytest.mark.parametrize("name", REAL)
def test_a_fault_says_what_the_server_says(
    start_proxy: StartProxy, postgresql_address: Address, name: str
) -> None:
    with Session(postgresql_address) as one, Session(postgresql_address) as other:
        real = REAL[name](postgresql_address, one, other)
    ours = injected(
        start_proxy, postgresql_address, name, *LOGINS.get(name, ("postgres", "postgres"))
    )
    assert comparable(ours) == comparable(real)


def comparable(told: Told) -> dict[str, str]:
    return {code: re.sub(r"\d{3,}", "N", text) for code, text in told.items() if code not in PLACES}


@pytest.mark.parametrize(
    ("sql", "command"),
    [
        ("CREATE TABLE x ()", "CREATE TABLE"),
        ("create unique index x on accounts (v)", "CREATE INDEX"),
        ("DROP TABLE accounts", "DROP TABLE"),
        ("ALTER TABLE accounts ADD x int", "ALTER TABLE"),
        ("TRUNCATE accounts", "TRUNCATE TABLE"),
        ("UPDATE accounts SET v = 1", "UPDATE"),
        ("COPY accounts FROM STDIN", "COPY FROM"),
        ("GRANT ALL ON accounts TO plain", "GRANT"),
        ("CREATE OR REPLACE VIEW w AS SELECT 1", "CREATE VIEW"),
        ("REFRESH MATERIALIZED VIEW w", "REFRESH MATERIALIZED VIEW"),
    ],
)
def test_a_read_only_server_names_the_command(
    start_proxy: StartProxy, postgresql_address: Address, sql: str, command: str
) -> None:
    with Session(postgresql_address) as session:
        session.ask(READ_ONLY)
        real = report_in(session.ask(sql))
    proxy = start_proxy(postgresql_address, "error fault=25006", protocol=PostgreSQL())
    with Session(proxy.address) as session:
        assert comparable(report_in(session.ask(sql))) == comparable(real)
        assert f"cannot execute {command} in" in real["M"]


# What it says when it is not itself.


def last_word(sessions: list[Session]) -> Told:
    """What one of these sessions is told in the end; the server tells not all of them."""
    for session in sessions:
        with contextlib.suppress(EOFError, ConnectionError):
            return report_in([session.read()])
    raise AssertionError("nobody was told anything")


@contextlib.contextmanager
def sessions_with(address: Address, count: int = 8) -> Iterator[list[Session]]:
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(Session(address)) for _ in range(count)]


def test_a_crash_ends_sessions(start_proxy: StartProxy) -> None:
    with postgresql_server() as address:
        with Session(address) as one, sessions_with(address) as others:
            os.kill(int(one.value("SELECT pg_backend_pid()")), signal.SIGKILL)
            real = last_word(others)
        reports: list[Told] = []

        def recovered() -> bool:
            with contextlib.suppress(ConnectionError), Session(address) as session:
                if session.greeting[0][:1] != b"E":
                    return True
                reports.append(report_in(session.greeting))
            return False

        wait_until(recovered, "the recovery")
        proxy = start_proxy(address, "error fault=crash_shutdown", protocol=PostgreSQL())
        with Session(proxy.address) as session:
            session.send(query("SELECT 1"))
            assert comparable(session.report()) == comparable(real)
        for told in reports:
            name = "in-recovery" if "recovery mode" in told["M"] else "not-yet-accepting"
            ours = injected(start_proxy, address, name, "postgres", "postgres")
            assert comparable(ours) == comparable(told)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("starting-up", {"restore_command": "sleep 60; false"}),
        ("not-accepting", {"hot_standby": "off"}),
    ],
)
def test_a_server_that_is_not_ready_says_so(
    start_proxy: StartProxy, postgresql_address: Address, name: str, settings: dict[str, str]
) -> None:
    ours = comparable(injected(start_proxy, postgresql_address, name, "postgres", "postgres"))
    with postgresql_server(standby=True, ready=False, **settings) as address:

        def says_so() -> bool:
            with Session(address) as session:
                return comparable(report_in(session.greeting)) == ours

        wait_until(says_so, name)


def test_a_server_that_stops_says_so(start_proxy: StartProxy, postgresql_address: Address) -> None:
    ours = injected(start_proxy, postgresql_address, "shutting-down", "postgres", "postgres")
    with postgresql_server() as address, Session(address) as one:
        one.ask("BEGIN")
        pid = int(one.value("SELECT pg_read_file('postmaster.pid', 0, 10)").split()[0])
        os.kill(pid, signal.SIGTERM)  # waits for the session

        def says_so() -> bool:
            with Session(address) as session:
                told = session.greeting
            return told[0][:1] == b"E" and comparable(report_in(told)) == comparable(ours)

        wait_until(says_so, "shutting down")


def test_a_server_that_stops_at_once_says_so(
    start_proxy: StartProxy, postgresql_address: Address
) -> None:
    rule = "error fault=immediate-shutdown"
    proxy = start_proxy(postgresql_address, rule, protocol=PostgreSQL())
    with Session(proxy.address) as session:
        session.send(query("SELECT 1"))
        ours = session.report()
    with postgresql_server() as address, sessions_with(address) as others:
        pid = int(others[0].value("SELECT pg_read_file('postmaster.pid', 0, 10)").split()[0])
        os.kill(pid, signal.SIGQUIT)
        assert comparable(ours) == comparable(last_word(others))


def test_a_standby_reports_that_it_is_one(start_proxy: StartProxy) -> None:
    with postgresql_server(standby=True) as address:
        proxy = start_proxy(address, "error fault=25006", protocol=PostgreSQL())
        with Session(address) as real, Session(proxy.address) as ours:
            assert frame("S", b"in_hot_standby\0on\0") in real.greeting
            told = [report_in(session.ask("CREATE TABLE x ()")) for session in (real, ours)]
            assert comparable(told[0]) == comparable(told[1])
