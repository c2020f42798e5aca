"""Errors that a real MariaDB can be driven to: packet by packet what our faults are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Protocol

import pytest

from end_to_end.proxies import StartProxy
from mysql_server import RawClient, has_status, mariadb_server
from vaurien.net.address import Address
from vaurien.protocols.mysql.fault_types import ErrPacket
from vaurien.protocols.mysql.faults import CATALOGUE
from vaurien.protocols.mysql.parser import MySQL

IN_TRANSACTION = 0x0001
MOST_OF_A_USER = 10
Packet = tuple[int, bytes]


class Clients(Protocol):
    """Makes clients of the server itself, who have chosen the database."""

    def __call__(self, user: str = "root") -> RawClient: ...


PLAIN_STATEMENTS: dict[str, tuple[tuple[str, ...], str]] = {
    "ER_DUP_ENTRY": ((), "INSERT INTO t VALUES (1, 1)"),
    "ER_QUERY_INTERRUPTED": ((), "KILL QUERY CONNECTION_ID()"),
    "ER_CONNECTION_KILLED": ((), "KILL CONNECTION_ID()"),
    "ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION": (
        ("START TRANSACTION READ ONLY",),
        "INSERT INTO t VALUES (3, 3)",
    ),
    "ER_RECORD_FILE_FULL": (
        (
            "SET max_heap_table_size = 16384",
            "CREATE DATABASE IF NOT EXISTS tiny",
            "CREATE OR REPLACE TABLE tiny.t (v VARCHAR(2000)) ENGINE = MEMORY",
        ),
        "INSERT INTO tiny.t SELECT REPEAT('x', 1900) FROM seq_1_to_1000",
    ),
    "ER_STATEMENT_TIMEOUT": (
        ("SET max_statement_time = 0.01",),
        "UPDATE t SET v = (SELECT MAX(SHA1(seq)) FROM seq_1_to_100000000)",
    ),
}
"""What is said before, and the statement that fails by itself."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    folder = tmp_path_factory.mktemp("mariadb")
    with mariadb_server(folder, f"--max-user-connections={MOST_OF_A_USER}") as address:
        with RawClient(address) as root:
            for statement in (
                "CREATE DATABASE shop",
                "USE shop",
                "CREATE TABLE t (id INT PRIMARY KEY, v INT)",
                "INSERT INTO t VALUES (1, 1), (2, 2)",
                "CREATE USER guest@'%'",
                "GRANT SELECT, INSERT, UPDATE ON shop.* TO guest",
                f"CREATE USER limited@'%' WITH MAX_USER_CONNECTIONS {MOST_OF_A_USER}",
            ):
                assert root.query(statement)[1][:1] == b"\0", statement
        yield address


@pytest.fixture
def clients(server: Address) -> Iterator[Clients]:
    with ExitStack() as stack:

        def client(user: str = "root") -> RawClient:
            made = stack.enter_context(RawClient(server, user=user))
            if made.answer[1][:1] == b"\0":
                made.query("USE shop")
            return made

        yield client


@pytest.fixture
def injected(start_proxy: StartProxy, server: Address) -> Callable[[str, str], Packet]:
    """What a client is told where the fault is injected."""

    def inject(name: str, statement: str) -> Packet:
        proxy = start_proxy(server, protocol=MySQL())
        with RawClient(proxy.address) as client:
            client.query("USE shop")
            proxy.change(f"error fault={name} phase=command verb=~.")
            said = client.query(statement)
            assert client.ended if closes(name) else client.ask(b"\x1f")
        return said

    return inject


def closes(name: str) -> bool:
    fault = CATALOGUE.find(name)
    return isinstance(fault, ErrPacket) and fault.closes


@pytest.mark.parametrize("name", PLAIN_STATEMENTS)
def test_an_error_of_a_statement(
    clients: Clients, injected: Callable[[str, str], Packet], name: str
) -> None:
    before, statement = PLAIN_STATEMENTS[name]
    client = clients()
    for preparation in before:
        assert client.query(preparation)[1][:1] == b"\0", preparation
    real = client.query(statement)
    assert real[1][:1] == b"\xff"
    assert injected(name, statement) == real
    assert closes(name) is (name == "ER_CONNECTION_KILLED")
    if closes(name):
        assert client.ended
    else:
        assert client.ask(b"\x0e")[1][:1] == b"\0"


def test_a_lock_timeout(clients: Clients, injected: Callable[[str, str], Packet]) -> None:
    holder, waiter = clients(), clients()
    statement = "UPDATE t SET v = 6 WHERE id = 1"
    holder.query("BEGIN")
    holder.query("UPDATE t SET v = 5 WHERE id = 1")
    waiter.query("SET innodb_lock_wait_timeout = 0")
    waiter.query("BEGIN")
    waiter.query("INSERT INTO t VALUES (50, 50)")
    real = waiter.query(statement)
    assert has_status(waiter.ask(b"\x0e"), IN_TRANSACTION)
    waiter.query("ROLLBACK")
    holder.query("ROLLBACK")
    assert injected("ER_LOCK_WAIT_TIMEOUT", statement) == real


