"""A real PostgreSQL behind a proxy that speaks its protocol, as its clients see it."""

from __future__ import annotations

import asyncio
import contextlib
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it has no types
import psycopg
import pytest
import sqlalchemy
from psycopg.pq import TransactionStatus

from end_to_end.proxies import HARMLESS, RunningProxy, StartProxy
from peers import PATIENCE, connect, receive, wait_until
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
    program,
    query,
    startup,
)
from vaurien.net.address import Address
from vaurien.protocols.postgresql.parser import PostgreSQL

Connection = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture(scope="module")
def postgresql_address() -> Iterator[Address]:
    with postgresql_server() as address:
        yield address


@pytest.fixture(params=HARMLESS)
def harmless(
    request: pytest.FixtureRequest, start_proxy: StartProxy, postgresql_address: Address
) -> RunningProxy:
    return start_proxy(postgresql_address, *HARMLESS[request.param], protocol=PostgreSQL())


@contextlib.contextmanager
def connected(address: Address, **options: Any) -> Iterator[Connection]:
    """A session of psycopg."""
    where = {"host": address.host, "port": address.port, "user": "postgres", "dbname": "postgres"}
    with contextlib.closing(psycopg.connect(**{**where, "autocommit": True, **options})) as made:
        yield made


def pool_of(address: Address, **options: Any) -> sqlalchemy.Engine:
    """A pool with one connection."""
    return sqlalchemy.create_engine(
        f"postgresql+psycopg://postgres@{address}/postgres", pool_size=1, **options
    )


# What clients do.


def test_statements_work(harmless: RunningProxy) -> None:
    with connected(harmless.address) as client:
        client.execute("CREATE TEMPORARY TABLE t (id int, v text)")
        client.execute("INSERT INTO t VALUES (%s, %s)", [1, "one"])
        client.execute("INSERT INTO t VALUES (2, 'two')")
        for _ in range(10):  # prepared, after some
            assert client.execute("SELECT v FROM t WHERE id = %s", [2]).fetchone() == ("two",)
        large = client.execute("SELECT g, repeat('x', 500) FROM generate_series(1, 5000) g")
        assert len(large.fetchall()) == 5000
        with pytest.raises(psycopg.errors.UndefinedTable):
            client.execute("SELECT * FROM nowhere")
        with client.transaction():
            client.execute("DELETE FROM t")
        assert client.execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_pipelines_work(harmless: RunningProxy) -> None:
    with connected(harmless.address) as client, client.pipeline() as pipeline:
        cursors = [client.execute("SELECT %s::int", [number]) for number in range(200)]
        assert cursors[0].fetchone() == (0,)  # makes it flush
        with contextlib.suppress(psycopg.errors.DivisionByZero):
            client.execute("SELECT 1 / %s", [0])
            pipeline.sync()
        last = client.execute("SELECT 'done'")
        assert last.fetchone() == ("done",)
        assert cursors[199].fetchone() == (199,)


def test_copying_works(harmless: RunningProxy) -> None:
    with connected(harmless.address) as client:
        cursor = client.cursor()
        cursor.execute("CREATE TEMPORARY TABLE t (id int, v text)")
        with cursor.copy("COPY t FROM STDIN") as copy:
            for number in range(2000):
                copy.write_row((number, "x" * 200))
        with cursor.copy("COPY t TO STDOUT") as copy:
            assert len(list(copy.rows())) == 2000
        with (
            pytest.raises(psycopg.errors.InvalidTextRepresentation),
            cursor.copy("COPY t FROM STDIN") as copy,
        ):
            copy.write("not a number\tvalue\n")
        with pytest.raises(ZeroDivisionError), cursor.copy("COPY t FROM STDIN"):
            raise ZeroDivisionError  # psycopg then has the copy fail
        assert cursor.execute("SELECT count(*) FROM t").fetchone() == (2000,)


