"""TLS that begins inside a protocol, with real servers and clients on both sides."""

from __future__ import annotations

import asyncio
import smtplib
from collections.abc import Iterator
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]  # it has no types
import mysql.connector
import psycopg
import pymysql
import pytest
import redis

from end_to_end.proxies import RunningProxy
from mysql_server import mariadb_server
from peers import PATIENCE, wait_until
from postgresql_server import postgresql_server
from secured import Certified, certify
from servers import redis_server
from smtp_server import Mailbox, mail_server, postfix, send
from vaurien.net.address import Address
from vaurien.net.tls.spec import Tls
from vaurien.protocols.mysql.parser import MySQL
from vaurien.protocols.postgresql.parser import PostgreSQL
from vaurien.protocols.redis import Redis
from vaurien.protocols.smtp.parser import Smtp


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    return certify(tmp_path_factory.mktemp("certified"))


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    """What the proxies show."""
    return certify(tmp_path_factory.mktemp("shown"))


def between(shown: Certified, certified: Certified) -> Tls:
    return Tls(mode="both", ca=certified.ca, cert=shown.cert)


# PostgreSQL.


@pytest.fixture(scope="module")
def postgresql(certified: Certified) -> Iterator[Address]:
    with postgresql_server(certified, password_encryption="scram-sha-256") as address:
        with psycopg.connect(where(address, certified), autocommit=True) as connection:
            connection.execute("CREATE ROLE scram LOGIN PASSWORD 'secret'")
        yield address


def where(
    address: Address, trusted: Certified, sslmode: str = "verify-full", more: str = "user=postgres"
) -> str:
    return (
        f"host=localhost hostaddr=127.0.0.1 port={address.port} dbname=postgres {more} "
        f"sslmode={sslmode} sslrootcert={trusted.ca} connect_timeout={PATIENCE:.0f}"
    )


def test_psycopg_sees_faults_inside(
    postgresql: Address, shown: Certified, certified: Certified
) -> None:
    rule = "error fault=deadlock_detected verb=SELECT sql=~needle sni=localhost tls_version=TLSv1.3"
    with (
        RunningProxy(
            postgresql, rule, protocol=PostgreSQL(tls="both"), tls=between(shown, certified)
        ) as proxy,
        psycopg.connect(where(proxy.address, shown)) as connection,
    ):
        row = connection.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        assert (connection.pgconn.ssl_in_use, row.fetchone()) == (True, (True,))
        with pytest.raises(psycopg.errors.DeadlockDetected):
            connection.execute("SELECT 'needle'")
    assert len(proxy.fired) == 1
    assert proxy.troubles == []


def test_a_client_of_postgresql_may_stay_in_the_clear(
    postgresql: Address, shown: Certified, certified: Certified
) -> None:
    with (
        RunningProxy(
            postgresql, protocol=PostgreSQL(tls="both"), tls=between(shown, certified)
        ) as proxy,
        psycopg.connect(where(proxy.address, shown, "disable")) as connection,
    ):
        row = connection.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        assert row.fetchone() == (False,)


def test_encryption_may_be_refused(
    postgresql: Address, shown: Certified, certified: Certified
) -> None:
    with RunningProxy(
        postgresql,
        "error fault=ssl-refused",
        protocol=PostgreSQL(tls="both"),
        tls=between(shown, certified),
    ) as proxy:
        with psycopg.connect(where(proxy.address, shown, "prefer")) as connection:
            assert not connection.pgconn.ssl_in_use
        with pytest.raises(psycopg.OperationalError, match="server does not support SSL"):
            psycopg.connect(where(proxy.address, shown))


@pytest.mark.parametrize(
    ("binding", "same", "works"),
    [
        ("disable", False, True),
        ("prefer", False, False),
        ("require", False, False),
        ("require", True, True),
    ],
)
def test_channel_binding_sees_another_certificate(
    postgresql: Address,
    shown: Certified,
    certified: Certified,
    binding: str,
    same: bool,
    works: bool,
) -> None:
    """SCRAM-SHA-256-PLUS is for the server's own certificate only."""
    tls = between(certified if same else shown, certified)
    more = f"user=scram password=secret channel_binding={binding}"
    with RunningProxy(postgresql, protocol=PostgreSQL(tls="both"), tls=tls) as proxy:
        text = where(proxy.address, certified if same else shown, more=more)
        if works:
            with psycopg.connect(text) as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)
        else:
            with pytest.raises(psycopg.OperationalError, match="channel binding check failed"):
                psycopg.connect(text)


def test_asyncpg(postgresql: Address, shown: Certified, certified: Certified) -> None:
    async def talk(port: int) -> list[object]:
        connection = await asyncpg.connect(
            host="localhost",
            port=port,
            user="scram",
            password="secret",
            database="postgres",
            ssl=shown.client(),
        )
        try:
            return [await connection.fetchval("SELECT $1::int", 5) for _ in range(3)]
        finally:
            await connection.close()

    with RunningProxy(
        postgresql,
        "delay sleep=0.01 verb=SELECT",
        protocol=PostgreSQL(tls="both"),
        tls=between(shown, certified),
    ) as proxy:
        assert proxy.address.port
        assert asyncio.run(talk(proxy.address.port)) == [5, 5, 5]
        assert len(proxy.fired) >= 3


