"""A real MariaDB behind a proxy that knows MySQL: what clients make of each fault.

What the server can be driven to say by itself is in ``test_mysql_servers_errors``, and what
must not change at all in ``test_mysql_transparency``.
"""

from __future__ import annotations

import select
from collections.abc import Iterator
from contextlib import closing

import mysql.connector
import pymysql
import pytest
from mysql.connector.connection import MySQLConnection
from pymysql.connections import Connection

from end_to_end.proxies import RunningProxy, StartProxy
from mysql_server import RawClient, has_status, mariadb_server
from peers import PATIENCE, wait_until
from vaurien.net.address import Address
from vaurien.protocols.mysql.fault_types import ErrPacket
from vaurien.protocols.mysql.faults import CATALOGUE
from vaurien.protocols.mysql.parser import MySQL

IN_TRANSACTION = 0x0001
LOST = (2006, 2013)

INSERT = "INSERT INTO shop.items VALUES (99, 'new')"
STATEMENTS = {
    "ER_LOCK_NOWAIT": "SELECT * FROM shop.items FOR UPDATE NOWAIT",
    "ER_ERROR_DURING_COMMIT": "COMMIT",
    "ER_TRANSACTION_ROLLBACK_DURING_COMMIT": "COMMIT",
    "ER_DUP_ENTRY": INSERT,
    "ER_OPTION_PREVENTS_STATEMENT": INSERT,
    "ER_READ_ONLY_MODE": INSERT,
    "ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION": INSERT,
    "ER_RECORD_FILE_FULL": INSERT,
}
"""What is said to meet a fault; otherwise, any query."""
QUERY = "SELECT * FROM shop.items"
PREPARED = {"ER_MAX_PREPARED_STMT_COUNT_REACHED", "ER_NEED_REPREPARE"}
"""Met by prepared statements only."""
REFUSALS = {fault.name: fault for fault in CATALOGUE if type(fault) is ErrPacket}
AT_CONNECT = [
    name
    for name, fault in REFUSALS.items()
    if fault.applies_to.get("phase") == "greeting" or fault.refuses_logins
]
TO_STATEMENTS = [name for name in REFUSALS if name not in {*AT_CONNECT, *PREPARED}]
OTHERS = {
    "ER_CLIENT_INTERACTION_TIMEOUT",
    "server-gone",
    "lost-connection",
    "malformed-packet",
    "error",
}
"""Each has a test of its own."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    with mariadb_server(tmp_path_factory.mktemp("mariadb")) as address:
        with closing(connect(address)) as client, client.cursor() as cursor:
            cursor.execute("CREATE DATABASE shop")
            cursor.execute("CREATE TABLE shop.items (id INT PRIMARY KEY, name TEXT)")
            cursor.execute("INSERT INTO shop.items VALUES (1, 'one'), (2, 'two')")
            client.commit()
        yield address


@pytest.fixture
def proxy(start_proxy: StartProxy, server: Address) -> RunningProxy:
    return start_proxy(server, protocol=MySQL())


def connect(address: Address, **options: object) -> Connection[pymysql.cursors.Cursor]:
    """A client by PyMySQL."""
    given = {"user": "root", "read_timeout": PATIENCE, **options}
    client: Connection[pymysql.cursors.Cursor] = pymysql.connect(
        host=address.host,
        port=address.port,
        **given,  # type: ignore[call-overload]  # any options
    )
    return client


def connect_oracle(address: Address, **options: object) -> MySQLConnection:
    """A client by MySQL's own connector, in Python alone."""
    given = {"user": "root", "use_pure": True, "ssl_disabled": True, **options}
    made = mysql.connector.connect(host=address.host, port=address.port, **given)
    assert isinstance(made, MySQLConnection)
    return made


def works(client: Connection[pymysql.cursors.Cursor]) -> bool:
    with client.cursor() as cursor:
        cursor.execute("SELECT 1")
        return cursor.fetchall() == ((1,),)


def has_been_reset(client: Connection[pymysql.cursors.Cursor]) -> bool:
    poll = select.poll()
    poll.register(vars(client)["_sock"], 0)
    return bool(poll.poll(0))