def test_copying_works_in_the_extended_protocol(harmless: RunningProxy) -> None:
    with Session(harmless.address) as session:
        session.ask("CREATE TEMPORARY TABLE t (id int)")
        for rows in (b"1\n", b"no number\n"):
            session.send(parse("COPY t FROM STDIN"), bind(), execute(), SYNC)
            assert session.answer(until=b"G")[-1][:1] == b"G"
            session.send(frame("d", rows), COPY_DONE, SYNC)
            assert session.answer()[-1] == frame("Z", b"I")
        assert session.value("SELECT count(*) FROM t") == "1"


def test_a_batch_is_answered_before_its_sync(harmless: RunningProxy) -> None:
    with Session(harmless.address) as session:
        session.send(parse("SELECT 'early'"), bind(), execute(), FLUSH)
        assert b"early" in session.answer(until=b"C")[-2]
        session.send(SYNC)
        assert session.answer() == [frame("Z", b"I")]


def test_requests_may_run_ahead(harmless: RunningProxy) -> None:
    with connect(harmless.address) as client:
        batch = parse("SELECT 'second'") + bind() + execute() + SYNC
        ahead = query("SELECT 'first'") + batch + query("SELECT 'third'") + frame("X")
        client.sendall(startup(user="postgres") + ahead)
        heard = bytearray()
        while chunk := client.recv(65536):
            heard += chunk
    assert re.findall(rb"first|second|third", heard) == [b"first", b"second", b"third"]


def test_notifications_arrive(harmless: RunningProxy, postgresql_address: Address) -> None:
    with connected(harmless.address) as listener, connected(postgresql_address) as speaker:
        listener.execute("LISTEN news")
        for number in range(5):
            speaker.execute("SELECT pg_notify('news', %s)", [str(number)])
        heard = [note.payload for note in listener.notifies(timeout=PATIENCE, stop_after=5)]
        assert heard == ["0", "1", "2", "3", "4"]
        assert listener.execute("SELECT 1").fetchone() == (1,)


def test_statements_can_be_cancelled(harmless: RunningProxy, postgresql_address: Address) -> None:
    with (
        connected(harmless.address) as client,
        connected(postgresql_address) as other,
        ThreadPoolExecutor(1) as pool,
    ):
        asleep = "SELECT 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)' AND pid = %s"
        sleeping = pool.submit(client.execute, "SELECT pg_sleep(60)")
        pid = [client.info.backend_pid]
        wait_until(lambda: other.execute(asleep, pid).fetchone(), "it sleeps")
        client.cancel_safe(timeout=PATIENCE)
        with pytest.raises(psycopg.errors.QueryCanceled, match="due to user request"):
            sleeping.result(PATIENCE)
        assert client.execute("SELECT 1").fetchone() == (1,)


def test_asyncpg_works(harmless: RunningProxy) -> None:
    async def work() -> None:
        where = harmless.address
        client = await asyncpg.connect(
            host=where.host, port=where.port, user="postgres", database="postgres"
        )
        try:
            await client.execute("CREATE TEMPORARY TABLE t (id int, v text)")
            await client.executemany(
                "INSERT INTO t VALUES ($1, $2)", [(number, "x" * 100) for number in range(500)]
            )
            async with client.transaction():
                assert await client.fetchval("SELECT count(*) FROM t") == 500
                cursor = await client.cursor("SELECT id FROM t ORDER BY id")
                assert len(await cursor.fetch(50)) == 50
            await client.copy_records_to_table("t", records=[(1, "one")] * 300)
            statement = await client.prepare("SELECT count(*) FROM t WHERE id < $1")
            assert await statement.fetchval(10_000) == 800
            with pytest.raises(asyncpg.UniqueViolationError):
                await client.execute(
                    "CREATE TEMPORARY TABLE u (id int PRIMARY KEY); INSERT INTO u VALUES (1), (1)"
                )
        finally:
            await client.close()

    asyncio.run(work())


