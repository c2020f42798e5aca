"""Statements that are lost or doubled on their way to real databases, and the ambiguous commit."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing

import asyncpg  # type: ignore[import-untyped]  # it has no types
import psycopg
import pymysql
import pytest
from pymysql.connections import Connection
from pymysql.cursors import Cursor
from pymysql.err import OperationalError as LostConnection

from end_to_end.proxies import StartProxy
from mysql_server import mariadb_server
from peers import PATIENCE
from postgresql_server import postgresql_server
from vaurien.net.address import Address
from vaurien.protocols.mysql.parser import MySQL
from vaurien.protocols.postgresql.parser import PostgreSQL

WHO = {"user": "postgres", "database": "postgres"}
ROWS = "SELECT count(*) FROM orders"


@pytest.fixture(scope="module")
def postgresql() -> Iterator[Address]:
    with postgresql_server() as address:
        yield address


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    with mariadb_server(tmp_path_factory.mktemp("mariadb")) as address:
        yield address


def postgresql_at(address: Address) -> psycopg.Connection[tuple[int]]:
    return psycopg.connect(f"host={address.host} port={address.port} user=postgres")


def mysql_at(address: Address, database: str | None = None) -> Connection[Cursor]:
    return pymysql.connect(host=address.host, port=address.port, user="root", database=database)


@pytest.fixture
def orders(postgresql: Address) -> Iterator[psycopg.Connection[tuple[int]]]:
    """Asks PostgreSQL itself."""
    with postgresql_at(postgresql) as direct:
        direct.autocommit = True
        direct.execute("CREATE TABLE orders (id int)")
        yield direct
        direct.execute("DROP TABLE orders")


@pytest.mark.parametrize(("rule", "kept"), [("reply-lost", 1), ("request-lost", 0)])
def test_whether_a_commit_was_done_cannot_be_told(
    start_proxy: StartProxy,
    postgresql: Address,
    orders: psycopg.Connection[tuple[int]],
    rule: str,
    kept: int,
) -> None:
    proxy = start_proxy(postgresql, f"{rule} verb=COMMIT", protocol=PostgreSQL())
    client = postgresql_at(proxy.address)
    client.execute("INSERT INTO orders VALUES (1)")
    with pytest.raises(psycopg.OperationalError):
        client.commit()
    assert client.closed
    assert orders.execute(ROWS).fetchone() == (kept,)


@pytest.mark.parametrize("rule", ["reply-lost", "request-lost", "partial-reply then=fin"])
def test_who_waits_in_the_middle_of_a_batch_does_not_wait_for_ever(
    start_proxy: StartProxy, postgresql: Address, rule: str
) -> None:
    proxy = start_proxy(postgresql, f"{rule} verb=SELECT", protocol=PostgreSQL())

    async def ask() -> None:
        client = await asyncpg.connect(host=proxy.address.host, port=proxy.address.port, **WHO)
        await client.fetchval("SELECT $1::int", 1)  # which is prepared without a Sync

    with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError)):
        asyncio.run(asyncio.wait_for(ask(), PATIENCE))


def test_a_doubled_statement_is_done_twice(
    start_proxy: StartProxy, postgresql: Address, orders: psycopg.Connection[tuple[int]]
) -> None:
    proxy = start_proxy(postgresql, "duplicate-request", protocol=PostgreSQL())
    with postgresql_at(proxy.address) as client:
        client.autocommit = True
        for number in range(3):
            client.execute("INSERT INTO orders VALUES (%s)", (number,))
        with client.cursor() as cursor, cursor.copy("COPY orders FROM STDIN") as copy:
            copy.write_row((7,))
        assert client.execute(ROWS).fetchone() == (7,)
    assert proxy.totals.gave_up == 0


def test_statements_of_mariadb_are_lost_and_doubled(
    start_proxy: StartProxy, mariadb: Address
) -> None:
    with closing(mysql_at(mariadb)) as direct, direct.cursor() as cursor:
        cursor.execute("CREATE DATABASE shop")
        cursor.execute("CREATE TABLE shop.orders (id INT)")
    rules = ["duplicate-request verb=INSERT", "reply-lost verb=DELETE"]
    proxy = start_proxy(mariadb, *rules, protocol=MySQL())
    with closing(mysql_at(proxy.address, database="shop")) as client, client.cursor() as cursor:
        client.autocommit(True)
        assert cursor.execute("INSERT INTO orders VALUES (1)") == 1
        cursor.execute(ROWS)
        assert cursor.fetchone() == (2,)
        with pytest.raises(LostConnection, match="2013"):
            cursor.execute("DELETE FROM orders LIMIT 1")
    with closing(mysql_at(mariadb, database="shop")) as direct, direct.cursor() as cursor:
        cursor.execute(ROWS)
        assert cursor.fetchone() == (1,)
    assert proxy.totals.gave_up == 0