def text_of(fault: ErrPacket) -> str:
    return (fault.of_mariadb or fault.text).replace("{user}", "root").replace("{password}", "NO")


def test_every_fault_is_in_a_test() -> None:
    tested = [*AT_CONNECT, *TO_STATEMENTS, *PREPARED, *OTHERS]
    assert sorted(tested) == sorted(fault.name for fault in CATALOGUE)


@pytest.mark.parametrize("name", TO_STATEMENTS)
def test_a_statement_is_refused(proxy: RunningProxy, name: str) -> None:
    fault = REFUSALS[name]
    statement = STATEMENTS.get(name, QUERY)
    expected = pymysql.err.error_map.get(fault.errno, pymysql.OperationalError)
    with closing(connect(proxy.address)) as client, client.cursor() as cursor:
        assert works(client)
        proxy.change(f"error fault={fault.errno} times=1")
        cursor.execute("SET @ready = 1") if "verb" in fault.applies_to else None
        with pytest.raises(expected) as raised:
            cursor.execute(statement)
        assert raised.value.args == (fault.errno, text_of(fault))
        assert raised.value.sqlstate == fault.sqlstate
        if fault.closes:
            with pytest.raises(pymysql.OperationalError) as lost:
                works(client)
            assert lost.value.args[0] in LOST
        else:
            assert works(client)
    assert len(proxy.fired) == 1


@pytest.mark.parametrize("name", TO_STATEMENTS)
def test_so_it_is_for_mysqls_own_connector(proxy: RunningProxy, name: str) -> None:
    fault = REFUSALS[name]
    with closing(connect_oracle(proxy.address)) as client, closing(client.cursor()) as cursor:
        proxy.change(f"error fault={name} times=1")
        with pytest.raises(mysql.connector.Error) as raised:
            cursor.execute(STATEMENTS.get(name, QUERY))
        assert (raised.value.errno, raised.value.sqlstate) == (fault.errno, fault.sqlstate)
        assert raised.value.msg == text_of(fault)
        assert client.is_connected() is not fault.closes


@pytest.mark.parametrize("name", AT_CONNECT)
def test_a_connection_is_refused(proxy: RunningProxy, name: str) -> None:
    fault = REFUSALS[name]
    proxy.change(f"error fault={fault.errno} times=2")
    with pytest.raises(pymysql.OperationalError) as raised:
        connect(proxy.address)
    assert raised.value.args == (fault.errno, text_of(fault))
    greeting = not fault.refuses_logins
    assert raised.value.sqlstate == (None if greeting else fault.sqlstate)
    with pytest.raises(mysql.connector.Error) as refused:
        connect_oracle(proxy.address)
    assert (refused.value.errno, refused.value.msg) == (fault.errno, text_of(fault))
    with closing(connect(proxy.address)) as client:
        assert works(client)


def test_who_is_denied_hears_of_the_password(proxy: RunningProxy) -> None:
    proxy.change("error fault=1045")
    for password, word in (("secret", "YES"), ("", "NO")):
        with pytest.raises(pymysql.OperationalError, match=f"using password: {word}"):
            connect(proxy.address, password=password)
        with pytest.raises(mysql.connector.Error, match=f"using password: {word}"):
            connect_oracle(proxy.address, password=password)


def test_a_text_names_the_user_and_the_statement(proxy: RunningProxy) -> None:
    with closing(connect(proxy.address)) as client:
        proxy.change("error fault=error verb=SELECT message='{user}: {verb}'")
        with pytest.raises(pymysql.OperationalError, match="root: SELECT"):
            works(client)


def test_preparing_is_refused(proxy: RunningProxy) -> None:
    with (
        closing(connect_oracle(proxy.address)) as client,
        closing(client.cursor(prepared=True)) as cursor,
    ):
        proxy.change("error fault=1461 times=1")
        with pytest.raises(mysql.connector.Error, match="max_prepared_stmt_count") as raised:
            cursor.execute("SELECT name FROM shop.items WHERE id = ?", (2,))
        assert raised.value.errno == 1461
        cursor.execute("SELECT name FROM shop.items WHERE id = ?", (2,))
        assert cursor.fetchall() == [("two",)]


