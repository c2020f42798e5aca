"""Verdicts on clients of databases: psycopg and its pool, SQLAlchemy, PyMySQL."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing

import psycopg
import pymysql
import pytest
import sqlalchemy
from psycopg_pool import ConnectionPool
from pymysql.cursors import Cursor

from end_to_end.judging import Client, found
from mysql_server import mariadb_server
from peers import wait_until
from postgresql_server import postgresql_server
from vaurien.embedded.handle import ProxyHandle
from vaurien.net.address import Address
from vaurien.verdicts.reused_broken import NOTICED

LIMIT = 0.5
TAKE = "UPDATE stock SET remaining = remaining - 1"
SETUP = ("CREATE TABLE stock (remaining int)", "INSERT INTO stock VALUES (1000)")
UPDATE, COMMIT = {"match.verb": "UPDATE"}, {"match.verb": "COMMIT"}
CUT = {"then": "fin"}


def psycopg_at(address: Address | ProxyHandle) -> psycopg.Connection[tuple[int]]:
    where = f"host={address.host} port={address.port} user=postgres sslmode=disable"
    return psycopg.connect(where, autocommit=True)


def pymysql_at(address: Address | ProxyHandle) -> pymysql.Connection[Cursor]:
    return pymysql.connect(
        host=address.host, port=address.port, user="root", read_timeout=LIMIT, ssl_disabled=True
    )


@pytest.fixture(scope="module")
def postgresql() -> Iterator[Address]:
    with postgresql_server() as address:
        with closing(psycopg_at(address)) as direct:
            for statement in SETUP:
                direct.execute(statement.encode())
        yield address


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    with mariadb_server(tmp_path_factory.mktemp("mariadb")) as address:
        with closing(pymysql_at(address)) as direct, direct.cursor() as cursor:
            for statement in ("CREATE DATABASE shop", "USE shop", *SETUP):
                cursor.execute(statement)
            direct.commit()
        yield address


# Each does its transaction once, or again whatever has happened.


def with_psycopg(proxy: ProxyHandle) -> None:
    with closing(psycopg_at(proxy)) as connection, connection.transaction():
        connection.execute(TAKE.encode())


def with_pymysql(proxy: ProxyHandle) -> None:
    with closing(pymysql_at(proxy)) as connection:
        connection.select_db("shop")
        connection.cursor().execute(TAKE)
        connection.commit()


def again(client: Client, error: type[Exception]) -> Client:
    def retry(proxy: ProxyHandle) -> None:
        for _ in range(2):
            try:
                return client(proxy)
            except error:
                pass
        return client(proxy)

    return retry


STATEMENTS = [
    ("reply-lost", UPDATE, ""),
    ("request-lost", UPDATE, ""),
    ("partial-reply", UPDATE | CUT, ""),
    ("reset", UPDATE | {"scope": "exchange"}, ""),
    ("request-lost", COMMIT, ""),
    ("reply-lost", COMMIT, "FAIL repeated-effect"),
    ("partial-reply", COMMIT | CUT, "FAIL repeated-effect"),
]


@pytest.mark.parametrize(
    ("behavior", "rule", "says"),
    [
        *STATEMENTS,
        ("error", UPDATE | {"fault": "deadlock_detected"}, ""),
        ("error", COMMIT | {"fault": "serialization_failure"}, ""),
        ("error", UPDATE | {"fault": "unique_violation"}, "FAIL retried-fatal"),
        ("error", COMMIT | {"fault": "unique_violation"}, "FAIL retried-fatal"),
    ],
)
def test_transactions_in_postgresql_that_are_repeated(
    postgresql: Address, behavior: str, rule: dict[str, object], says: str
) -> None:
    client = again(with_psycopg, psycopg.Error)
    assert found(postgresql, "postgresql", client, behavior, times=1, **rule) == says


@pytest.mark.parametrize(
    ("behavior", "rule", "says"),
    [
        *STATEMENTS,
        ("hang", UPDATE | {"direction": "to_client"}, ""),
        ("hang", COMMIT | {"direction": "to_client"}, "FAIL repeated-effect"),
        ("error", UPDATE | {"fault": "ER_LOCK_DEADLOCK"}, ""),
        ("error", UPDATE | {"fault": "ER_DUP_ENTRY"}, "FAIL retried-fatal"),
    ],
)
def test_transactions_in_mariadb_that_are_repeated(
    mariadb: Address, behavior: str, rule: dict[str, object], says: str
) -> None:
    client = again(with_pymysql, pymysql.Error)
    assert found(mariadb, "mysql", client, behavior, times=1, **rule) == says


@pytest.mark.parametrize(
    ("behavior", "rule", "says"),
    [
        ("reply-lost", COMMIT, ""),
        ("request-lost", COMMIT, "WARN gave-up"),
        ("error", UPDATE | {"fault": "deadlock_detected"}, "WARN gave-up"),
        ("error", UPDATE | {"fault": "unique_violation"}, ""),
    ],
)
def test_giving_up(postgresql: Address, behavior: str, rule: dict[str, object], says: str) -> None:
    assert found(postgresql, "postgresql", with_psycopg, behavior, times=1, **rule) == says


def test_several_transactions_on_a_connection_without_autocommit(mariadb: Address) -> None:
    """A second one that is not committed has changed nothing, so it may be repeated."""

    def twice(proxy: ProxyHandle) -> None:
        with closing(pymysql_at(proxy)) as connection:
            connection.select_db("shop")
            connection.cursor().execute(TAKE)
            connection.commit()
            connection.cursor().execute(f"{TAKE} WHERE remaining > 1")
            connection.commit()

    client = again(twice, pymysql.Error)
    rule = {"match.sql": "~WHERE", "times": 1}
    assert found(mariadb, "mysql", client, "reply-lost", **rule) == ""


# Pools that look before they lend, and others.


def with_pool(checks: bool) -> Client:
    check = ConnectionPool.check_connection if checks else None

    def ask(proxy: ProxyHandle) -> None:
        where = f"host={proxy.host} port={proxy.port} user=postgres sslmode=disable"
        with ConnectionPool(where, min_size=1, max_size=1, check=check, open=True) as pool:
            pool.wait()
            end_sessions(proxy)
            for _ in range(2):
                try:
                    with pool.connection() as connection:
                        connection.execute("SELECT 2")
                except psycopg.OperationalError:
                    assert not checks

    return ask


def with_engine(checks: bool) -> Client:
    def ask(proxy: ProxyHandle) -> None:
        where = f"postgresql+psycopg://postgres@{proxy.address}/postgres?sslmode=disable"
        engine = sqlalchemy.create_engine(where, pool_pre_ping=checks)
        engine.connect().close()
        end_sessions(proxy)
        for _ in range(2):
            try:
                with engine.begin() as connection:
                    connection.execute(sqlalchemy.text("SELECT 2"))
            except sqlalchemy.exc.OperationalError:
                assert not checks
        engine.dispose()

    return ask


def end_sessions(proxy: ProxyHandle) -> None:
    """Have PostgreSQL end its idle sessions, and wait until their clients can have seen it."""
    host, port = proxy.backend.rsplit(":", 1)
    with closing(psycopg_at(Address(host, int(port)))) as direct:
        direct.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
    wait_until(lambda: proxy.connections[0].backend_ended_at, "an end of the session")
    ended_at = proxy.connections[0].backend_ended_at or 0.0
    wait_until(lambda: time.monotonic() > ended_at + 1.5 * NOTICED, "time to notice it")


@pytest.mark.parametrize("client", [with_pool, with_engine])
@pytest.mark.parametrize(("checks", "says"), [(True, ""), (False, "WARN reused-broken")])
def test_pools(
    postgresql: Address, client: Callable[[bool], Client], checks: bool, says: str
) -> None:
    assert found(postgresql, "postgresql", client(checks), "") == says