def test_a_deadlock(clients: Clients, injected: Callable[[str, str], Packet]) -> None:
    one, other = clients(), clients()
    for client, row in ((one, 1), (other, 2)):
        client.query("BEGIN")
        client.query(f"UPDATE t SET v = v + 1 WHERE id = {row}")
    statement = "UPDATE t SET v = v + 1 WHERE id = 2"
    one.say(b"\x03" + statement.encode())
    answers = [other.query("UPDATE t SET v = v + 1 WHERE id = 1")]
    other.query("ROLLBACK")  # lets the one go on, if it was not the victim
    answers.append(one.packet())
    (real,) = [answer for answer in answers if answer[1][:1] == b"\xff"]
    victim = (other, one)[answers.index(real)]
    assert not has_status(victim.ask(b"\x0e"), IN_TRANSACTION)
    one.query("ROLLBACK")
    assert injected("ER_LOCK_DEADLOCK", statement) == real


def test_a_conflict_of_snapshots(clients: Clients, injected: Callable[[str, str], Packet]) -> None:
    one, other = clients(), clients()
    one.query("SET innodb_snapshot_isolation = 1")
    one.query("START TRANSACTION WITH CONSISTENT SNAPSHOT")
    other.query("UPDATE t SET v = v + 1 WHERE id = 2")
    statement = "UPDATE t SET v = 8 WHERE id = 2"
    real = one.query(statement)
    assert not has_status(one.ask(b"\x0e"), IN_TRANSACTION)
    assert injected("ER_CHECKREAD", statement) == real


def test_a_server_that_only_reads(clients: Clients, injected: Callable[[str, str], Packet]) -> None:
    root, guest = clients(), clients("guest")
    root.query("SET GLOBAL read_only = 1")
    real = guest.query("INSERT INTO t VALUES (3, 3)")
    root.query("SET GLOBAL read_only = 0")
    assert injected("ER_OPTION_PREVENTS_STATEMENT", "INSERT INTO t VALUES (3, 3)") == real


def test_prepared_statements_that_are_too_many(
    clients: Clients, start_proxy: StartProxy, server: Address
) -> None:
    root = clients()
    root.query("SET GLOBAL max_prepared_stmt_count = 0")
    real = root.ask(b"\x16SELECT 1")
    root.query("SET GLOBAL max_prepared_stmt_count = 16382")
    proxy = start_proxy(server, "error fault=1461", protocol=MySQL())
    with RawClient(proxy.address) as client:
        sequence, payload = client.ask(b"\x16SELECT 1")
    assert (sequence, payload.replace(b"16382", b"0")) == real


def test_too_many_connections(clients: Clients, start_proxy: StartProxy, server: Address) -> None:
    root = clients()
    root.query("SET GLOBAL max_connections = 10")
    real = None
    while real is None:
        client = clients()
        real = client.greeting if client.greeting[1][:1] == b"\xff" else None
    assert client.ended
    root.query("SET GLOBAL max_connections = 100")
    proxy = start_proxy(server, "error fault=ER_CON_COUNT_ERROR", protocol=MySQL())
    with RawClient(proxy.address) as refused:
        assert refused.greeting == real
        assert refused.ended


@pytest.mark.parametrize(
    ("name", "user"),
    [("ER_USER_LIMIT_REACHED", "limited"), ("ER_TOO_MANY_USER_CONNECTIONS", "guest")],
)
def test_too_many_connections_of_a_user(
    clients: Clients, start_proxy: StartProxy, server: Address, name: str, user: str
) -> None:
    last = [clients(user) for _ in range(MOST_OF_A_USER + 1)][-1]
    proxy = start_proxy(server, f"error fault={name}", protocol=MySQL())
    with RawClient(proxy.address, user=user) as refused:
        assert refused.answer == last.answer
        assert refused.ended
    assert last.ended


def test_a_wrong_password(start_proxy: StartProxy, server: Address) -> None:
    proxy = start_proxy(server, "error fault=1045", protocol=MySQL())
    with RawClient(server, user="nobody") as real, RawClient(proxy.address, user="nobody") as ours:
        texts = [
            answer[1].replace(b"localhost", b"127.0.0.1").replace(b"YES", b"NO")
            for answer in (real.answer, ours.answer)
        ]
        assert texts[0] == texts[1]
        assert real.answer[0] == ours.answer[0] == 2
        assert real.ended
        assert ours.ended


@pytest.mark.parametrize(
    "name", [fault.name for fault in CATALOGUE.faults if type(fault) is ErrPacket]
)
def test_any_error_that_is_signalled(clients: Clients, name: str) -> None:
    """The server itself makes the same packet of a number, a SQLSTATE and a text."""
    fault = CATALOGUE.find(name)
    assert isinstance(fault, ErrPacket)
    text = fault.text.replace("'", "''")[:128]
    told = clients().query(
        f"SIGNAL SQLSTATE '{fault.sqlstate}' "
        f"SET MYSQL_ERRNO = {fault.errno}, MESSAGE_TEXT = '{text}'"
    )
    head = b"\xff" + fault.errno.to_bytes(2, "little") + b"#" + fault.sqlstate.encode()
    assert told == (1, head + fault.text[:128].encode())