@pytest.mark.parametrize("rule", ["error fault=1615", "error fault=1213", "error fault=1205"])
def test_executing_is_refused(proxy: RunningProxy, rule: str) -> None:
    """The verb and the text of a prepared statement are known where it is executed."""
    with (
        closing(connect_oracle(proxy.address)) as client,
        closing(client.cursor(prepared=True)) as cursor,
    ):
        cursor.execute("SELECT name FROM shop.items WHERE id = ?", (1,))
        assert cursor.fetchall() == [("one",)]
        proxy.change(f"{rule} times=1 sql=~items verb=SELECT command=STMT_EXECUTE")
        with pytest.raises(mysql.connector.Error) as raised:
            cursor.execute("SELECT name FROM shop.items WHERE id = ?", (2,))
        assert str(raised.value.errno) in rule
        cursor.execute("SELECT name FROM shop.items WHERE id = ?", (2,))
        assert cursor.fetchall() == [("two",)]


def test_any_error_can_be_told(proxy: RunningProxy) -> None:
    with closing(connect(proxy.address)) as client, client.cursor() as cursor:
        proxy.change("error fault=error errno=1146 sqlstate=42S02 message=Gone times=1")
        with pytest.raises(pymysql.ProgrammingError) as raised:
            cursor.execute(QUERY)
        assert (raised.value.args, raised.value.sqlstate) == ((1146, "Gone"), "42S02")
        assert works(client)
        proxy.change("error fault=error closes=true command=PING times=1")
        with pytest.raises(pymysql.OperationalError, match="Unknown error"):
            client.ping(reconnect=False)
        with pytest.raises(pymysql.OperationalError):
            works(client)


def test_an_idle_client_is_told_that_it_took_too_long(proxy: RunningProxy) -> None:
    proxy.change("error fault=4031 times=1 verb=SELECT")
    with RawClient(proxy.address) as client:
        assert client.ask(b"\x03SELECT 1")[1] == b"\x01"
        packets = [client.packet() for _ in range(5)]
        assert packets[-2][1][:1] == b"\xfe"
        assert packets[-1] == (
            0,
            b"\xff\xbf\x0f#HY000The client was disconnected by the server because of inactivity. "
            b"See wait_timeout and interactive_timeout for configuring this behavior.",
        )
        assert client.ended
    proxy.change()  # a rule that is only changed has fired once already
    proxy.change("error fault=4031 times=1 verb=SELECT message=Idle")
    with closing(connect(proxy.address)) as idle:
        assert works(idle)
        with pytest.raises(pymysql.OperationalError) as raised:
            works(idle)
        assert raised.value.args[0] in LOST


def test_a_connection_that_died_while_idle_is_gone(proxy: RunningProxy) -> None:
    proxy.change("error fault=2006 times=1 verb=SELECT")
    with closing(connect(proxy.address)) as client:
        assert works(client)
        wait_until(lambda: has_been_reset(client), "the reset arrives")
        with pytest.raises(pymysql.OperationalError, match="gone away") as raised:
            works(client)
        assert raised.value.args[0] == 2006


def test_a_connection_lost_in_a_statement_leaves_it_done(
    proxy: RunningProxy, server: Address
) -> None:
    with closing(connect(proxy.address, autocommit=True)) as client, client.cursor() as cursor:
        proxy.change("error fault=2013 times=1 verb=UPDATE")
        with pytest.raises(pymysql.OperationalError, match="Lost connection") as raised:
            cursor.execute("UPDATE shop.items SET name = 'done' WHERE id = 1")
        assert raised.value.args[0] == 2013
    with closing(connect(server, autocommit=True)) as direct, direct.cursor() as cursor:
        assert cursor.execute("UPDATE shop.items SET name = 'one' WHERE name = 'done'") == 1


@pytest.mark.parametrize("form", ["truncated", "sequence"])
def test_a_broken_response_is_noticed(proxy: RunningProxy, form: str) -> None:
    with closing(connect(proxy.address)) as client:
        proxy.change(f"error fault=malformed-packet form={form} times=1")
        with pytest.raises((pymysql.OperationalError, pymysql.InternalError)) as raised:
            works(client)
        wrong = "Packet sequence number wrong"
        assert (wrong in str(raised.value)) is (form == "sequence")