def test_replication_passes(start_proxy: StartProxy, postgresql_address: Address) -> None:
    proxy = start_proxy(postgresql_address, protocol=PostgreSQL())
    with connect(proxy.address) as client:
        client.sendall(startup(user="postgres", replication="true"))
        session = Session.__new__(Session)
        session.sock = client
        assert session.answer()[-1] == frame("Z", b"I")
        identity = session.ask("IDENTIFY_SYSTEM")
        position = re.findall(rb"\d+/[0-9A-F]+", identity[1])[0].decode()
        session.send(query(f"START_REPLICATION PHYSICAL {position}"))
        assert session.answer(until=b"W")[-1][:1] == b"W"
        session.send(frame("d", b"r" + bytes(32) + b"\x01"))  # a status that wants an answer
        wait_until(lambda: session.read()[5:6] == b"k", "a keepalive")
    assert not proxy.totals.gave_up


@pytest.mark.parametrize("plan", ["quiet", "armed"])
@pytest.mark.parametrize("mode", ["simple", "extended", "prepared"])
def test_pgbench_counts_the_same(
    start_proxy: StartProxy, postgresql_address: Address, pgbench_tables: None, plan: str, mode: str
) -> None:
    proxy = start_proxy(postgresql_address, *HARMLESS[plan], protocol=PostgreSQL())
    direct = pgbench(postgresql_address, mode)
    assert pgbench(proxy.address, mode) == direct
    assert not proxy.totals.gave_up


@pytest.fixture(scope="module")
def pgbench_tables(postgresql_address: Address) -> None:
    words = ["-h", postgresql_address.host, "-p", str(postgresql_address.port), "-U", "postgres"]
    command = [program("pgbench"), *words, "-i", "-q", "postgres"]
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)


def pgbench(address: Address, mode: str) -> dict[str, str]:
    """What pgbench counts of 4 clients with 50 transactions each."""
    words = ["-h", address.host, "-p", str(address.port), "-U", "postgres", "-M", mode]
    command = [program("pgbench"), *words, "-n", "-c", "4", "-t", "50", "postgres"]
    done = subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE, text=True)
    counts = re.findall(r"(number of \w+(?: \w+)*)(?: per client)?: (\S+)", done.stdout)
    assert dict(counts)["number of transactions actually processed"] == "200/200", done.stdout
    return dict(counts)


# What is counted.


def test_exchanges_are_counted_by_verb(
    start_proxy: StartProxy, postgresql_address: Address
) -> None:
    proxy = start_proxy(postgresql_address, protocol=PostgreSQL())
    with connected(proxy.address) as client:
        client.execute("SELECT 1")
        client.execute("SELECT %s", [2])
        with pytest.raises(psycopg.errors.DivisionByZero):
            client.execute("SELECT 1 / 0")
        client.execute("SET timezone TO 'UTC'")
    wait_until(lambda: proxy.totals.open == 0, "the end")
    tally = proxy.call(lambda: proxy.proxy.tally)
    expected = {"SSLREQUEST": 1, "STARTUP": 1, "SELECT": 3, "SET": 1, "TERMINATE": 1}
    assert tally.exchanges == expected
    assert tally.errors == {"22012": 1}


# Encryption.


@pytest.mark.parametrize(("mode", "works"), [("prefer", True), ("require", False)])
def test_a_client_hears_that_there_is_no_encryption(
    start_proxy: StartProxy, postgresql_address: Address, mode: str, works: bool
) -> None:
    proxy = start_proxy(postgresql_address, protocol=PostgreSQL())
    if works:
        with connected(proxy.address, sslmode=mode) as client:
            assert not client.pgconn.ssl_in_use
            assert client.execute("SELECT 1").fetchone() == (1,)
    else:
        with (
            pytest.raises(psycopg.OperationalError, match="server does not support SSL"),
            connected(proxy.address, sslmode=mode),
        ):
            pass
    (text,) = proxy.troubles
    assert "tls=refuse" in text


