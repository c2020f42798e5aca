"""Databases: MariaDB and PostgreSQL as backends, and the loads that their own tools make.

Each data folder is made once for a run of the benchmark.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

from backends import MEMCACHED, Backend
from processes import HOST, free_port, output_of, serving
from results import Failure
from work import FRAMED_AND_NOT, Done, Load

PREPARE_LIMIT = 60.0
"""Seconds that making a data folder may take."""
CONNECTIONS = 8
TRIAL = 4_000
"""Requests that show how fast a tool is that must be told how many to send."""


# MariaDB.


def _mariadb_user() -> list[str]:
    # It refuses to run as root unless it is told to.
    return ["--user=root"] if os.geteuid() == 0 else []


def _make_mariadb_data(folder: Path) -> None:
    data = folder / "mariadb"
    if not data.exists():
        options = ["--auth-root-authentication-method=normal", "--skip-test-db"]
        command = ["mariadb-install-db", "--no-defaults", *_mariadb_user(), f"--datadir={data}"]
        output_of([*command, *options], PREPARE_LIMIT)


def _mariadbd(port: int, folder: Path) -> list[str]:
    data = folder / "mariadb"
    files = [f"--datadir={data}", f"--socket={data}/socket", f"--pid-file={data}/pid"]
    where = [f"--port={port}", f"--bind-address={HOST}"]
    return ["mariadbd", "--no-defaults", *_mariadb_user(), *files, *where]


# PostgreSQL.


def postgresql_program(name: str) -> str:
    """The path of a program; Debian keeps those of the server off the PATH."""
    versions = Path("/usr/lib/postgresql").glob(f"*/bin/{name}")
    newest = max(versions, key=lambda path: int(path.parts[-3]), default=None)
    return shutil.which(name) or str(newest or name)


def _as_somebody() -> list[str]:
    """PostgreSQL refuses to run as root: for it, root is somebody else in a user namespace."""
    if os.geteuid() != 0:
        return []
    return ["unshare", "--user", "--map-user=1000", "--map-group=1000"]


def _make_postgresql_data(folder: Path) -> None:
    data = folder / "postgresql"
    if data.exists():
        return
    initdb = [postgresql_program("initdb"), "-D", str(data), "-A", "trust", "-U", "postgres"]
    output_of([*_as_somebody(), *initdb, "--no-sync", "-E", "UTF8"], PREPARE_LIMIT)
    port = free_port()
    with serving(_postgres(port, folder), port, folder, signal.SIGINT):
        output_of(pgbench(port, "-i", "-n", "-q"), PREPARE_LIMIT)


def _postgres(port: int, folder: Path) -> list[str]:
    settings = {
        "listen_addresses": HOST,
        "unix_socket_directories": "",
        "fsync": "off",
        "autovacuum": "off",
    }
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    command = [postgresql_program("postgres"), "-D", str(folder / "postgresql"), "-p", str(port)]
    return [*_as_somebody(), *command, *options]


def pgbench(port: int, *options: str) -> list[str]:
    return ["pgbench", "-h", HOST, "-p", str(port), "-U", "postgres", *options, "postgres"]


MARIADB = Backend("mariadbd", _mariadbd, _make_mariadb_data)
POSTGRESQL = Backend(
    postgresql_program("postgres"), _postgres, _make_postgresql_data, signal.SIGINT
)


# Loads.


@dataclass(frozen=True)
class Memcslap(Load):
    """GET and SET by 8 threads, each for half of the time."""

    tool: str = "memcslap"
    backend: Backend = MEMCACHED
    unit: str = "requests/s"
    protocol: str = "memcache"
    among: tuple[str, ...] = FRAMED_AND_NOT
    rounds: int = 3

    def prepare(self, port: int) -> float:
        return self._run(port, TRIAL, 20).rate

    def drive(self, port: int, seconds: int, expected: float) -> Done:
        return self._run(port, int(expected * seconds / 2), seconds * 10 + 20)

    def _run(self, port: int, count: int, limit: float) -> Done:
        each = max(100, count // CONNECTIONS)
        load = ["-c", str(CONNECTIONS), "-e", str(each)]
        texts = [
            output_of([self.tool, "-s", f"{HOST}:{port}", "-t", test, *load], limit)
            for test in ("set", "get")
        ]
        return read_memcslap("".join(texts), each)


def read_memcslap(text: str, first_set: int) -> Done:
    """The rate of the timed part; the test of GET first sets so many keys, which are units too."""
    timed = re.findall(r"Time to \w+\s+(\d+) keys by\s+\d+ threads:\s+([\d.]+) seconds", text)
    if len(timed) != 2 or not all(float(seconds) for _, seconds in timed):
        raise Failure(f"memcslap said {text[:200]!r}")
    count = sum(int(count) for count, _ in timed)
    return Done(count + first_set, count / sum(float(seconds) for _, seconds in timed))


@dataclass(frozen=True)
class MariaDbSlap(Load):
    """8 connections that each select one row by its key, over and over."""

    tool: str = "mariadb-slap"
    backend: Backend = MARIADB
    unit: str = "requests/s"
    protocol: str = "mysql"
    among: tuple[str, ...] = FRAMED_AND_NOT
    rounds: int = 3

    def prepare(self, port: int) -> float:
        return self._run(port, TRIAL, 20).rate

    def drive(self, port: int, seconds: int, expected: float) -> Done:
        return self._run(port, max(TRIAL, int(expected * seconds)), seconds * 10 + 20)

    def _run(self, port: int, count: int, limit: float) -> Done:
        return read_mariadb_slap(output_of(mariadb_slap(port, count), limit), count)


def mariadb_slap(port: int, count: int) -> list[str]:
    where = ["--no-defaults", "--protocol=tcp", f"--host={HOST}", f"--port={port}", "--user=root"]
    load = [f"--concurrency={CONNECTIONS}", f"--number-of-queries={count}"]
    create = "CREATE TABLE bench (id INT PRIMARY KEY, text VARCHAR(99)); INSERT INTO bench VALUES "
    rows = ",".join(f"({number},REPEAT('x',64))" for number in range(100))
    query = [f"--create={create}{rows}", "--delimiter=;", "--create-schema=bench"]
    return ["mariadb-slap", *where, *load, *query, "--query=SELECT text FROM bench WHERE id=42"]


def read_mariadb_slap(text: str, count: int) -> Done:
    """What it says of its one turn of ``count`` queries."""
    took = re.search(r"Average number of seconds to run all queries: ([\d.]+)", text)
    if not took or not float(took[1]):
        raise Failure(f"mariadb-slap said {text[:200]!r}")
    return Done(count, count / float(took[1]))


@dataclass(frozen=True)
class PgBench(Load):
    """8 connections that each select one row by its key, over and over."""

    tool: str = "pgbench"
    backend: Backend = POSTGRESQL
    unit: str = "requests/s"
    protocol: str = "postgresql"
    among: tuple[str, ...] = FRAMED_AND_NOT
    rounds: int = 3
    mode: str = "simple"
    """How queries are sent: simple, extended or prepared."""

    def drive(self, port: int, seconds: int, expected: float) -> Done:  # noqa: ARG002
        load = ["-S", "-n", "-M", self.mode, "-c", str(CONNECTIONS), "-T", str(seconds)]
        return read_pgbench(output_of(pgbench(port, *load), seconds + 20))


def read_pgbench(text: str) -> Done:
    """Its transactions are selects, so requests."""
    counted = re.search(r"transactions actually processed: (\d+)", text)
    failed = re.search(r"failed transactions: (\d+)", text)
    rate = re.search(r"tps = ([\d.]+)", text)
    if not counted or not failed or not rate:
        raise Failure(f"pgbench said {text[:200]!r}")
    return Done(int(counted[1]), float(rate[1]), int(failed[1]))


DATABASE_LOADS = (
    Memcslap("memcache", "memcached GET and SET, 8 clients"),
    MariaDbSlap("mysql", "MariaDB SELECT by key, 8 clients"),
    PgBench("postgresql", "PostgreSQL SELECT by key, 8 clients"),
    PgBench("postgresql-prepared", "PostgreSQL SELECT by key, prepared", mode="prepared"),
)