# What stays true.


def test_a_deadlock_ends_the_transaction(proxy: RunningProxy, server: Address) -> None:
    with RawClient(proxy.address) as client, closing(connect(server)) as direct:
        assert has_status(client.query("BEGIN"), IN_TRANSACTION)
        assert has_status(client.query(INSERT), IN_TRANSACTION)
        proxy.change("error fault=ER_LOCK_DEADLOCK times=1")
        sequence, payload = client.query("UPDATE shop.items SET name = 'x' WHERE id = 2")
        assert (sequence, payload[:9]) == (1, b"\xff\xbd\x04#40001")
        assert not has_status(client.ask(b"\x0e"), IN_TRANSACTION)
        with direct.cursor() as cursor:  # neither change is there, and no lock
            cursor.execute("SELECT id, name FROM shop.items FOR UPDATE")
            assert cursor.fetchall() == ((1, "one"), (2, "two"))


def test_a_lock_timeout_leaves_the_transaction_open(proxy: RunningProxy) -> None:
    with RawClient(proxy.address) as client:
        client.query("BEGIN")
        assert client.query(INSERT)[1][:1] == b"\0"
        proxy.change("error fault=ER_LOCK_WAIT_TIMEOUT times=1")
        assert client.query("UPDATE shop.items SET name = 'x'")[1][:3] == b"\xff\xb5\x04"
        assert has_status(client.ask(b"\x0e"), IN_TRANSACTION)
        assert client.query("DELETE FROM shop.items WHERE id = 99")[1][:2] == b"\0\x01"
        assert not has_status(client.query("ROLLBACK"), IN_TRANSACTION)


def test_long_data_of_a_refused_statement_is_forgotten(proxy: RunningProxy) -> None:
    """A server that fails to execute a statement forgets it, so a second try sends it again."""
    with RawClient(proxy.address) as client:
        number = client.ask(b"\x16SELECT LENGTH(?)")[1][1:5]
        for _ in range(4):
            client.packet()
        long_data = b"\x18" + number + b"\0\0"
        execute = b"\x17" + number + b"\0\x01\0\0\0\0\x01\xfc\0"
        proxy.change("error fault=1205 times=1 command=STMT_EXECUTE")
        client.say(long_data + b"x" * 1000)
        assert client.ask(execute)[1][:3] == b"\xff\xb5\x04"
        client.say(long_data + b"x" * 10)
        assert client.ask(execute)[1] == b"\x01"
        rows = [client.packet()[1] for _ in range(4)]
        assert rows[2][:3] == b"\0\0\x0a"


def test_commands_without_an_answer_get_none(proxy: RunningProxy) -> None:
    with RawClient(proxy.address) as client:
        number = client.ask(b"\x16SELECT 1")[1][1:5]
        for _ in range(2):
            client.packet()
        proxy.change("error fault=1053 command=STMT_CLOSE", "error fault=1317 command=STMT_RESET")
        client.say(b"\x19" + number)
        assert client.ask(b"\x0e")[1][:1] == b"\0"
        assert client.ask(b"\x1a" + number)[1][:1] == b"\xff"


def test_without_a_name_a_typical_fault_is_picked(proxy: RunningProxy) -> None:
    typical = {fault.errno for fault in REFUSALS.values() if fault.typical}
    proxy.change("error")
    for _ in range(8):
        with closing(connect(proxy.address)) as client, client.cursor() as cursor:
            with pytest.raises(pymysql.OperationalError) as raised:
                cursor.execute(QUERY)
            assert raised.value.args[0] in typical


def test_a_transient_deadlock_is_survived_by_trying_again(proxy: RunningProxy) -> None:
    proxy.change("transient fault=1213 agitate=2 verb=SELECT")
    with closing(connect(proxy.address)) as client:
        for _ in range(2):
            with pytest.raises(pymysql.OperationalError, match="1213"):
                works(client)
        assert works(client)


def test_faults_answer_to_their_numbers() -> None:
    for name, fault in REFUSALS.items():
        assert CATALOGUE.find(str(fault.errno)).name == name
    assert CATALOGUE.find("2006").name == "server-gone"
