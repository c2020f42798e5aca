"""Rules of the documentation hit the requests that they mean, and not a driver's first queries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pymysql
import pytest
import redis
import sqlalchemy
from sqlalchemy.pool import NullPool

from end_to_end.proxies import StartProxy
from mysql_server import mariadb_server
from postgresql_server import postgresql_server
from vaurien.net.address import Address
from vaurien.protocol import Protocol
from vaurien.protocols.mysql.parser import MySQL
from vaurien.protocols.postgresql.parser import PostgreSQL
from vaurien.protocols.redis.parser import Redis

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Address]]:
    with (
        postgresql_server() as postgresql,
        mariadb_server(tmp_path_factory.mktemp("mariadb")) as mysql,
    ):
        with closing(pymysql.connect(host=mysql.host, port=mysql.port, user="root")) as client:
            client.cursor().execute("CREATE DATABASE shop")
        yield {"postgresql+psycopg": postgresql, "mysql+pymysql": mysql}


def update(dialect: str, address: Address) -> str:
    """What becomes of a transaction of one UPDATE, on a new connection of a new pool."""
    user, database = ("root", "shop") if "mysql" in dialect else ("postgres", "postgres")
    url = f"{dialect}://{user}@{address.host}:{address.port}/{database}"
    engine = sqlalchemy.create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        create = sqlalchemy.text("CREATE TABLE IF NOT EXISTS items (price INT)")
        connection.execute(create)
    try:
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text("UPDATE items SET price = price + 1"))
    except sqlalchemy.exc.DBAPIError as error:
        return str(error.orig)
    return ""


@pytest.mark.parametrize(
    ("dialect", "protocol", "rule", "error", "failures"),
    [
        (
            "postgresql+psycopg",
            PostgreSQL,
            "transient fault=40P01 agitate=2 verb=UPDATE",
            "deadlock detected",
            2,
        ),
        (
            "postgresql+psycopg",
            PostgreSQL,
            "error fault=40P01 verb=UPDATE times=3",
            "deadlock detected",
            3,
        ),
        ("mysql+pymysql", MySQL, "transient fault=1213 agitate=2 verb=UPDATE", "Deadlock found", 2),
        ("mysql+pymysql", MySQL, "error fault=ER_LOCK_DEADLOCK verb=UPDATE times=3", "Dead", 3),
    ],
)
def test_an_update_fails_and_nothing_before_it(
    start_proxy: StartProxy,
    databases: dict[str, Address],
    dialect: str,
    protocol: Callable[[], Protocol],
    rule: str,
    error: str,
    failures: int,
) -> None:
    assert f"'{rule}'" in "".join(page.read_text() for page in DOCS.glob("*.md"))
    proxy = start_proxy(databases[dialect], rule, protocol=protocol())
    results = [update(dialect, proxy.address) for _ in range(failures + 1)]
    assert all(error in result for result in results[:failures])
    assert not results[-1]
    assert {dict(fired.labels)["verb"] for fired in proxy.fired} == {"UPDATE"}


def test_without_a_match_the_first_query_of_the_driver_fails(
    start_proxy: StartProxy, databases: dict[str, Address]
) -> None:
    """As the documentation says."""
    rule = "transient fault=40P01 agitate=2"
    proxy = start_proxy(databases["postgresql+psycopg"], rule, protocol=PostgreSQL())
    with pytest.raises(sqlalchemy.exc.DBAPIError, match=r"pg_catalog\.version"):
        update("postgresql+psycopg", proxy.address)


def test_loading_leaves_the_handshake_alone(
    start_proxy: StartProxy, redis_address: Address
) -> None:
    rule = "transient fault=LOADING agitate=3"
    assert f"'{rule}'" in (DOCS / "behaviors.md").read_text()
    proxy = start_proxy(redis_address, rule, protocol=Redis())
    with closing(redis.Redis(proxy.address.host, proxy.address.port)) as client:
        assert client.set("a", "b")  # it retries
    commands = {dict(fired.labels)["command"] for fired in proxy.fired}
    assert commands == {"SET"}
