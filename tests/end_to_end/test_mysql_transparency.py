"""A real MariaDB behind a proxy under which everything works: clients notice nothing."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import mysql.connector
import pymysql
import pytest
import sqlalchemy
from mysql.connector.connection import MySQLConnection
from pymysql.connections import Connection
from pymysql.constants.CLIENT import MULTI_STATEMENTS
from pymysql.cursors import Cursor, SSCursor

from end_to_end.proxies import HARMLESS, RunningProxy, StartProxy
from mysql_server import RawClient, mariadb_server
from peers import wait_until
from servers import require
from vaurien.net.address import Address
from vaurien.protocols.mysql.parser import MySQL

PLANS = {name: plan for name, plan in HARMLESS.items() if name != "delayed"}
LONG = 17 * 1024 * 1024
"""Bytes of a value that takes more than one packet."""


def certificate(folder: Path) -> list[str]:
    """Options with which a server offers TLS."""
    key, chain = folder / "key.pem", folder / "chain.pem"
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    request = ["req", "-x509", *kind, "-nodes", "-subj", "/CN=localhost"]
    command = [require("openssl"), *request, "-keyout", str(key), "-out", str(chain)]
    subprocess.run(command, capture_output=True, check=True)
    return [f"--ssl-key={key}", f"--ssl-cert={chain}"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    folder = tmp_path_factory.mktemp("mariadb")
    with mariadb_server(folder, *certificate(folder)) as address:
        with RawClient(address) as root:
            for statement in (
                "CREATE DATABASE shop",
                "CREATE TABLE shop.items (id INT PRIMARY KEY, name LONGTEXT)",
                "CREATE PROCEDURE shop.both_of(IN low INT, OUT total INT) BEGIN "
                "SELECT id FROM shop.items WHERE id >= low ORDER BY id; "
                "SELECT COUNT(*) FROM shop.items; SET total = 7; END",
                "CREATE USER keeper@'%' IDENTIFIED BY 'secret'",
                "GRANT ALL ON shop.* TO keeper",
            ):
                assert root.query(statement)[1][:1] == b"\0", statement
        yield address


@pytest.fixture(params=PLANS)
def proxy(request: pytest.FixtureRequest, start_proxy: StartProxy, server: Address) -> RunningProxy:
    return start_proxy(server, *PLANS[request.param], protocol=MySQL())


def connect(address: Address, **options: object) -> Connection[Cursor]:
    given = {"user": "keeper", "password": "secret", "database": "shop", **options}
    client: Connection[Cursor] = pymysql.connect(
        host=address.host,
        port=address.port,
        **given,  # type: ignore[call-overload]  # any options
    )
    return client


def counted(proxy: RunningProxy, verb: str) -> int:
    return proxy.call(lambda: proxy.proxy.tally.exchanges.get(verb, 0))


def understood(proxy: RunningProxy) -> bool:
    """No parser gave up, and every request that was to be answered was."""
    return proxy.call(lambda: proxy.proxy.gave_up) == 0


def test_a_session_of_pymysql(proxy: RunningProxy, tmp_path: Path) -> None:
    file = tmp_path / "items.csv"
    file.write_text("".join(f"{number}\tnumber {number}\n" for number in range(5000)))
    with closing(connect(proxy.address, local_infile=True, client_flag=MULTI_STATEMENTS)) as client:
        cursor = client.cursor()
        assert cursor.execute("TRUNCATE items") == 0
        assert cursor.execute(f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE items") == 5000
        with pytest.raises(pymysql.OperationalError, match="nowhere"):
            cursor.execute("LOAD DATA LOCAL INFILE '/nowhere' INTO TABLE items")
        assert cursor.execute("SELECT * FROM items ORDER BY id") == 5000
        assert cursor.fetchall()[-1] == (4999, "number 4999")
        cursor.executemany("INSERT INTO items VALUES (%s, %s)", [(-n, n) for n in range(1, 1000)])
        cursor.execute("DELETE FROM items WHERE id < 0; SELECT 1; SELECT 2 WHERE 0; SET @x = 1")
        results = [cursor.rowcount]
        while cursor.nextset():
            results.append(cursor.rowcount)
        assert results == [999, 1, 0, 0]
        cursor.callproc("both_of", (4998, 0))
        assert cursor.fetchall() == ((4998,), (4999,))
        assert cursor.nextset()
        assert cursor.fetchall() == ((5000,),)
        while cursor.nextset():
            pass
        with pytest.raises(pymysql.ProgrammingError, match="doesn't exist"):
            cursor.execute("SELECT 1; SELECT * FROM nothing; SELECT 2") and cursor.nextset()
        with client.cursor(SSCursor) as streaming:
            streaming.execute("SELECT id FROM items ORDER BY id")
            assert sum(number for (number,) in streaming) == sum(range(5000))
        client.ping(reconnect=False)
        client.select_db("shop")
        client.rollback()
    assert understood(proxy)
    assert counted(proxy, "LOAD") == 2
    assert counted(proxy, "PING") == 1


def test_a_session_of_mysqls_own_connector(proxy: RunningProxy) -> None:
    address = proxy.address
    made = mysql.connector.connect(
        host=address.host,
        port=address.port,
        user="keeper",
        password="secret",
        database="shop",
        use_pure=True,
    )
    assert isinstance(made, MySQLConnection)
    with closing(made) as client:
        cursor = client.cursor()
        cursor.execute("REPLACE INTO items VALUES (1, 'one'), (2, 'two'), (3, NULL)")
        client.commit()
        with closing(client.cursor(prepared=True)) as prepared:
            for number, name in ((1, "one"), (2, "two"), (3, None)):
                prepared.execute("SELECT name, ? FROM items WHERE id = ?", ("x" * 300, number))
                assert prepared.fetchall() == [(name, "x" * 300)]
            prepared.execute("DO ?", (1,))
            with pytest.raises(mysql.connector.Error, match="doesn't exist"):
                prepared.execute("SELECT * FROM nothing WHERE id = ?", (1,))
        cursor.execute("SELECT id FROM items WHERE id < 4 ORDER BY id")
        assert cursor.fetchall() == [(1,), (2,), (3,)]
        client.cmd_change_user("keeper", "secret", "shop")
        client.cmd_reset_connection()
        assert client.is_connected()
        cursor.close()
    assert understood(proxy)
    assert counted(proxy, "CHANGE_USER") == 1


def test_a_pool_of_sqlalchemy_asks_before_use(proxy: RunningProxy) -> None:
    address = proxy.address
    engine = sqlalchemy.create_engine(
        f"mysql+pymysql://keeper:secret@{address.host}:{address.port}/shop",
        pool_pre_ping=True,
        pool_size=1,
    )
    try:
        with engine.begin() as transaction:
            transaction.execute(sqlalchemy.text("REPLACE INTO items VALUES (7, 'seven')"))
        proxy.change("error fault=server-gone times=1 verb=ROLLBACK")
        for _ in range(2):  # the second finds the connection dead, and makes one
            with engine.connect() as connection:
                found = connection.execute(sqlalchemy.text("SELECT name FROM items WHERE id = 7"))
                assert found.scalar_one() == "seven"
        assert understood(proxy)
        assert len(proxy.fired) == 1
    finally:
        engine.dispose()


def test_values_of_more_than_a_packet(proxy: RunningProxy) -> None:
    value = "x" * LONG
    with closing(connect(proxy.address)) as client, client.cursor() as cursor:
        assert cursor.execute("REPLACE INTO items VALUES (8, %s)", (value,)) > 0
        cursor.execute("SELECT name, 5 FROM items WHERE id = 8")
        ((found, five),) = cursor.fetchall()
        assert (found == value, five) == (True, 5)
        client.rollback()
        assert understood(proxy)
        assert counted(proxy, "REPLACE") == 1
        proxy.change("error fault=1213 verb=REPLACE", "error fault=1205 verb=UPDATE")
        for statement, number in (
            ("REPLACE INTO items VALUES (8, %s)", 1213),
            ("UPDATE items SET name = %s", 1205),
        ):
            with pytest.raises(pymysql.OperationalError) as raised:
                cursor.execute(statement, (value,))
            assert raised.value.args[0] == number
        assert cursor.execute("SELECT 1") == 1


def test_cursors_of_the_server(proxy: RunningProxy) -> None:
    """Rows that are fetched some at a time, in both dialects."""
    for flags, ends in ((0x000F_A205, 2), (0x010F_A205, 1)):
        with RawClient(proxy.address, flags) as client:
            number = client.ask(b"\x16SELECT seq FROM shop.seq_1_to_10")[1][1:5]
            for _ in range(ends):
                client.packet()
            assert client.ask(b"\x17" + number + b"\x01\x01\0\0\0")[1] == b"\x01"
            for _ in range(2):
                client.packet()
            for expected in (4, 4, 2):
                client.say(b"\x1c" + number + b"\x04\0\0\0")
                rows = 0
                while client.packet()[1][:1] != b"\xfe":
                    rows += 1
                assert rows == expected
            assert client.ask(b"\x1a" + number)[1][:1] == b"\0"
            client.say(b"\x04items\0")
            assert client.packet()[1][:1] == b"\xff"  # no database is chosen
            client.query("USE shop")
            client.say(b"\x04items\0")
            assert [client.packet()[1][:1] for _ in range(3)] == [b"\x03", b"\x03", b"\xfe"]
            assert client.ask(b"\x1b\x00\x00")[1][:1] == b"\xfe"
            assert client.ask(b"\x09")[1][:6] == b"Uptime"
            assert client.ask(b"\x0e")[1][:1] == b"\0"
    assert understood(proxy)
    assert counted(proxy, "STMT_FETCH") == 6


# What is negotiated.


def status(address: Address, name: str, *words: str) -> str:
    """The value of a status variable, as MariaDB's own client is told."""
    command = [
        *(require("mariadb"), "--no-defaults", "-h", address.host, "-P", str(address.port)),
        *("-ukeeper", "-psecret", "-N", "-B", *words),
        *("shop", "-e", f"SHOW STATUS WHERE Variable_name = '{name}'"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    return "".join(done.stdout.split()[1:])


NEGOTIATED = {"compression": ("Compression", "compress"), "tls": ("Ssl_cipher", "ssl")}
"""The option, the variable that tells, and what a client calls it."""


@pytest.mark.parametrize("what", NEGOTIATED)
def test_what_makes_messages_invisible_is_hidden(
    proxy: RunningProxy, server: Address, what: str
) -> None:
    name, word = NEGOTIATED[what]
    assert status(server, name, f"--{word}") not in {"", "OFF"}
    assert status(proxy.address, name, f"--{word}") in {"", "OFF"}
    assert understood(proxy)
    assert counted(proxy, "SHOW") == 1


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("what", NEGOTIATED)
def test_it_passes_if_asked(start_proxy: StartProxy, server: Address, plan: str, what: str) -> None:
    name, word = NEGOTIATED[what]
    proxy = start_proxy(server, *PLANS[plan], protocol=MySQL(**{what: "pass"}))
    assert status(proxy.address, name, f"--{word}") == status(server, name, f"--{word}")
    assert counted(proxy, "SHOW") == 0
    assert status(proxy.address, name, f"--skip-{word}") in {"", "OFF"}
    assert understood(proxy)
    assert counted(proxy, "SHOW") == 1


def test_programs_of_mariadb_report_progress(proxy: RunningProxy) -> None:
    with closing(connect(proxy.address)) as client, client.cursor() as cursor:
        cursor.execute("SHOW TABLES")
        assert cursor.fetchall() == (("items",),)
    command = [
        *(require("mariadb"), "--no-defaults", "-h", proxy.address.host),
        *("-P", str(proxy.address.port), "-uroot", "-N", "-B", "shop", "-e"),
        "SET progress_report_time = 1; CREATE TABLE twin SELECT seq FROM seq_1_to_1000; "
        "ALTER TABLE twin ADD w INT, ALGORITHM = COPY; SELECT COUNT(*) FROM twin; DROP TABLE twin",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.split() == ["1000"]
    assert understood(proxy)
    wait_until(lambda: counted(proxy, "QUIT") == 2, "both have said goodbye")


# Loads.


def slap(address: Address) -> int:
    """How many queries mariadb-slap has done."""
    command = [
        *(require("mariadb-slap"), "--no-defaults", "-h", address.host, "-P", str(address.port)),
        *("-uroot", "--auto-generate-sql", "--concurrency=8", "--number-of-queries=400"),
        *("--auto-generate-sql-load-type=mixed", "--create-schema=slap"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r"queries per client: (\d+)", done.stdout)
    assert found is not None
    return int(found[1]) * 8


def test_mariadb_slap_does_as_much_as_without(proxy: RunningProxy, server: Address) -> None:
    assert slap(proxy.address) == slap(server) == 400
    assert understood(proxy)
    wait_until(lambda: counted(proxy, "QUIT") >= 8, "all have said goodbye")
    assert counted(proxy, "SELECT") + counted(proxy, "INSERT") >= 400