def test_encryption_passes_where_it_may(start_proxy: StartProxy) -> None:
    with postgresql_server(ssl="on") as address:
        proxy = start_proxy(address, protocol=PostgreSQL(tls="pass"))
        with connected(proxy.address, sslmode="require") as client:
            assert client.pgconn.ssl_in_use
            assert client.execute("SELECT 1").fetchone() == (1,)
        refusing = start_proxy(address, protocol=PostgreSQL())
        with connected(refusing.address, sslmode="prefer") as client:
            assert not client.pgconn.ssl_in_use
        assert not proxy.totals.gave_up


def test_the_backend_may_have_no_encryption(
    start_proxy: StartProxy, postgresql_address: Address
) -> None:
    proxy = start_proxy(postgresql_address, protocol=PostgreSQL(tls="pass"))
    with connect(proxy.address) as client:
        client.sendall(SSL_REQUEST)
        assert receive(client, 1) == b"N"
    with connected(proxy.address, sslmode="prefer") as session:
        assert session.execute("SELECT 1").fetchone() == (1,)


# Rules that match.


@pytest.mark.parametrize(
    ("match", "hit"),
    [
        ("verb=DELETE", "DELETE FROM pg_class WHERE false"),
        ("sql='~generate_series'", "SELECT * FROM generate_series(1, 2)"),
        ("phase=query verb=SHOW", "SHOW timezone"),
    ],
)
def test_rules_match_what_is_asked(
    start_proxy: StartProxy, postgresql_address: Address, match: str, hit: str
) -> None:
    rule = f"error fault=statement_timeout {match}"
    proxy = start_proxy(postgresql_address, rule, protocol=PostgreSQL())
    with connected(proxy.address) as client:
        assert client.execute("SELECT 1").fetchone() == (1,)
        with pytest.raises(psycopg.errors.QueryCanceled):
            client.execute(hit)
        assert client.execute("SELECT 2").fetchone() == (2,)


def test_rules_match_a_user(start_proxy: StartProxy, postgresql_address: Address) -> None:
    rule = "error fault=invalid_password user=other"
    proxy = start_proxy(postgresql_address, rule, protocol=PostgreSQL())
    with connected(proxy.address) as client:
        assert client.info.transaction_status is TransactionStatus.IDLE
    with (
        pytest.raises(psycopg.OperationalError, match='failed for user "other"'),
        connected(proxy.address, user="other"),
    ):
        pass


# Pools.


@pytest.mark.parametrize(
    "fault", ["idle_session_timeout", "admin_shutdown idle=true", "client_idle_timeout"]
)
def test_a_pool_that_looks_first_does_not_notice(
    start_proxy: StartProxy, postgresql_address: Address, fault: str
) -> None:
    rule = f"error fault={fault} sql=~answer times=1"
    proxy = start_proxy(postgresql_address, rule, protocol=PostgreSQL())
    engine = pool_of(proxy.address, pool_pre_ping=True, isolation_level="AUTOCOMMIT")
    answer = sqlalchemy.text("SELECT 'answer'")
    try:
        for _ in range(3):
            with engine.connect() as client:
                assert client.execute(answer).scalar() == "answer"
        assert proxy.totals.fired == 1
    finally:
        engine.dispose()


def test_a_pool_that_does_not_look_throws_a_dead_connection_away(
    start_proxy: StartProxy, postgresql_address: Address
) -> None:
    rule = "error fault=admin_shutdown sql=~answer times=1"
    proxy = start_proxy(postgresql_address, rule, protocol=PostgreSQL())
    engine = pool_of(proxy.address)
    answer = sqlalchemy.text("SELECT 'answer'")
    try:
        with (
            pytest.raises(sqlalchemy.exc.OperationalError) as caught,
            engine.connect() as client,
        ):
            client.execute(answer)
        assert caught.value.connection_invalidated
        with engine.connect() as client:
            assert client.execute(answer).scalar() == "answer"
    finally:
        engine.dispose()