def test_a_backend_that_is_not_trusted(
    postgresql: Address, shown: Certified, certified: Certified
) -> None:
    with RunningProxy(
        postgresql,
        protocol=PostgreSQL(tls="both"),
        tls=Tls(mode="both", ca=shown.ca, cert=shown.cert),
    ) as proxy:
        with pytest.raises(psycopg.OperationalError, match="internal error"):
            psycopg.connect(where(proxy.address, shown))
        wait_until(lambda: proxy.troubles, "a trouble")
        (trouble,) = proxy.troubles
    assert "certificate is not accepted: unable to get local issuer certificate" in trouble


# MariaDB.


@pytest.fixture(scope="module")
def mariadb(certified: Certified, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    options = f"--ssl-cert={certified.cert}", f"--ssl-key={certified.cert}"
    with mariadb_server(tmp_path_factory.mktemp("mariadb"), *options) as address:
        yield address


MYSQL_RULE = "error fault=ER_LOCK_DEADLOCK sql=~needle tls_version=TLSv1.3"
VERSION = (
    "SELECT variable_value FROM information_schema.session_status "
    "WHERE variable_name = 'ssl_version'"
)


def test_pymysql(mariadb: Address, shown: Certified, certified: Certified) -> None:
    with RunningProxy(
        mariadb,
        MYSQL_RULE,
        protocol=MySQL(tls="both", compression="pass"),
        tls=between(shown, certified),
    ) as proxy:
        connection = pymysql.connect(
            host="localhost",
            port=proxy.address.port or 0,
            user="root",
            ssl={"ca": shown.ca, "check_hostname": True},
        )
        with connection, connection.cursor() as cursor:
            cursor.execute(VERSION)
            assert cursor.fetchone() == ("TLSv1.3",)
            with pytest.raises(pymysql.OperationalError, match="Deadlock"):
                cursor.execute("SELECT 'needle'")
        assert proxy.troubles == []


def test_mysql_connector(mariadb: Address, shown: Certified, certified: Certified) -> None:
    with RunningProxy(
        mariadb,
        MYSQL_RULE,
        protocol=MySQL(tls="both", compression="pass"),
        tls=between(shown, certified),
    ) as proxy:
        connection = mysql.connector.connect(
            host="localhost",
            port=proxy.address.port,
            user="root",
            ssl_ca=shown.ca,
            ssl_verify_cert=True,
            ssl_verify_identity=True,
            use_pure=True,
        )
        cursor = connection.cursor()
        cursor.execute(VERSION)
        assert cursor.fetchone() == ("TLSv1.3",)
        with pytest.raises(mysql.connector.Error, match="Deadlock"):
            cursor.execute("SELECT 'needle'")
        connection.close()
        assert proxy.troubles == []


def test_a_client_of_mysql_may_stay_in_the_clear(
    mariadb: Address, shown: Certified, certified: Certified
) -> None:
    with RunningProxy(
        mariadb,
        MYSQL_RULE,
        protocol=MySQL(tls="both", compression="pass"),
        tls=between(shown, certified),
    ) as proxy:
        port = proxy.address.port or 0
        with (
            pymysql.connect(
                host="localhost", port=port, user="root", ssl_disabled=True
            ) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(VERSION)
            assert cursor.fetchone() == ("",)


# Mail.


@pytest.fixture(scope="module")
def mailbox(certified: Certified) -> Iterator[Mailbox]:
    with mail_server(certified.server(), login="under TLS") as mailbox:
        yield mailbox


def test_smtplib(mailbox: Mailbox, shown: Certified, certified: Certified) -> None:
    rule = "error fault=mailbox-busy verb=RCPT address=~^busy tls_version=TLSv1.3"
    with (
        RunningProxy(
            mailbox.address, rule, protocol=Smtp(tls="both"), tls=between(shown, certified)
        ) as proxy,
        smtplib.SMTP("localhost", proxy.address.port or 0, timeout=PATIENCE) as client,
    ):
        client.ehlo()
        assert client.has_extn("starttls")
        client.starttls(context=shown.client())
        client.ehlo()
        assert client.has_extn("auth")  # offered under TLS only
        refused = send(client, "busy@example.com", "idle@example.com")
        assert list(refused) == ["busy@example.com"]
        assert proxy.troubles == []
    mailbox.wait_for(1)


@pytest.mark.parametrize("direct", [False, True], ids=["starttls", "direct"])
def test_postfix(shown: Certified, certified: Certified, direct: bool) -> None:
    rule = "error fault=450 verb=RCPT tls_version=TLSv1.3 sni=localhost times=1"
    smtp, tls = Smtp(tls="both"), between(shown, certified)
    with (
        postfix(certified.cert, direct=direct) as backend,
        RunningProxy(backend, rule, protocol=smtp, tls=tls) as proxy,
    ):
        at, name = ("localhost", proxy.address.port or 0), "client.example"
        if direct:
            client: smtplib.SMTP = smtplib.SMTP_SSL(*at, name, context=shown.client())
        else:
            client = smtplib.SMTP(*at, name)
            client.starttls(context=shown.client())
        with client:
            client.ehlo()
            client.mail("from@example.com")
            assert client.rcpt("user@example.org")[0] == 450
            assert client.rcpt("user@example.org")[0] == 250
            assert client.data(b"hello")[0] == 250
        assert proxy.troubles == []


# Redis.


def test_redis_py(shown: Certified, certified: Certified, tmp_path: Path) -> None:
    rule = "error fault=OOM command=SET sni=localhost"
    with (
        redis_server(tmp_path, certified) as backend,
        RunningProxy(backend, rule, protocol=Redis(), tls=between(shown, certified)) as proxy,
        redis.Redis(
            "localhost", proxy.address.port or 0, ssl=True, ssl_ca_certs=shown.ca
        ) as client,
    ):
        assert client.get("a") is None
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            client.set("a", "b")
